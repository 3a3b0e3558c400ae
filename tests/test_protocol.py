"""A real worker is held to the golden conversations; `crates/deadheat-core/tests/protocol.rs` reads the same files."""

import json
import os
import shutil
import socket
import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace

import pytest

from conftest import EXTENSION, PACKAGE

HERE = Path(__file__).parent
SCRIPTS = PACKAGE / "side" / "deadheat_worker" / "scripts"
# Fields that differ from run to run.
MEASURED = {
    "elapsed_ns",
    "duration_ns",
    "idle_cpu_ns",
    "waits",
    "length_ns",
    "probe_ns",
    "total_ns",
    "total_probe_ns",
    "self_ns",
    "self_probe_ns",
    "peak_bytes",
    "allocations",
    "python",
    "pytest",
    # Digests.
    "modules",
    "others",
    "surroundings",
}
CONVERSATIONS = {
    **dict.fromkeys(
        ["measuring", "failures", "no_collection", "reaching", "observing", "profiling", "surveying", "no_tracing"],
        "worker.py",
    ),
    **dict.fromkeys(["micro", "micro_memory", "micro_function", "micro_failures"], "micro.py"),
    "testing": "profile_tests.py",
    "testing_profiled": "profile_tests.py",
}


class Worker:
    def __init__(self, interpreter, folder, script="worker.py"):
        self._log = (folder / "log").open("w+")
        self._process = subprocess.Popen(
            [interpreter, SCRIPTS / script], stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=self._log, cwd=folder
        )

    def send(self, line):
        self._process.stdin.write(line + b"\n")
        self._process.stdin.flush()

    def ask(self, message):
        self.send(json.dumps(message).encode())
        line = self._process.stdout.readline()
        assert line, self.log()
        return json.loads(line)

    def log(self):
        self._log.seek(0)
        return self._log.read()

    def wait(self):
        self._process.stdin.close()
        assert self._process.stdout.read() == b""
        return self._process.wait(60)


@pytest.fixture
def worktree(tmp_path):
    folder = tmp_path / "worktree"
    shutil.copytree(HERE / "projects" / "protocol", folder)
    return folder


def hello(worktree, **changes):
    line = (HERE / "protocol" / "measuring.jsonl").read_text().splitlines()[0]
    request = json.loads(line)["message"]
    return {**request, "worktree": str(worktree), "repository": str(worktree.parent / "checkout"), **changes}


def matches(golden, answer):
    """Checks that an answer is the golden one, apart from measured values and the words around a message."""
    if isinstance(golden, dict):
        assert answer.keys() == golden.keys()
        for key, value in golden.items():
            if key in ("message", "problem") and value is not None:
                assert value in answer[key]
            elif key in MEASURED:
                assert type(answer[key]) is type(value)
            else:
                matches(value, answer[key])
    elif isinstance(golden, list) and golden and isinstance(golden[0], dict):
        assert len(answer) == len(golden)
        for one, other in zip(golden, answer, strict=True):
            matches(one, other)
    else:
        assert answer == golden


@pytest.mark.parametrize("name", CONVERSATIONS)
def test_golden_conversation(name, interpreter, worktree):
    hold_to(name, interpreter, worktree)


def test_golden_conversation_of_a_worker_that_memray_watches(memray_python, worktree):
    hold_to("weighing", memray_python, worktree)


def hold_to(name, interpreter, worktree):
    worker = Worker(interpreter, worktree, CONVERSATIONS.get(name, "worker.py"))
    entries = [json.loads(line) for line in (HERE / "protocol" / f"{name}.jsonl").read_text().splitlines()]
    for asked, golden in zip(entries[::2], entries[1::2], strict=True):
        request = asked["message"]
        if request["request"] == "hello":
            request = hello(worktree)
        if request["request"] == "trace":
            places = {"{extension}": EXTENSION, "{worktree}/nothing.so": str(worktree / "nothing.so")}
            request = {**request, "extension": places[request["extension"]]}
        if request["request"] == "micro" and "module" in request["code"]:
            request["code"]["module"] = {
                key: text.replace("{worktree}", str(worktree)) for key, text in request["code"]["module"].items()
            }
        matches(golden["message"], worker.ask(request))
    assert worker.wait() == 0


def start(interpreter, worktree, **changes):
    worker = Worker(interpreter, worktree)
    assert worker.ask(hello(worktree, **changes))["reply"] == "hello"
    return worker


