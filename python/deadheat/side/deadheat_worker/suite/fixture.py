"""The `benchmark` fixture: pytest-benchmark's call forms, timed when the driver asks for it."""

from __future__ import annotations

import asyncio
import contextlib
import functools
import inspect
import random
import sys
import warnings

import pytest

from deadheat_worker.suite.settings import Settings
from deadheat_worker.suite.stats import Metadata
from deadheat_worker.timing.body import AsyncBody, Body, Prescription
from deadheat_worker.timing.loops import (
    SuiteClock,
    WallClock,
    calls_of,
    time_awaits,
    time_prepared_awaits,
    time_prepared_calls,
)

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Generator, Iterable, Mapping
    from typing import Any

    from deadheat_worker.interfaces import Clock, Holder, Measure, MeasureAwaits, Measured
    from deadheat_worker.timing.body import Timed


class FixtureAlreadyUsed(RuntimeError):
    """Raised on a second use: a test may benchmark only one callable. pytest-codspeed raises a plain `RuntimeError`."""


class BenchmarkFixture:
    """The object that a test gets as `benchmark`.

    Calling it (or `pedantic`) stops the test inside the benchmark. The driver then asks for samples of both sides in
    turn, and the call returns when the driver leaves. In a running event loop, with an `async def` target, the call is
    awaited instead.
    """

    def __init__(self, node: pytest.Item, conversation: Holder) -> None:
        settings = Settings(node)
        self.name = node.name
        self.fullname = node.nodeid
        callspec = getattr(node, "callspec", None)
        self.params = dict(callspec.params) if callspec is not None else None
        self.param = callspec.id if callspec is not None else None
        self.group = settings.group
        self.extra_info: dict[str, Any] = {}
        self.enabled = True
        self.disabled = False
        self.has_error = False
        self.skipped = False
        self.cprofile = None
        self.cprofile_stats = None
        self.cprofile_loops = 1
        self.stats: Metadata | None = None
        self.used: str | None = None
        # pytest-benchmark's names: suites read and set them.
        self._timer = settings.timer
        self._disable_gc = settings.disable_gc
        self._min_rounds = settings.min_rounds
        self._min_time = settings.min_time
        self._max_time = settings.max_time
        self._calibration_precision = settings.calibration_precision
        self._warmup = settings.warmup_iterations if settings.is_warmed_up else 0
        self._cleanup_callbacks: list[Callable[[], object]] = []
        self._is_codspeed = settings.is_codspeed
        self._conversation = conversation

    @property  # type: ignore[misc]
    def __class__(self) -> Any:
        """Also the type of a loaded plugin, so that checks hold: suites annotate the fixture and check at run time."""
        modules = (sys.modules.get(module) for module in ("pytest_benchmark.fixture", "pytest_codspeed.plugin"))
        theirs = [getattr(module, "BenchmarkFixture", None) for module in modules]
        return _one_class(*dict.fromkeys(kind for kind in theirs if kind is not None)) or BenchmarkFixture

    def __call__(self, function_to_benchmark: Callable[..., Any], /, *args: Any, **kwargs: Any) -> Any:
        """Time `function_to_benchmark(*args, **kwargs)` and return its last result."""
        self._use("call")

        def measure_awaits(count: int, warmup: int, clock: Clock) -> Awaitable[Measured]:
            return time_awaits(function_to_benchmark, args, kwargs, count, warmup, clock)

        calls = calls_of(function_to_benchmark, args, kwargs)
        prescription = Prescription(warmup_rounds=self._warmup, warmup_seconds=0.1)
        return self._hold(function_to_benchmark, calls, measure_awaits, prescription)

    def pedantic(
        self,
        target: Callable[..., Any],
        args: Iterable[Any] = (),
        kwargs: Mapping[str, Any] | None = None,
        setup: Callable[..., Any] | None = None,
        teardown: Callable[..., Any] | None = None,
        rounds: int = 1,
        warmup_rounds: int = 0,
        iterations: int = 1,
    ) -> Any:
        """Time `target` with the counts that the suite prescribes, with pytest-benchmark's signature and errors."""
        self._use("pedantic")
        args, kwargs = tuple(args), dict(kwargs or {})
        self._check_counts(rounds, warmup_rounds, iterations, setup)
        if setup:
            # A suite with a setup is prepared for any number of rounds, but expects at least its own number.
            prescription = Prescription(warmup_rounds=warmup_rounds, least_rounds=rounds)
            return self._hold_prepared(target, args, kwargs, setup, teardown, prescription)

        calls = calls_of(target, args, kwargs)

        def measure_rounds(count: int, _warmup: int, clock: Clock) -> Measured:
            elapsed_ns, result = calls(count, clock=clock)
            if teardown is not None:
                teardown(*args, **kwargs)
            return elapsed_ns, result

        async def await_rounds(count: int, _warmup: int, clock: Clock) -> Measured:
            elapsed_ns, result = await time_awaits(target, args, kwargs, count, clock=clock)
            if teardown is not None:
                teardown(*args, **kwargs)
            return elapsed_ns, result

        # Without a setup the target may only work a few times: never more calls than the suite prescribes.
        prescription = Prescription(
            warmup_rounds=warmup_rounds,
            least_rounds=rounds,
            rest_seconds=1.0,
            most_rounds=rounds,
            iterations=iterations,
        )
        return self._hold(target, measure_rounds, await_rounds, prescription)

    def _check_counts(self, rounds: int, warmup_rounds: int, iterations: int, setup: object) -> None:
        if not isinstance(iterations, int) or iterations < 1:
            raise self._refused("Must have positive int for `iterations`.")
        if not isinstance(rounds, int) or rounds < 1:
            raise self._refused("Must have positive int for `rounds`.")
        if not isinstance(warmup_rounds, int) or warmup_rounds < 0:
            raise self._refused("Must have positive int for `warmup_rounds`.")
        if iterations > 1 and setup:
            raise self._refused("Can't use more than 1 `iterations` with a `setup` function.")

    def _hold_prepared(
        self,
        target: Callable[..., Any],
        args: tuple[Any, ...],
        kwargs: dict[str, Any],
        setup: Callable[..., Any],
        teardown: Callable[..., Any] | None,
        prescription: Prescription,
    ) -> Any:
        """Time a target whose arguments a setup makes for each call."""
        # pytest-codspeed passes the arguments to the setup, pytest-benchmark does not.
        takes_arguments = self._is_codspeed or _needs(setup, args, kwargs)

        def prepare() -> Any:
            prepared = setup(*args, **kwargs) if takes_arguments else setup()
            if not prepared:
                return args, kwargs
            if args or kwargs:
                problem = "Can't use `args` or `kwargs` if `setup` returns the arguments."
                raise ValueError(problem) if takes_arguments else TypeError(problem)
            return prepared

        def measure(times: Callable[..., Any]) -> Callable[[int, int, Clock], Any]:
            return lambda count, _, clock: times(target, prepare, teardown, count, clock)

        return self._hold(target, measure(time_prepared_calls), measure(time_prepared_awaits), prescription)

    def weave(self, target: Any, **kwargs: Any) -> None:
        """Time a function where it is called in the test, with aspectlib, as pytest-benchmark does."""
        try:
            import aspectlib
        except ImportError:
            pytest.skip("benchmark.weave needs aspectlib")

        def aspect(function: Callable[..., Any]) -> Callable[..., Any]:
            def timed(*args: Any, **kwargs: Any) -> Any:
                return self(function, *args, **kwargs)

            return timed

        self._cleanup_callbacks.append(aspectlib.weave(target, aspect, **kwargs).rollback)

    patch = weave

    def _cleanup(self) -> None:
        while self._cleanup_callbacks:
            self._cleanup_callbacks.pop()()

    def _use(self, form: str) -> None:
        if self.used:
            self.has_error = True
            earlier = "benchmark(...)" if self.used == "call" else "benchmark.pedantic(...)"
            theirs = getattr(sys.modules.get("pytest_benchmark.fixture"), "FixtureAlreadyUsed", FixtureAlreadyUsed)
            kind = _one_class(*dict.fromkeys((FixtureAlreadyUsed, theirs)))
            raise kind(f"Fixture can only be used once. Previously it was used in {earlier} mode.")
        self.used = form

    def _refused(self, problem: str) -> ValueError:
        self.has_error = True
        return ValueError(problem)

    def _hold(
        self, target: Callable[..., Any], measure: Measure, measure_awaits: MeasureAwaits, prescription: Prescription
    ) -> Any:
        prescription.disable_gc = self._disable_gc
        if self._is_codspeed:
            # As pytest-codspeed does, in every process.
            random.seed(0)
        if self._timer is not WallClock.seconds:
            prescription.own_clock = SuiteClock(self._timer)
        if not _is_async(target):
            return self._record(Body(measure, prescription))
        if _is_loop_running():
            return self._record_awaits(AsyncBody(measure_awaits, prescription))
        loop = self._loop_of_the_suite()

        def measure_in_loop(iterations: int, warmup: int, clock: Clock) -> Measured:
            return loop.run_until_complete(measure_awaits(iterations, warmup, clock))

        return self._record(Body(measure_in_loop, prescription))

    def _loop_of_the_suite(self) -> asyncio.AbstractEventLoop:
        """Return the current event loop, which plugins set for the test's fixtures, or a new one for this test."""
        with warnings.catch_warnings():
            # Asking for the current loop when there is none is deprecated, and an error from Python 3.14 on.
            warnings.simplefilter("ignore")
            try:
                loop = asyncio.get_event_loop()
                if not loop.is_closed():
                    return loop
            except RuntimeError:
                pass
        loop = asyncio.new_event_loop()
        asyncio.set_event_loop(loop)
        self._cleanup_callbacks.append(lambda: asyncio.set_event_loop(None))
        self._cleanup_callbacks.append(loop.close)
        return loop

    def _record(self, body: Body) -> Any:
        with self._recording(body):
            return self._conversation.hold(body)

    async def _record_awaits(self, body: AsyncBody) -> Any:
        with self._recording(body):
            return await self._conversation.hold_awaiting(body)

    @contextlib.contextmanager
    def _recording(self, body: Timed) -> Generator[None]:
        """Set the attributes that the suite reads afterwards."""
        try:
            yield
        except BaseException:
            self.has_error = True
            raise
        self.stats = Metadata(self, body)


