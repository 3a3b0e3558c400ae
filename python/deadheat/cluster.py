"""The bridge between the driver and a Dask cluster.

The driver starts it, writes requests to its stdin, and reads events from its stdout, both as lines of JSON. It decides
nothing: each task names its worker, and what a worker answers is passed on unread.

Requests: `{"plan": {"path", "sha256", "size", "version"}}` first; then `{"task": {"id", "worker", "body"}}`,
`{"cancel": {"id"}}`, `{"end": {}}`. The end of stdin means the same as `end`.

Events: `{"workers": [{"address", "slots"}]}`, always all that are ready; `{"refused": {"worker", "message"}}`, a worker
that cannot measure; `{"done": {"id", "result"}}`, with what its process wrote; `{"failed": {"id", "message"}}`;
`{"lost": {"id", "message"}}`, together with its worker; `{"error": {"message", "hint"}}`, the last one.

On the cluster, `replicate` and `clean` run in the processes of Dask's workers, which find them by their names. So the
workers need deadheat, and the scheduler does not. If the function itself was sent, a worker that cannot load it would
end its connection, and then itself.
"""

from __future__ import annotations

import asyncio
import contextlib
import hashlib
import importlib.metadata
import json
import os
import pkgutil
import selectors
import signal
import socket
import subprocess
import sys
import tempfile
import uuid
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

if TYPE_CHECKING:
    from distributed import Client, Future

# The most that one result may hold, and the line that takes it to the driver.
MOST_BYTES = 64 << 20
CANCELLED = "the task was cancelled"
TOO_LARGE = f"its result is larger than {MOST_BYTES >> 20} MiB"
# The most of a message from elsewhere that is passed on, in characters.
MOST_WORDS = 2_000
# The abstract resource with which a worker says how many tasks it measures at once.
RESOURCE = "deadheat"

# All times are in seconds. The interval at which a worker looks whether its task is still wanted.
LOOK = 0.5
# The time that a program has to end after its input ends, and again after it is asked to.
GRACE = 2
# The program waits up to ten seconds until others have left what it removes.
CLEANING = 13
CONNECTING = 10
# The cluster says when a worker comes or goes. Its list is read again at least this often, and at most each second.
ANYWAY = 10
HEARTBEAT = 1
# A task is submitted again if the plan was lost with another worker.
ATTEMPTS = 3
# Workers that are ready within this time are told of together.
TOGETHER = 0.1


class Problem(Exception):
    """The reason why a task cannot be done, or why there is no cluster, for the user."""

    def __init__(self, message: str, hint: str | None = None) -> None:
        super().__init__(message)
        self.hint = hint


def shortened(words: object) -> str:
    return str(words)[:MOST_WORDS]


# In the processes of the workers.

# The runs whose tasks this process does not start any more.
_ended_runs: set[str] = set()
# The plans that were whole when they were read last, with what would differ if they had been written since.
_whole_plans: dict[Path, tuple[int, int, int]] = {}


class Request(NamedTuple):
    """What a worker needs to know of a task beside the plan's bytes. Versions differ: it travels as JSON."""

    run: str
    name: str
    version: str
    sha256: str
    size: int
    body: Any

    @property
    def key(self) -> str:
        return f"deadheat-{self.run}-{self.name}"

    @property
    def plan(self) -> Path:
        return plans_folder() / f"{self.sha256}.plan"

    def to_json(self) -> str:
        return json.dumps(self._asdict())


def replicate(plan: bytes, request: str) -> tuple[str, str]:
    """Measures a task on this machine. Returns the event that it causes, and the result or the reason.

    Without a task, it makes the machine ready for tasks.
    """
    from distributed import get_worker

    asked = json.loads(request)
    try:
        check_version(asked["version"])
        task = Request(**asked)
        write_plan(plan, task)
        if task.run in _ended_runs:
            # It came too late to be cleaned up.
            task.plan.unlink(missing_ok=True)
            raise Problem(CANCELLED)
        if task.body is None:
            return "ready", ""
        worker = get_worker()

        def is_wanted() -> bool:
            # A task whose run has ended, however that happened, is cancelled: Dask releases what nobody waits for.
            known = worker.state.tasks.get(task.key)
            is_cancelled = known is None or known.state != "executing"
            return not is_cancelled and worker.status.name not in ("closing", "closed") and task.run not in _ended_runs

        return "done", run_program(task, variables(worker.nanny), is_wanted)
    except (OSError, Problem) as problem:
        return "failed", shortened(problem)


