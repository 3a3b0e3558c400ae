import pytest
from pkg.core import work

NESTED = None
for _ in range(100):
    NESTED = {"nested": NESTED}
SHARED = []
for _ in range(40):
    SHARED = [SHARED, SHARED]
RESULTS = {
    "large": list(range(100_000)),
    "nested": NESTED,
    "shared": SHARED,
    "texts": ["x" * 90_000] * 800,
}


class Exits:
    def __repr__(self):
        raise SystemExit(3)


RESULTS["exits"] = Exits()


@pytest.mark.parametrize("name", RESULTS)
def test_result(benchmark, name):
    benchmark(lambda: (work(2), RESULTS[name])[1])
