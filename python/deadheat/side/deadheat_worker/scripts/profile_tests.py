"""Starts a worker that runs a project's tests as pytest does, and reports how long each took.

With the profiler, it also reports which functions ran meanwhile, and for how long.
"""

import os
import sys

HERE = os.path.dirname(os.path.abspath(__file__))


def main() -> None:
    # As in `worker.py`.
    sys.path[:] = [entry for entry in sys.path if os.path.abspath(entry or os.curdir) != HERE]
    sys.path.append(os.path.dirname(os.path.dirname(HERE)))
    from deadheat_worker.wire.channel import Channel

    channel = Channel.claim_standard_streams()
    from deadheat_worker.suite.greeting import greet

    imports = greet(channel)
    from deadheat_worker.suite.profile_tests import serve

    serve(channel, imports)


# As in `worker.py`.
if __name__ == "__main__":
    main()