def check_version(wanted: str) -> None:
    try:
        own = importlib.metadata.version("deadheat")
    except importlib.metadata.PackageNotFoundError:
        own = "of an unknown version"
    if own != wanted:
        raise Problem(
            f"{socket.gethostname()} has deadheat {own}, and the comparison was started by {wanted}; "
            f"install deadheat=={wanted} for {sys.executable} there, and start the worker again"
        )


def plans_folder() -> Path:
    """Returns the folder of plans in the cache folder, which `system/cache.rs` chooses in the same way."""
    cache, home = os.environ.get("XDG_CACHE_HOME", ""), os.environ.get("HOME", "")
    if os.path.isabs(cache):
        folder = Path(cache)
    elif os.path.isabs(home):
        folder = Path(home, "Library/Caches" if sys.platform == "darwin" else ".cache")
    else:
        raise Problem("no cache folder: neither XDG_CACHE_HOME nor HOME is set; set one for the workers")
    return folder / "deadheat" / "plans"


def write_plan(plan: bytes, task: Request) -> None:
    """Writes the plan of a task, unless this machine has it."""
    path = task.plan
    if is_whole(path, task):
        return
    if len(plan) != task.size or hashlib.sha256(plan).hexdigest() != task.sha256:
        raise Problem("the plan of the comparison was damaged on its way to this machine")
    path.parent.mkdir(parents=True, exist_ok=True)
    descriptor, half_made = tempfile.mkstemp(dir=path.parent, prefix=".")
    try:
        with open(descriptor, "wb") as file:
            file.write(plan)
            file.flush()
            os.fsync(descriptor)
        os.replace(half_made, path)
    except BaseException:
        os.unlink(half_made)
        raise


def is_whole(path: Path, task: Request) -> bool:
    try:
        with path.open("rb") as file:
            state = os.fstat(file.fileno())
            mark = (state.st_ino, state.st_size, state.st_mtime_ns)
            if _whole_plans.get(path) != mark:
                content = file.read(task.size + 1)
                if hashlib.sha256(content).hexdigest() != task.sha256:
                    return False
                _whole_plans[path] = mark
            return True
    except FileNotFoundError:
        return False


def program(task: Request, *arguments: str) -> list[str]:
    return [sys.executable, "-m", "deadheat", "replicate", str(task.plan), *arguments]


def variables(nanny: str | None) -> dict[str, str]:
    """Returns the environment variables of this machine.

    Dask's nanny sets some for the memory of its worker and for numbers of threads, which would change what is measured.
    """
    import dask

    added = dask.config.get("distributed.nanny.pre-spawn-environ", {}) if nanny else {}
    return {name: value for name, value in os.environ.items() if str(added.get(name)) != value}


def run_program(task: Request, environment: dict[str, str], is_wanted: Callable[[], bool]) -> str:
    """Measures a task in a process of its own, and returns what that wrote."""
    process = subprocess.Popen(
        program(task),
        env=environment,
        bufsize=0,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        # Nothing is imported from here, and it is there for as long as the plan.
        cwd=task.plan.parent,
        start_new_session=True,
    )
    try:
        result, words = converse(process, json.dumps(task.body).encode() + b"\n", is_wanted)
        code = wait_for(process, is_wanted)
    finally:
        end(process)
    if code != 0:
        beginning = f"`deadheat replicate` ended with {code}: "
        said = words.decode(errors="replace").strip()
        raise Problem(beginning + said[len(beginning) - MOST_WORDS :])
    return result.decode(errors="replace")


def converse(
    process: subprocess.Popen[bytes], request: bytes, is_wanted: Callable[[], bool]
) -> tuple[bytearray, bytearray]:
    """Sends the request, and returns what the process wrote to stdout, and the end of what it wrote to stderr."""
    assert process.stdin is not None
    assert process.stdout is not None
    assert process.stderr is not None
    result, words = bytearray(), bytearray()
    unsent = memoryview(request)
    with selectors.DefaultSelector() as selector:
        for pipe, event in [
            (process.stdin, selectors.EVENT_WRITE),
            (process.stdout, selectors.EVENT_READ),
            (process.stderr, selectors.EVENT_READ),
        ]:
            os.set_blocking(pipe.fileno(), False)
            selector.register(pipe, event)
        reading = 2
        while reading:
            ready = selector.select(LOOK)
            if not is_wanted():
                raise Problem(CANCELLED)
            if not ready and process.poll() is not None:
                # A process that it left behind holds its pipes.
                break
            for key, _ in ready:
                if key.fileobj is process.stdin:
                    try:
                        unsent = unsent[os.write(key.fd, unsent) :]
                    except BrokenPipeError:
                        unsent = unsent[:0]
                    if not unsent:
                        # It stays open: its end would end the task.
                        selector.unregister(process.stdin)
                    continue
                read = os.read(key.fd, 1 << 16)
                if not read:
                    selector.unregister(key.fileobj)
                    reading -= 1
                elif key.fileobj is process.stdout:
                    result += read
                    if len(result) > MOST_BYTES:
                        raise Problem(TOO_LARGE)
                else:
                    # A character has up to four bytes.
                    words = (words + read)[-4 * MOST_WORDS :]
    return result, words


