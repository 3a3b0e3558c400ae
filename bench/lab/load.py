"""Makes load during a measurement: `python load.py CORE steady|fitful`. Ends with its parent."""

import os
import random
import sys
import time


def burn(seconds):
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        sum(index * index for index in range(2_000))


def main(core, kind):
    os.sched_setaffinity(0, {int(core)})
    parent = os.getppid()
    drawn = random.Random(1)
    while os.getppid() == parent:
        if kind == "steady":
            burn(1.0)
        else:
            # Comes and goes within a replicate as well as over several.
            burn(drawn.choice([0.02, 0.1, 0.5, 2.0]))
            time.sleep(drawn.choice([0.02, 0.1, 0.5, 2.0]))


main(*sys.argv[1:])
