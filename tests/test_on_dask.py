"""Clusters of Dask. In most tests, their workers run a program that stands in for `deadheat replicate`."""

import asyncio
import contextlib
import hashlib
import importlib.metadata
import json
import os
import select
import signal
import socket
import subprocess
import sys
import textwrap
import threading
from pathlib import Path

import pytest

from conftest import EXTENSION, PACKAGE, WORKERS, Outcome, command
from deadheat.cluster import CANCELLED, Request, clean, replicate
from processes import start
from test_on_several_cores import BASE, BENCHMARKS, HEAD, estimates, exact  # noqa: F401

# They share a cluster.
pytestmark = pytest.mark.xdist_group("a Dask cluster")

VERSION = importlib.metadata.version("deadheat")
PLAN = b"what to measure" * 100_000
SHA256 = hashlib.sha256(PLAN).hexdigest()
# The seconds after which something did not happen.
LIMIT = 60

STAND_IN = """\
    import hashlib
    import json
    import os
    import signal
    import sys

    plan = sys.argv[2]
    if sys.argv[3:] == ["--clean"]:
        with open(plan + ".cleaned", "a") as file:
            file.write("x")
        sys.exit()
    task = json.loads(sys.stdin.readline())
    if task["do"] == "echo":
        with open(plan, "rb") as file:
            print(json.dumps([task["words"], hashlib.sha256(file.read()).hexdigest()]))
    elif task["do"] == "variables":
        print(json.dumps([os.environ.get(name) for name in task["names"]]))
    elif task["do"] == "write":
        sys.stdout.write(task["words"] * task["times"])
    elif task["do"] == "fail":
        sys.exit(task["words"] * task["times"] + " the end")
    elif task["do"] == "stay":
        # Not even a failed test leaves it running.
        signal.alarm(300)
        if task["is_deaf"]:
            signal.signal(signal.SIGTERM, signal.SIG_IGN)
        os.open(task["witness"], os.O_WRONLY)
        os.write(os.open(task["moment"], os.O_WRONLY), b"%d\\n" % os.getppid())
        sys.stdin.read()
        while task["is_deaf"]:
            signal.pause()
    """


# What a worker answers must not be trusted.
NONSENSE = """\
    import json


    def replicate(plan, request):
        body = json.loads(request)["body"]
        if body is None:
            return "ready", ""
        if body == "raise":
            raise Exception("no" * 1_000_000)
        return eval(body)


    async def clean(request):
        raise Exception
    """


def install(place, version, side, module):
    """Makes a folder with a deadheat that runs the stand-in, or the real program with the files of `side`."""
    package = place / "deadheat"
    package.mkdir(parents=True)
    (package / "__init__.py").touch()
    if side:
        (package / "__main__.py").symlink_to(PACKAGE / "__main__.py")
        (package / Path(EXTENSION).name).symlink_to(EXTENSION)
        (package / "side").symlink_to(side)
    else:
        (package / "__main__.py").write_text(textwrap.dedent(STAND_IN))
    if version is not None:
        if module:
            (package / "cluster.py").write_text(textwrap.dedent(module))
        else:
            (package / "cluster.py").symlink_to(PACKAGE / "cluster.py")
        information = place / f"deadheat-{version}.dist-info"
        information.mkdir()
        (information / "METADATA").write_text(f"Metadata-Version: 2.1\nName: deadheat\nVersion: {version}\n")


class Process:
    """A process of the cluster. Its log is read to its end, so that it never waits for a reader."""

    def __init__(self, module, *arguments, **environment):
        self.popen = subprocess.Popen(
            [sys.executable, "-m", f"distributed.cli.{module}", *map(str, arguments), "--no-dashboard"],
            env={**os.environ, **environment},
            stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
            text=True,
            start_new_session=True,
        )

    def address(self, words):
        """Waits for a line of the log with these words, which an address follows."""
        found = threading.Event()
        lines = []

        def read():
            for line in self.popen.stderr:
                if words in line:
                    lines.append(line)
                    found.set()

        threading.Thread(target=read, daemon=True).start()
        assert found.wait(LIMIT), f"{words} did not come"
        return lines[0].partition(words)[2].strip()

    def close(self):
        with contextlib.suppress(ProcessLookupError):
            os.killpg(self.popen.pid, signal.SIGKILL)
        self.popen.wait()


