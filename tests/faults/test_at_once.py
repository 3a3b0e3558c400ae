"""Runs at the same time, in one repository and with one cache folder."""

import contextlib
import fcntl
import json
import os
import subprocess

import pytest
from causes import IS_LINUX, check_sound, times, two_commits

from conftest import command, lock_of
from processes import start

pytestmark = pytest.mark.counted


def test_runs_at_the_same_time_disturb_no_more_than_each_others_intervals(repository, own_cores):
    two_commits(repository)
    before = repository.state()
    arguments = ("compare", "HEAD^", "HEAD", "--json", "--samples", "--replicates", 2, "--seed", 1)
    if IS_LINUX:
        # All on one core, not each on the quietest one.
        arguments = (*arguments, "--cpu", min(os.sched_getaffinity(0)))
    processes = [start(repository, *arguments) for _ in range(times(3, 10))]
    for process in processes:
        out, words = process.communicate(timeout=600)
        assert process.returncode == 0, words
        (row,) = json.loads(out)["comparisons"]
        assert row["benchmark"] == "benchmarks/test_usual.py::test_usual"
        assert row["estimate"]["point_estimate"] < 0.6
    assert repository.state() == before
    check_sound(repository)


@pytest.mark.skipif(not IS_LINUX, reason="no process is pinned to a core here")
def test_a_core_that_another_run_measures_on_too_is_said(repository, own_cores, compare):
    two_commits(repository)
    core = min(os.sched_getaffinity(0))

    def is_said():
        report = compare("HEAD^", "HEAD", "--cpu", core).report
        return "measuring_core_shared" in {warning["code"] for warning in report["warnings"]}

    # Another run holds the lock like this.
    with (own_cores / lock_of(core)).open("a") as lock:
        fcntl.flock(lock, fcntl.LOCK_SH)
        assert is_said()
    assert not is_said()


@pytest.mark.skipif(not IS_LINUX, reason="no process is pinned to a core here")
def test_a_run_measures_on_a_core_that_no_other_run_uses(repository, own_cores, compare):
    two_commits(repository)
    free, *used = sorted(os.sched_getaffinity(0))
    with contextlib.ExitStack() as held:
        # Other runs hold the locks like this.
        for core in used:
            lock = held.enter_context((own_cores / lock_of(core)).open("a"))
            fcntl.flock(lock, fcntl.LOCK_SH)
        report = compare("HEAD^", "HEAD").report
        assert report["machine"]["pinned_core"] == free
        assert report["machine"]["later_cores"] == []
        assert "measuring_core_shared" not in {warning["code"] for warning in report["warnings"]}


def test_cleaning_beside_runs_takes_nothing_from_them(repository):
    two_commits(repository)
    before = repository.state()
    going = start(repository, "compare", "HEAD^", "HEAD", "--json", "--samples", "--replicates", 2)
    cleaned = 0
    while going.poll() is None:
        assert subprocess.run(command("clean"), cwd=repository.folder, capture_output=True, check=False).returncode == 0
        cleaned += 1
    _, words = going.communicate(timeout=60)
    assert (going.returncode, cleaned > 0) == (0, True), words
    assert repository.state() == before
