"""`python tests/counted PACKAGE ...`: runs deadheat with the other arguments and the workers of that package folder."""

import os
import sys

from deadheat import __main__ as launcher

# The launcher looks for the workers' files next to this path.
launcher.__file__ = os.path.join(sys.argv.pop(1), "__main__.py")
sys.exit(launcher.main())
