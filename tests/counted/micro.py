"""`micro.py` of the worker, with a clock that counts lines."""

import os
import runpy
import sys

HERE = os.path.dirname(os.path.abspath(__file__))

if __name__ == "__main__":
    sys.path.append(os.path.dirname(HERE))
    from deadheat_worker.counter import LineClock

    LineClock().take_its_place()
    runpy.run_path(os.path.join(HERE, "real_micro.py"), run_name="__main__")
