"""Forks workers of one kind, `fork_server.py serving` or `fork_server.py profile_tests`.

It has imported pytest, and nothing of the project.

The driver talks to it over a socket, its stdin: one JSON object per line. A request to fork says which side's worker
is wanted, and comes with the descriptors of the worker's channel. A forked worker starts where a worker's script is
after the greeting.
"""

from __future__ import annotations

import array
import gc
import importlib
import json
import os
import socket
import sys

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from deadheat_worker.wire.messages import Hello

HERE = os.path.dirname(os.path.abspath(__file__))


class Line:
    """The driver's socket; `descriptors` came with the last request."""

    def __init__(self) -> None:
        self._socket = socket.socket(fileno=os.dup(0))
        self._rest = b""
        self.descriptors: list[int] = []
        null = os.open(os.devnull, os.O_RDONLY)
        os.dup2(null, 0)
        os.close(null)

    def receive(self) -> Any:
        """Return the next request; raise EOFError when the driver is gone."""
        self.descriptors = []
        while b"\n" not in self._rest:
            data, ancillary, _, _ = self._socket.recvmsg(1 << 16, socket.CMSG_SPACE(3 * array.array("i").itemsize))
            if not data:
                raise EOFError("the driver closed the line")
            for _, _, numbers in ancillary:
                self.descriptors += array.array("i", numbers)
            self._rest += data
        request, _, self._rest = self._rest.partition(b"\n")
        return json.loads(request)

    def send(self, message: dict[str, Any]) -> None:
        self._socket.sendall(json.dumps(message).encode() + b"\n")

    def close(self) -> None:
        self._socket.close()


def main() -> None:
    # Replace the script's folder, first on the path, by the folder that holds only the worker's package, last on it.
    sys.path[:] = [entry for entry in sys.path if os.path.abspath(entry or os.curdir) != HERE]
    sys.path.append(os.path.dirname(os.path.dirname(HERE)))
    line = Line()
    from deadheat_worker.suite.greeting import hello_after_pytest
    from deadheat_worker.wire.greeting import end_with_driver

    end_with_driver()
    hello = hello_after_pytest()
    preload()
    line.send(hello)
    while True:
        try:
            request = line.receive()
        except EOFError:
            return
        if request["request"] == "reap":
            _, status, usage = os.wait4(request["process"], 0)
            line.send({"reply": "reaped", "status": status, "cpu_ns": int((usage.ru_utime + usage.ru_stime) * 1e9)})
            continue
        problem = why_not(request["hello"])
        if problem is not None:
            line.send({"reply": "cannot_fork", "problem": problem})
            continue
        requests, replies, log = line.descriptors
        process = os.fork()
        if process:
            os.setpgid(process, process)
            for descriptor in line.descriptors:
                os.close(descriptor)
            line.send({"reply": "forked", "process": process})
            continue
        line.close()
        os.setpgid(0, 0)
        become_worker(request["hello"], requests, replies, log)
        return


def why_not(hello: Hello) -> str | None:
    """Return why a forked worker would differ from one that is started; None if it would not."""
    from deadheat_worker.wire.greeting import imports_of

    if len(os.listdir("/proc/self/task")) > 1:
        return "importing pytest has started a thread"
    name = imports_of(hello).imported_early(os.path.join(hello["worktree"], hello["project"]))
    return name and f"importing pytest has imported `{name}`, which may be the project's own"


def become_worker(hello: Hello, requests: int, replies: int, log: int) -> None:
    from deadheat_worker.wire.channel import Channel
    from deadheat_worker.wire.greeting import check_version, end_with_driver, go_to_project

    # Its parent is the server, which ends with the driver.
    end_with_driver()
    for standard in (1, 2):
        os.dup2(log, standard)
    os.close(log)
    rebase_path(os.getcwd(), check_version(hello)["worktree"])
    imports = go_to_project(hello)
    importlib.import_module(f"deadheat_worker.suite.{sys.argv[1]}").serve(Channel.of_own(requests, replies), imports)


def rebase_path(start: str, worktree: str) -> None:
    """Move entries of `sys.path` that come from relative ones in PYTHONPATH to the folder that they are meant for."""
    for place, entry in enumerate(sys.path):
        below = os.path.relpath(entry, start)
        if below == os.curdir or not below.startswith(os.pardir):
            sys.path[place] = os.path.normpath(os.path.join(worktree, below))


def preload() -> None:
    """Import the modules that a worker needs before the project's code, and exclude it from garbage collections."""
    from deadheat_worker.suite.serving import preload

    preload()
    gc.collect()
    gc.freeze()


# A child that `multiprocessing` spawns runs this file again, under another name.
if __name__ == "__main__":
    main()