class Cluster:
    """A scheduler, and workers that have the real module and the program above."""

    def __init__(self, folder, stack, *options):
        self.folder = folder
        self._stack = stack
        scheduler = self._start("dask_scheduler", "--host", "127.0.0.1", "--port", 0, *options)
        self.address = scheduler.address("Scheduler at:")
        self.scheduler = scheduler.popen

    def _start(self, *words, **environment):
        return self._stack.enter_context(contextlib.closing(Process(*words, **environment)))

    def worker(self, *options, version=VERSION, side=None, module=None, **variables):
        """Starts a worker, and returns its address and its process.

        `side` has the files of deadheat's own workers; `module` is there instead of the bridge.
        """
        package = self.folder / f"deadheat {version}"
        if not package.exists():
            install(package, version, side, module)
        worker = self._start(
            "dask_worker",
            self.address,
            *["--nthreads", 1, "--local-directory", self.folder / "scratch", "--no-nanny", *options],
            **{"PYTHONPATH": str(package), "XDG_CACHE_HOME": str(self.folder / "cache"), **variables},
        )
        return worker.address("Start worker at:"), worker.popen

    def plans(self):
        return {path.name for path in (self.folder / "cache" / "deadheat" / "plans").iterdir()}


@pytest.fixture(scope="module")
def stack():
    with contextlib.ExitStack() as stack:
        yield stack


@pytest.fixture(scope="module")
def cluster(tmp_path_factory, stack):
    """A cluster whose two workers outlive each test."""
    cluster = Cluster(tmp_path_factory.mktemp("cluster"), stack)
    cluster.workers = {cluster.worker()[0], cluster.worker()[0]}
    return cluster


@pytest.fixture
def own_cluster(tmp_path):
    """A cluster without workers."""
    with contextlib.ExitStack() as stack:
        yield Cluster(tmp_path / "cluster", stack)


class Bridge:
    """The driver's side of the bridge."""

    CODE = "import sys; from deadheat import cluster; sys.exit(cluster.main(sys.argv[1]))"

    def __init__(self, address, folder, code=CODE):
        self._log = folder / "bridge.log"
        with self._log.open("w") as log:
            self.process = subprocess.Popen(
                [sys.executable, "-c", code, address],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=log,
                bufsize=0,
            )
        path = folder / "plan"
        path.write_bytes(PLAN)
        self.ask("plan", path=str(path), sha256=SHA256, size=len(PLAN), version=VERSION)
        self._rest = b""
        self._next = 0

    def ask(self, kind, **values):
        self.process.stdin.write(json.dumps({kind: values}).encode() + b"\n")

    def begin(self, worker, **body):
        self._next += 1
        self.ask("task", id=self._next, worker=worker, body=body)
        return self._next

    def stay(self, worker, witness, moment, is_deaf=False):
        """Begins a task that never ends by itself; returns its number and the process of its worker."""
        number = self.begin(worker, do="stay", witness=str(witness.path), moment=str(moment.path), is_deaf=is_deaf)
        return number, int(moment.wait())

    def hear(self):
        """Returns the next event."""
        while b"\n" not in self._rest:
            assert select.select([self.process.stdout], [], [], LIMIT)[0], f"no event: {self._log.read_text()}"
            read = os.read(self.process.stdout.fileno(), 1 << 20)
            assert read, f"it ended: {self._log.read_text()}"
            self._rest += read
        line, _, self._rest = self._rest.partition(b"\n")
        ((kind, value),) = json.loads(line).items()
        return kind, value

    def workers(self, count):
        """Waits until there are as many workers."""
        kind, value = self.hear()
        while kind != "workers" or len(value) != count:
            kind, value = self.hear()
        return {worker["address"]: worker["slots"] for worker in value}

    def outcome(self):
        """Returns the next event about a task."""
        kind, value = self.hear()
        while kind == "workers":
            kind, value = self.hear()
        return kind, value

    def end(self):
        self.ask("end")
        assert self.process.wait(LIMIT) == 0
        # Every line was an event.
        rest = self._rest + self.process.stdout.read()
        return [json.loads(line) for line in rest.splitlines()]

    def close(self):
        self.process.kill()
        self.process.wait()
        self.process.stdin.close()
        self.process.stdout.close()


