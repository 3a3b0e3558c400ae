"""Watches functions by `sys.monitoring`, from CPython 3.12 on.

Every code object reports its first start once. One that is not a target is then disabled and costs nothing more; a
target gets local events. Two events cannot be local to a code object, an exception thrown into a generator and one
that leaves a function: they are on for all code, in watched processes only.
"""

from __future__ import annotations

import sys

assert sys.version_info >= (3, 12)

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from types import CodeType
    from typing import Any

    from deadheat_worker.interfaces import PathOf, Target, Tracer


class Monitoring:
    """Gives a tracer the events of the functions in `targets`: numbers by (path, qualified name, first line).

    `path_of` returns a code object's file relative to the worktree, or None if it is elsewhere.
    """

    # Functions that can only be counted: none here.
    untimed: frozenset[int] = frozenset()

    def __init__(
        self, make_tracer: Callable[..., Tracer], count: int, targets: Mapping[Target, int], path_of: PathOf
    ) -> None:
        self._targets = targets
        # The qualified name of a function that is declared `global` in another one does not show where it is.
        self._by_line = {
            (path, line, name.rpartition(".")[2]): number for (path, name, line), number in targets.items()
        }
        self._path_of = path_of
        self._paths: dict[str, str | None] = {}
        self._tool = _free_tool()
        events = sys.monitoring.events
        self._local = events.PY_START | events.PY_RETURN | events.PY_YIELD | events.PY_RESUME
        self.tracer = make_tracer(count, self._find, sys.monitoring.DISABLE)
        for event, callback in (
            (events.PY_START, self.tracer.on_start),
            (events.PY_RESUME, self.tracer.on_resume),
            (events.PY_THROW, self.tracer.on_throw),
            (events.PY_RETURN, self.tracer.on_leave),
            (events.PY_YIELD, self.tracer.on_leave),
            (events.PY_UNWIND, self.tracer.on_unwind),
        ):
            sys.monitoring.register_callback(self._tool, event, callback)
        sys.monitoring.set_events(self._tool, events.PY_START | events.PY_THROW | events.PY_UNWIND)

    def run(self, source: str, file: str) -> dict[str, Any]:
        """Run a module's source with its targets watched, and return its namespace."""
        namespace: dict[str, Any] = {}
        exec(compile(source, file, "exec"), namespace)
        return namespace

    def take_precedence(self) -> None:
        """Do nothing: nothing precedes events."""

    def is_unseen(self, code: object) -> bool:
        """Return False: events see all code."""
        return False

    def _find(self, code: CodeType) -> int | None:
        """Return the number of a code object that starts for the first time; None if it is not a target."""
        try:
            path = self._paths[code.co_filename]
        except KeyError:
            path = self._paths[code.co_filename] = self._path_of(code.co_filename)
        number = None
        if path is not None:
            number = self._targets.get((path, code.co_qualname, code.co_firstlineno))
            if number is None:
                number = self._by_line.get((path, code.co_firstlineno, code.co_name))
        if number is not None:
            sys.monitoring.set_local_events(self._tool, code, self._local)
        return number


def _free_tool() -> int:
    # 3 and 4 have no predefined meaning; profilers and coverage use their own numbers.
    for tool in (4, 3, sys.monitoring.OPTIMIZER_ID, sys.monitoring.PROFILER_ID):
        if sys.monitoring.get_tool(tool) is None:
            sys.monitoring.use_tool_id(tool, "deadheat")
            return tool
    raise RuntimeError("every tool of sys.monitoring is in use")
