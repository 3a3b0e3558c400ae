from ledger.account import Account
from ledger.entries import balance, render, total

CURRENCIES = ("EUR", "USD", "GBP", "JPY")
ENTRIES = [(day % 365, CURRENCIES[day % 4], day * 37 % 1000 - 450) for day in range(1000)]


def test_total(benchmark):
    assert benchmark(total, ENTRIES) != 0


def test_render(benchmark):
    assert len(benchmark(render, ENTRIES[:200])) == 200


def test_balance(benchmark):
    assert benchmark(balance, ENTRIES)[1] <= 0


def test_post(benchmark):
    def post_all():
        account = Account()
        for _, _, amount in ENTRIES[:120]:
            account.post(amount)
        return account.highest

    assert benchmark(post_all) >= 0
