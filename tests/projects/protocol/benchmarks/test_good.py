import pytest
from pkg import double


def test_call(benchmark):
    assert benchmark(double, 4) == 8


def test_pedantic(benchmark):
    assert benchmark.pedantic(double, args=(2,), rounds=2, iterations=5) == 4


def test_prepared(benchmark):
    taken = []

    def setup():
        return (len(taken),), {}

    result = benchmark.pedantic(lambda n: taken.append(n) or n, setup=setup, rounds=3)
    assert result == 2
    assert taken == [0, 1, 2]


def test_target_raises(benchmark):
    benchmark(double, None)


def test_assertion_fails(benchmark):
    assert benchmark(double, 1) == 3


@pytest.fixture
def broken():
    raise RuntimeError("no database")


def test_setup_fails(broken, benchmark):
    benchmark(double, 1)


def test_skipped(benchmark):
    pytest.skip("not on this machine")


def test_never_calls(benchmark):
    pass


@pytest.mark.benchmark
def test_marker_only():
    double(2)


@pytest.fixture
def numbers():
    return iter([1, 2])


@pytest.mark.benchmark
def test_uses_up(numbers):
    assert sum(numbers) == 3


def test_no_benchmark():
    assert double(1) == 2
