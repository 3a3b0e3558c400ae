"""Runs deadheat with the workers of a package folder: `python tools/with_workers.py PACKAGE ARGUMENT...`."""

import os
import sys

from deadheat import __main__ as launcher

# The launcher looks for the workers' files next to this path.
launcher.__file__ = os.path.join(sys.argv.pop(1), "__main__.py")
sys.exit(launcher.main())
