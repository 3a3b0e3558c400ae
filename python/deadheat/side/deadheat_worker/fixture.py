"""The `benchmark` fixture: pytest-benchmark's call forms, timed when the driver asks for it."""

import asyncio
import contextlib
import functools
import inspect
import random
import sys
import warnings

import pytest

from deadheat_worker.body import AsyncBody, Body
from deadheat_worker.settings import Settings
from deadheat_worker.stats import Metadata
from deadheat_worker.timing import (
    SuiteClock,
    WallClock,
    calls_of,
    time_awaits,
    time_prepared_awaits,
    time_prepared_calls,
)


class FixtureAlreadyUsed(RuntimeError):
    """Raised on a second use: a test may benchmark only one callable. pytest-codspeed raises a plain `RuntimeError`."""


class BenchmarkFixture:
    """The object that a test gets as `benchmark`.

    Calling it (or `pedantic`) stops the test inside the benchmark. The driver then asks for samples of both sides in
    turn, and the call returns when the driver leaves. In a running event loop, with an `async def` target, the call is
    awaited instead.
    """

    def __init__(self, node, conversation):
        settings = Settings(node)
        self.name = node.name
        self.fullname = node.nodeid
        callspec = getattr(node, "callspec", None)
        self.params = dict(callspec.params) if callspec is not None else None
        self.param = callspec.id if callspec is not None else None
        self.group = settings.group
        self.extra_info = {}
        self.enabled = True
        self.disabled = False
        self.has_error = False
        self.skipped = False
        self.cprofile = None
        self.cprofile_stats = None
        self.cprofile_loops = 1
        self.stats = None
        self.used = None
        # pytest-benchmark's names: suites read and set them.
        self._timer = settings.timer
        self._disable_gc = settings.disable_gc
        self._min_rounds = settings.min_rounds
        self._min_time = settings.min_time
        self._max_time = settings.max_time
        self._calibration_precision = settings.calibration_precision
        self._warmup = settings.warmup_iterations if settings.is_warmed_up else 0
        self._cleanup_callbacks = []
        self._is_codspeed = settings.is_codspeed
        self._conversation = conversation

    @property
    def __class__(self):
        """Also the type of a loaded plugin, so that checks hold: suites annotate the fixture and check at run time."""
        modules = (sys.modules.get(module) for module in ("pytest_benchmark.fixture", "pytest_codspeed.plugin"))
        theirs = [getattr(module, "BenchmarkFixture", None) for module in modules]
        return _one_class(*dict.fromkeys(kind for kind in theirs if kind is not None)) or BenchmarkFixture

    def __call__(self, function_to_benchmark, /, *args, **kwargs):
        """Time `function_to_benchmark(*args, **kwargs)` and return its last result."""
        self._use("call")

        def measure_awaits(count, warmup, clock):
            return time_awaits(function_to_benchmark, args, kwargs, count, warmup, clock)

        calls = calls_of(function_to_benchmark, args, kwargs)
        return self._hold(function_to_benchmark, calls, measure_awaits, warmup=self._warmup, warmup_seconds=0.1)

    def pedantic(
        self, target, args=(), kwargs=None, setup=None, teardown=None, rounds=1, warmup_rounds=0, iterations=1
    ):
        """Time `target` with the counts that the suite prescribes, with pytest-benchmark's signature and errors."""
        self._use("pedantic")
        args, kwargs = tuple(args), dict(kwargs or {})
        if not isinstance(iterations, int) or iterations < 1:
            raise self._refused("Must have positive int for `iterations`.")
        if not isinstance(rounds, int) or rounds < 1:
            raise self._refused("Must have positive int for `rounds`.")
        if not isinstance(warmup_rounds, int) or warmup_rounds < 0:
            raise self._refused("Must have positive int for `warmup_rounds`.")
        if iterations > 1 and setup:
            raise self._refused("Can't use more than 1 `iterations` with a `setup` function.")

        if setup:
            # pytest-codspeed passes the arguments to the setup, pytest-benchmark does not.
            takes_arguments = self._is_codspeed or _needs(setup, args, kwargs)

            def prepare():
                prepared = setup(*args, **kwargs) if takes_arguments else setup()
                if not prepared:
                    return args, kwargs
                if args or kwargs:
                    problem = "Can't use `args` or `kwargs` if `setup` returns the arguments."
                    raise ValueError(problem) if takes_arguments else TypeError(problem)
                return prepared

            def measure(times):
                return lambda count, _, clock: times(target, prepare, teardown, count, clock)

            # A suite with a setup is prepared for any number of rounds, but expects at least its own number.
            return self._hold(
                target,
                measure(time_prepared_calls),
                measure(time_prepared_awaits),
                warmup=warmup_rounds,
                at_least=rounds,
            )

        calls = calls_of(target, args, kwargs)

        def measure_rounds(count, _warmup, clock):
            elapsed, result = calls(count, clock=clock)
            if teardown is not None:
                teardown(*args, **kwargs)
            return elapsed, result

        async def await_rounds(count, _warmup, clock):
            elapsed, result = await time_awaits(target, args, kwargs, count, clock=clock)
            if teardown is not None:
                teardown(*args, **kwargs)
            return elapsed, result

        # Without a setup the target may only work a few times: never more calls than the suite prescribes.
        return self._hold(
            target,
            measure_rounds,
            await_rounds,
            warmup=warmup_rounds,
            at_least=rounds,
            rest_seconds=1.0,
            at_most=rounds,
            iterations=iterations,
        )

    def weave(self, target, **kwargs):
        """Time a function where it is called in the test, with aspectlib, as pytest-benchmark does."""
        try:
            import aspectlib
        except ImportError:
            pytest.skip("benchmark.weave needs aspectlib")

        def aspect(function):
            def timed(*args, **kwargs):
                return self(function, *args, **kwargs)

            return timed

        self._cleanup_callbacks.append(aspectlib.weave(target, aspect, **kwargs).rollback)

    patch = weave

    def _cleanup(self):
        while self._cleanup_callbacks:
            self._cleanup_callbacks.pop()()

    def _use(self, form):
        if self.used:
            self.has_error = True
            earlier = "benchmark(...)" if self.used == "call" else "benchmark.pedantic(...)"
            theirs = getattr(sys.modules.get("pytest_benchmark.fixture"), "FixtureAlreadyUsed", FixtureAlreadyUsed)
            kind = _one_class(*dict.fromkeys((FixtureAlreadyUsed, theirs)))
            raise kind(f"Fixture can only be used once. Previously it was used in {earlier} mode.")
        self.used = form

    def _refused(self, problem):
        self.has_error = True
        return ValueError(problem)

    def _hold(self, target, measure, measure_awaits, **counts):
        counts["disable_gc"] = self._disable_gc
        if self._is_codspeed:
            # As pytest-codspeed does, in every process.
            random.seed(0)
        if self._timer is not WallClock.seconds:
            counts["own_clock"] = SuiteClock(self._timer)
        if not _is_async(target):
            return self._record(Body(measure, **counts))
        if _is_loop_running():
            return self._record_awaits(AsyncBody(measure_awaits, **counts))
        loop = self._loop_of_the_suite()

        def measure_in_loop(*request):
            return loop.run_until_complete(measure_awaits(*request))

        return self._record(Body(measure_in_loop, **counts))

    def _loop_of_the_suite(self):
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

    def _record(self, body):
        with self._recording(body):
            return self._conversation.hold(body)

    async def _record_awaits(self, body):
        with self._recording(body):
            return await self._conversation.hold_awaiting(body)

    @contextlib.contextmanager
    def _recording(self, body):
        """Set the attributes that the suite reads afterwards."""
        try:
            yield
        except BaseException:
            self.has_error = True
            raise
        self.stats = Metadata(self, body)


def _is_async(target):
    """Whether calling it only makes a coroutine and runs none of it."""
    return inspect.iscoroutinefunction(target) or inspect.iscoroutinefunction(type(target).__call__)


def _is_loop_running():
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


def _needs(setup, args, kwargs):
    """Whether a setup can be called with the target's arguments, and not without any."""
    try:
        signature = inspect.signature(setup)
    except (TypeError, ValueError):
        return False
    return not _can_bind(signature, (), {}) and _can_bind(signature, args, kwargs)


def _can_bind(signature, args, kwargs):
    try:
        signature.bind(*args, **kwargs)
    except TypeError:
        return False
    return True


@functools.cache
def _one_class(*kinds):
    """Return a class that passes for all of them; None for none."""
    return type(kinds[0].__name__, kinds, {}) if len(kinds) > 1 else next(iter(kinds), None)
