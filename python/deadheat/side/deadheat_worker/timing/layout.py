"""Draws the memory layout: once in every process, and in part before every sample.

The same code is a few percent faster or slower depending on where its objects, its frames and its data happen to be in
memory. Two versions of a program differ in layout even where their code does not, and every process of a version would
have the same one: a difference that no number of processes averages out. Drawn at random, it is noise between them
(docs/statistics.md, "Memory layout").
"""

from __future__ import annotations

import functools
import os
import random

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Protocol, TypeVar

    T = TypeVar("T")

    class Call(Protocol):
        """Calls its first argument with the others."""

        def __call__(self, function: Callable[..., T], /, *arguments: object) -> T: ...


# The interpreter's own allocator serves sizes up to 512 bytes, the C library's those above.
_SMALL = (1, 480)
_LARGE = (512, 16_384)
_MOST_STACK = 512


class Layout:
    """One process's layout. It is not seeded: the system also draws addresses at random."""

    def __init__(self) -> None:
        self._random = random.Random(os.urandom(16))
        self._kept: list[bytes] = []
        self._before_sample: list[bytes] = []
        self._frames = [_call_with_stack(self._random.randrange(_MOST_STACK)) for _ in range(32)]

    def draw_for_imports(self) -> None:
        """Leave holes and blocks of random sizes for what the project's imports allocate."""
        self._kept += self._blocks(self._random.randrange(200, 20_000), _SMALL)
        self._kept += self._blocks(self._random.randrange(200), _LARGE)

    def draw_for_sample(self) -> Call:
        """Do the same on a small scale; return a function that calls another one from a frame of random size."""
        self._before_sample = self._blocks(self._random.randrange(1, 400), _SMALL)
        return self._random.choice(self._frames)

    def _blocks(self, count: int, sizes: tuple[int, int]) -> list[bytes]:
        """Return blocks of random sizes; about as many have been freed again."""
        low, high = sizes
        numbers = self._random.random
        width = high - low
        blocks = [bytes(low + int(width * numbers())) for _ in range(count)]
        return [block for block in blocks if numbers() < 0.5]


@functools.cache
def of_process() -> Layout:
    """Return this process's layout, drawn on first use: after a fork, not before."""
    return Layout()


def _call_with_stack(entries: int) -> Call:
    """Return a function that calls its argument, with a frame longer by this many entries of eight bytes."""

    def call(function: Callable[..., T], *arguments: object) -> T:
        return function(*arguments)

    code = call.__code__
    call.__code__ = code.replace(co_stacksize=code.co_stacksize + entries)
    return call
