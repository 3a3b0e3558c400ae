"""The worker after the greeting: lets pytest collect, and the driver steer."""

from __future__ import annotations

import importlib
import os
import sys

import pytest

from deadheat_worker.suite.conversation import Conversation
from deadheat_worker.suite.neutral import last_arguments
from deadheat_worker.suite.plugin import DeadheatPlugin
from deadheat_worker.suite.pytest_internals import default_plugins
from deadheat_worker.timing import layout
from deadheat_worker.wire import protocol

TYPE_CHECKING = False
if TYPE_CHECKING:
    from deadheat_worker.imports import ProjectImports
    from deadheat_worker.wire.channel import Channel
    from deadheat_worker.wire.messages import Collect


def preload() -> None:
    """Import the modules that a worker needs before the project's code, in a process that forks workers."""
    # `_pytest.debugging` imports pdb when pytest is configured.
    for name in (*default_plugins(), "pdb", "deadheat_worker.outputs.encoding"):
        importlib.import_module(name)


def serve(channel: Channel, imports: ProjectImports) -> None:
    """Answer the driver until it says stop, or until pytest ends by itself."""
    conversation = Conversation(channel, imports)
    first = conversation.receive()
    if protocol.kind_of(first) == protocol.TRACE:
        conversation.start_tracing(first)
        first = conversation.receive()
    request: Collect = protocol.expect(first, protocol.COLLECT)
    layout.of_process().draw_for_imports()
    arguments = ["-q", "--rootdir", os.curdir, *request["arguments"], *last_arguments(), "-o", "faulthandler_timeout=0"]
    if request["keyword"] is not None:
        arguments += ["-k", request["keyword"]]
    plugin = DeadheatPlugin(conversation, request["files"], request["tests"])
    exit_code = pytest.main(arguments + request["paths"], plugins=[plugin])
    sys.stdout.flush()
    sys.stderr.flush()
    if conversation.is_asked_to_stop():
        conversation.reply(protocol.stopped())
    elif not conversation.reached_run_loop:
        conversation.reply(protocol.collection_failed(int(exit_code)))
