"""`benchmark.stats`: what suites read after the run."""

import statistics


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
