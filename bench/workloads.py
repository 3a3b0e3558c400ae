"""The workloads of `bench/tracing.py`, which runs them watched and not watched."""


def tiny():
    return 1


def many(n):
    total = 0
    for _ in range(n):
        total += tiny()
    return total


def fib(n):
    return n if n < 2 else fib(n - 1) + fib(n - 2)


def not_watched():
    return 1


def raises():
    raise ValueError


def raise_and_catch(n):
    for _ in range(n):
        try:
            raises()
        except ValueError:
            continue
