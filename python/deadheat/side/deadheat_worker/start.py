"""What every worker does first, whatever it is for: ends with the driver, greets it, makes the code importable."""

import sys

from deadheat_worker import protocol
from deadheat_worker.imports import ProjectImports


def end_with_driver():
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


def expect_greeting(channel):
    """Wait for the driver's `hello` and return it; ProtocolError when it speaks another version."""
    request = protocol.expect(channel.receive(), protocol.HELLO)
    if request["protocol"] != protocol.VERSION:
        raise protocol.ProtocolError(f"the driver speaks version {request['protocol']}, not {protocol.VERSION}")
    return request


def imports_of(request):
    """The imports that a `hello` describes."""
    return ProjectImports(
        request["worktree"],
        request["repository"],
        request["import_folders"],
        request["roots"],
        request["code_names"],
        request["test_packages"],
        request["loose_names"],
    )
