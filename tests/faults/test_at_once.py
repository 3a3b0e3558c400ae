"""Runs at the same time, in one repository and with one cache folder."""

import contextlib
import fcntl
import json
import os
import subprocess

import pytest
from causes import IS_LINUX, check_sound, times, two_commits

from conftest import command, start

pytestmark = pytest.mark.counted


def test_runs_at_the_same_time_disturb_no_more_than_each_others_intervals(repository, own_cores):
    two_commits(repository)
    before = repository.state()
    arguments = ("compare", "HEAD^", "HEAD", "--json", "--replicates", 2)
    if IS_LINUX:
        # All on one core, not each on the quietest one.
        arguments = (*arguments, "--cpu", min(os.sched_getaffinity(0)))
    processes = [start(repository, *arguments) for _ in range(times(3, 10))]
    reports = []
    for process in processes:
        out, words = process.communicate(timeout=600)
        assert process.returncode == 0, words
        reports.append(json.loads(out))
    for report in reports:
        (row,) = report["comparisons"]
        assert row["benchmark"] == "benchmarks/test_usual.py::test_usual"
        assert row["estimate"]["point_estimate"] < 0.6
        if IS_LINUX:
            assert "measuring_core_shared" in {warning["code"] for warning in report["warnings"]}
    assert repository.state() == before
    check_sound(repository)
    # A run alone has no such warning.
    alone = subprocess.run(
        command(*arguments), cwd=repository.folder, capture_output=True, text=True, timeout=120, check=True
    )
    assert "measuring_core_shared" not in {warning["code"] for warning in json.loads(alone.stdout)["warnings"]}


@pytest.mark.skipif(not IS_LINUX, reason="no process is pinned to a core here")
def test_a_run_measures_on_a_core_that_no_other_run_uses(repository, own_cores, compare):
    two_commits(repository)
    free, *used = sorted(os.sched_getaffinity(0))
    with contextlib.ExitStack() as held:
        # Other runs hold the locks like this.
        for core in used:
            lock = held.enter_context((own_cores / f"{core}.lock").open("a"))
            fcntl.flock(lock, fcntl.LOCK_SH)
        report = compare("HEAD^", "HEAD").report
        assert report["machine"]["pinned_core"] == free
        assert report["machine"]["later_cores"] == []
        assert "measuring_core_shared" not in {warning["code"] for warning in report["warnings"]}


def test_cleaning_beside_runs_takes_nothing_from_them(repository):
    two_commits(repository)
    before = repository.state()
    going = start(repository, "compare", "HEAD^", "HEAD", "--json", "--replicates", 2)
    cleaned = 0
    while going.poll() is None:
        assert subprocess.run(command("clean"), cwd=repository.folder, capture_output=True, check=False).returncode == 0
        cleaned += 1
    _, words = going.communicate(timeout=60)
    assert (going.returncode, cleaned > 0) == (0, True), words
    assert repository.state() == before
