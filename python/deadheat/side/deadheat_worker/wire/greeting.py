"""The start of every worker: it ends with the driver, is greeted, and imports the project from the worktree."""

from __future__ import annotations

import os
import platform
import sys

from deadheat_worker.imports import ProjectImports
from deadheat_worker.wire import protocol

TYPE_CHECKING = False
if TYPE_CHECKING:
    from deadheat_worker.wire.channel import Channel
    from deadheat_worker.wire.messages import Hello, Reply


def end_with_driver() -> None:
    """Have the kernel end this process when the driver is killed; an endless loop would notice nothing else."""
    if sys.platform != "linux":
        return
    try:
        import ctypes

        pr_set_pdeathsig, sigkill = 1, 9
        ctypes.CDLL(None).prctl(pr_set_pdeathsig, sigkill)
    except (ImportError, OSError, AttributeError):
        # A Python without ctypes, or a C library without prctl: the worker then ends when it next reads.
        pass


def expect_greeting(channel: Channel) -> Hello:
    """Wait for the driver's `hello` and return it; raise ProtocolError if it speaks another version."""
    return check_version(protocol.expect(channel.receive(), protocol.HELLO))


def check_version(request: Hello) -> Hello:
    """Return the `hello`; raise ProtocolError if the driver speaks another version."""
    if request["protocol"] != protocol.VERSION:
        raise protocol.ProtocolError(f"the driver speaks version {request['protocol']}, not {protocol.VERSION}")
    return request


def imports_of(request: Hello) -> ProjectImports:
    """Return the imports that a `hello` describes."""
    return ProjectImports(
        request["worktree"],
        request["repository"],
        request["import_folders"],
        request["code_names"],
        request["test_packages"],
        request["loose_names"],
    )


def go_to_project(request: Hello) -> ProjectImports:
    """Go to the project's folder that a `hello` names, and give its imports precedence; return its `ProjectImports`."""
    project_folder = os.path.join(request["worktree"], request["project"])
    os.chdir(project_folder)
    imports = imports_of(request)
    imports.take_precedence(project_folder)
    return imports


def hello_with(pytest_version: str) -> Reply:
    """Return the reply to a greeting; the version is empty if pytest is not used."""
    return protocol.hello(platform.python_version(), pytest_version, platform.python_implementation())
