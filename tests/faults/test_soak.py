"""Many runs, and long ones: nothing grows."""

import os
import subprocess

import pytest
from causes import check_sound, two_commits

from conftest import command, lock_of
from processes import Witness

# Runs what follows as Python would, and then writes the peak memory of this process into a file. For a process that
# has ended, the system reports the maximum over the process, its children and the process that started it.
WATCHED = """\
import atexit, resource, runpy, sys

_, peak, *arguments = sys.argv


def most():
    if sys.platform == "linux":
        with open("/proc/self/status") as status:
            return next(int(line.split()[1]) << 10 for line in status if line.startswith("VmHWM:"))
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss


@atexit.register
def write():
    with open(peak, "w") as file:
        file.write(str(most()))


if arguments[0] == "-m":
    sys.argv = arguments[1:]
    runpy.run_module(sys.argv[0], run_name="__main__", alter_sys=True)
else:
    sys.argv = arguments
    runpy.run_path(sys.argv[0], run_name="__main__")
"""


def short_and_long(short, long):
    """Returns `short` for counted workers, which take a second, and `long` for real ones."""
    return [pytest.param(short, marks=pytest.mark.counted), pytest.param(long, marks=pytest.mark.long)]


@pytest.fixture
def peak_of(repository, tmp_path):
    """Compares the two commits and returns the driver's peak memory in bytes."""

    def run(replicates, pass_fds=()):
        python, *arguments = command("compare", "HEAD^", "HEAD", "--replicates", replicates, "--json")
        peak = tmp_path / "peak"
        process = subprocess.run(
            [python, "-c", WATCHED, peak, *arguments],
            cwd=repository.folder,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
            text=True,
            pass_fds=pass_fds,
            check=False,
        )
        assert process.returncode == 0, process.stderr
        bytes_at_most = int(peak.read_text())
        peak.unlink()
        return bytes_at_most

    return run


def names_in(folder):
    return {str(path.relative_to(folder)) for path in folder.rglob("*")}


@pytest.mark.parametrize("rounds", short_and_long(4, 200))
def test_comparisons_in_a_row_leave_nothing_and_grow_nothing(rounds, repository, peak_of, cache, own_cores, tmp_path):
    two_commits(repository)
    state = repository.state()
    # Every run leaves the lock of the core that it measured on, whichever that is.
    locks = {f"deadheat/cores/{lock_of(core)}" for core in range(os.cpu_count() or 1)}
    for lock in locks:
        (cache / lock).touch()
    peaks = []
    for _ in range(rounds):
        witness = Witness(tmp_path / "all")
        held = os.open(witness.path, os.O_WRONLY)
        peaks.append(peak_of(2, pass_fds=(held,)))
        os.close(held)
        # No process and no file of the run is left.
        assert witness.saw_all_end()
        witness.close()
        os.unlink(witness.path)
        assert names_in(cache) == {"deadheat", "deadheat/cores", "deadheat/runs", *locks}
        assert {path.name for path in tmp_path.iterdir()} == {"project"}
        assert repository.state() == state
    # All runs need the same memory: in practice they differ by less than a tenth of this limit.
    assert max(peaks) - min(peaks) < 2 << 20
    check_sound(repository)


@pytest.mark.parametrize("replicates", short_and_long(12, 202))
def test_a_long_run_keeps_its_memory(replicates, repository, peak_of):
    """A further replicate adds only its numbers, some 15 KiB."""
    two_commits(repository)
    assert peak_of(replicates) - peak_of(2) < (replicates - 2) * (64 << 10)
