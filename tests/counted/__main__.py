"""`python tests/counted PACKAGE ...`: deadheat with its arguments, and workers of the package folder given first."""

import os
import sys

from deadheat import __main__ as launcher

# Where it looks for the files of the workers.
launcher.__file__ = os.path.join(sys.argv.pop(1), "__main__.py")
sys.exit(launcher.main())
