"""Again and again: nothing grows."""

import os
import subprocess

import pytest
from causes import check_sound, times, two_commits

from conftest import Witness, command

pytestmark = pytest.mark.counted

ROUNDS = times(3, 200)


def count(folder):
    return sum(len(files) + len(folders) for _, folders, files in os.walk(folder))


def test_comparisons_in_a_row_leave_nothing_and_grow_nothing(repository, cache, tmp_path):
    two_commits(repository)
    state = repository.state()
    # Every run leaves the lock of the core that it measured on, whichever that is.
    locks = cache / "deadheat" / "cores"
    locks.mkdir(parents=True)
    for core in range(os.cpu_count() or 1):
        (locks / f"{core}.lock").touch()
    files, peaks = [], []
    for _ in range(ROUNDS):
        witness = Witness(tmp_path / "all")
        held = os.open(witness.path, os.O_WRONLY)
        process = subprocess.Popen(
            command("compare", "HEAD^", "HEAD", "--replicates", 2, "--json"),
            cwd=repository.folder,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            pass_fds=(held,),
        )
        os.close(held)
        _, status, usage = os.wait4(process.pid, 0)
        process.returncode = os.waitstatus_to_exitcode(status)
        assert process.returncode == 0
        # No process of it is left, and no file.
        assert witness.saw_all_end()
        os.close(witness.end)
        os.unlink(witness.path)
        files.append(count(cache) + count(tmp_path))
        peaks.append(usage.ru_maxrss)
    # The first run may leave what all others find there.
    assert len(set(files[1:])) == 1
    # The largest process of each run, the driver or a worker.
    assert max(peaks[len(peaks) // 2 :]) < 1.2 * max(peaks[: len(peaks) // 2])
    assert repository.state() == state
    check_sound(repository)


def test_a_long_run_keeps_its_memory(repository):
    """More replicates are more numbers, a few hundred bytes each, and no more than that."""
    two_commits(repository)
    peaks = []
    for replicates in (2, times(6, 200)):
        process = subprocess.Popen(
            command("compare", "HEAD^", "HEAD", "--replicates", replicates, "--json"),
            cwd=repository.folder,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        _, status, usage = os.wait4(process.pid, 0)
        process.returncode = os.waitstatus_to_exitcode(status)
        assert process.returncode == 0
        peaks.append(usage.ru_maxrss)
    unit = 1024 if os.uname().sysname == "Linux" else 1
    assert (peaks[1] - peaks[0]) * unit < 16 << 20
