"""`probe.py` of the worker, with the version of a pytest that need not be imported for it."""

import os
import runpy
import sys
import types

sys.modules["pytest"] = types.SimpleNamespace(__version__="9.0.0")
runpy.run_path(os.path.join(os.path.dirname(os.path.abspath(__file__)), "real_probe.py"))
