"""Answers the driver about one piece of code in the role of a benchmark."""

from __future__ import annotations

import ast
import importlib
import os
import sys

from deadheat_worker.micro.snippets import prepare
from deadheat_worker.timing import layout
from deadheat_worker.wire import protocol
from deadheat_worker.wire.holding import NOT_RUN, Holding

TYPE_CHECKING = False
if TYPE_CHECKING:
    from deadheat_worker.micro.snippets import Snippet
    from deadheat_worker.wire.messages import Micro

PACKAGE = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
_MACHINERY = {ast.__file__, importlib.__file__}


class MicroConversation(Holding):
    """One worker's side of the protocol, after `hello`."""

    def serve(self) -> None:
        """Prepare the code that the first request describes, and time it until the driver says stop."""
        micro: Micro = protocol.expect(self.receive(), protocol.MICRO)
        layout.of_process().draw_for_imports()
        snippet, problem = None, ""
        try:
            snippet = prepare(micro["code"], self._imports.worktree)
        except BaseException as error:
            problem = self.words_of(error)
        if micro["watch"] == "memory":
            from deadheat_worker.watching.peak_memory import PeakMemory

            self.watch = PeakMemory()
        elif micro["watch"] == "function":
            from deadheat_worker.watching.function_entry import FunctionEntry

            code = micro["code"]
            self.watch = FunctionEntry(code["module"]["name"], code["qualname"])
        foreign, _ = self._imports.foreign_modules()
        self.set_up_for_good()
        self.reply(protocol.collected([micro["benchmark"]], [], [], 0, foreign))
        while True:
            request = self.receive()
            if self.is_asked_to_stop():
                self.reply(protocol.stopped())
                return
            protocol.expect(request, protocol.ENTER)
            if snippet is None:
                self._reply_failed("setup", problem)
            else:
                self._hold(snippet)

    def _hold(self, snippet: Snippet) -> None:
        self._output = NOT_RUN if snippet.returns else {"kind": "not_comparable", "reason": "it is run for its effects"}
        try:
            self.hold(snippet.body())
        except protocol.ProtocolError:
            raise
        except BaseException as error:
            # An error in a sample was answered already, and the driver has left.
            if self._unanswered is not None:
                self._reply_failed("call", self.words_of(error))
            return
        foreign, own = self._imports.foreign_modules()
        self.reply(protocol.left(foreign, own, self._output, snippet.changed()))

    def words_of(self, error: BaseException) -> str:
        """Return the traceback of the user's code, without the machinery around it."""
        import traceback

        told = traceback.TracebackException.from_exception(error)
        part: traceback.TracebackException | None = told
        while part is not None:
            frames = [frame for frame in part.stack if not _is_machinery(frame.filename)]
            part.stack = traceback.StackSummary.from_list(frames)
            part = part.__cause__ or part.__context__
        return "".join(told.format()).rstrip()


def _is_machinery(file: str) -> bool:
    return (
        file.startswith((PACKAGE + os.sep, "<frozen importlib"))
        or file in _MACHINERY
        or (
            "asyncio" in sys.modules
            and file.startswith(os.path.dirname(sys.modules["asyncio"].__file__ or "") + os.sep)
        )
    )
