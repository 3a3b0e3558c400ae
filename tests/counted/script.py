"""Stands in the place of each script of the worker's that the driver starts.

It runs the real one without pytest, and with a clock that counts lines.
"""

import os
import runpy
import sys
import types

HERE, NAME = os.path.split(os.path.abspath(__file__))


def main():
    pytest = types.ModuleType("pytest")
    pytest.__version__ = "9.0.0"
    sys.modules["pytest"] = pytest
    if NAME == "micro.py":
        sys.path.append(os.path.dirname(HERE))
        from deadheat_worker.counter import LineClock

        LineClock().take_its_place()
    runpy.run_path(os.path.join(HERE, f"real_{NAME}"), run_name="__main__")


# A child that `multiprocessing` spawns runs this file once more, under another name.
if __name__ == "__main__":
    main()
