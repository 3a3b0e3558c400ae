"""The bridge to a Dask cluster: hands tasks of the driver to the cluster's workers, and reports what becomes of them.

The driver starts it and writes requests to its stdin; it writes events to its stdout, both as lines of JSON. It decides
nothing. On a worker's machine, a task is measured by a process of deadheat, which ends when its stdin is closed: so
nothing outlives a worker, even one that is killed.

Requests: `{"plan": {"path", "sha256", "size", "version"}}` first; then `{"task": {"id", "worker", "body"}}`,
`{"cancel": {"id"}}`, `{"end": {}}`. The end of stdin means the same as `end`.

Events: `{"workers": [{"address", "slots"}]}`, always all of them; `{"done": {"id", "result"}}` with the line that the
process wrote; `{"failed": {"id", "message"}}`; `{"lost": {"id"}}`, with its worker; `{"refused": {"worker", "message"}}`,
a worker that cannot measure; `{"error": {"message", "hint"}}`, the last one.
"""

from __future__ import annotations

import asyncio
import contextlib
import hashlib
import json
import os
import signal
import subprocess
import sys
import tempfile
import threading
import time
import uuid
from importlib import metadata
from pathlib import Path
from typing import Any

# The abstract resource of which a worker declares one for each core that it reserves for measuring.
RESOURCE = "deadheat"
# Seconds.
CONNECTING = 10
TIDYING = 15
GRACE = 3
LOOK = 0.5
# Bytes.
LONGEST_RESULT = 64 << 20
LONGEST_REQUEST = 64 << 20
# Characters.
LONGEST_MESSAGE = 2_000
MISSING = "deadheat is not installed in the Python of this worker: install the same version on all machines"


class Refused(Exception):
    """A worker cannot measure."""


# On the workers.


def prepare(sha256: str, size: int, version: str) -> bool:
    """Return whether this machine has the plan already.

    Raises Refused if it has another version of deadheat.
    """
    installed = metadata.version("deadheat")
    if installed != version:
        raise Refused(f"deadheat {installed} is installed there, and {version} here: install the same version")
    path = plan_path(sha256)
    return path.is_file() and path.stat().st_size == size and digest(path.read_bytes()) == sha256


def store(plan: bytes, sha256: str) -> None:
    """Write the plan into this machine's cache."""
    if digest(plan) != sha256:
        raise Refused("the plan was damaged on the way")
    path = plan_path(sha256)
    path.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.NamedTemporaryFile(dir=path.parent, delete=False) as file:
        file.write(plan)
        file.flush()
        os.fsync(file.fileno())
    os.replace(file.name, path)


def measure(sha256: str, key: str, body: str) -> str:
    """Measure a task in a process of deadheat, and return the line that it writes.

    `key` is that of the Dask task, whose cancellation ends the process.
    """
    from distributed import get_worker

    worker: Any = get_worker()
    with tempfile.TemporaryFile() as log:
        process = subprocess.Popen(
            command("replicate", str(plan_path(sha256))),
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=log,
            start_new_session=True,
        )
        assert process.stdin is not None
        assert process.stdout is not None
        output = process.stdout
        results: list[bytes] = []
        reader = threading.Thread(target=lambda: results.append(output.readline(LONGEST_RESULT + 1)), daemon=True)
        reader.start()
        try:
            with contextlib.suppress(BrokenPipeError):
                process.stdin.write(body.encode() + b"\n")
                process.stdin.flush()
            while reader.is_alive():
                reader.join(LOOK)
                if is_cancelled(worker, key):
                    raise Refused("cancelled")
            result = results[0]
            if len(result) > LONGEST_RESULT:
                raise Refused(f"its result is larger than {LONGEST_RESULT >> 20} MiB")
            if not result.endswith(b"\n"):
                log.seek(max(0, log.seek(0, os.SEEK_END) - 4 * LONGEST_MESSAGE))
                words = log.read().decode(errors="replace").strip()
                raise Refused(words[-LONGEST_MESSAGE:] or f"deadheat ended there: {process.wait()}")
            return result.decode()
        finally:
            end(process)


def is_cancelled(worker: Any, key: str) -> bool:
    """Return whether nobody wants the result of a task any more."""
    task = worker.state.tasks.get(key)
    return task is None or task.state == "cancelled"


def end(process: subprocess.Popen[bytes]) -> None:
    """End a process of deadheat, which tidies up when its stdin is closed."""
    assert process.stdin is not None
    with contextlib.suppress(OSError):
        process.stdin.close()
    for signum in (signal.SIGTERM, signal.SIGKILL):
        with contextlib.suppress(subprocess.TimeoutExpired):
            process.wait(GRACE)
            return
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, signum)
    process.wait()


