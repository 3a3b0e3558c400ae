"""Starts a worker: claims the channel, makes the worktree importable, then lets pytest collect and the driver steer."""

import os
import sys

HERE = os.path.dirname(os.path.abspath(__file__))


def main() -> None:
    # Replace the script's folder, first on the path, by the folder that holds only the worker's package, last on it.
    sys.path[:] = [entry for entry in sys.path if os.path.abspath(entry or os.curdir) != HERE]
    sys.path.append(os.path.dirname(os.path.dirname(HERE)))
    from deadheat_worker.wire.channel import Channel

    channel = Channel.claim_standard_streams()
    from deadheat_worker.suite.greeting import greet

    imports = greet(channel)
    from deadheat_worker.suite.serving import serve

    serve(channel, imports)


# A child that `multiprocessing` spawns runs this file again, under another name.
if __name__ == "__main__":
    main()
