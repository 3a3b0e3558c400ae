"""A benchmark that its test has reached: the calls of one sample, and the number of samples that it may run."""

import gc
import itertools

from deadheat_worker import layout
from deadheat_worker.timing import WallClock, within


class Body:
    """The timed part of a test.

    `measure(iterations, warmup, clock)` runs a sample and returns its nanoseconds and the last result. `iterations` is
    set if the suite prescribes the calls of a sample; `at_least` and `at_most` count its rounds. `warmup` is the number
    of rounds that the suite wants before anything is timed, and `warmup_seconds` their time limit. `rest_seconds` is
    the time limit for rounds that the driver does not time. `own_clock` is the suite's, if it prescribes one.
    """

    def __init__(
        self,
        measure,
        warmup=0,
        warmup_seconds=None,
        at_least=0,
        rest_seconds=None,
        at_most=None,
        iterations=None,
        disable_gc=False,
        own_clock=None,
    ):
        self._measure = measure
        self._warmup = warmup
        self._warmup_seconds = warmup_seconds
        self._at_least = at_least
        self._rest_seconds = rest_seconds
        self._taken = 0
        self._disable_gc = disable_gc
        self.own_clock = own_clock
        self.result = None
        self.at_most = at_most
        self.iterations = iterations
        self.samples = []

    @property
    def is_prescribed(self):
        """Whether the suite prescribes how its calls are made or timed."""
        prescribed = (self.iterations, self.at_most, self.own_clock)
        return self._disable_gc or any(value is not None for value in prescribed)

    def start(self):
        """Collect the garbage of the set-up and run the prescribed warm-up, before anything is timed.

        The collector stays on unless the suite says otherwise: the garbage that the benchmark makes is its own cost.
        """
        gc.collect()
        for _ in self._warmups():
            self._measure(self.iterations or 1, 0, WallClock)

    def sample(self, iterations, warmup=0, clock=WallClock):
        """Run and time one sample; return its nanoseconds and the number of calls that were timed."""
        iterations = self._iterations(iterations)
        call = layout.of_process().draw_for_sample()
        with _collector_off(self._disable_gc):
            elapsed, self.result = call(self._measure, iterations, warmup, clock)
        return self._count(elapsed, iterations)

    def finish(self):
        """Run the rounds that the suite still expects, and return the target's last result."""
        for _ in self._rest():
            self.sample(1, clock=self.own_clock or WallClock)
        return self.result

    def _warmups(self):
        return itertools.takewhile(within(self._warmup_seconds), range(self._warmup))

    def _rest(self):
        """Yield for each round that the suite still expects; at least one runs in all, for its result."""
        is_within = within(self._rest_seconds)
        while self._taken < 1 or (self._taken < self._at_least and is_within()):
            yield

    def _iterations(self, asked):
        if self.at_most is not None and self._taken >= self.at_most:
            raise RuntimeError("more samples were asked for than this benchmark may run")
        return self.iterations or asked

    def _count(self, elapsed, iterations):
        # A round is a sample if the suite prescribes the calls of one, and a single call otherwise.
        self._taken += 1 if self.iterations else iterations
        self.samples.append(elapsed / iterations / 1e9)
        return elapsed, iterations


class AsyncBody(Body):
    """A `Body` inside a running event loop: `measure` makes a coroutine, which is awaited there."""

    async def start(self):
        gc.collect()
        for _ in self._warmups():
            await self._measure(self.iterations or 1, 0, WallClock)

    async def sample(self, iterations, warmup=0, clock=WallClock):
        iterations = self._iterations(iterations)
        call = layout.of_process().draw_for_sample()
        with _collector_off(self._disable_gc):
            elapsed, self.result = await call(self._measure, iterations, warmup, clock)
        return self._count(elapsed, iterations)

    async def finish(self):
        for _ in self._rest():
            await self.sample(1, clock=self.own_clock or WallClock)
        return self.result


class _collector_off:
    def __init__(self, wanted):
        self._wanted = wanted and gc.isenabled()

    def __enter__(self):
        if self._wanted:
            gc.disable()

    def __exit__(self, *_):
        if self._wanted:
            gc.enable()
