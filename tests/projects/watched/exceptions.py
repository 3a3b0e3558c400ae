class Error(Exception):
    pass


def raising(n):
    if n == 0:
        raise Error
    return raising(n - 1)


def catching():
    try:
        raising(3)
    except Error:
        return between()


def between():
    try:
        raising(0)
    except Error:
        pass
    finally:
        after()


def after():
    pass


def not_a_target(n):
    if n == 0:
        raising(0)
    not_a_target(n - 1)


def deep(n):
    return deep(n + 1)


def main():
    for _ in range(10):
        catching()
        try:
            not_a_target(5)
        except Error:
            pass
    try:
        deep(0)
    except RecursionError:
        pass
    with_exit()


def with_exit():
    try:
        leaves()
    except SystemExit:
        pass


def leaves():
    raise SystemExit(3)
