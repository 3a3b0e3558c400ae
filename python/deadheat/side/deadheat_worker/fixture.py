"""The `benchmark` fixture: pytest-benchmark's call forms, timed when the driver asks for it."""

import gc
import inspect
import statistics

from deadheat_worker.timing import WallClock, time_calls, time_prepared_calls


class FixtureAlreadyUsed(Exception):
    """A test may benchmark one callable only."""


class BenchmarkFixture:
    """Handed to a test as `benchmark`.

    Calling it (or `pedantic`) brings the test to a stop inside the benchmark; the driver then asks for samples of both
    sides in turn, and the call returns when the driver leaves.
    """

    def __init__(self, node, conversation):
        self.name = node.name
        self.fullname = node.nodeid
        callspec = getattr(node, "callspec", None)
        self.params = dict(callspec.params) if callspec is not None else None
        self.param = callspec.id if callspec is not None else None
        marker = node.get_closest_marker("benchmark")
        self.group = marker.kwargs.get("group") if marker is not None else None
        self.extra_info = {}
        self.enabled = True
        self.disabled = False
        self.has_error = False
        self.skipped = False
        self.cprofile = None
        self.stats = None
        self.used = None
        self._conversation = conversation

    def __call__(self, function_to_benchmark, /, *args, **kwargs):
        """Time `function_to_benchmark(*args, **kwargs)` and return what it returned last."""
        self._use("call", function_to_benchmark)

        def measure(iterations, warmup, clock):
            return time_calls(function_to_benchmark, args, kwargs, iterations, warmup, clock)

        return self._hold(Body(measure))

    def pedantic(
        self, target, args=(), kwargs=None, setup=None, teardown=None, rounds=1, warmup_rounds=0, iterations=1
    ):
        """Time `target` with the counts that the suite prescribes; pytest-benchmark's signature and errors."""
        self._use("pedantic", target)
        args, kwargs = tuple(args), dict(kwargs or {})
        if not isinstance(iterations, int) or iterations < 1:
            raise ValueError("Must have positive int for `iterations`.")
        if not isinstance(rounds, int) or rounds < 1:
            raise ValueError("Must have positive int for `rounds`.")
        if not isinstance(warmup_rounds, int) or warmup_rounds < 0:
            raise ValueError("Must have positive int for `warmup_rounds`.")
        if iterations > 1 and setup is not None:
            raise ValueError("Can't use more than 1 `iterations` with a `setup` function.")

        if setup is not None:

            def prepare():
                prepared = setup()
                if not prepared:
                    return args, kwargs
                if args or kwargs:
                    raise TypeError("Can't use `args` or `kwargs` if `setup` returns the arguments.")
                return prepared

            def measure(count, _warmup, clock):
                return time_prepared_calls(target, prepare, teardown, count, clock)

            # A suite with a setup has prepared for any number of rounds, but expects its own number at least.
            return self._hold(Body(measure, warmup=warmup_rounds, at_least=rounds))

        def measure_round(count, _warmup, clock):
            elapsed, result = time_calls(target, args, kwargs, count, clock=clock)
            if teardown is not None:
                teardown(*args, **kwargs)
            return elapsed, result

        # Without a setup the target may work only so often: never more calls than the suite prescribes.
        return self._hold(
            Body(measure_round, warmup=warmup_rounds, at_least=rounds, at_most=rounds, iterations=iterations)
        )

    def weave(self, *_args, **_kwargs):
        raise NotImplementedError("benchmark.weave is not supported by deadheat yet")

    patch = weave

    def _use(self, form, target):
        if inspect.iscoroutinefunction(target):
            # Calling it makes a coroutine and runs nothing of it.
            raise NotImplementedError("deadheat cannot time async functions yet")
        if self.used:
            self.has_error = True
            earlier = "benchmark(...)" if self.used == "call" else "benchmark.pedantic(...)"
            raise FixtureAlreadyUsed(f"Fixture can only be used once. Previously it was used in {earlier} mode.")
        self.used = form

    def _hold(self, body):
        try:
            result = self._conversation.hold(body)
        except BaseException:
            self.has_error = True
            raise
        self.stats = Metadata(self, body)
        return result


class Body:
    """A benchmark that the test has come to: what one sample runs, and how often it may be run.

    `iterations` is set where the suite prescribes the calls of a sample; `at_least` and `at_most` count its rounds.
    """

    def __init__(self, measure, warmup=0, at_least=0, at_most=None, iterations=None):
        self._measure = measure
        self._warmup = warmup
        self._at_least = at_least
        self._taken = 0
        self._result = None
        self.at_most = at_most
        self.iterations = iterations
        self.samples = []

    def start(self):
        """Come to a standstill: no garbage of the set-up, and the prescribed warm-up, before anything is timed.

        The collector stays on: the garbage that the benchmark makes is its own cost.
        """
        gc.collect()
        for _ in range(self._warmup):
            self._measure(self.iterations or 1, 0, WallClock)

    def sample(self, iterations, warmup=0, clock=WallClock):
        """Run and time one sample: nanoseconds, and the calls that were really timed."""
        iterations = self.iterations or iterations
        if self.at_most is not None and self._taken >= self.at_most:
            raise RuntimeError("more samples were asked for than this benchmark may run")
        elapsed, self._result = self._measure(iterations, warmup, clock)
        # A round of the suite's is a sample where it prescribes the calls of one, and a single call otherwise.
        self._taken += 1 if self.iterations else iterations
        self.samples.append(elapsed / iterations / 1e9)
        return elapsed, iterations

    def finish(self):
        """Run what the suite still expects, and return the target's last result."""
        while self._taken < max(self._at_least, 1):
            self.sample(1)
        return self._result


class Stats:
    """What suites read from `benchmark.stats`: seconds for one iteration, over this process's samples."""

    def __init__(self, data):
        self.data = sorted(data)
        self.rounds = len(data)

    def as_dict(self):
        names = ("min", "max", "mean", "stddev", "median", "rounds", "total", "q1", "q3", "iqr", "ops")
        return {name: getattr(self, name) for name in names}

    @property
    def total(self):
        return sum(self.data)

    @property
    def min(self):
        return self.data[0]

    @property
    def max(self):
        return self.data[-1]

    @property
    def mean(self):
        return statistics.fmean(self.data)

    @property
    def median(self):
        return statistics.median(self.data)

    @property
    def stddev(self):
        return statistics.stdev(self.data) if self.rounds > 1 else 0.0

    @property
    def q1(self):
        return self._quartile(0)

    @property
    def q3(self):
        return self._quartile(2)

    @property
    def iqr(self):
        return self.q3 - self.q1

    @property
    def ops(self):
        return 1 / self.mean if self.mean else 0.0

    def _quartile(self, index):
        if self.rounds < 2:
            return self.data[0]
        return statistics.quantiles(self.data, n=4, method="inclusive")[index]


class Metadata:
    """`benchmark.stats`: the figures as items (`stats["mean"]`) and as attributes (`stats.stats.mean`)."""

    def __init__(self, fixture, body):
        self.name = fixture.name
        self.fullname = fixture.fullname
        self.group = fixture.group
        self.param = fixture.param
        self.params = fixture.params
        self.extra_info = fixture.extra_info
        self.has_error = fixture.has_error
        self.iterations = body.iterations or 1
        self.stats = Stats(body.samples)

    def __bool__(self):
        return bool(self.stats.data)

    def __getitem__(self, key):
        try:
            return getattr(self.stats, key)
        except AttributeError:
            return getattr(self, key)

    def get(self, key, default=None):
        try:
            return self[key]
        except AttributeError:
            return default