def _is_async(target: Callable[..., Any]) -> bool:
    """Whether calling it only makes a coroutine and runs none of it."""
    return inspect.iscoroutinefunction(target) or inspect.iscoroutinefunction(type(target).__call__)


def _is_loop_running() -> bool:
    try:
        asyncio.get_running_loop()
        return True
    except RuntimeError:
        pass
    # trio's loop, which it announces there.
    sniffio = sys.modules.get("sniffio")
    if sniffio is None:
        return False
    try:
        return sniffio.current_async_library() is not None
    except sniffio.AsyncLibraryNotFoundError:
        return False


def _needs(setup: Callable[..., Any], args: tuple[Any, ...], kwargs: Mapping[str, Any]) -> bool:
    """Whether a setup can be called with the target's arguments, and not without any."""
    try:
        signature = inspect.signature(setup)
    except (TypeError, ValueError):
        return False
    return not _can_bind(signature, (), {}) and _can_bind(signature, args, kwargs)


def _can_bind(signature: inspect.Signature, args: Iterable[Any], kwargs: Mapping[str, Any]) -> bool:
    try:
        signature.bind(*args, **kwargs)
    except TypeError:
        return False
    return True


@functools.cache
def _one_class(*kinds: Any) -> Any:
    """Return a class that passes for all of them; None for none."""
    return type(kinds[0].__name__, kinds, {}) if len(kinds) > 1 else next(iter(kinds), None)
