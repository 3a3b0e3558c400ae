"""Starts a worker that runs a project's tests as pytest does, and reports how long each took.

With the profiler, it also reports which functions ran meanwhile, and for how long.
"""

from __future__ import annotations

import os
import sys

TYPE_CHECKING = False
if TYPE_CHECKING:
    from deadheat_worker.channel import Channel
    from deadheat_worker.imports import ProjectImports
    from deadheat_worker.messages import Test

HERE = os.path.dirname(os.path.abspath(__file__))


def main() -> None:
    # As in `__main__.py`.
    sys.path[:] = [entry for entry in sys.path if os.path.abspath(entry or os.curdir) != HERE]
    sys.path.append(os.path.dirname(HERE))
    from deadheat_worker.channel import Channel

    channel = Channel.claim_standard_streams()
    from deadheat_worker.greeting import greet

    serve(channel, greet(channel))


def serve(channel: Channel, imports: ProjectImports) -> None:
    """Run the tests that the driver asks for, once."""
    import pytest

    from deadheat_worker import protocol
    from deadheat_worker.durations import DurationsPlugin
    from deadheat_worker.neutral import last_arguments
    from deadheat_worker.survey import Survey

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


# As in `__main__.py`.
if __name__ == "__main__":
    main()
