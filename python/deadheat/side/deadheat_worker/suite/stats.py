"""`benchmark.stats`, which suites read after the run."""

from __future__ import annotations

import statistics

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence
    from typing import Any

    from deadheat_worker.suite.fixture import BenchmarkFixture
    from deadheat_worker.timing.body import Timed


class Stats:
    """The figures of `benchmark.stats`: seconds per iteration, over this process's samples."""

    fields = (
        "min",
        "max",
        "mean",
        "stddev",
        "rounds",
        "median",
        "iqr",
        "q1",
        "q3",
        "iqr_outliers",
        "stddev_outliers",
        "outliers",
        "ld15iqr",
        "hd15iqr",
        "ops",
        "total",
    )

    def __init__(self, data: Sequence[float]) -> None:
        self.data = list(data)
        self.sorted_data = sorted(data)
        self.rounds = len(data)

    def as_dict(self) -> dict[str, Any]:
        return {name: getattr(self, name) for name in self.fields}

    @property
    def total(self) -> float:
        return sum(self.data)

    @property
    def min(self) -> float:
        return self.sorted_data[0]

    @property
    def max(self) -> float:
        return self.sorted_data[-1]

    @property
    def mean(self) -> float:
        # Not `fmean`: for equal samples it may differ from them, and they would all be outliers.
        return statistics.mean(self.data)

    @property
    def median(self) -> float:
        return statistics.median(self.data)

    @property
    def stddev(self) -> float:
        return statistics.stdev(self.data) if self.rounds > 1 else 0

    @property
    def q1(self) -> float:
        return self._quartiles()[0]

    @property
    def q3(self) -> float:
        return self._quartiles()[1]

    @property
    def iqr(self) -> float:
        q1, q3 = self._quartiles()
        return q3 - q1

    @property
    def ops(self) -> float:
        return self.rounds / self.total if self.total else 0

    @property
    def stddev_outliers(self) -> int:
        """The number of samples more than a standard deviation from the mean."""
        mean, stddev = self.mean, self.stddev
        return sum(value < mean - stddev or value > mean + stddev for value in self.data)

    @property
    def iqr_outliers(self) -> int:
        """The number of samples outside Tukey's fences, 1.5 interquartile ranges beyond the quartiles."""
        return self.rounds - len(self._inside_fences())

    @property
    def outliers(self) -> str:
        return f"{self.stddev_outliers};{self.iqr_outliers}"

    @property
    def ld15iqr(self) -> float:
        """The lowest value inside the fences."""
        return self._inside_fences()[0]

    @property
    def hd15iqr(self) -> float:
        """The highest value inside the fences."""
        return self._inside_fences()[-1]

    def _inside_fences(self) -> list[float]:
        q1, q3 = self._quartiles()
        reach = 1.5 * (q3 - q1)
        return [value for value in self.sorted_data if q1 - reach <= value <= q3 + reach]

    def _quartiles(self) -> tuple[float, float]:
        """Return the medians of the two halves; for an odd number of samples, between the two ways to halve it."""
        values, quarter = self.sorted_data, self.rounds // 4

        def between(first: int, weight: float) -> float:
            return weight * values[first] + (1 - weight) * values[first + 1]

        if self.rounds == 1:
            return values[0], values[0]
        if self.rounds % 4 == 1:
            return between(quarter - 1, 0.25), between(3 * quarter, 0.75)
        if self.rounds % 4 == 3:
            return between(quarter, 0.75), between(3 * quarter + 1, 0.25)
        half = self.rounds // 2
        return statistics.median(values[:half]), statistics.median(values[half:])


class Metadata:
    """`benchmark.stats`: the figures as items (`stats["mean"]`) and as attributes (`stats.stats.mean`)."""

    def __init__(self, fixture: BenchmarkFixture, body: Timed) -> None:
        self.name = fixture.name
        self.fullname = fixture.fullname
        self.group = fixture.group
        self.param = fixture.param
        self.params = fixture.params
        self.extra_info = fixture.extra_info
        self.has_error = fixture.has_error
        self.iterations = body.iterations or 1
        self.options = {
            "disable_gc": fixture._disable_gc,
            "min_rounds": fixture._min_rounds,
            "min_time": fixture._min_time,
            "max_time": fixture._max_time,
            "timer": getattr(fixture._timer, "__name__", str(fixture._timer)),
            "warmup": fixture._warmup,
        }
        self.stats = Stats(body.samples)

    def as_dict(self, stats: bool = True, flat: bool = False, **_: object) -> dict[str, Any]:
        """Return what pytest-benchmark passes to its hooks, as far as it is known here."""
        about = {name: getattr(self, name) for name in ("group", "name", "fullname", "params", "param", "extra_info")}
        about["options"] = dict(self.options)
        if not stats:
            return about
        figures = {**self.stats.as_dict(), "iterations": self.iterations}
        return {**about, **figures} if flat else {**about, "stats": figures}

    def __bool__(self) -> bool:
        return bool(self.stats.data)

    def __getitem__(self, key: str) -> Any:
        try:
            return getattr(self.stats, key)
        except AttributeError:
            return getattr(self, key)

    def get(self, key: str, default: Any = None) -> Any:
        try:
            return self[key]
        except AttributeError:
            return default
