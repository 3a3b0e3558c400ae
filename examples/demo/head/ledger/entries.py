"""Sums over the entries of a ledger; an entry is (day, currency, cents)."""

RATES = {"EUR": 100, "USD": 92, "GBP": 117, "JPY": 1}


def rate_of(currency):
    for name, rate in RATES.items():
        if name == currency:
            return rate
    raise KeyError(currency)


def total(entries):
    cents = 0
    rates = {currency: rate_of(currency) for currency in RATES}
    for _, currency, amount in entries:
        cents += amount * rates[currency]
    return cents // 100


def balance(entries):
    # Both in one pass.
    cents = 0
    lowest = 0
    for _, _, amount in entries:
        cents += amount
        if cents < lowest:
            lowest = cents
    return cents, lowest


def render(entries):
    lines = []
    for day, currency, amount in entries:
        width = len(f"{day:>3} {currency} {amount:>8}")
        lines.append(f"{day:>3} {currency} {amount:>8}".ljust(width))
    return lines


def monthly(entries):
    months = [0] * 12
    for day, _, amount in entries:
        months[day // 31] += amount
    return months