@pytest.fixture
def bridge(cluster, tmp_path):
    with contextlib.closing(Bridge(cluster.address, tmp_path)) as bridge:
        assert bridge.workers(2).keys() == cluster.workers
        yield bridge


@pytest.fixture
def bridges(tmp_path):
    with contextlib.ExitStack() as stack:
        yield lambda address, *code: stack.enter_context(contextlib.closing(Bridge(address, tmp_path, *code)))


def test_workers_measure_what_they_are_given(cluster, bridge):
    words = "ü\u2028" * 100_000
    tasks = {bridge.begin(worker, do="echo", words=f"{words}{worker}"): worker for worker in cluster.workers}
    while tasks:
        kind, answer = bridge.outcome()
        assert kind == "done"
        worker = tasks.pop(answer["id"])
        assert json.loads(answer["result"]) == [f"{words}{worker}", SHA256]
    assert f"{SHA256}.plan" in cluster.plans()
    assert bridge.end() == []
    # Workers of one machine share the plan; the first one to clean removes it.
    assert f"{SHA256}.plan" not in cluster.plans()
    assert f"{SHA256}.plan.cleaned" in cluster.plans()
    assert not any(name.startswith(".") for name in cluster.plans())


def test_answers_are_passed_on_unread(cluster, bridge):
    worker = min(cluster.workers)
    rubbish = '{"workers": []}\n\0"\\ud800'
    bridge.begin(worker, do="write", words=rubbish, times=1)
    kind, answer = bridge.outcome()
    assert (kind, answer["result"]) == ("done", rubbish)


@pytest.mark.parametrize("words", ["x" * 1024, '"' * 1024], ids=["by itself", "as JSON"])
def test_results_that_are_too_large_are_refused(cluster, bridge, words):
    worker = min(cluster.workers)
    times = {"x": 70 << 10, '"': 40 << 10}[words[0]]
    bridge.begin(worker, do="write", words=words, times=times)
    kind, answer = bridge.outcome()
    assert (kind, answer["message"]) == ("failed", "its result is larger than 64 MiB")
    bridge.begin(worker, do="echo", words="and on")
    assert bridge.outcome()[0] == "done"


def test_a_failed_task_says_why_in_few_words(cluster, bridge):
    worker = min(cluster.workers)
    number = bridge.begin(worker, do="fail", words="no ", times=100_000)
    kind, answer = bridge.outcome()
    assert (kind, answer["id"]) == ("failed", number)
    assert answer["message"].startswith("`deadheat replicate` ended with 1")
    assert answer["message"].endswith("the end")
    assert len(answer["message"]) <= 2_000


@pytest.mark.parametrize("is_deaf", [False, True], ids=["when its input ends", "by force"])
def test_a_cancelled_task_ends(cluster, bridge, witness, moment, is_deaf):
    worker = min(cluster.workers)
    number, _ = bridge.stay(worker, witness, moment, is_deaf)
    assert bridge.begin(worker, do="echo", words="one too many") == number + 1
    kind, answer = bridge.outcome()
    assert (kind, answer["id"]) == ("failed", number + 1)
    bridge.ask("cancel", id=number)
    assert witness.saw_all_end()
    bridge.begin(worker, do="echo", words="next")
    kind, answer = bridge.outcome()
    assert (kind, answer["id"]) == ("done", number + 2)


