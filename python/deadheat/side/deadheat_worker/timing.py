"""The loops that are timed. Nothing else happens between the two readings of the clock.

The clock is bound when this module is imported: libraries that freeze the time for a test replace it by name later.
"""

import itertools
import sys
import time


class WallClock:
    """What a sample is timed by: `start` and `stop` give readings in nanoseconds.

    A process that is not timed has other clocks, which record calls between the two readings.
    """

    start = stop = staticmethod(time.perf_counter_ns)


class ProcessorClock:
    """For samples that share a core with the other side's: the processor time of this process."""

    start = stop = staticmethod(time.process_time_ns)


class SuiteClock:
    """A timer of the suite's choice, which gives seconds."""

    def __init__(self, timer):
        self.start = self.stop = lambda: int(timer() * 1e9)


def time_calls(function, args, kwargs, iterations, warmup=0, clock=WallClock):
    """Call `function(*args, **kwargs)` `iterations` times; return the nanoseconds that this took and the last result.

    `warmup` calls come before and are not timed.
    """
    result = None
    start, stop = clock.start, clock.stop
    earlier = itertools.repeat(None, iterations - 1)
    with instrumentation_paused():
        for _ in itertools.repeat(None, warmup):
            function(*args, **kwargs)
        started = start()
        # Results are dropped at once, as they would be by a caller; only the last one is kept.
        for _ in earlier:
            function(*args, **kwargs)
        result = function(*args, **kwargs)
        elapsed = stop() - started
    return elapsed, result


def time_prepared_calls(function, prepare, teardown, iterations, clock=WallClock):
    """Like `time_calls`, with `prepare()` giving each call's arguments; preparing and tearing down are not timed."""
    elapsed, result = 0, None
    start, stop = clock.start, clock.stop
    for _ in range(iterations):
        args, kwargs = prepare()
        with instrumentation_paused():
            started = start()
            result = function(*args, **kwargs)
            elapsed += stop() - started
        if teardown is not None:
            teardown(*args, **kwargs)
    return elapsed, result


async def time_awaits(function, args, kwargs, iterations, warmup=0, clock=WallClock):
    """`time_calls` for an `async def` function, awaited where this is awaited."""
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
        elapsed = stop() - started
    return elapsed, result


async def time_prepared_awaits(function, prepare, teardown, iterations, clock=WallClock):
    """`time_prepared_calls` for an `async def` function."""
    elapsed, result = 0, None
    start, stop = clock.start, clock.stop
    for _ in range(iterations):
        args, kwargs = prepare()
        with instrumentation_paused():
            started = start()
            result = await function(*args, **kwargs)
            elapsed += stop() - started
        if teardown is not None:
            teardown(*args, **kwargs)
    return elapsed, result


class instrumentation_paused:
    """Tracers and profilers are off while something is timed, and back afterwards."""

    def __enter__(self):
        self._tracer, self._profiler = sys.gettrace(), sys.getprofile()
        if self._tracer is not None:
            sys.settrace(None)
        if self._profiler is not None:
            sys.setprofile(None)

    def __exit__(self, *_):
        if self._tracer is not None:
            sys.settrace(self._tracer)
        if self._profiler is not None:
            sys.setprofile(self._profiler)
