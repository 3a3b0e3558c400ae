"""The start of a worker with pytest, which is imported only when the project has its place on the path."""

from __future__ import annotations

import sys

from deadheat_worker.wire import greeting

TYPE_CHECKING = False
if TYPE_CHECKING:
    from deadheat_worker.imports import ProjectImports
    from deadheat_worker.wire.channel import Channel
    from deadheat_worker.wire.messages import Reply


def greet(channel: Channel) -> ProjectImports:
    """Answer the driver's greeting from the project's folder; return the side's `ProjectImports`."""
    greeting.end_with_driver()
    imports = greeting.go_to_project(greeting.expect_greeting(channel))
    # Only now, so that further imports are resolved as they will be for the project.
    channel.send(hello_after_pytest())
    return imports


def hello_after_pytest() -> Reply:
    """Import pytest, and return the reply to a greeting."""
    import pytest

    from deadheat_worker.suite.stand_ins import Finder

    sys.meta_path.append(Finder())
    return greeting.hello_with(pytest.__version__)