@pytest.mark.parametrize("way", ["end", "stdin", "SIGTERM", "SIGKILL"])
def test_nothing_is_left_when_the_run_ends(cluster, bridge, witness, moment, way):
    bridge.stay(min(cluster.workers), witness, moment)
    bridge.process.send_signal(signal.SIGINT)
    if way == "end":
        bridge.ask("end")
    elif way == "stdin":
        bridge.process.stdin.close()
    else:
        bridge.process.send_signal(signal.Signals[way])
    assert witness.saw_all_end()
    code = bridge.process.wait(LIMIT)
    if way == "SIGKILL":
        assert f"{SHA256}.plan" in cluster.plans()
        cache = {"XDG_CACHE_HOME": str(cluster.folder / "cache")}
        subprocess.run(command("clean"), cwd=cluster.folder, env=os.environ | cache, check=True)
        assert cluster.plans() == set()
    else:
        assert code == 0
        assert f"{SHA256}.plan" not in cluster.plans()


def test_what_comes_after_the_end_of_the_run_leaves_nothing(cache):
    late, wanted = (Request(run, "name", VERSION, SHA256, len(PLAN), None).to_json() for run in ("late", "wanted"))
    asyncio.run(clean(late))
    assert replicate(PLAN, late) == ("failed", CANCELLED)
    assert [*(cache / "deadheat" / "plans").iterdir()] == []
    assert replicate(PLAN, wanted) == ("ready", "")
    assert [path.read_bytes() for path in (cache / "deadheat" / "plans").iterdir()] == [PLAN]


@pytest.mark.parametrize("options", [(), ("--nanny",)], ids=["alone", "with a nanny"])
def test_tasks_of_a_killed_worker_are_lost(own_cluster, bridges, witness, moment, options):
    killed, _ = own_cluster.worker(*options)
    bridge = bridges(own_cluster.address)
    assert bridge.workers(1) == {killed: 1}
    # The only copy of the plan comes here, and cannot leave.
    number, process = bridge.stay(killed, witness, moment)
    os.kill(process, signal.SIGSTOP)
    other, _ = own_cluster.worker()
    os.kill(process, signal.SIGKILL)
    kind, answer = bridge.outcome()
    assert (kind, answer["id"]) == ("lost", number)
    assert witness.saw_all_end()
    while bridge.workers(1) != {other: 1}:
        pass
    bridge.begin(other, do="echo", words="and on")
    assert bridge.outcome()[0] == "done"
    bridge.begin(killed, do="echo", words="too late")
    assert bridge.outcome()[0] == "lost"
    bridge.end()
    assert f"{SHA256}.plan" not in own_cluster.plans()


def test_a_nanny_does_not_change_what_is_measured(own_cluster, bridges):
    worker, _ = own_cluster.worker("--nanny", OMP_NUM_THREADS="2")
    bridge = bridges(own_cluster.address)
    bridge.workers(1)
    bridge.begin(worker, do="variables", names=["MALLOC_TRIM_THRESHOLD_", "MKL_NUM_THREADS", "OMP_NUM_THREADS"])
    assert json.loads(bridge.outcome()[1]["result"]) == [None, None, "2"]


def test_a_worker_that_leaves_loses_its_task(own_cluster, bridges, witness, moment):
    worker, process = own_cluster.worker()
    bridge = bridges(own_cluster.address)
    bridge.workers(1)
    bridge.stay(worker, witness, moment)
    process.terminate()
    assert bridge.outcome()[0] == "lost"
    assert witness.saw_all_end()
    bridge.workers(0)


