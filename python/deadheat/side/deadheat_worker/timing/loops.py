"""The timed loops. Nothing else happens between the two readings of the clock.

The clocks are bound when this module is imported: libraries that freeze the time for a test replace them by name later.
"""

from __future__ import annotations

import ast
import itertools
import keyword
import sys
import time

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence
    from typing import Any

    from deadheat_worker.interfaces import Clock, Measured, TimedCalls


class WallClock:
    """The clock of a sample: `start` and `stop` return readings in nanoseconds.

    A process that is not timed has other clocks, which record calls between the two readings.
    """

    start = stop = staticmethod(time.perf_counter_ns)
    # The timer that a suite finds on its benchmark, unless it sets another.
    seconds = staticmethod(time.perf_counter)


def within(seconds: float | None) -> Callable[..., bool]:
    """Return a function that is true for this many seconds from now on, or forever with None."""
    end = float("inf") if seconds is None else WallClock.start() + seconds * 1e9
    return lambda *_: WallClock.start() <= end


class ProcessorClock:
    """The processor time of this process, for samples that share a core with the other side's."""

    start = stop = staticmethod(time.process_time_ns)


class SuiteClock:
    """A timer of the suite's choice, which returns seconds."""

    def __init__(self, timer: Callable[[], float]) -> None:
        self.start = self.stop = lambda: int(timer() * 1e9)


def calls_of(function: Callable[..., Any], args: Sequence[Any], kwargs: Mapping[str, Any]) -> TimedCalls:
    """Return `time(iterations, warmup, clock)`, which times calls of `function(*args, **kwargs)`.

    It returns the nanoseconds of all iterations, and the last result.

    `warmup` calls come before and are not timed. The call is written out, as in the user's code: unpacking arguments
    takes as long as a short function. The time of the loop itself is measured and subtracted.
    """
    names = [f"a{place}" for place in range(len(args))]
    call = ", ".join([*names, *(f"{key}=k{place}" for place, key in enumerate(kwargs))])
    parameters = {
        **dict(zip(names, args, strict=True)),
        **{f"k{place}": kwargs[key] for place, key in enumerate(kwargs)},
    }
    if len(parameters) > MOST_WRITTEN_OUT or not all(
        key.isidentifier() and not keyword.iskeyword(key) for key in kwargs
    ):
        call, parameters = "*args, **kwargs", {"args": args, "kwargs": kwargs}
    statement = ast.parse(f"function({call})").body
    loop = compile_loop(statement, ["function", *parameters], {}, "<calls>")

    def time(iterations: int, warmup: int = 0, clock: Clock = WallClock) -> Measured:
        # Results are dropped at once, as they would be by a caller; only the last one is kept.
        elapsed_ns, result = time_loop(loop, (function, *parameters.values()), iterations, warmup, clock)
        return elapsed_ns, result[0]

    return time


MOST_WRITTEN_OUT = 16
# A call that takes less than this cannot be told apart from the loop around it, and counts as this.
RESOLUTION_NS = 1
# A loop takes a few nanoseconds per iteration, and a reading of the clock some tens. They are negligible for calls that
# take longer than this.
_SHORT_NS = 1_000
_EMPTY_ITERATIONS = 1_000
_EMPTY_TRIES = 3
_READINGS = 100


def compile_loop(
    body: list[ast.stmt], parameters: Iterable[str], namespace: dict[str, Any], file: str, kept: Iterable[str] = ()
) -> Callable[..., Any]:
    """Compile a function that repeats statements, with these names as its parameters and the others from `namespace`.

    It takes an iterator that counts the runs before the last one, the two readings of the clock, and the parameters; it
    returns the nanoseconds, the value of the last expression (None without one), and those of the names in `kept`.
    """
    last = list(body)
    if isinstance(last[-1], ast.Expr):
        target = ast.Name("__deadheat_result", ast.Store())
        last[-1] = ast.copy_location(ast.Assign([target], last[-1].value), last[-1])
    template = f"""
def __deadheat_loop(__deadheat_earlier, __deadheat_start, __deadheat_stop, {", ".join(parameters)}):
    __deadheat_result = None
    __deadheat_started = __deadheat_start()
    for __deadheat_turn in __deadheat_earlier:
        pass
    pass
    __deadheat_elapsed = __deadheat_stop() - __deadheat_started
    return __deadheat_elapsed, __deadheat_result, {"".join(f"{name}, " for name in kept)}
"""
    tree = ast.parse(template, file)
    function = tree.body[0]
    assert isinstance(function, ast.FunctionDef)
    loop = next(node for node in function.body if isinstance(node, ast.For))
    loop.body = list(body)
    place = function.body.index(loop) + 1
    function.body[place : place + 1] = last
    made: dict[str, Any] = {}
    exec(compile(ast.fix_missing_locations(tree), file, "exec", dont_inherit=True), namespace, made)
    made_loop: Callable[..., Any] = made["__deadheat_loop"]
    return made_loop


