"""The compiled program, and the callbacks that watch functions in the project's interpreter."""

from collections.abc import Callable
from types import CodeType
from typing import Any, final

__all__ = ["Probe", "Tracer", "main"]

def main(arguments: list[str], package_folder: str, interpreter: str, extension: str, ignores_hangup: bool) -> int:
    """Run one command and return its exit code.

    `arguments` are those after the program's name. `package_folder` is the installed `deadheat` package, which holds
    the worker's files. `interpreter` is the Python that runs deadheat, one of those tried for the project. `extension`
    is this module's file. Releases the GIL, and handles SIGINT, SIGTERM and, unless `ignores_hangup`, SIGHUP while it
    runs. A panic is printed and returned as 5.
    """

@final
class Tracer:
    """The call records of one process, for functions numbered from 0. There is one tracer per process.

    `find` returns the number of a code object that starts for the first time, or None if it is not watched; `disable`
    is then returned to `sys.monitoring`. The `on_...` methods are its callbacks.
    """

    def __new__(cls, functions: int, find: Callable[[CodeType], int | None] | None, disable: object) -> Tracer: ...
    def on_start(self, code: CodeType, offset: int, /) -> Any: ...
    def on_resume(self, code: CodeType, offset: int, /) -> None: ...
    def on_throw(self, code: CodeType, offset: int, exception: BaseException, /) -> None: ...
    def on_leave(self, code: CodeType, offset: int, value: object, /) -> None: ...
    def on_unwind(self, code: CodeType, offset: int, exception: BaseException, /) -> None: ...
    def begin(self) -> int:
        """Start recording, and return the clock's reading in nanoseconds."""

    def end(self) -> int:
        """Stop recording, and return the clock's reading in nanoseconds."""

    def take_record(self) -> tuple[float, float, int, list[tuple[int, int, float, float, float, float]]]:
        """Return the record since the last call, in nanoseconds.

        The length without the probes, the probes, the number of times a function was left that was not entered last,
        and for each function that ran: number, calls, total time, probes in it, own time, probes in it. Times exclude
        the probes.
        """

    def take_reached(self) -> list[int]:
        """Return the numbers of the functions that ran since the last call, recorded or not."""

    def is_idle(self) -> bool:
        """Whether no watched function is running, on any thread."""

    def calibrate(self, watched: Callable[[], object], plain: Callable[[], object], leaf: int) -> None:
        """Measure the cost of watching, apply it from now on, and clear the record.

        `watched` and `plain` are the same program, with all of its functions watched only in the first. `leaf` is the
        number of one that does nothing and calls none.
        """

@final
class Probe:
    """Watches the function with this number from inside its body, if the interpreter has no events for it."""

    def __new__(cls, tracer: Tracer, function: int) -> Probe: ...
    def enter(self) -> None: ...
    def leave(self) -> None: ...
    def count(self) -> None:
        """Count a call whose time cannot be followed."""