def test_workers_that_declare_slots_are_the_only_ones(own_cluster, bridges, tmp_path):
    plain, _ = own_cluster.worker()
    bridge = bridges(own_cluster.address)
    assert bridge.workers(1) == {plain: 1}
    declaring, _ = own_cluster.worker("--nthreads", 3, "--resources", "deadheat=2")
    few_threads, _ = own_cluster.worker("--resources", "deadheat=8")
    assert bridge.workers(2) == {declaring: 2, few_threads: 1}
    numbers = {bridge.begin(declaring, do="echo", words=words) for words in ("one", "two")}
    assert {bridge.outcome()[1]["id"] for _ in numbers} == numbers


def test_only_workers_with_the_same_deadheat_measure(own_cluster, bridges):
    started = {version: own_cluster.worker(version=version) for version in ("0.1.9", None)}
    others = {address: version for version, (address, _) in started.items()}
    bridge = bridges(own_cluster.address)
    for _ in others:
        kind, refusal = bridge.hear()
        while kind != "refused":
            assert (kind, refusal) == ("workers", [])
            kind, refusal = bridge.hear()
        version = others[refusal["worker"]]
        assert f"install deadheat=={VERSION}" in refusal["message"]
        assert (f"has deadheat {version}" if version else "is not installed") in refusal["message"]
    worker, _ = own_cluster.worker()
    assert bridge.workers(1) == {worker: 1}
    assert bridge.end() == []
    # Being asked has not harmed them.
    assert [process.poll() for _, process in started.values()] == [None, None]


def test_nonsense_spoils_only_its_task(own_cluster, bridges):
    worker, _ = own_cluster.worker(module=NONSENSE)
    bridge = bridges(own_cluster.address)
    bridge.workers(1)
    for answer in (
        "('workers', '')",
        "('ready', '')",
        "('done', b'')",
        "['done', '']",
        "None",
        "raise",
        "('failed', 'no' * 10_000)",
    ):
        bridge.ask("task", id=1, worker=worker, body=answer)
        kind, said = bridge.outcome()
        assert (kind, said["id"]) == ("failed", 1)
        assert 0 < len(said["message"]) <= 2_000
    bridge.ask("task", id=1, worker=worker, body="('done', 'and on')")
    assert bridge.outcome() == ("done", {"id": 1, "result": "and on"})
    assert bridge.end() == []


def test_the_end_of_the_scheduler_is_an_error(own_cluster, bridges, witness, moment):
    worker, _ = own_cluster.worker()
    bridge = bridges(own_cluster.address)
    bridge.workers(1)
    bridge.stay(worker, witness, moment)
    own_cluster.scheduler.kill()
    kind, error = bridge.outcome()
    while kind != "error":
        kind, error = bridge.outcome()
    assert error["message"] == "the connection to the Dask scheduler was lost"
    assert bridge.process.wait(LIMIT) == 1
    assert witness.saw_all_end()


def test_a_place_without_a_scheduler_is_an_error(bridges):
    with socket.create_server(("127.0.0.1", 0)) as silent:
        address = f"tcp://127.0.0.1:{silent.getsockname()[1]}"
        bridge = bridges(address)
        kind, error = bridge.hear()
    assert kind == "error"
    assert address in error["message"]
    assert "dask scheduler" in error["hint"]
    assert bridge.process.wait(LIMIT) == 1


def test_certificates_are_asked_for(bridges):
    kind, error = bridges("tls://127.0.0.1:9").hear()
    assert kind == "error"
    assert "distributed.comm.tls" in error["hint"]


def test_dask_is_optional(bridges):
    # An entry of None in the table of modules cannot be imported.
    bridge = bridges("tcp://127.0.0.1:9", "import sys; sys.modules['distributed'] = None; " + Bridge.CODE)
    kind, error = bridge.hear()
    assert kind == "error"
    assert error["hint"] == "pip install 'deadheat[dask]'"
    assert bridge.process.wait(LIMIT) == 1


