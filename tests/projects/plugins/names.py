import pytest
import pytest_benchmark
import pytest_codspeed
from pkg.core import work


def test_annotated(benchmark: pytest_benchmark.fixture.BenchmarkFixture):
    from pytest_codspeed.plugin import BenchmarkFixture

    assert isinstance(benchmark, BenchmarkFixture)
    assert isinstance(benchmark, pytest_benchmark.fixture.BenchmarkFixture)
    benchmark(work, 100)


def test_figures(benchmark):
    benchmark(work, 100)
    stats = benchmark.stats
    above, outside = stats.stats.outliers.split(";")
    assert int(above) == stats["stddev_outliers"] and int(outside) == stats["iqr_outliers"]
    assert stats["min"] <= stats["ld15iqr"] <= stats["median"] <= stats["hd15iqr"] <= stats["max"]
    assert set(stats.stats.fields) <= set(stats.as_dict()["stats"])
    assert "min_rounds" in stats.options


def test_second_use(benchmark):
    benchmark(work, 100)
    with pytest.raises(RuntimeError):
        benchmark(work, 100)


def test_setup_that_takes_the_arguments(benchmark):
    def setup(n):
        assert n == 100

    assert benchmark.pedantic(work, (100,), setup=setup, rounds=3) == 148500


def test_no_setup(benchmark):
    benchmark.pedantic(work, (100,), setup=False, rounds=3, iterations=5)


@pytest.mark.benchmark(precision=0.02, confidence=0.9)
def test_marked():
    work(100)
