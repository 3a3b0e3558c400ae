import time

import pytest
from pkg.core import work


def test_call(benchmark):
    assert benchmark(work, 100) == 148500


def test_keywords(benchmark):
    assert benchmark(lambda times, n: times * work(n), times=2, n=100) == 297000


def test_decorator(benchmark):
    @benchmark
    def result():
        return work(100)

    assert result == 148500


def test_codspeed(codspeed_benchmark):
    codspeed_benchmark(work, 100)


def test_pedantic(benchmark):
    assert benchmark.pedantic(work, [100], rounds=10, iterations=5, warmup_rounds=1) == 148500


def test_counted(benchmark):
    calls = []
    benchmark.pedantic(lambda: calls.append(work(100)), rounds=10, iterations=5, warmup_rounds=2)
    assert len(calls) == (10 + 2) * 5


def test_prepared(benchmark):
    seen = []

    def setup():
        seen.append("set up")
        return (100,), {}

    def teardown(n):
        seen.append("torn down")

    assert benchmark.pedantic(work, setup=setup, teardown=teardown, rounds=3) == 148500
    assert seen.count("set up") == seen.count("torn down") >= 3


TURNS = []


def timer():
    TURNS.append("timed")
    return time.perf_counter()


@pytest.mark.benchmark(timer=timer)
def test_prepared_and_warmed_up(benchmark):
    def setup():
        TURNS.append("set up")
        return (100,), {}

    TURNS.clear()
    benchmark.pedantic(work, setup=setup, rounds=3, warmup_rounds=2)
    assert TURNS[:4] == ["set up", "set up", "set up", "timed"]


@pytest.mark.benchmark
def test_marker():
    work(100)


@pytest.mark.benchmark(group="one")
class TestMarked:
    def test_method(self):
        work(100)


def test_woven(benchmark):
    import pkg.core

    benchmark.weave("pkg.core.work")
    assert pkg.core.work(100) == 148500


def test_weave_fixture(benchmark_weave):
    import pkg.core

    benchmark_weave("pkg.core.work")
    pkg.core.work(100)
