"""An ordinary test that is timed as a whole."""

from __future__ import annotations

import copy

from deadheat_worker.suite import pytest_internals
from deadheat_worker.suite.words import words_of_failure
from deadheat_worker.timing import layout
from deadheat_worker.timing.loops import WallClock, calls_of

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any

    import pytest

    from deadheat_worker.interfaces import Clock


class TestFailed(Exception):
    """Raised with pytest's message and the phase that failed."""

    def __init__(self, report: pytest.TestReport) -> None:
        super().__init__(words_of_failure(report.longrepr))
        self.phase = report.when


class TestSkipped(Exception):
    """Raised with the reason from pytest's report."""

    def __init__(self, reason: object) -> None:
        super().__init__(reason)
        self.reason = reason


class PlainTest:
    """A test in the role of `body.Body`: each iteration is a full set-up, call and teardown of the test.

    Fixtures of wider scopes are set up once. Only the call is timed. `has_run_before`: no first run has to show that
    the test neither fails nor skips itself.
    """

    iterations = None
    most_rounds = None
    own_clock: Clock | None = None
    is_prescribed = False

    def __init__(self, item: pytest.Item, has_run_before: bool) -> None:
        self.item = item
        self._has_run_before = has_run_before
        self._clock: Clock = WallClock
        self._elapsed_ns: int | None = None
        self.result: Any = None
        self._has_run = False
        # pytest tears down the set-up that the next test does not share. A copy shares all but the test's own set-up.
        self._next = copy.copy(item)

    def start(self) -> None:
        if not self._has_run_before:
            self._run(WallClock)

    def sample(self, iterations: int, warmup: int = 0, clock: Clock = WallClock) -> tuple[int, int]:
        self._has_run = True
        for _ in range(warmup):
            self._run(WallClock)
        return sum(self._run(clock) for _ in range(iterations)), iterations

    def finish(self) -> Any:
        # Like any other test, it runs at least once.
        if not self._has_run:
            self.sample(1)
        return self.result

    def call(self, function: Callable[..., Any], **arguments: Any) -> Any:
        """Time the test's function; called in its place."""
        call = layout.of_process().draw_for_sample()
        self._elapsed_ns, self.result = call(calls_of(function, (), arguments), 1, 0, self._clock)
        return self.result

    def _run(self, clock: Clock) -> int:
        self._clock, self._elapsed_ns = clock, None
        for report in pytest_internals.run_phases(self.item, self._next):
            if report.failed:
                raise TestFailed(report)
            if report.skipped:
                raise TestSkipped(report.longrepr)
        if self._elapsed_ns is None:
            raise TestSkipped("a plugin runs this test in a way that cannot be timed")
        return self._elapsed_ns
