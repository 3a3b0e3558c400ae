"""Answers the driver while a benchmark is held: samples in turn, the result of the first, the end.

Before that, it reports the values in the modules. Every request gets exactly one reply. Nothing here knows
where the benchmark comes from.
"""

from __future__ import annotations

import gc
import resource
import sys

from deadheat_worker.timing.loops import ProcessorClock, WallClock
from deadheat_worker.wire import protocol

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Generator
    from typing import Any, TypeAlias

    from deadheat_worker.imports import ProjectImports
    from deadheat_worker.interfaces import AwaitedBody, Body, Clock, Prescribed, Watch
    from deadheat_worker.outputs.namespaces import Namespaces
    from deadheat_worker.wire.channel import Channel
    from deadheat_worker.wire.messages import Output, Reply, Request

    Requests: TypeAlias = Generator[tuple[int, int, Clock], tuple[int, int], None]

NOT_RUN: Output = {"kind": "not_comparable", "reason": "it was not run"}
LATER: Output = {"kind": "not_comparable", "reason": "the benchmark was not left as it should be"}
CLOCKS: dict[str, Clock] = {"wall": WallClock, "processor": ProcessorClock}


class Holding:
    """The worker's side of the protocol for one benchmark.

    `watch` is the clock for a `profile` request, None if only time is measured. `can_set_up_each_call`: whether
    the set-up that was made once for all calls of this benchmark could be made for each.
    """

    def __init__(self, channel: Channel, imports: ProjectImports) -> None:
        self._channel = channel
        self._imports = imports
        self._unanswered: str | None = None
        self._cpu_ns_at_reply = 0
        self._output = NOT_RUN
        self._large_result: object = None
        self.watch: Watch | None = None
        self.can_set_up_each_call = False
        self._namespaces: Namespaces | None = None
        # Before the project's code can seed it.
        self._random_state = sys.modules["random"].getstate() if "random" in sys.modules else None

    def look_at_namespaces(self, request: Request) -> Reply:
        """Return the reply to a request about the values in the project's modules."""
        # Imported only here: a process that is timed loads none of this.
        from deadheat_worker.outputs.namespaces import Namespaces

        try:
            if protocol.kind_of(request) == protocol.OBSERVE:
                self._namespaces = Namespaces(self._imports, request["changed"], self._random_state)
                return protocol.observed(*self._namespaces.observed())
            if self._namespaces is None:
                raise protocol.ProtocolError("nothing was observed before")
            return protocol.readers(*self._namespaces.readers(request["differing"], request["unloaded"]))
        except Exception as error:
            # Values may be of any kind: without an answer, everything is measured.
            return protocol.not_observed(f"{type(error).__name__}: {error}")

    def receive(self) -> Any:
        request = self._channel.receive()
        self._unanswered = protocol.kind_of(request)
        return request

    def reply(self, message: Reply) -> None:
        self._unanswered = None
        self._channel.send(message)
        self._cpu_ns_at_reply = ProcessorClock.start()

    def is_asked_to_stop(self) -> bool:
        """Whether the last request was to stop."""
        return self._unanswered == protocol.STOP

    def set_up_for_good(self) -> None:
        """Freeze the objects that the imports made: garbage collections inside a sample need not traverse them."""
        gc.collect()
        gc.freeze()

    def words_of(self, error: BaseException) -> str:
        """Return the message to the driver about an error that the benchmark raised."""
        return f"{type(error).__name__}: {error}"

    def hold(self, body: Body) -> Any:
        """Answer requests inside a benchmark until the driver leaves; return the target's result."""
        self._check_entered()
        # An exception from the start is the test's own failure, answered when the test has ended.
        body.start()
        requests = self._requests_for_samples(body)
        request = next(requests, None)
        while request is not None:
            try:
                taken = body.sample(*request)
            except BaseException as error:
                self._reply_failed("call", self.words_of(error))
                raise
            request = _next_after(requests, taken)
        return body.finish()

    async def hold_awaiting(self, body: AwaitedBody) -> Any:
        """`hold` inside a running event loop, which is blocked except during the samples."""
        self._check_entered()
        await body.start()
        requests = self._requests_for_samples(body)
        request = next(requests, None)
        while request is not None:
            try:
                taken = await body.sample(*request)
            except BaseException as error:
                self._reply_failed("call", self.words_of(error))
                raise
            request = _next_after(requests, taken)
        return await body.finish()

    def _check_entered(self) -> None:
        if self._unanswered != protocol.ENTER:
            raise protocol.ProtocolError("a benchmark was started outside the driver's control")

    def _requests_for_samples(self, body: Prescribed) -> Requests:
        """Yield the arguments of `body.sample`, one request after another; the result of each is sent back in."""
        can_set_up_each_call = self.can_set_up_each_call and not body.is_prescribed
        self.reply(
            protocol.entered(body.iterations, body.most_rounds, body.own_clock is not None, can_set_up_each_call)
        )
        while True:
            request = self.receive()
            idle_cpu_ns = ProcessorClock.start() - self._cpu_ns_at_reply
            if protocol.kind_of(request) == protocol.LEAVE:
                self._carry_over_the_rest()
                return
            watch = self.watch if protocol.kind_of(request) == protocol.PROFILE else None
            clock: Clock
            if watch is not None:
                watch.prepare()
                clock = watch
            else:
                protocol.expect(request, protocol.RUN)
                clock = body.own_clock or CLOCKS[request["clock"]]
            waits = _waits()
            elapsed_ns, iterations = yield request["iterations"], request["warmup"], clock
            if self._output is NOT_RUN:
                self._carry_over(body.result)
            if watch is not None:
                self.reply(watch.reply(elapsed_ns, iterations))
            else:
                self.reply(protocol.sample(elapsed_ns, iterations, idle_cpu_ns, _waits() - waits))

    def _carry_over(self, result: object) -> None:
        """Carry a result over at once if that takes no time, because later samples may change the very same value."""
        # Imported only here: its own imports take a while.
        from deadheat_worker.outputs.encoding import AT_ONCE, TooLarge, carry_over

        try:
            self._output = carry_over(result, self._imports.worktree, AT_ONCE)
        except TooLarge:
            # The driver counts the time until the reply as the sample's.
            self._output = LATER
            self._large_result = result

    def _carry_over_the_rest(self) -> None:
        """Carry a large result over, when nothing is timed any more."""
        if self._output is LATER:
            from deadheat_worker.outputs.encoding import carry_over

            self._output = carry_over(self._large_result, self._imports.worktree)
        self._large_result = None

    def _reply_failed(self, phase: str, message: str) -> None:
        foreign, _ = self._imports.foreign_modules()
        self.reply(protocol.failed(phase, message, foreign))


def _next_after(requests: Requests, taken: tuple[int, int]) -> tuple[int, int, Clock] | None:
    try:
        return requests.send(taken)
    except StopIteration:
        return None


def _waits() -> int:
    return resource.getrusage(resource.RUSAGE_SELF).ru_nvcsw
