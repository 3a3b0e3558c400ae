"""The watch over functions, against known answers on every supported Python."""

import json
import subprocess
import textwrap
from pathlib import Path

import pytest

from conftest import EXTENSION, PACKAGE, ROOT

# Runs in the project's interpreter: argv has the worker's folder, the extension, the module's file and the targets.
PROGRAM = """\
import ast, json, os, sys
side, extension, folder, names = sys.argv[1:]
sys.path[:0] = [side]
from deadheat_worker.watching.rewriting import functions_in
from deadheat_worker.watching.tracing import Tracing

names = json.loads(names)
tree = ast.parse(open(os.path.join(folder, "module.py")).read())
lines = {}
for qualname, node in functions_in(tree):
    first = min([node.lineno, *(decorator.lineno for decorator in node.decorator_list)])
    lines.setdefault(qualname, []).append(first)
targets = []
for name in names:
    qualname, _, which = name.partition("@")
    targets.append({"path": "module.py", "qualname": qualname, "line": lines[qualname][int(which or 1) - 1]})

def path_of(file):
    file = os.path.realpath(file)
    return os.path.relpath(file, folder) if file.startswith(folder) else None

tracing = Tracing(extension, targets, path_of)
sys.path.insert(0, folder)
import module
imported = tracing.take_reached()
tracing.prepare()
tracing.start()
result = module.main()
tracing.stop()
answer = tracing.reply(0, 1)
for row in answer["functions"]:
    row["name"] = names[row["function"]]
answer["result"] = result
answer["imported"] = [names[number] for number in imported]
answer["is_idle"] = tracing.tracer.is_idle()
print(json.dumps(answer))
"""


class Record:
    def __init__(self, answer):
        self.rows = {row["name"]: row for row in answer["functions"]}
        self.calls = {name: row["calls"] for name, row in self.rows.items()}
        self.length_ns = answer["length_ns"]
        self.unbalanced = answer["unbalanced"]
        self.is_idle = answer["is_idle"]
        self.imported = answer["imported"]
        self.result = answer["result"]

    def total_ns(self, name):
        return self.rows[name]["total_ns"]

    def self_ns(self, name):
        return self.rows[name]["self_ns"]


@pytest.fixture
def trace(interpreter, tmp_path):
    """Runs `main()` of a module with some of its functions watched; `name@2` is the second function of that name."""

    def run(source, *names):
        folder = Path(tmp_path).resolve()
        (folder / "module.py").write_text(textwrap.dedent(source))
        completed = subprocess.run(
            [interpreter, "-c", PROGRAM, PACKAGE / "side", EXTENSION, folder, json.dumps(names)],
            capture_output=True,
            text=True,
            timeout=120,
        )
        assert completed.returncode == 0, completed.stderr
        record = Record(json.loads(completed.stdout.splitlines()[-1]))
        assert record.unbalanced == 0
        assert record.is_idle
        return record

    return run


def module(name):
    """Returns the text of a module that is watched."""
    return (ROOT / "tests" / "projects" / "watched" / f"{name}.py").read_text()


@pytest.fixture
def has_monitoring(interpreter):
    """Whether this Python reports suspensions."""
    answer = subprocess.run(
        [interpreter, "-c", "import sys; print(hasattr(sys, 'monitoring'))"], capture_output=True, text=True, check=True
    )
    return answer.stdout.strip() == "True"


def test_every_form_of_a_function_is_found_and_counted(trace):
    record = trace(
        module("forms"),
        "plain",
        "C.method",
        "C.class_method",
        "C.static_method",
        "C.value",
        "C.value@2",
        "decorate.<locals>.wrapper",
        "decorated",
        "cached",
        "outer.<locals>.nested",
    )
    assert record.calls == {
        "plain": 12,
        "C.method": 2,
        "C.class_method": 3,
        "C.static_method": 4,
        "C.value": 5,
        "C.value@2": 6,
        "decorate.<locals>.wrapper": 7,
        "decorated": 7,
        "cached": 2,
        "outer.<locals>.nested": 9,
    }
    assert record.imported == ["plain"]


def test_own_time_is_without_other_watched_functions(trace):
    source = """\
        import time


        def pause(seconds):
            end = time.perf_counter() + seconds
            while time.perf_counter() < end:
                pass


        def outer():
            pause(0.02)
            inner()


        def inner():
            pause(0.04)


        def recursive(n):
            pause(0.01)
            if n:
                recursive(n - 1)


        def main():
            outer()
            recursive(4)
        """
    record = trace(source, "outer", "inner", "recursive")
    assert record.calls == {"outer": 1, "inner": 1, "recursive": 5}
    # Busy waits end late on a busy machine, never early.
    assert record.total_ns("outer") >= 59e6
    assert record.total_ns("recursive") >= 49e6
    assert record.total_ns("outer") == pytest.approx(record.self_ns("outer") + record.self_ns("inner"), rel=0.01)
    assert record.total_ns("recursive") == pytest.approx(record.self_ns("recursive"), rel=0.01)
    assert record.total_ns("outer") + record.total_ns("recursive") <= record.length_ns


def test_what_can_be_suspended_is_counted_and_its_waiting_is_not(trace, has_monitoring):
    names = ["generator", "delegating", "coroutine", "inner", "asynchronous_generator", "cancelled", "plain"]
    record = trace(module("suspended"), *names)
    assert record.result == 7
    assert record.calls == {
        "generator": 5,
        "delegating": 1,
        "coroutine": 100,
        "inner": 100,
        "asynchronous_generator": 2,
        "cancelled": 1,
        "plain": 1,
    }
    if has_monitoring:
        # A hundred tasks sleep for 20 ms each, two seconds in all; they use no time while they sleep.
        assert 0 < record.self_ns("inner") < 1e9
        assert record.total_ns("coroutine") < record.length_ns
    else:
        assert [name for name in names if record.total_ns(name) is None] == names[:-1]


def test_exceptions_leave_the_accounts_balanced(trace):
    record = trace(module("exceptions"), "raising", "catching", "between", "after", "deep", "leaves")
    deep = record.calls.pop("deep")
    assert deep > 100
    assert record.calls == {"raising": 60, "catching": 10, "between": 10, "after": 10, "leaves": 1}


def test_threads_are_accounted_on_their_own(trace):
    source = """\
        import threading
        import time
        from concurrent.futures import ThreadPoolExecutor


        def waits():
            barrier.wait()
            time.sleep(0.02)
            return inner()


        def inner():
            return 1


        barrier = threading.Barrier(4)


        def main():
            with ThreadPoolExecutor(4) as pool:
                return sum(future.result() for future in [pool.submit(waits) for _ in range(8)])
        """
    record = trace(source, "waits", "inner")
    assert record.result == 8
    assert record.calls == {"waits": 8, "inner": 8}
    # Four run at a time: together they take longer than the wall clock.
    assert record.total_ns("waits") >= 8 * 19e6
    assert record.total_ns("waits") > 1.5 * record.length_ns


def test_watched_functions_are_what_they_were(trace):
    names = [
        "function",
        "Base.__init_subclass__",
        "Base.__class_getitem__",
        "Base.__new__",
        "Base.method",
        "generator",
        "coroutine",
        "asynchronous_generator",
    ]
    record = trace(module("unchanged"), *names)
    assert record.result is True
    assert record.calls == {
        "function": 1,
        "Base.__class_getitem__": 1,
        "Base.__new__": 1,
        "Base.method": 1,
        "generator": 1,
        "coroutine": 1,
    }
    assert record.imported == ["Base.__init_subclass__"]
