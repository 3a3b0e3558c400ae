"""The most memory that a call needs at once, as measured by the standard library's `tracemalloc`."""

from __future__ import annotations

import tracemalloc

from deadheat_worker.timing.loops import WallClock
from deadheat_worker.wire import protocol

TYPE_CHECKING = False
if TYPE_CHECKING:
    from deadheat_worker.wire.messages import Reply


class PeakMemory:
    """A clock for `timing` that traces allocations between its two readings.

    Earlier allocations do not count, and tracing slows the call down: such a process is never timed for a verdict.
    """

    def __init__(self) -> None:
        self._peak = 0

    def prepare(self) -> None:
        """Do nothing: nothing is carried over from one sample to the next."""

    def take_precedence(self) -> None:
        """Do nothing: none of it depends on how modules are imported."""

    def start(self) -> int:
        tracemalloc.start()
        return WallClock.start()

    def stop(self) -> int:
        stopped = WallClock.stop()
        self._peak = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
        return stopped

    def reply(self, elapsed_ns: int, iterations: int) -> Reply:
        """Return the last sample's peak as a reply to the driver."""
        return protocol.peaked(elapsed_ns, iterations, self._peak)
