"""What one call asks memory for, as memray sees it."""

import contextlib
import os

from deadheat_worker import protocol
from deadheat_worker.timing import WallClock
from deadheat_worker.tracing import CannotTrace


class Memory:
    """A clock for `timing` that has memray watch between its two readings.

    `folder` is where memray writes meanwhile. The driver has Python ask the system for each object
    (PYTHONMALLOC=malloc): memory that the interpreter keeps in stock for small objects would hide most of them.
    """

    def __init__(self, folder):
        try:
            import memray
        except ImportError as error:
            raise CannotTrace(f"memray cannot be imported here: {error}") from None
        self._memray = memray
        # No call of the interpreter's own that gives memory back.
        self._returns = {memray.AllocatorType.FREE, memray.AllocatorType.MUNMAP}
        self._path = os.path.join(folder, f"memray-{os.getpid()}")
        self._tracker = None

    def prepare(self):
        """Before a sample: no record of earlier ones."""
        # One that a failing call left open ends with its last reference, and may write until then.
        self._tracker = None
        with contextlib.suppress(FileNotFoundError):
            os.unlink(self._path)
        self._tracker = self._memray.Tracker(self._path)

    def take_precedence(self):
        """Nothing of it depends on how modules are imported."""

    def start(self):
        self._tracker.__enter__()
        return WallClock.start()

    def stop(self):
        stopped = WallClock.stop()
        self._tracker.__exit__(None, None, None)
        return stopped

    def reply(self, elapsed_ns, iterations):
        """The most that was in use at once beyond what was there before, and how often memory was asked for."""
        with self._memray.FileReader(self._path) as reader:
            allocations = sum(
                record.n_allocations
                for record in reader.get_allocation_records()
                if record.allocator not in self._returns
            )
            peak = reader.metadata.peak_memory
        os.unlink(self._path)
        return protocol.weighed(elapsed_ns, iterations, peak, allocations)
