"""The program on which the cost of watching is measured: it runs once watched and once not.

Programs make calls in rows and in trees, and a processor predicts a row better, so this has both.
"""

import itertools


def leaf(value: object) -> object:
    return value


def tree(depth: int) -> None:
    if depth:
        tree(depth - 1)
        leaf(depth)
        tree(depth - 1)


def program() -> None:
    for _ in itertools.repeat(None, 300):
        leaf(None)
    tree(7)
