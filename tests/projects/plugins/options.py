import gc
import random
import time

import pytest
from pkg.core import work

pytestmark = pytest.mark.benchmark(warmup=True, warmup_iterations=3, max_rounds=100)


def test_attributes(benchmark):
    assert (benchmark.name, benchmark.group) == ("test_attributes", None)
    assert benchmark.fullname.endswith("::test_attributes")
    assert benchmark.enabled and not benchmark.disabled and not benchmark.has_error and not benchmark.skipped
    assert not benchmark.stats
    benchmark.extra_info["before"] = 1
    benchmark.group = "mine"
    benchmark(work, 100)
    benchmark.extra_info["after"] = 2
    assert 0 < benchmark.stats["mean"] == benchmark.stats.stats.mean < 1
    assert benchmark.stats.get("min") <= benchmark.stats.stats.median <= benchmark.stats.stats.max
    assert benchmark.stats.stats.rounds > 0 and benchmark.stats.iterations


@pytest.mark.parametrize("n", [100], ids=["hundred"])
def test_params(benchmark, n):
    assert (benchmark.params, benchmark.param) == ({"n": 100}, "hundred")
    benchmark(work, n)


@pytest.mark.benchmark(disable_gc=True)
def test_collector(benchmark):
    enabled = set()

    def look():
        enabled.add(gc.isenabled())
        return work(100)

    benchmark(look)
    assert enabled - {True} == {False}
    assert gc.isenabled()


@pytest.mark.benchmark(timer=time.process_time)
def test_timer(benchmark):
    benchmark(work, 100)


def test_own_timer(benchmark):
    benchmark._timer = time.thread_time
    benchmark(work, 100)


def freeze(patch):
    for name in ("time", "monotonic", "perf_counter"):
        patch.setattr(time, name, lambda: 1000.0)
        patch.setattr(time, f"{name}_ns", lambda: 10**12)


@pytest.fixture
def made_while_frozen(request):
    with pytest.MonkeyPatch.context() as patch:
        freeze(patch)
        return request.getfixturevalue("benchmark")


def test_made_while_frozen(made_while_frozen):
    made_while_frozen(work, 100)


def test_called_while_frozen(benchmark, monkeypatch):
    freeze(monkeypatch)
    benchmark(work, 100)


def test_warmed_up(benchmark):
    calls, before = [], []

    def timer():
        before.append(len(calls))
        return time.perf_counter()

    benchmark._timer = timer
    benchmark(lambda: calls.append(work(1)))
    assert before[0] >= 3


def test_seeded(benchmark):
    random.seed(1)
    seen = []
    benchmark(lambda: (work(100), seen.append(random.random()))[0])
    assert seen[0] == random.Random(0).random()


def test_twice(benchmark):
    from pytest_benchmark.fixture import FixtureAlreadyUsed

    benchmark(work, 100)
    with pytest.raises(FixtureAlreadyUsed):
        benchmark(work, 100)
    assert benchmark.has_error


def test_types(benchmark):
    from pytest_benchmark.fixture import BenchmarkFixture
    from pytest_benchmark.plugin import BenchmarkFixture as TheSame

    assert isinstance(benchmark, BenchmarkFixture)
    import pytest_codspeed
    from pytest_codspeed.plugin import BenchmarkFixture as Other

    assert pytest_codspeed.BenchmarkFixture is Other
    benchmark(work, 100)
