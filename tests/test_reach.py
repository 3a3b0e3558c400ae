"""The watch over what a benchmark runs, with clocks that the test controls."""

import shutil
import sys
import types

import pytest

from conftest import PACKAGE

sys.path.append(str(PACKAGE / "side"))
from deadheat_worker.watching import processes, tracing


class Watch:
    """A watch over functions, of which these have always run."""

    def __init__(self, *functions):
        self._functions = set(functions)

    def take_reached(self):
        return self._functions


@pytest.fixture
def reach_in(monkeypatch):
    """Makes a watch that leaves no audit hook in this process."""
    monkeypatch.setattr(sys, "addaudithook", lambda hook: None)
    monkeypatch.setattr(tracing, "_tell_of_spawning", lambda note: None)
    return tracing.Reach


@pytest.mark.parametrize(
    ("wall_ms", "runnable_ms", "is_parallel"), [(20, 20, False), (20, 38, True), (20, 25, False), (2, 4, False)]
)
@pytest.mark.parametrize("functions", [(0,), ()], ids=["changed", "the same"])
def test_a_sample_that_uses_more_than_one_core_is_noticed(
    monkeypatch, reach_in, functions, wall_ms, runnable_ms, is_parallel
):
    readings = iter([1_000, 1_000 + wall_ms * 1_000_000])
    monkeypatch.setattr(tracing.WallClock, "start", lambda: next(readings))
    monkeypatch.setattr(tracing.RunnableTime, "since", lambda self, before: runnable_ms * 1_000_000)
    reach = reach_in(Watch(*functions))
    with reach.on_account_of("test_a.py::test_a"), reach.in_sample():
        pass
    rows = {row["node"]: row for row in reach.take() if row["node"]}
    assert [node for node, row in rows.items() if row["parallel"]] == ["test_a.py::test_a"] * is_parallel
    assert {tuple(row["functions"]) for row in rows.values()} <= {functions}


def test_a_wait_while_the_times_are_read_is_not_a_second_core(monkeypatch, reach_in):
    now_ns = 0

    class ReadSlowly:
        """The runnable time of a single thread, which waits for a processor right after it was read."""

        def __init__(self):
            nonlocal now_ns
            self.read_ns = now_ns
            now_ns += 15_000_000

        def since(self, before):
            return self.read_ns - before.read_ns

    monkeypatch.setattr(tracing.WallClock, "start", lambda: now_ns)
    monkeypatch.setattr(tracing, "RunnableTime", ReadSlowly)
    reach = reach_in(Watch())
    with reach.on_account_of("test_a.py::test_a"), reach.in_sample():
        now_ns += 6_000_000
    assert not [row for row in reach.take() if row["parallel"]]


@pytest.fixture
def usage(monkeypatch, tmp_path):
    """Sets the nanoseconds of this process, of its children that have ended, and of threads.

    The key of a thread is its process's number and its own; its value is its times on a processor and waiting for one.
    """
    monkeypatch.setattr(processes, "PROC", str(tmp_path))

    def say(used, ended, threads, children="7"):
        monkeypatch.setattr(processes.time, "process_time_ns", lambda: used)
        times = types.SimpleNamespace(ru_utime=ended / 2e9, ru_stime=ended / 2e9)
        monkeypatch.setattr(processes, "getrusage", lambda who: times)
        shutil.rmtree(tmp_path, ignore_errors=True)
        for (process, thread), (on, waiting) in threads.items():
            folder = tmp_path / process / "task" / thread
            folder.mkdir(parents=True)
            (folder / "schedstat").write_text(f"{on} {waiting} 12\n")
            (folder / "children").write_text(f"{children} " if process == "self" and thread == "1" else "")
        return processes.RunnableTime()

    return say


def test_what_could_run_counts_on_a_processor_or_waiting_for_one(usage):
    before = usage(100, 1_000, {("self", "1"): (80, 20), ("self", "2"): (20, 5), ("7", "7"): (300, 40)})
    # Thread 2 has ended, and thread 3 is new; the process's own time includes theirs.
    after = usage(
        150, 1_000, {("self", "1"): (110, 21), ("self", "3"): (10, 4), ("7", "7"): (330, 42), ("7", "8"): (5, 6)}
    )
    assert after.since(before) == 50 + (21 - 20) + 4 + (30 + 2) + (5 + 6)


def test_children_that_have_ended_count(usage):
    before = usage(100, 1_000, {("self", "1"): (100, 0)}, children="")
    after = usage(110, 1_400, {("self", "1"): (110, 0)}, children="")
    assert after.since(before) == 410


def test_where_the_system_says_nothing_of_threads_the_process_counts(usage):
    before = usage(100, 0, {})
    assert usage(160, 0, {}).since(before) == 60