def wait_for(process: subprocess.Popen[bytes], is_wanted: Callable[[], bool]) -> int:
    while is_wanted():
        with contextlib.suppress(subprocess.TimeoutExpired):
            return process.wait(LOOK)
    raise Problem(CANCELLED)


def end(process: subprocess.Popen[bytes]) -> None:
    """Ends a process, which ends what it started when its input ends."""
    for pipe in (process.stdin, process.stdout, process.stderr):
        if pipe:
            pipe.close()
    for number in (signal.SIGTERM, signal.SIGKILL):
        with contextlib.suppress(subprocess.TimeoutExpired):
            process.wait(GRACE)
            return
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, number)
    process.wait()


async def clean(request: str) -> None:
    """Removes from this machine what its tasks made."""
    task = Request(**json.loads(request))
    _ended_runs.add(task.run)
    await asyncio.to_thread(remove, task)


def remove(task: Request) -> None:
    if task.plan.exists():
        subprocess.run(
            program(task, "--clean"),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            cwd=task.plan.parent,
            timeout=CLEANING,
        )
        task.plan.unlink(missing_ok=True)


# In the process of the bridge.


class Machine(NamedTuple):
    """A worker that could measure."""

    slots: int
    declares: bool


def machines_of(workers: dict[str, dict[str, Any]]) -> dict[str, Machine]:
    """Returns the workers that declare the resource, or all if none does."""
    machines = {}
    for address, worker in workers.items():
        declared = worker.get("resources", {}).get(RESOURCE)
        # No more than its threads run at once, whatever it declares.
        slots = 1 if declared is None else int(min(worker.get("nthreads", 1), declared))
        machines[address] = Machine(slots, declared is not None)
    if any(machine.declares for machine in machines.values()):
        return {address: machine for address, machine in machines.items() if machine.declares}
    return machines


class Driver:
    """The driver, which reads events from stdout."""

    def __init__(self) -> None:
        self._output = os.dup(1)
        # Whatever else is printed in this process belongs to its log.
        os.dup2(2, 1)

    def tell(self, kind: str, values: Any) -> None:
        # A worker may send half of a surrogate pair, which cannot be encoded.
        line = json.dumps({kind: values}, ensure_ascii=False).encode(errors="replace") + b"\n"
        if len(line) > MOST_BYTES:
            self.tell("failed", {"id": values["id"], "message": TOO_LARGE})
            return
        # A driver that is gone has also closed stdin, which ends the bridge.
        with contextlib.suppress(BrokenPipeError):
            while line:
                line = line[os.write(self._output, line) :]