def collect(worker, keyword=None):
    return worker.ask(
        {
            "request": "collect",
            "paths": ["benchmarks"],
            "files": [],
            "keyword": keyword,
            "arguments": [],
            "tests": False,
        }
    )


def enter(worker, benchmark):
    return worker.ask({"request": "enter", "benchmark": benchmark, "next": None, "set_up_each_call": False})


class Forked(Worker):
    """A worker forked by a server, which was sent its `hello`; the rest of the conversation is with the worker."""

    def __init__(self, line, folder):
        self._log = (folder / "forked").open("w+")
        (requests, own_requests), (own_replies, replies) = os.pipe(), os.pipe()
        request = {"request": "fork", "hello": hello(folder)}
        socket.send_fds(line, [json.dumps(request).encode() + b"\n"], [requests, replies, self._log.fileno()])
        answer = json.loads(line.recv(1 << 16))
        assert answer["reply"] == "forked", answer["problem"]
        self.number = answer["process"]
        os.close(requests)
        os.close(replies)
        self._process = SimpleNamespace(stdin=os.fdopen(own_requests, "wb"), stdout=os.fdopen(own_replies, "rb"))


@pytest.fixture
def start_fork_server(oldest_and_newest, worktree, monkeypatch):
    """Starts a server in the worktree and returns the line to it, once it has imported pytest."""
    if sys.platform != "linux":
        pytest.skip("fork servers are for Linux")
    monkeypatch.setenv("PYTHONPATH", "lib")
    line, theirs = socket.socketpair()
    servers = []

    def start():
        with (worktree / "server").open("w+") as log, theirs:
            command = [oldest_and_newest, SCRIPTS / "fork_server.py", "serving"]
            servers.append(subprocess.Popen(command, stdin=theirs, stdout=log, stderr=log, cwd=worktree))
        assert json.loads(line.recv(1 << 16))["reply"] == "hello"
        return line

    yield start
    line.close()
    assert [server.wait(60) for server in servers] == [0]


def test_workers_are_forked_as_often_as_they_are_wanted(start_fork_server, worktree):
    line = start_fork_server()
    workers = [Forked(line, worktree) for _ in range(2)]
    assert len({worker.number for worker in workers}) == 2
    # Two at once; each imports the project on its own.
    for worker in workers:
        assert collect(worker, "test_call")["benchmarks"] == ["benchmarks/test_good.py::test_call"]
        assert enter(worker, "benchmarks/test_good.py::test_call")["reply"] == "entered"
    for worker in workers:
        left = worker.ask({"request": "leave"})
        assert (left["reply"], left["foreign"]) == ("left", [])
        assert worker.ask({"request": "stop"}) == {"reply": "stopped"}
    for worker in workers:
        line.sendall(json.dumps({"request": "reap", "process": worker.number}).encode() + b"\n")
        answer = json.loads(line.recv(1 << 16))
        assert (answer["reply"], answer["status"]) == ("reaped", 0), worker.log()
        assert answer["cpu_ns"] > 0


def test_a_server_forks_workers_of_both_sides_each_with_the_imports_of_its_own(start_fork_server, worktree):
    other = worktree.with_name("other")
    shutil.copytree(worktree, other)
    for folder in (worktree, other):
        # Found by the relative entry in PYTHONPATH.
        (folder / "lib").mkdir()
        (folder / "lib" / "tool.py").write_text(f"SIDE = {folder.name!r}\n")
        (folder / "benchmarks" / "test_tool.py").write_text(
            "import pytest\nimport tool\n\n\n@pytest.mark.parametrize('side', [tool.SIDE])\n"
            "def test_side(benchmark, side):\n    benchmark(str, side)\n"
        )
    line = start_fork_server()
    workers = {folder.name: Forked(line, folder) for folder in (other, worktree)}
    for name, worker in workers.items():
        assert collect(worker, "test_side")["benchmarks"] == [f"benchmarks/test_tool.py::test_side[{name}]"]
        assert worker.ask({"request": "stop"}) == {"reply": "stopped"}


def test_no_worker_is_forked_for_a_project_that_has_a_module_of_pytests(start_fork_server, worktree):
    line = start_fork_server()
    # A folder without `__init__.py` is not imported in place of a package.
    (worktree / "packaging").mkdir()
    collect(Forked(line, worktree))
    (worktree / "iniconfig.py").touch()
    with pytest.raises(AssertionError, match="importing pytest has imported `iniconfig`"):
        Forked(line, worktree)