@pytest.mark.long
def test_a_cluster_with_tls(tmp_path, bridges, monkeypatch):
    certificate, key = tmp_path / "certificate.pem", tmp_path / "key.pem"
    request = ["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-subj", "/CN=cluster", "-days", "1"]
    subprocess.run([*request, "-out", certificate, "-keyout", key], check=True, capture_output=True)
    tls = "DASK_DISTRIBUTED__COMM__TLS"
    monkeypatch.setenv(f"{tls}__CA_FILE", str(certificate))
    for role in ("SCHEDULER", "WORKER", "CLIENT"):
        monkeypatch.setenv(f"{tls}__{role}__CERT", str(certificate))
        monkeypatch.setenv(f"{tls}__{role}__KEY", str(key))
    with contextlib.ExitStack() as stack:
        cluster = Cluster(tmp_path / "cluster", stack, "--protocol", "tls")
        worker, _ = cluster.worker()
        assert worker.startswith("tls://")
        bridge = bridges(cluster.address)
        bridge.workers(1)
        bridge.begin(worker, do="echo", words="words")
        assert bridge.outcome()[0] == "done"
        bridge.end()
        kind, error = bridges(cluster.address.replace("tls:", "tcp:")).hear()
        assert kind == "error"
        assert "dask+tls://" in error["hint"]


@pytest.mark.usefixtures("exact")
def test_a_comparison_gives_the_same_estimates_as_on_this_machine(own_cluster, repository, compare):
    repository.commit_both(BASE, HEAD, BENCHMARKS)
    workers = {own_cluster.worker(side=WORKERS.package / "side")[0] for _ in range(2)}
    here = compare("HEAD^", "HEAD", replicates=5)
    there = compare("HEAD^", "HEAD", "--on", own_cluster.address.replace("tcp:", "dask:"), replicates=5)
    assert estimates(there.report) == estimates(here.report)
    assert len(estimates(here.report)) == 3
    assert there.missing() == here.missing() == {"test_fails": ("failed", None)}
    assert {machine["name"] for machine in there.report["machines"]} <= workers
    assert own_cluster.plans() == set()
    assert [*(own_cluster.folder / "cache" / "deadheat" / "runs").iterdir()] == []


def stays_on_one(witness, moment):
    """Returns the beginning of a suite that, on one of the machines, tells when it is imported, and never ends."""
    return f"""\
    import os
    import signal

    if os.environ["MACHINE"] == "dies":
        os.open({str(witness.path)!r}, os.O_WRONLY)
        os.write(os.open({str(moment.path)!r}, os.O_WRONLY), b"x")
        signal.pause()

"""


@pytest.mark.usefixtures("exact")
def test_a_worker_that_dies_changes_no_estimate(own_cluster, repository, compare, monkeypatch, witness, moment):
    repository.commit_both(BASE, HEAD, stays_on_one(witness, moment) + BENCHMARKS)
    monkeypatch.setenv("MACHINE", "stays")
    here = compare("HEAD^", "HEAD", replicates=5)
    side = WORKERS.package / "side"
    # With a cache of its own, as on a machine of its own.
    _, dies = own_cluster.worker(side=side, MACHINE="dies", XDG_CACHE_HOME=str(own_cluster.folder / "other"))
    stays, _ = own_cluster.worker(side=side)
    on = own_cluster.address.replace("tcp:", "dask:")
    options = ["--json", "--samples", "--seed", 1, "--replicates", 5]
    run = start(repository, "compare", "HEAD^", "HEAD", *options, "--on", on)
    moment.wait()
    dies.kill()
    assert witness.saw_all_end()
    printed = run.communicate(timeout=LIMIT)
    there = Outcome(subprocess.CompletedProcess(run.args, run.returncode, *printed))
    assert estimates(there.report) == estimates(here.report)
    assert len(estimates(here.report)) == 3
    assert {machine["name"] for machine in there.report["machines"]} == {stays}
    assert own_cluster.plans() == set()