class Bridge:
    """The tasks of a run on a cluster."""

    def __init__(self, client: Client, driver: Driver, plan: dict[str, Any]) -> None:
        self._client = client
        self._driver = driver
        self._run = uuid.uuid4().hex
        # The driver's description of the plan, and its bytes on the cluster.
        self._plan = plan
        self._sent_plan: Future[bytes] | None = None
        self._sending = asyncio.Lock()
        # Whether the list of workers is out of date.
        self._is_old = True
        # The workers that could measure. Of these, those that were asked to get ready, that are, and that cannot.
        self._machines: dict[str, Machine] = {}
        self._preparations: dict[str, asyncio.Task[None]] = {}
        self._ready: set[str] = set()
        self._refused: set[str] = set()
        # The list of workers that the driver has.
        self._told: list[dict[str, Any]] | None = None
        self._telling: asyncio.TimerHandle | None = None
        # The function `replicate` in the process of each worker.
        self._functions: dict[str, Future[Any]] = {}
        # The tasks that have not ended, with their workers.
        self._tasks: dict[int, tuple[str, asyncio.Task[None]]] = {}

    async def serve(self, requests: asyncio.StreamReader) -> None:
        """Does what the driver asks for, until it wants no more."""
        activities = [asyncio.create_task(self._hear(requests)), asyncio.create_task(self._watch())]
        try:
            done, _ = await asyncio.wait(activities, return_when=asyncio.FIRST_COMPLETED)
            for activity in done:
                activity.result()
        finally:
            await cancelled(activities)
            await self._tidy()

    async def _hear(self, requests: asyncio.StreamReader) -> None:
        async for line in requests:
            ((kind, value),) = json.loads(line).items()
            if kind == "task":
                self._begin(value["id"], value["worker"], value["body"])
            elif kind == "cancel":
                _, task = self._tasks.pop(value["id"], (None, None))
                if task:
                    task.cancel()
            elif kind == "end":
                return

    async def _watch(self) -> None:
        """Follows the workers, until the scheduler is gone."""
        self._client.subscribe_topic("all", self._happened)
        looks = 0
        while self._client.status == "running":
            if self._is_old or looks % ANYWAY == 0:
                self._is_old = False
                try:
                    identity = await self._client.scheduler.identity()
                except OSError:
                    break
                self._machines_are(machines_of(identity["workers"]))
            looks += 1
            await asyncio.sleep(HEARTBEAT)
        raise Problem("the connection to the Dask scheduler was lost", "its log may say why; start it again")

    def _happened(self, event: tuple[float, Any]) -> None:
        _, news = event
        action = news.get("action") if isinstance(news, dict) else None
        if action in ("add-worker", "remove-worker"):
            # A list that is on its way may have been made before.
            self._is_old = True
        if action == "remove-worker":
            machines = self._machines.copy()
            machines.pop(news["worker"], None)
            self._machines_are(machines)

    def _machines_are(self, machines: dict[str, Machine]) -> None:
        for worker in self._machines.keys() - machines.keys():
            for number in [number for number, (place, _) in self._tasks.items() if place == worker]:
                _, task = self._tasks.pop(number)
                task.cancel()
                self._driver.tell("lost", {"id": number, "message": "the worker is gone"})
            if preparation := self._preparations.pop(worker, None):
                preparation.cancel()
            self._ready.discard(worker)
            self._refused.discard(worker)
            self._functions.pop(worker, None)
        self._machines = machines
        for worker in machines.keys() - self._preparations.keys():
            self._preparations[worker] = asyncio.create_task(self._prepare(worker))
        self._tell_soon()

    def _tell_soon(self) -> None:
        """Tells the driver which workers are ready, at once for many that are so at the same time."""
        if self._telling is None:
            self._telling = asyncio.get_running_loop().call_later(TOGETHER, self._tell)

    def _tell(self) -> None:
        self._telling = None
        ready = [(address, machine.slots) for address, machine in self._machines.items() if address in self._ready]
        workers = [{"address": address, "slots": slots} for address, slots in ready]
        if workers != self._told:
            self._told = workers
            self._driver.tell("workers", workers)

    async def _prepare(self, worker: str) -> None:
        """Sends the plan to a worker, and asks whether it can measure."""
        kind, text = await self._outcome(worker, None)
        if kind == "ready":
            self._ready.add(worker)
            self._tell_soon()
        elif kind == "failed":
            self._refused.add(worker)
            self._driver.tell("refused", {"worker": worker, "message": text})
        else:
            # If it is still there, the next list tries it again.
            del self._preparations[worker]

    def _begin(self, number: int, worker: str, body: Any) -> None:
        running = sum(place == worker for place, _ in self._tasks.values())
        if worker not in self._ready:
            self._driver.tell("lost", {"id": number, "message": "there is no such worker"})
        elif running >= self._machines[worker].slots:
            self._driver.tell("failed", {"id": number, "message": f"it measures {running} tasks already"})
        else:
            self._tasks[number] = (worker, asyncio.create_task(self._measure(number, worker, body)))

    async def _measure(self, number: int, worker: str, body: Any) -> None:
        kind, text = await self._outcome(worker, body)
        del self._tasks[number]
        self._driver.tell(kind, {"id": number, "result" if kind == "done" else "message": text})

    async def _outcome(self, worker: str, body: Any) -> tuple[str, str]:
        """Runs `replicate` on a worker, and returns what it returns, or why it did not return."""
        from distributed import CancelledError, KilledWorker

        for _ in range(ATTEMPTS):
            try:
                answer = await self._answer(worker, self._request(body))
            except CancelledError:
                # Another worker has gone, and with it the only copy of the plan.
                continue
            except KilledWorker:
                break
            except (ImportError, AttributeError):
                version = self._plan["version"]
                return "failed", (
                    f"deadheat {version} is not installed there; install deadheat=={version} in the environment of the "
                    "worker, and start the worker again"
                )
            except Exception as error:
                return "failed", shortened(f"{type(error).__name__}: {error}")
            good = "ready" if body is None else "done"
            if isinstance(answer, tuple) and [*map(type, answer)] == [str, str] and answer[0] in (good, "failed"):
                return answer[0], answer[1] if answer[0] == good else shortened(answer[1])
            return "failed", "it does not answer as deadheat does"
        return "lost", "Dask gave the task up"

    async def _answer(self, worker: str, task: Request) -> Any:
        from dask.utils import apply
        from distributed import CancelledError

        plan = await self._plan_on_cluster(worker)
        future = self._client.submit(
            apply,
            self._function(worker),
            [plan, task.to_json()],
            key=task.key,
            workers=[worker],
            allow_other_workers=False,
            pure=False,
            retries=0,
            resources={RESOURCE: 1} if self._machines[worker].declares else None,
        )
        try:
            return await future
        except CancelledError:
            if self._sent_plan is plan:
                self._sent_plan = None
            raise
        finally:
            # The result is not kept there, and a task that runs is cancelled.
            future.release()

    def _request(self, body: Any = None) -> Request:
        plan = self._plan
        return Request(self._run, uuid.uuid4().hex, plan["version"], plan["sha256"], plan["size"], body)

    async def _plan_on_cluster(self, worker: str) -> Future[bytes]:
        """Returns the plan, which Dask moves once to each worker that measures."""
        async with self._sending:
            if self._sent_plan is None:
                content = await asyncio.to_thread(Path(self._plan["path"]).read_bytes)
                self._sent_plan = await self._client.scatter(content, workers=[worker], hash=False, direct=False)
            return self._sent_plan

    def _function(self, worker: str) -> Future[Any]:
        if worker not in self._functions:
            self._functions[worker] = self._client.submit(
                pkgutil.resolve_name,
                "deadheat.cluster:replicate",
                key=f"deadheat-{self._run}-function-{uuid.uuid4().hex}",
                workers=[worker],
                pure=False,
            )
        return self._functions[worker]

    async def _tidy(self) -> None:
        """Ends all tasks, and removes from the machines what was made for them."""
        await cancelled([task for _, task in self._tasks.values()])
        await cancelled([*self._preparations.values()])
        # Some may just have written the plan.
        workers = [worker for worker in self._preparations if worker not in self._refused]
        if not workers or self._client.status != "running":
            return
        cleaning = self._client.run(clean, self._request().to_json(), workers=workers, on_error="return")
        try:
            answers = await asyncio.wait_for(cleaning, CLEANING + 1)
        except Exception as error:
            answers = {"the cluster": error}
        for address, answer in answers.items():
            if answer is not None:
                print(f"{address} was not cleaned: {shortened(answer)}", file=sys.stderr)


