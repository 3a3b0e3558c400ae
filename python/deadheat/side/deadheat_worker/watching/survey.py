"""The time of every function of the project, as the standard library's profiler measures it."""

from __future__ import annotations

import cProfile
import gc

from deadheat_worker.timing.loops import WallClock
from deadheat_worker.wire import protocol

TYPE_CHECKING = False
if TYPE_CHECKING:
    from deadheat_worker.interfaces import PathOf
    from deadheat_worker.wire.messages import FunctionTime, Reply


class Survey:
    """A clock for `timing` that profiles between its two readings, while the garbage collector is off.

    A collection would count for whichever function happens to set it off, which is another one in every run.
    `path_of` returns a file's path relative to the worktree, or None if it is elsewhere.
    """

    def __init__(self, path_of: PathOf) -> None:
        self._path_of = path_of
        self._collects = False
        self.prepare()

    def prepare(self) -> None:
        """Prepare a sample's record, and drop that of earlier ones."""
        # Time in C functions counts as the calling function's own.
        self._profile = cProfile.Profile(subcalls=False, builtins=False)

    def take_precedence(self) -> None:
        """Do nothing: none of it depends on how modules are imported."""

    def start(self) -> int:
        self._profile.enable()
        self._collects = gc.isenabled()
        gc.disable()
        return WallClock.start()

    def stop(self) -> int:
        stopped = WallClock.stop()
        self._profile.disable()
        if self._collects:
            gc.enable()
        return stopped

    def reply(self, elapsed_ns: int, iterations: int) -> Reply:
        """Return the record since `prepare` as a reply to the driver."""
        return protocol.surveyed(elapsed_ns, iterations, {"functions": self.functions()})

    def functions(self) -> list[FunctionTime]:
        """Return the project's functions that ran since `prepare`, sorted by file and line."""
        functions: list[FunctionTime] = []
        for entry in self._profile.getstats():
            code = entry.code
            path = None if isinstance(code, str) else self._path_of(code.co_filename)
            if path is not None and not isinstance(code, str):
                functions.append(
                    {
                        "path": path,
                        "line": code.co_firstlineno,
                        "name": code.co_name,
                        "calls": entry.callcount,
                        "total_ns": round(entry.totaltime * 1e9),
                        "self_ns": round(entry.inlinetime * 1e9),
                    }
                )
        return sorted(functions, key=lambda function: (function["path"], function["line"], function["name"]))
