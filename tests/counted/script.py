"""Replaces each of the worker's scripts that the driver starts.

It runs the real one without pytest and with a clock that counts lines.
"""

import os
import runpy
import sys
import types

HERE, NAME = os.path.split(os.path.abspath(__file__))


def main():
    pytest, inner = types.ModuleType("pytest"), types.ModuleType("_pytest._version")
    pytest.__version__ = inner.version = "9.0.0"
    sys.modules.update({"pytest": pytest, "_pytest": types.ModuleType("_pytest"), "_pytest._version": inner})
    if NAME == "micro.py":
        sys.path.append(os.path.dirname(os.path.dirname(HERE)))
        from deadheat_worker.counter import LineClock

        LineClock().take_its_place()
    runpy.run_path(os.path.join(HERE, f"real_{NAME}"), run_name="__main__")


# A child that `multiprocessing` spawns runs this file again, under another name.
if __name__ == "__main__":
    main()
