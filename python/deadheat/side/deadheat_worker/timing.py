"""The loops that are timed. Nothing else happens between the two readings of the clock."""

import itertools
import sys
from time import perf_counter_ns


def time_calls(function, args, kwargs, iterations, warmup=0):
    """Call `function(*args, **kwargs)` `iterations` times; return the nanoseconds that this took and the last result.

    `warmup` calls come before and are not timed.
    """
    result = None
    earlier = itertools.repeat(None, iterations - 1)
    with instrumentation_paused():
        for _ in itertools.repeat(None, warmup):
            function(*args, **kwargs)
        start = perf_counter_ns()
        # Results are dropped at once, as they would be by a caller; only the last one is kept.
        for _ in earlier:
            function(*args, **kwargs)
        result = function(*args, **kwargs)
        elapsed = perf_counter_ns() - start
    return elapsed, result


def time_prepared_calls(function, prepare, teardown, iterations):
    """Like `time_calls`, with `prepare()` giving each call's arguments; preparing and tearing down are not timed."""
    elapsed, result = 0, None
    for _ in range(iterations):
        args, kwargs = prepare()
        with instrumentation_paused():
            start = perf_counter_ns()
            result = function(*args, **kwargs)
            elapsed += perf_counter_ns() - start
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
