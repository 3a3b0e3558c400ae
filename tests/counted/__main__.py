"""`python tests/counted PACKAGE ...`: deadheat with its arguments, and workers of the package folder given first."""

import sys

from deadheat import _native

sys.exit(_native.main(sys.argv[2:], sys.argv[1], sys.executable, _native.__file__, False))