async def clean(sha256: str) -> None:
    """Remove everything that was made for the plan on this machine."""
    path = plan_path(sha256)
    if path.is_file():
        process = await asyncio.create_subprocess_exec(
            *command("replicate", str(path), "--clean"),
            stdin=asyncio.subprocess.DEVNULL,
            stdout=asyncio.subprocess.DEVNULL,
            stderr=asyncio.subprocess.DEVNULL,
        )
        await process.wait()
        path.unlink(missing_ok=True)


def command(*arguments: str) -> list[str]:
    """Return the command that runs deadheat in this Python."""
    return [sys.executable, "-m", "deadheat", *arguments]


def plan_path(sha256: str) -> Path:
    """Return the place of a plan in the cache, which is that of the program."""
    cache = os.environ.get("XDG_CACHE_HOME", "")
    if os.path.isabs(cache):
        folder = Path(cache)
    else:
        folder = Path.home() / ("Library/Caches" if sys.platform == "darwin" else ".cache")
    return folder / "deadheat" / "plans" / f"{sha256}.plan"


def digest(content: bytes) -> str:
    """Return the SHA-256 of a plan."""
    return hashlib.sha256(content).hexdigest()


# Beside the driver.


class Bridge:
    """The tasks of one run on a cluster."""

    def __init__(self, client: Any, plan: dict[str, Any], events: Events) -> None:
        self._client = client
        self._plan = Path(plan["path"]).read_bytes()
        self._sha256: str = plan["sha256"]
        self._version: str = plan["version"]
        self._events = events
        self._run = uuid.uuid4().hex[:12]
        # The workers that can measure, and the slots of each.
        self._workers: dict[str, int] = {}
        self._declared: set[str] = set()
        self._known: set[str] = set()
        self._tasks: dict[int, tuple[str, asyncio.Task[None]]] = {}
        self._changed = asyncio.Event()

    async def follow_workers(self) -> None:
        """Tell the driver of workers that join and leave."""

        def heard(event: tuple[float, Any]) -> None:
            message = event[1]
            if isinstance(message, dict) and message.get("action") in ("add-worker", "remove-worker"):
                self._changed.set()

        self._client.subscribe_topic("all", heard)
        while True:
            self._changed.clear()
            await self._look_at_workers()
            # An event may get lost when the connection is made again.
            with contextlib.suppress(asyncio.TimeoutError):
                await asyncio.wait_for(self._changed.wait(), 20)

    async def _look_at_workers(self) -> None:
        identity = await self._client.scheduler.identity(n_workers=-1)
        workers: dict[str, Any] = identity["workers"]
        slots = {address: int(worker["resources"].get(RESOURCE, 0)) for address, worker in workers.items()}
        self._declared = {address for address, count in slots.items() if count}
        if not self._declared:
            slots = dict.fromkeys(slots, 1)
        left = self._known - slots.keys()
        for address in left:
            self._workers.pop(address, None)
            self._known.discard(address)
        for number, (worker, task) in list(self._tasks.items()):
            if worker in left:
                del self._tasks[number]
                task.cancel()
                self._events.tell("lost", {"id": number})
        new = [address for address, count in slots.items() if count and address not in self._known]
        self._known.update(new)
        if left or not new:
            self._tell_workers()
        # Machines are prepared one after the other, so that each gets the plan once; their workers follow at once.
        for address in new:
            if await self._prepare(address):
                self._workers[address] = slots[address]
                self._tell_workers()

    def _tell_workers(self) -> None:
        workers = [{"address": address, "slots": slots} for address, slots in self._workers.items()]
        self._events.tell("workers", workers)

    async def _prepare(self, address: str) -> bool:
        try:
            if not await self._on(address, prepare, self._sha256, len(self._plan), self._version):
                await self._on(address, store, self._plan, self._sha256)
        except Exception as error:
            if address in self._known:
                self._events.tell("refused", {"worker": address, "message": words_of(error)})
            return False
        return True

    async def _on(self, address: str, function: Any, *arguments: Any) -> Any:
        answers = await self._client.run(function, *arguments, workers=[address])
        return answers.get(address)

    def submit(self, number: int, worker: str, body: dict[str, Any]) -> None:
        """Give a task to a worker."""
        if worker not in self._workers:
            self._events.tell("lost", {"id": number})
            return
        key = f"deadheat-{self._run}-{number}"
        future = self._client.submit(
            measure,
            self._sha256,
            key,
            json.dumps(body),
            key=key,
            workers=[worker],
            allow_other_workers=False,
            resources={RESOURCE: 1} if worker in self._declared else None,
            retries=0,
            pure=False,
        )
        self._tasks[number] = (worker, asyncio.ensure_future(self._wait(number, future)))

    async def _wait(self, number: int, future: Any) -> None:
        try:
            result = await future
        except asyncio.CancelledError:
            with contextlib.suppress(Exception):
                await self._client.cancel([future], force=True)
            if self._tasks.pop(number, None) is not None:
                # Not by the driver: the scheduler has given it up with its worker.
                self._events.tell("lost", {"id": number})
        except Exception as error:
            self._tasks.pop(number, None)
            is_lost = type(error).__name__ in ("KilledWorker", "FutureCancelledError")
            self._events.tell(*(("lost", {"id": number}) if is_lost else failed(number, words_of(error))))
        else:
            self._tasks.pop(number, None)
            is_text = isinstance(result, str) and len(result) <= LONGEST_RESULT
            self._events.tell(*(done(number, result) if is_text else failed(number, "its result is no text, or too large")))

    def cancel(self, number: int) -> None:
        """End a task whose result is not needed."""
        found = self._tasks.pop(number, None)
        if found is not None:
            found[1].cancel()

    async def close(self) -> None:
        """End all tasks, and remove what was made for them on the workers' machines."""
        waiting = [task for _, task in self._tasks.values()]
        self._tasks.clear()
        for task in waiting:
            task.cancel()
        await asyncio.gather(*waiting, return_exceptions=True)
        if self._workers:
            await self._client.run(clean, self._sha256, workers=list(self._workers), on_error="ignore")


