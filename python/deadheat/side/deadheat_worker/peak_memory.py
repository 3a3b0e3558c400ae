"""The most memory that a call needs at once, as the standard library's `tracemalloc` sees it."""

import tracemalloc

from deadheat_worker import protocol
from deadheat_worker.timing import WallClock


class PeakMemory:
    """A clock for `timing` that follows what is allocated between its two readings.

    What was there before does not count, and tracing slows the call down: such a process is never timed for a verdict.
    """

    def __init__(self):
        self._peak = 0

    def prepare(self):
        """Nothing is carried over from one sample to the next."""

    def start(self):
        tracemalloc.start()
        return WallClock.start()

    def stop(self):
        stopped = WallClock.stop()
        self._peak = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
        return stopped

    def reply(self, elapsed_ns, iterations):
        """What the last sample needed, as the driver wants it."""
        return protocol.peaked(elapsed_ns, iterations, self._peak)
