"""Answers the driver's requests: collects, enters a benchmark, times samples, leaves.

The two places where the worker waits are the run loop (outside any benchmark) and `hold` (a test stands inside its
call of the fixture). Every request gets exactly one reply.
"""

import contextlib
import gc
import os
import resource
import time

import pytest

from deadheat_worker import protocol
from deadheat_worker.settings import uses_fixture
from deadheat_worker.timing import ProcessorClock, WallClock

NOT_RUN = {"kind": "not_comparable", "reason": "it was not run"}
LATER = {"kind": "not_comparable", "reason": "the benchmark was not left as it should be"}
CLOCKS = {"wall": WallClock, "processor": ProcessorClock}


class Conversation:
    """One worker's side of the protocol, from the collection to the end."""

    def __init__(self, channel, imports):
        self._channel = channel
        self._imports = imports
        self._unanswered = None
        self._cpu_at_reply = 0
        self._reports = []
        self._output = NOT_RUN
        self._large_result = None
        self.collection_errors = []
        self.collection_skips = []
        self.deselected = 0
        self.reached_run_loop = False
        self.watch = None
        self.plain_test = None
        self._reach = None

    def receive(self):
        request = self._channel.receive()
        self._unanswered = protocol.kind_of(request)
        return request

    def reply(self, message):
        self._unanswered = None
        self._channel.send(message)
        self._cpu_at_reply = time.process_time_ns()

    def start_tracing(self, request):
        """Watch functions from now on, before anything of the project is imported."""
        # Only here: a process that is timed loads nothing of this.
        from deadheat_worker.memory import Memory
        from deadheat_worker.survey import Survey
        from deadheat_worker.tracing import CannotTrace, Reach, Tracing

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

    def on_account_of(self, node):
        """What runs inside runs for the tests of this node, where somebody wants to know."""
        return self._reach.on_account_of(node) if self._reach is not None else contextlib.nullcontext()

    def is_asked_to_stop(self):
        """Whether the session ended because the driver wanted it to."""
        return self._unanswered == protocol.STOP

    def add_report(self, report):
        """Keep pytest's report of one phase of the test that is running."""
        self._reports.append(report)

    def run_loop(self, items, as_tests=False):
        """Serve requests after the collection until the driver says stop; `as_tests`: every test is timed as it is."""
        self.reached_run_loop = True
        if self._reach is not None:
            self._reach.is_collecting = False
        by_id = {}
        for item in items:
            by_id.setdefault(item.nodeid, item)
        foreign, _ = self._imports.foreign_modules()
        # What pytest and the imports made stays for good; collections inside a sample need not look through it.
        gc.collect()
        gc.freeze()
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
            protocol.expect(request, protocol.ENTER)
            item = by_id[request["benchmark"]]
            following = request.get("next")
            # A test that uses the fixture is a benchmark, whatever it is called.
            run = self._run_plain_test if as_tests and not uses_fixture(item) else self._run_test
            with self.on_account_of(item.nodeid):
                run(item, by_id[following] if following is not None else None)

    def _run_test(self, item, following):
        self._reports = []
        self._output = NOT_RUN
        try:
            item.ihook.pytest_runtest_protocol(item=item, nextitem=following)
        except (KeyboardInterrupt, pytest.exit.Exception) as error:
            # For pytest they end the whole session; here they end this test alone.
            item.session._setupstate.teardown_exact(following)
            if self._unanswered is not None:
                self._reply_failed("call", _words_of(error))
        if self._unanswered is None:
            # A sample failed and was answered; the driver has left already.
            return
        foreign, own = self._imports.foreign_modules()
        for report in self._reports:
            if report.failed:
                self.reply(protocol.failed(report.when, str(report.longrepr), foreign))
                return
        if self._unanswered == protocol.LEAVE:
            self.reply(protocol.left(foreign, own, self._output))
            return
        reasons = [report.longrepr for report in self._reports if report.skipped]
        if reasons:
            self._reply_skipped(reasons[0])
        else:
            self.reply(protocol.skipped("the test ended without calling the benchmark fixture"))

    def _run_plain_test(self, item, following):
        from deadheat_worker.plain_test import PlainTest, TestFailed, TestSkipped

        self._output = {"kind": "not_comparable", "reason": "a test returns nothing"}
        self.plain_test = PlainTest(item)
        try:
            self.hold(self.plain_test)
        except TestFailed as failure:
            # One that failed in a sample was answered.
            if self._unanswered is not None:
                self._reply_failed(failure.phase, str(failure))
        except TestSkipped as skip:
            if self._unanswered is not None:
                self._reply_skipped(skip.reason)
        finally:
            self.plain_test = None
        try:
            item.session._setupstate.teardown_exact(following)
        except BaseException as error:
            if self._unanswered is not None:
                self._reply_failed("teardown", _words_of(error))
        if self._unanswered is not None:
            foreign, own = self._imports.foreign_modules()
            self.reply(protocol.left(foreign, own, self._output))

    def hold(self, body):
        """Stand inside a benchmark until the driver leaves; return the target's result."""
        self._check_entered()
        # What the start raises is the test's own failure, answered when the test has ended.
        body.start()
        requests = self._requests_for_samples(body)
        request = next(requests, None)
        while request is not None:
            try:
                taken = body.sample(*request)
            except BaseException as error:
                self._reply_failed("call", _words_of(error))
                raise
            request = _next_after(requests, taken)
        return body.finish()

    async def hold_awaiting(self, body):
        """`hold` inside a running event loop, which stands still but for the samples."""
        self._check_entered()
        await body.start()
        requests = self._requests_for_samples(body)
        request = next(requests, None)
        while request is not None:
            try:
                taken = await body.sample(*request)
            except BaseException as error:
                self._reply_failed("call", _words_of(error))
                raise
            request = _next_after(requests, taken)
        return await body.finish()

    def _check_entered(self):
        if self._unanswered != protocol.ENTER:
            raise protocol.ProtocolError("a benchmark was started outside the driver's control")

    def _requests_for_samples(self, body):
        """The arguments of `body.sample`, one request after another; what each returned is sent back in."""
        self.reply(protocol.entered(body.iterations, body.at_most, body.own_clock is not None))
        while True:
            request = self.receive()
            idle_cpu = time.process_time_ns() - self._cpu_at_reply
            if protocol.kind_of(request) == protocol.LEAVE:
                self._carry_over_the_rest()
                return
            if protocol.kind_of(request) == protocol.PROFILE and self.watch is not None:
                clock = self.watch
                clock.prepare()
            else:
                protocol.expect(request, protocol.RUN)
                clock = body.own_clock or CLOCKS[request["clock"]]
            waits = _waits()
            elapsed, iterations = yield request["iterations"], request["warmup"], clock
            if self._output is NOT_RUN:
                self._carry_over(body.result)
            if clock is self.watch:
                self.reply(clock.reply(elapsed, iterations))
            else:
                self.reply(protocol.sample(elapsed, iterations, idle_cpu, _waits() - waits))

    def _carry_over(self, result):
        """At once, where that takes no time: what the next samples do may change the very same value."""
        # Not before: what it needs takes a while to import.
        from deadheat_worker.outputs import AT_ONCE, TooLarge, carry_over

        try:
            self._output = carry_over(result, self._imports.worktree, AT_ONCE)
        except TooLarge:
            # The driver takes the time until the reply for the sample's own.
            self._output = LATER
            self._large_result = result

    def _carry_over_the_rest(self):
        """When nothing is timed any more."""
        if self._output is LATER:
            from deadheat_worker.outputs import carry_over

            self._output = carry_over(self._large_result, self._imports.worktree)
        self._large_result = None

    def _reply_failed(self, phase, message):
        foreign, _ = self._imports.foreign_modules()
        self.reply(protocol.failed(phase, message, foreign))

    def _reply_skipped(self, reason):
        self.reply(protocol.skipped(words_of_skip(reason)))


def _next_after(requests, taken):
    try:
        return requests.send(taken)
    except StopIteration:
        return None


def words_of_skip(reason):
    """pytest gives (file, line, text) for a skip."""
    return str(reason[2]) if isinstance(reason, tuple) else str(reason)


def _words_of(error):
    return f"{type(error).__name__}: {error}"


def _waits():
    return resource.getrusage(resource.RUSAGE_SELF).ru_nvcsw