async def cancelled(tasks: list[asyncio.Task[None]]) -> None:
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)


async def connect(address: str) -> Client:
    from distributed import Client

    try:
        client = Client(address, asynchronous=True, set_as_default=False, timeout=CONNECTING)
        return await asyncio.wait_for(client, CONNECTING)
    except Exception as error:
        reason = shortened(error) or type(error).__name__
        hint = "is a scheduler running there? `dask scheduler` prints its address; dask+tls:// is for one with TLS"
        if address.startswith("tls:"):
            hint = "Dask's configuration has to name the certificates, in distributed.comm.tls"
        raise Problem(f"cannot connect to the Dask scheduler at {address}: {reason}", hint) from error


async def serve(address: str, driver: Driver) -> None:
    loop = asyncio.get_running_loop()
    requests = asyncio.StreamReader(limit=MOST_BYTES)
    transport, _ = await loop.connect_read_pipe(lambda: asyncio.StreamReaderProtocol(requests), sys.stdin)
    loop.add_signal_handler(signal.SIGTERM, transport.close)
    first = await requests.readline()
    if not first:
        return
    client = await connect(address)
    try:
        await Bridge(client, driver, json.loads(first)["plan"]).serve(requests)
    finally:
        with contextlib.suppress(Exception):
            await asyncio.wait_for(client.close(), GRACE)


def main(address: str) -> int:
    # Ctrl-C belongs to the driver.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    driver = Driver()
    try:
        try:
            import distributed  # noqa: F401
        except ImportError as error:
            raise Problem(f"Dask cannot be loaded: {error}", "pip install 'deadheat[dask]'") from error
        asyncio.run(serve(address, driver))
    except Problem as problem:
        driver.tell("error", {"message": shortened(problem), "hint": problem.hint})
        return 1
    return 0
