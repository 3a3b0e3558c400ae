import pytest
from pkg.core import work


@pytest.mark.benchmark(loops=3)
def test_keyword(benchmark):
    benchmark(work, 100)


@pytest.mark.benchmark("fast")
def test_positional(benchmark):
    benchmark(work, 100)


def test_other(benchmark):
    benchmark(work, 100)