def time_loop(
    loop: Callable[..., Any], arguments: Sequence[Any], iterations: int, warmup: int, clock: Clock
) -> tuple[int, list[Any]]:
    """Return the nanoseconds of the runs, without the loop around them, and the loop's other results."""
    with instrumentation_paused():
        if warmup:
            # Not with the clock of the sample, which may record what runs.
            loop(itertools.repeat(None, warmup - 1), WallClock.start, WallClock.stop, *arguments)
        elapsed_ns, *results = loop(itertools.repeat(None, iterations - 1), clock.start, clock.stop, *arguments)
        elapsed_ns = _without(_empty_iteration_ns, iterations - 1, elapsed_ns, iterations, clock)
    return elapsed_ns, results


def _without(own_ns: Callable[[], float], times: int, elapsed_ns: int, iterations: int, clock: Clock) -> int:
    """Return the nanoseconds of the calls alone, without `own_ns()`, which was timed with them `times` times."""
    if clock is not WallClock or times == 0 or elapsed_ns >= _SHORT_NS * iterations:
        return elapsed_ns
    return round(max(elapsed_ns - times * own_ns(), iterations * RESOLUTION_NS))


def _reading_ns() -> int:
    """Measure the time between two readings of the clock at this moment."""
    return min(-WallClock.start() + WallClock.stop() for _ in range(_READINGS))


def _empty_iteration_ns() -> float:
    """Measure the time of one iteration of an empty loop at this moment."""
    readings = []
    for _ in range(_EMPTY_TRIES):
        started = WallClock.start()
        for _ in itertools.repeat(None, _EMPTY_ITERATIONS):
            pass
        readings.append(WallClock.stop() - started)
    return min(readings) / _EMPTY_ITERATIONS


def time_prepared_calls(
    function: Callable[..., Any],
    prepare: Callable[[], Any],
    teardown: Callable[..., Any] | None,
    iterations: int,
    clock: Clock = WallClock,
) -> Measured:
    """Time calls with the arguments that `prepare()` returns for each; preparing and tearing down are not timed."""
    elapsed_ns, result = 0, None
    start, stop = clock.start, clock.stop
    for _ in range(iterations):
        args, kwargs = prepare()
        with instrumentation_paused():
            started = start()
            result = function(*args, **kwargs)
            elapsed_ns += stop() - started
        if teardown is not None:
            teardown(*args, **kwargs)
    return _without(_reading_ns, iterations, elapsed_ns, iterations, clock), result


async def time_awaits(
    function: Callable[..., Awaitable[Any]],
    args: Sequence[Any],
    kwargs: Mapping[str, Any],
    iterations: int,
    warmup: int = 0,
    clock: Clock = WallClock,
) -> Measured:
    """`calls_of` for an `async def` function, awaited where this is awaited."""
    result = None
    start, stop = clock.start, clock.stop
    earlier = itertools.repeat(None, iterations - 1)
    with instrumentation_paused():
        for _ in itertools.repeat(None, warmup):
            await function(*args, **kwargs)
        started = start()
        for _ in earlier:
            await function(*args, **kwargs)
        result = await function(*args, **kwargs)
        elapsed_ns = stop() - started
        elapsed_ns = _without(_empty_iteration_ns, iterations - 1, elapsed_ns, iterations, clock)
    return elapsed_ns, result


async def time_prepared_awaits(
    function: Callable[..., Awaitable[Any]],
    prepare: Callable[[], Any],
    teardown: Callable[..., Any] | None,
    iterations: int,
    clock: Clock = WallClock,
) -> Measured:
    """`time_prepared_calls` for an `async def` function."""
    elapsed_ns, result = 0, None
    start, stop = clock.start, clock.stop
    for _ in range(iterations):
        args, kwargs = prepare()
        with instrumentation_paused():
            started = start()
            result = await function(*args, **kwargs)
            elapsed_ns += stop() - started
        if teardown is not None:
            teardown(*args, **kwargs)
    return _without(_reading_ns, iterations, elapsed_ns, iterations, clock), result


class instrumentation_paused:
    """Turns tracers and profilers off while something is timed, and on again afterwards."""

    def __enter__(self) -> None:
        self._tracer, self._profiler = sys.gettrace(), sys.getprofile()
        if self._tracer is not None:
            sys.settrace(None)
        if self._profiler is not None:
            sys.setprofile(None)

    def __exit__(self, *_: object) -> None:
        if self._tracer is not None:
            sys.settrace(self._tracer)
        if self._profiler is not None:
            sys.setprofile(self._profiler)
