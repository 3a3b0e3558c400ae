"""The worker of `deadheat profile` after the greeting: runs the project's tests once, as pytest does."""

from __future__ import annotations

import os
import sys

import pytest

from deadheat_worker.suite.durations import DurationsPlugin
from deadheat_worker.suite.neutral import last_arguments
from deadheat_worker.watching.survey import Survey
from deadheat_worker.wire import protocol

TYPE_CHECKING = False
if TYPE_CHECKING:
    from deadheat_worker.imports import ProjectImports
    from deadheat_worker.wire.channel import Channel
    from deadheat_worker.wire.messages import Test


def serve(channel: Channel, imports: ProjectImports) -> None:
    """Run the tests that the driver asks for, once."""
    request: Test = protocol.expect(channel.receive(), protocol.TEST)
    survey = Survey(imports.path_in_worktree) if request["profiled"] is not None else None
    plugin = DurationsPlugin(survey, frozenset(request["profiled"] or ()))
    # Neither the project's own `-x` nor a collection error must skip other tests.
    last = ["--continue-on-collection-errors", *last_arguments()]
    process = os.getpid()
    exit_code = pytest.main(["--rootdir", os.curdir, *request["arguments"], *last], plugins=[plugin])
    sys.stdout.flush()
    sys.stderr.flush()
    if os.getpid() != process:
        # A fork that a test let continue: the channel to the driver is its parent's.
        os._exit(int(exit_code))
    foreign, own = imports.foreign_modules()
    functions = survey.functions() if survey is not None else []
    channel.send(protocol.tested(int(exit_code), plugin.tests(), plugin.errors, functions, foreign, own))
    protocol.expect(channel.receive(), protocol.STOP)
    channel.send(protocol.stopped())
