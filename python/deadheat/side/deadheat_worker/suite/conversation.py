"""Answers the driver's requests: collects, enters a benchmark, times samples, leaves.

The worker waits in two places: the run loop (outside any benchmark) and `holding` (in a test's call of the fixture).
"""

from __future__ import annotations

import contextlib
import inspect
import os

import pytest

from deadheat_worker.suite import pytest_internals
from deadheat_worker.suite.settings import has_own_fixtures, is_marker_only, uses_fixture
from deadheat_worker.suite.words import words_of_failure, words_of_skip
from deadheat_worker.wire import protocol
from deadheat_worker.wire.channel import sayable
from deadheat_worker.wire.holding import NOT_RUN, Holding

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence
    from contextlib import AbstractContextManager
    from typing import Any

    from deadheat_worker.imports import ProjectImports
    from deadheat_worker.interfaces import AwaitedBody, Body
    from deadheat_worker.suite.plain_test import PlainTest
    from deadheat_worker.watching.tracing import Reach
    from deadheat_worker.wire.channel import Channel
    from deadheat_worker.wire.messages import Told, Trace

RETURNS_NOTHING = {"kind": "not_comparable", "reason": "a test returns nothing"}


class Conversation(Holding):
    """One worker's side of the protocol, from the collection to the end."""

    def __init__(self, channel: Channel, imports: ProjectImports) -> None:
        super().__init__(channel, imports)
        self._reports: list[pytest.TestReport] = []
        self.collection_errors: list[Told] = []
        self.collection_skips: list[Told] = []
        self.deselected = 0
        self.reached_run_loop = False
        self.plain_test: PlainTest | None = None
        self._reach: Reach | None = None

    def start_tracing(self, request: Trace) -> None:
        """Watch functions from now on, before any of the project's code is imported."""
        # Imported only here: a process that is timed loads none of this.
        from deadheat_worker.watching.memory import Memory
        from deadheat_worker.watching.survey import Survey
        from deadheat_worker.watching.tracing import CannotTrace, Reach, Tracing

        try:
            if request["purpose"] == protocol.PURPOSE_SURVEY:
                self.watch = Survey(self._imports.path_in_worktree)
            elif request["purpose"] == protocol.PURPOSE_MEMORY:
                # The run's own folder, which is removed however the run ends.
                self.watch = Memory(os.path.dirname(self._imports.worktree))
            else:
                functions = request["functions"]
                self.watch = Tracing(request["extension"], functions, self._imports.path_in_worktree)
                if request["purpose"] == protocol.PURPOSE_REACH:
                    self._reach = Reach(self.watch)
        except CannotTrace as error:
            self.reply(protocol.tracing(str(error)))
            return
        self.reply(protocol.tracing(None))

    def on_account_of(self, node: str) -> AbstractContextManager[None]:
        """Attribute what runs inside to the tests of this node, if the driver asked for that."""
        return self._reach.on_account_of(node) if self._reach is not None else contextlib.nullcontext()

    def hold(self, body: Body) -> Any:
        self._watch_samples(body)
        return super().hold(body)

    async def hold_awaiting(self, body: AwaitedBody) -> Any:
        self._watch_samples(body)
        return await super().hold_awaiting(body)

    def _watch_samples(self, body: Body | AwaitedBody) -> None:
        """Separate what samples run from what the test runs before and after, if the driver asked for that."""
        reach = self._reach
        if reach is None:
            return
        sample: Any = body.sample

        def watched(*request: Any, **keywords: Any) -> Any:
            with reach.in_sample():
                return sample(*request, **keywords)

        async def watched_awaiting(*request: Any, **keywords: Any) -> Any:
            with reach.in_sample():
                return await sample(*request, **keywords)

        own: Any = watched_awaiting if inspect.iscoroutinefunction(sample) else watched
        body.sample = own  # type: ignore[method-assign]

    def add_report(self, report: pytest.TestReport) -> None:
        """Keep pytest's report of one phase of the test that is running."""
        self._reports.append(report)

    def run_loop(self, items: Sequence[pytest.Item], as_tests: bool = False) -> None:
        """Serve requests after the collection until the driver says stop; `as_tests`: time every test as a whole."""
        self.reached_run_loop = True
        if self._reach is not None:
            self._reach.is_collecting = False
        by_id: dict[str, pytest.Item] = {}
        for item in items:
            by_id.setdefault(self._id_of(item), item)
        foreign, _ = self._imports.foreign_modules()
        self.set_up_for_good()
        self.reply(
            protocol.collected(list(by_id), self.collection_errors, self.collection_skips, self.deselected, foreign)
        )
        while True:
            request = self.receive()
            kind = protocol.kind_of(request)
            if kind == protocol.STOP:
                return
            if kind == protocol.REACH and self._reach is not None:
                self.reply(protocol.reached(self._reach.take()))
                continue
            if kind in (protocol.OBSERVE, protocol.READERS):
                self.reply(self.look_at_namespaces(request))
                continue
            protocol.expect(request, protocol.ENTER)
            item = by_id[request["benchmark"]]
            following = request.get("next")
            # A test that uses the fixture is a benchmark, whatever its name.
            is_plain = as_tests and not uses_fixture(item)
            is_set_up_once = not is_plain and not request["set_up_each_call"]
            self.can_set_up_each_call = is_set_up_once and is_marker_only(item) and has_own_fixtures(item)
            following = by_id[following] if following is not None else None
            with self.on_account_of(self._id_of(item)):
                if is_set_up_once:
                    self._run_test(item, following)
                else:
                    self._run_plain_test(item, following, has_run_before=not is_plain)

    def _id_of(self, item: pytest.Item) -> str:
        """Return a test's id for the driver: the same on both sides, also if a parameter is a path in the worktree."""
        return sayable(self._imports.without_worktree(item.nodeid))

    def _run_test(self, item: pytest.Item, following: pytest.Item | None) -> None:
        self._reports = []
        self._output = NOT_RUN
        try:
            item.ihook.pytest_runtest_protocol(item=item, nextitem=following)
        except (KeyboardInterrupt, pytest.exit.Exception) as error:
            # For pytest they end the whole session; here they end this test alone.
            pytest_internals.tear_down_before(item, following)
            if self._unanswered is not None:
                self._reply_failed("call", self.words_of(error))
        if self._unanswered is None:
            # A sample failed and was answered; the driver has left already.
            return
        foreign, own = self._imports.foreign_modules()
        for report in self._reports:
            if report.failed:
                self.reply(protocol.failed(report.when, words_of_failure(report.longrepr), foreign))
                return
        if self._unanswered == protocol.LEAVE:
            self.reply(protocol.left(foreign, own, self._output))
            return
        reasons = [report.longrepr for report in self._reports if report.skipped]
        if reasons:
            self._reply_skipped(reasons[0])
        else:
            self.reply(protocol.skipped("the test ended without calling the benchmark fixture"))

    def _run_plain_test(self, item: pytest.Item, following: pytest.Item | None, has_run_before: bool) -> None:
        from deadheat_worker.suite.plain_test import PlainTest, TestFailed, TestSkipped

        # A benchmark by its marker may return something.
        self._output = NOT_RUN if has_run_before else RETURNS_NOTHING
        self.plain_test = PlainTest(item, has_run_before)
        try:
            self.hold(self.plain_test)
        except TestFailed as failure:
            # A failure in a sample was answered already.
            if self._unanswered is not None:
                self._reply_failed(failure.phase, str(failure))
        except TestSkipped as skip:
            if self._unanswered is not None:
                self._reply_skipped(skip.reason)
        finally:
            self.plain_test = None
        try:
            pytest_internals.tear_down_before(item, following)
        except BaseException as error:
            if self._unanswered is not None:
                self._reply_failed("teardown", self.words_of(error))
        if self._unanswered is not None:
            foreign, own = self._imports.foreign_modules()
            self.reply(protocol.left(foreign, own, self._output))

    def _reply_skipped(self, reason: object) -> None:
        self.reply(protocol.skipped(words_of_skip(reason)))
