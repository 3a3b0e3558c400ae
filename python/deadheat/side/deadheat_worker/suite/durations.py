"""An ordinary run of the tests and nothing else: how each test ended, and how long it took."""

from __future__ import annotations

import contextlib
import os

import pytest

from deadheat_worker.suite.neutral import NeutralPlugin
from deadheat_worker.suite.words import words_of_failure, words_of_skip

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Generator
    from typing import Any

    from deadheat_worker.interfaces import AwaitedBody, Body, Prescribed
    from deadheat_worker.watching.survey import Survey
    from deadheat_worker.wire.messages import Outcome, TestOutcome, Told

PASSED, FAILED, SKIPPED = "passed", "failed", "skipped"


class Once:
    """Lets a benchmark among the tests call its function once, or as often as the suite prescribes.

    `survey` also watches these calls, if it watches the test.
    """

    def __init__(self, survey: Survey | None) -> None:
        self._survey = survey
        self.is_watched = False

    def hold(self, body: Body) -> Any:
        with self._as_clock_of(body):
            return body.finish()

    async def hold_awaiting(self, body: AwaitedBody) -> Any:
        with self._as_clock_of(body):
            return await body.finish()

    @contextlib.contextmanager
    def _as_clock_of(self, body: Prescribed) -> Generator[None]:
        """Make the survey the clock: a sample turns every profiler off but the one that is its clock."""
        if self._survey is None or not self.is_watched:
            yield
            return
        self._survey.stop()
        body.own_clock = self._survey
        try:
            yield
        finally:
            self._survey.start()


class DurationsPlugin(NeutralPlugin):
    """Records the tests. `survey` watches the calls of the tests in `profiled`; if it is None, nothing is watched."""

    def __init__(self, survey: Survey | None, profiled: frozenset[str]) -> None:
        self._once = Once(survey)
        super().__init__(self._once)
        self._survey = survey
        self._profiled = profiled
        self._tests: dict[str, Outcome] = {}
        # pytest redirects the descriptor while a test runs.
        self._log = os.dup(2)
        self.errors: list[Told] = []

    def tests(self) -> list[TestOutcome]:
        """Return one dict for each test, in the order in which they ran."""
        return [{"node": node, **test} for node, test in self._tests.items()]

    @pytest.hookimpl(tryfirst=True)
    def pytest_cmdline_main(self, config: pytest.Config) -> None:
        super().pytest_cmdline_main(config)
        if hasattr(config.option, "randomly_reorganize"):
            config.option.randomly_reorganize = False

    def pytest_collectreport(self, report: pytest.CollectReport) -> None:
        if report.failed:
            self.errors.append((report.nodeid, words_of_failure(report.longrepr)))

    def pytest_runtest_logstart(self, nodeid: str) -> None:
        # In case the process does not survive the test.
        os.write(self._log, f"\nrunning {nodeid}\n".encode(errors="backslashreplace"))

    @pytest.hookimpl(hookwrapper=True, trylast=True)
    def pytest_runtest_call(self, item: pytest.Item) -> Generator[None]:
        if self._survey is None or item.nodeid not in self._profiled or not self._starts(self._survey):
            yield
            return
        self._once.is_watched = True
        try:
            yield
        finally:
            self._once.is_watched = False
            self._survey.stop()

    def _starts(self, survey: Survey) -> bool:
        try:
            survey.start()
        except ValueError:
            # From CPython 3.12 on only one profiler can run at a time, and an earlier test left its own running.
            return False
        return True

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        test = self._tests.setdefault(report.nodeid, {"outcome": PASSED, "duration_ns": 0, "message": ""})
        if not hasattr(report, "context"):
            # A subtest's time is part of its test's.
            test["duration_ns"] += round(report.duration * 1e9)
        if report.failed and test["outcome"] != FAILED:
            test["outcome"], test["message"] = FAILED, words_of_failure(report.longrepr)
        elif report.skipped and test["outcome"] == PASSED:
            reason = getattr(report, "wasxfail", None)
            words = words_of_skip(report.longrepr) if reason is None else f"expected to fail: {reason}"
            test["outcome"], test["message"] = SKIPPED, words
