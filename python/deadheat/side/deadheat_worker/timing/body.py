"""A benchmark that its test has reached: the calls of one sample, and the number of samples that it may run."""

from __future__ import annotations

import gc
import itertools

from deadheat_worker.timing import layout
from deadheat_worker.timing.loops import WallClock, within

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from typing import Any

    from deadheat_worker.interfaces import Clock, Measure, MeasureAwaits


class Prescription:
    """How a suite wants its benchmark run; by default, as the driver chooses.

    A round is a sample if the suite prescribes the `iterations` of one, and a single call otherwise. `warmup_rounds`
    come before anything is timed, and end after `warmup_seconds`. `least_rounds` are wanted in all; those that the
    driver does not time end after `rest_seconds`. More than `most_rounds` must not run. `own_clock` is the suite's.
    """

    __slots__ = (
        "disable_gc",
        "iterations",
        "least_rounds",
        "most_rounds",
        "own_clock",
        "rest_seconds",
        "warmup_rounds",
        "warmup_seconds",
    )

    def __init__(
        self,
        *,
        warmup_rounds: int = 0,
        warmup_seconds: float | None = None,
        least_rounds: int = 0,
        rest_seconds: float | None = None,
        most_rounds: int | None = None,
        iterations: int | None = None,
        disable_gc: bool = False,
        own_clock: Clock | None = None,
    ) -> None:
        self.warmup_rounds = warmup_rounds
        self.warmup_seconds = warmup_seconds
        self.least_rounds = least_rounds
        self.rest_seconds = rest_seconds
        self.most_rounds = most_rounds
        self.iterations = iterations
        self.disable_gc = disable_gc
        self.own_clock = own_clock


class Timed:
    """The shared part of `Body` and `AsyncBody`: all but the calls themselves."""

    def __init__(self, prescription: Prescription | None = None) -> None:
        self._prescription = prescription or Prescription()
        self._taken_rounds = 0
        self.own_clock = self._prescription.own_clock
        self.iterations = self._prescription.iterations
        self.most_rounds = self._prescription.most_rounds
        self.result: Any = None
        # The seconds per call of each sample.
        self.samples: list[float] = []

    @property
    def is_prescribed(self) -> bool:
        """Whether the suite prescribes how its calls are made or timed."""
        prescribed = (self.iterations, self.most_rounds, self.own_clock)
        return self._prescription.disable_gc or any(value is not None for value in prescribed)

    def _warmups(self) -> Iterable[int]:
        """Return the rounds of the prescribed warm-up, after collecting the garbage of the set-up.

        The collector stays on unless the suite says otherwise: the garbage that the benchmark makes is its own cost.
        """
        gc.collect()
        is_within = within(self._prescription.warmup_seconds)
        return itertools.takewhile(is_within, range(self._prescription.warmup_rounds))

    def _rest(self) -> Iterator[None]:
        """Yield for each round that the suite still expects; at least one runs in all, for its result."""
        is_within = within(self._prescription.rest_seconds)
        while self._taken_rounds < 1 or (self._taken_rounds < self._prescription.least_rounds and is_within()):
            yield

    def _iterations_for(self, asked: int) -> int:
        if self.most_rounds is not None and self._taken_rounds >= self.most_rounds:
            raise RuntimeError("more samples were asked for than this benchmark may run")
        return self.iterations or asked

    def _count(self, elapsed_ns: int, iterations: int) -> tuple[int, int]:
        self._taken_rounds += 1 if self.iterations else iterations
        self.samples.append(elapsed_ns / iterations / 1e9)
        return elapsed_ns, iterations


class Body(Timed):
    """The timed part of a test. `measure` runs and times calls."""

    def __init__(self, measure: Measure, prescription: Prescription | None = None) -> None:
        super().__init__(prescription)
        self._measure = measure

    def start(self) -> None:
        """Run the prescribed warm-up."""
        for _ in self._warmups():
            self._measure(self.iterations or 1, 0, WallClock)

    def sample(self, iterations: int, warmup: int = 0, clock: Clock = WallClock) -> tuple[int, int]:
        """Run and time one sample; return its nanoseconds and the number of calls that were timed."""
        iterations = self._iterations_for(iterations)
        call = layout.of_process().draw_for_sample()
        with _collector_off(self._prescription.disable_gc):
            elapsed_ns, self.result = call(self._measure, iterations, warmup, clock)
        return self._count(elapsed_ns, iterations)

    def finish(self) -> Any:
        """Run the rounds that the suite still expects, and return the target's last result."""
        for _ in self._rest():
            self.sample(1, clock=self.own_clock or WallClock)
        return self.result


class AsyncBody(Timed):
    """A `Body` inside a running event loop: `measure` makes a coroutine, which is awaited there."""

    def __init__(self, measure: MeasureAwaits, prescription: Prescription | None = None) -> None:
        super().__init__(prescription)
        self._measure = measure

    async def start(self) -> None:
        for _ in self._warmups():
            await self._measure(self.iterations or 1, 0, WallClock)

    async def sample(self, iterations: int, warmup: int = 0, clock: Clock = WallClock) -> tuple[int, int]:
        iterations = self._iterations_for(iterations)
        call = layout.of_process().draw_for_sample()
        with _collector_off(self._prescription.disable_gc):
            elapsed_ns, self.result = await call(self._measure, iterations, warmup, clock)
        return self._count(elapsed_ns, iterations)

    async def finish(self) -> Any:
        for _ in self._rest():
            await self.sample(1, clock=self.own_clock or WallClock)
        return self.result


class _collector_off:
    def __init__(self, is_wanted: bool) -> None:
        self._is_wanted = is_wanted and gc.isenabled()

    def __enter__(self) -> None:
        if self._is_wanted:
            gc.disable()

    def __exit__(self, *_: object) -> None:
        if self._is_wanted:
            gc.enable()
