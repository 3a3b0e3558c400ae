"""The most memory that a call needs at once, as measured by the standard library's `tracemalloc`."""

import tracemalloc

from deadheat_worker import protocol
from deadheat_worker.timing import WallClock


class PeakMemory:
    """A clock for `timing` that traces allocations between its two readings.

    Earlier allocations do not count, and tracing slows the call down: such a process is never timed for a verdict.
    """

    def __init__(self):
        self._peak = 0

    def prepare(self):
        """Do nothing: nothing is carried over from one sample to the next."""

    def start(self):
        tracemalloc.start()
        return WallClock.start()

    def stop(self):
        stopped = WallClock.stop()
        self._peak = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
        return stopped

    def reply(self, elapsed_ns, iterations):
        """Return the last sample's peak as a reply to the driver."""
        return protocol.peaked(elapsed_ns, iterations, self._peak)