def test_prints_of_the_projects_code_do_not_break_the_conversation(oldest_and_newest, worktree):
    (worktree / "conftest.py").write_text(
        "import atexit, os\nos.write(1, b'raw\\n')\nprint('printed')\nos.system('echo child')\n"
        "assert os.read(0, 1) == b''\natexit.register(os.write, 1, b'late\\n')\n"
    )
    worker = start(oldest_and_newest, worktree)
    assert collect(worker)["reply"] == "collected"
    assert worker.ask({"request": "stop"}) == {"reply": "stopped"}
    worker.wait()
    assert "late" in worker.log().split()


def test_files_under_unusual_names_are_collected_once(oldest_and_newest, worktree):
    (worktree / "benchmarks" / "bench_[x].py").write_text("def test_odd(benchmark):\n    benchmark(len, [])\n")
    worker = start(oldest_and_newest, worktree)
    request = {
        "request": "collect",
        "paths": ["benchmarks"],
        "files": ["benchmarks/bench_[x].py"],
        "keyword": "odd",
        "arguments": [],
        "tests": False,
    }
    assert worker.ask(request)["benchmarks"] == ["benchmarks/bench_[x].py::test_odd"]


def test_a_module_from_another_checkout_is_named(oldest_and_newest, worktree, tmp_path):
    other = tmp_path / "elsewhere"
    shutil.copytree(worktree / "pkg", other / "pkg")
    (worktree / "conftest.py").write_text(f"import sys\nsys.path.insert(0, {str(other)!r})\n")
    worker = start(oldest_and_newest, worktree)
    foreign = collect(worker, "test_call")["foreign"]
    assert foreign == [{"module": "pkg", "file": str(other / "pkg" / "__init__.py")}]


def test_the_users_checkout_on_the_path_gives_way_to_the_worktree(oldest_and_newest, worktree, tmp_path, monkeypatch):
    checkout = tmp_path / "checkout"
    shutil.copytree(worktree, checkout)
    monkeypatch.setenv("PYTHONPATH", str(checkout))
    worker = start(oldest_and_newest, worktree)
    assert collect(worker, "test_call")["foreign"] == []
    enter(worker, "benchmarks/test_good.py::test_call")
    left = worker.ask({"request": "leave"})
    assert (left["reply"], left["foreign"], left["project_modules"]) == ("left", [], 1)


def test_an_editable_finder_that_comes_first_gives_way(oldest_and_newest, worktree, tmp_path):
    # meson-python installs a finder at the head of sys.meta_path.
    installed = tmp_path / "installed"
    shutil.copytree(worktree / "pkg", installed / "pkg")
    site = tmp_path / "site"
    site.mkdir()
    (site / "sitecustomize.py").write_text(
        "import importlib.machinery, sys\n"
        "class MesonpyMetaFinder:\n"
        "    _top_level_modules = {'pkg'}\n"
        "    def find_spec(self, name, path=None, target=None):\n"
        "        if name == 'pkg':\n"
        f"            return importlib.machinery.PathFinder.find_spec(name, [{str(installed)!r}])\n"
        "sys.meta_path.insert(0, MesonpyMetaFinder())\n"
    )
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("PYTHONPATH", str(site))
        worker = start(oldest_and_newest, worktree)
    assert collect(worker, "test_call")["foreign"] == []


def test_a_module_of_the_project_never_replaces_one_of_the_standard_library(oldest_and_newest, worktree):
    (worktree / "select.py").write_text("raise RuntimeError('the project is not the standard library')\n")
    (worktree / "selectors.py").write_text("raise RuntimeError('the project is not the standard library')\n")
    worker = start(oldest_and_newest, worktree)
    assert collect(worker, "test_call")["benchmarks"] == ["benchmarks/test_good.py::test_call"]


def test_other_versions_of_the_protocol_are_refused(oldest_and_newest, worktree):
    worker = Worker(oldest_and_newest, worktree)
    worker.send(json.dumps(hello(worktree, protocol=2)).encode())
    assert worker.wait() == 1
    assert "version 2" in worker.log()


@pytest.mark.parametrize("line", [b"nonsense", b"[]", b'{"request": "run", "warmup": 0, "iterations": 1}'])
def test_what_is_no_request_ends_the_worker(oldest_and_newest, worktree, line):
    worker = Worker(oldest_and_newest, worktree)
    worker.send(line)
    assert worker.wait() == 1
