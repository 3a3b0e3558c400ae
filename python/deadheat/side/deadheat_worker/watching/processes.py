"""The time for which this process and those that it has started were runnable: on a processor, or waiting for one.

Two threads that are always runnable give twice the wall time, however busy the machine is.
"""

from __future__ import annotations

import time
from contextlib import suppress
from os import listdir
from resource import RUSAGE_CHILDREN, getrusage

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator

PROC = "/proc"


class RunnableTime:
    """The runnable time until now, in nanoseconds."""

    def __init__(self) -> None:
        ended = getrusage(RUSAGE_CHILDREN)
        # Without the waits of threads and processes that have ended, which the system does not report.
        self._used_ns = time.process_time_ns() + int((ended.ru_utime + ended.ru_stime) * 1e9)
        self._by_thread: dict[str, int] = {}
        # There may be no /proc, and a listed process may have ended.
        with suppress(OSError):
            for thread, (_, waited) in _threads("self"):
                self._by_thread[thread] = waited
            self._add_children("self")

    def since(self, before: RunnableTime) -> int:
        """Return the time added since `before`, which was taken earlier."""
        known = before._by_thread
        of_threads = sum(time - known.get(thread, 0) for thread, time in self._by_thread.items())
        return self._used_ns - before._used_ns + of_threads

    def _add_children(self, process: str) -> None:
        for parent in listdir(f"{PROC}/{process}/task"):
            with suppress(OSError), open(f"{PROC}/{process}/task/{parent}/children", encoding="ascii") as children:
                for child in children.read().split():
                    for thread, (used, waited) in _threads(child):
                        self._by_thread[thread] = used + waited
                    self._add_children(child)


def _threads(process: str) -> Iterator[tuple[str, tuple[int, int]]]:
    for thread in listdir(f"{PROC}/{process}/task"):
        with suppress(OSError), open(f"{PROC}/{process}/task/{thread}/schedstat", encoding="ascii") as times:
            used, waited, _ = map(int, times.read().split())
            yield thread, (used, waited)
