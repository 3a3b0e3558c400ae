"""Every function of the project and its time, as the standard library's profiler sees it."""

import cProfile

from deadheat_worker import protocol
from deadheat_worker.timing import WallClock


class Survey:
    """A clock for `timing` that profiles between its two readings.

    `path_of` gives a file relative to the worktree, or None where it lies elsewhere.
    """

    def __init__(self, path_of):
        self._path_of = path_of
        self.prepare()

    def prepare(self):
        """Before a sample: no record of earlier ones."""
        # What a function spends in functions of C is its own time.
        self._profile = cProfile.Profile(subcalls=False, builtins=False)

    def take_precedence(self):
        """Nothing of it depends on how modules are imported."""

    def start(self):
        self._profile.enable()
        return WallClock.start()

    def stop(self):
        stopped = WallClock.stop()
        self._profile.disable()
        return stopped

    def reply(self, elapsed_ns, iterations):
        """What was recorded since `prepare`, as the driver wants it."""
        return protocol.surveyed(elapsed_ns, iterations, {"functions": self.functions()})

    def functions(self):
        """The project's functions that ran since `prepare`, by file and line."""
        functions = []
        for entry in self._profile.getstats():
            path = None if isinstance(entry.code, str) else self._path_of(entry.code.co_filename)
            if path is not None:
                functions.append(
                    {
                        "path": path,
                        "line": entry.code.co_firstlineno,
                        "name": entry.code.co_name,
                        "calls": entry.callcount,
                        "total_ns": round(entry.totaltime * 1e9),
                        "self_ns": round(entry.inlinetime * 1e9),
                    }
                )
        return sorted(functions, key=lambda function: (function["path"], function["line"], function["name"]))
