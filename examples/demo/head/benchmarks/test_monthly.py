from ledger.entries import monthly
from test_ledger import ENTRIES


def test_monthly(benchmark):
    assert len(benchmark(monthly, ENTRIES)) == 12
