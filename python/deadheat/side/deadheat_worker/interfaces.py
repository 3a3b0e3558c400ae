"""The interfaces between the parts of the worker. For type checkers only: no process imports this file.

The messages on the wire are in `messages.py`.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any, Protocol, TypeAlias

from deadheat_worker.wire.messages import Reply

PathOf: TypeAlias = Callable[[str], "str | None"]
"""Returns a file's path relative to the worktree, or None if it is elsewhere."""
Target: TypeAlias = tuple[str, str, int]
"""A function that is watched: path relative to the worktree, qualified name, first line."""


class Clock(Protocol):
    """Two readings in nanoseconds around the timed code."""

    @property
    def start(self) -> Callable[[], int]: ...
    @property
    def stop(self) -> Callable[[], int]: ...


class Watch(Protocol):
    """A clock that answers a `profile` request: it records what happens between its two readings."""

    def start(self) -> int: ...
    def stop(self) -> int: ...

    def prepare(self) -> None:
        """Get ready for a sample, and drop the record of earlier ones."""

    def reply(self, elapsed_ns: int, iterations: int) -> Reply:
        """Return the record since `prepare` as a reply to the driver."""

    def take_precedence(self) -> None:
        """Move ahead of the import finders that pytest has put first meanwhile, if that matters."""


Measured: TypeAlias = tuple[int, Any]
"""The nanoseconds of some calls, and what the last one returned."""
Measure: TypeAlias = Callable[[int, int, Clock], Measured]
"""Times calls: iterations, warm-up calls before them, clock."""
MeasureAwaits: TypeAlias = Callable[[int, int, Clock], Awaitable[Measured]]


class TimedCalls(Protocol):
    """A `Measure` for which the driver's wishes are optional."""

    def __call__(self, iterations: int, warmup: int = 0, clock: Clock = ...) -> Measured: ...


class Prescribed(Protocol):
    """How a suite wants its calls made, as the driver is told when the benchmark is entered."""

    own_clock: Clock | None
    result: Any

    @property
    def iterations(self) -> int | None: ...
    @property
    def most_rounds(self) -> int | None: ...
    @property
    def is_prescribed(self) -> bool: ...


class Body(Prescribed, Protocol):
    """The timed code."""

    def start(self) -> None:
        """Do the work that comes before anything is timed."""

    def sample(self, iterations: int, warmup: int = 0, clock: Clock = ...) -> tuple[int, int]:
        """Run and time one sample; return its nanoseconds and the number of calls that were timed."""

    def finish(self) -> Any:
        """Run the rounds that the suite still expects, and return the last result."""


class AwaitedBody(Prescribed, Protocol):
    """A `Body` inside a running event loop."""

    async def start(self) -> None: ...
    async def sample(self, iterations: int, warmup: int = 0, clock: Clock = ...) -> tuple[int, int]: ...
    async def finish(self) -> Any: ...


class Holder(Protocol):
    """Stands inside a benchmark until it may go on; returns what the benchmark returned."""

    def hold(self, body: Body) -> Any: ...
    async def hold_awaiting(self, body: AwaitedBody) -> Any: ...


class Tracer(Protocol):
    """`deadheat._native.Tracer`, which is loaded by its path."""

    on_start: Callable[..., Any]
    on_resume: Callable[..., Any]
    on_throw: Callable[..., Any]
    on_leave: Callable[..., Any]
    on_unwind: Callable[..., Any]

    def begin(self) -> int: ...
    def end(self) -> int: ...
    def take_record(self) -> tuple[float, float, int, list[tuple[int, int, float, float, float, float]]]: ...
    def take_reached(self) -> list[int]: ...
    def calibrate(self, watched: Callable[[], object], plain: Callable[[], object], leaf: int) -> None: ...
