"""The memory allocations of one call, as memray records them."""

from __future__ import annotations

import contextlib
import os

from deadheat_worker.timing.loops import WallClock
from deadheat_worker.watching.tracing import CannotTrace
from deadheat_worker.wire import protocol

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from deadheat_worker.wire.messages import Reply


class Memory:
    """A clock for `timing` that has memray watch between its two readings.

    `folder` is where memray writes meanwhile. The driver has Python ask the system for each object
    (PYTHONMALLOC=malloc): the interpreter's memory pools for small objects would hide most of them.
    """

    def __init__(self, folder: str) -> None:
        try:
            import memray
        except ImportError as error:
            raise CannotTrace(f"memray cannot be imported here: {error}") from None
        self._memray = memray
        # Calls that give memory back; none of the interpreter's own is among them.
        self._returns = {memray.AllocatorType.FREE, memray.AllocatorType.MUNMAP}
        self._path = os.path.join(folder, f"memray-{os.getpid()}")
        self._tracker: Any = None

    def prepare(self) -> None:
        """Prepare a sample's record, and drop that of earlier ones."""
        # A tracker that a failing call left open ends with its last reference, and may write until then.
        self._tracker = None
        with contextlib.suppress(FileNotFoundError):
            os.unlink(self._path)
        self._tracker = self._memray.Tracker(self._path)

    def take_precedence(self) -> None:
        """Do nothing: none of it depends on how modules are imported."""

    def start(self) -> int:
        self._tracker.__enter__()
        return WallClock.start()

    def stop(self) -> int:
        stopped = WallClock.stop()
        self._tracker.__exit__(None, None, None)
        return stopped

    def reply(self, elapsed_ns: int, iterations: int) -> Reply:
        """Return the peak beyond the memory in use before, and the number of allocations, as a reply to the driver."""
        with self._memray.FileReader(self._path) as reader:
            allocations = sum(
                record.n_allocations
                for record in reader.get_allocation_records()
                if record.allocator not in self._returns
            )
            peak = reader.metadata.peak_memory
        os.unlink(self._path)
        return protocol.weighed(elapsed_ns, iterations, peak, allocations)