def done(number: int, result: str) -> tuple[str, dict[str, Any]]:
    """Return the event of a task that was measured."""
    return "done", {"id": number, "result": result}


def failed(number: int, message: str) -> tuple[str, dict[str, Any]]:
    """Return the event of a task that a worker could not measure."""
    return "failed", {"id": number, "message": message}


def words_of(error: BaseException) -> str:
    """Return what an error of a worker says, in few words."""
    if isinstance(error, ModuleNotFoundError) and (error.name or "").split(".")[0] == "deadheat":
        return MISSING
    name = "" if isinstance(error, Refused) else f"{type(error).__name__}: "
    return f"{name}{error}"[:LONGEST_MESSAGE]


class Events:
    """Writes events to the driver, and nothing else does."""

    def __init__(self) -> None:
        self._output = os.fdopen(os.dup(1), "w", encoding="utf-8")
        os.dup2(2, 1)

    def tell(self, name: str, event: Any) -> None:
        """Write an event."""
        # Without the driver, nobody listens any more.
        with contextlib.suppress(BrokenPipeError):
            self._output.write(json.dumps({name: event}) + "\n")
            self._output.flush()


async def requests(reader: asyncio.StreamReader) -> dict[str, Any] | None:
    """Read the next request of the driver; None after the last one."""
    line = await reader.readline()
    return json.loads(line) if line.endswith(b"\n") else None


async def serve(address: str, events: Events) -> None:
    """Connect to the scheduler at the address, and serve the driver until it has had enough."""
    from distributed import Client

    loop = asyncio.get_running_loop()
    reader = asyncio.StreamReader(limit=LONGEST_REQUEST)
    await loop.connect_read_pipe(lambda: asyncio.StreamReaderProtocol(reader), sys.stdin)
    loop.add_signal_handler(signal.SIGTERM, reader.feed_eof)
    first = await requests(reader)
    if first is None:
        return
    async with Client(address, asynchronous=True, timeout=CONNECTING, set_as_default=False) as client:
        bridge = Bridge(client, first["plan"], events)
        following = asyncio.ensure_future(bridge.follow_workers())
        # Without the scheduler there is nothing left to do.
        following.add_done_callback(lambda _: reader.feed_eof())
        try:
            while request := await requests(reader):
                if task := request.get("task"):
                    bridge.submit(task["id"], task["worker"], task["body"])
                elif cancel := request.get("cancel"):
                    bridge.cancel(cancel["id"])
                else:
                    break
        finally:
            lost = following.done() and following.exception()
            following.cancel()
            if lost:
                message = f"the connection to the scheduler at {address} is lost: {words_of(lost)}"
                events.tell("error", {"message": message, "hint": None})
            with contextlib.suppress(Exception):
                await asyncio.wait_for(bridge.close(), TIDYING)


def main(address: str) -> int:
    """Run the bridge."""
    # Ctrl-C belongs to the driver.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    events = Events()
    started = time.monotonic()
    try:
        asyncio.run(serve(address, events))
    except ModuleNotFoundError as error:
        if error.name not in ("distributed", "dask"):
            raise
        hint = f"{sys.executable} -m pip install distributed"
        events.tell("error", {"message": "a Dask cluster needs the package `distributed`", "hint": hint})
        return 1
    except (OSError, ValueError, asyncio.TimeoutError) as error:
        seconds = time.monotonic() - started
        message = f"no Dask scheduler answers at {address} within {max(1, round(seconds))} s: {words_of(error)}"
        events.tell("error", {"message": message, "hint": "is `dask scheduler` running there, and is this its address?"})
        return 1
    return 0
