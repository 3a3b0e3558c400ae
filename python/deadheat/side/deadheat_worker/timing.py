"""The loops that are timed. Nothing else happens between the two readings of the clock.

The clock is bound when this module is imported: libraries that freeze the time for a test replace it by name later.
"""

import itertools
import sys
import time


def time_calls(function, args, kwargs, iterations, warmup=0, clock=time.perf_counter_ns):
    """Call `function(*args, **kwargs)` `iterations` times; return the nanoseconds that this took and the last result.

    `warmup` calls come before and are not timed.
    """
    result = None
    earlier = itertools.repeat(None, iterations - 1)
    with instrumentation_paused():
        for _ in itertools.repeat(None, warmup):
            function(*args, **kwargs)
        start = clock()
        # Results are dropped at once, as they would be by a caller; only the last one is kept.
        for _ in earlier:
            function(*args, **kwargs)
        result = function(*args, **kwargs)
        elapsed = clock() - start
    return elapsed, result


def time_prepared_calls(function, prepare, teardown, iterations, clock=time.perf_counter_ns):
    """Like `time_calls`, with `prepare()` giving each call's arguments; preparing and tearing down are not timed."""
    elapsed, result = 0, None
    for _ in range(iterations):
        args, kwargs = prepare()
        with instrumentation_paused():
            start = clock()
            result = function(*args, **kwargs)
            elapsed += clock() - start
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
