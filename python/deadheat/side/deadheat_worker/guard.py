"""Kills the process groups that it was told of when whoever told it is gone.

Its input has a line for each: `+NUMBER` for one that has started, `-NUMBER` for one that has been killed. It ends when
the driver does, and a driver that has ended well has left no group.
"""

import contextlib
import os
import signal
import sys


def main():
    # Only the end of its input ends it.
    for number in (signal.SIGHUP, signal.SIGINT, signal.SIGQUIT, signal.SIGTERM):
        signal.signal(number, signal.SIG_IGN)
    groups = set()
    for line in sys.stdin:
        number = int(line[1:])
        if line[0] == "+":
            groups.add(number)
        else:
            groups.discard(number)
    for group in groups:
        # One that has ended by itself is not there.
        with contextlib.suppress(OSError):
            os.killpg(group, signal.SIGKILL)


main()
