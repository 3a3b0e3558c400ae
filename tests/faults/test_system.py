"""System refusals: space, permission, descriptors, cores, `/proc`, a locale. Each is reported, nothing is left."""

import contextlib
import json
import os
import resource
import shlex
import shutil
import subprocess

import pytest
from causes import CAN_MOUNT, IS_LINUX, check_sound, two_commits

from conftest import Outcome, command

pytestmark = pytest.mark.counted

PLAN = ("compare", "--json", "--dry-run")
SHORT = ("compare", "--json", "--all", "--replicates", 2)
needs_mounts = pytest.mark.skipif(not CAN_MOUNT, reason="mounting a small file system needs root on Linux")
linux_only = pytest.mark.skipif(not IS_LINUX, reason="Linux only")


def run(repository, *arguments, before=None, wrapper=(), environment=None):
    """Runs deadheat through another program (`wrapper`) or after a call in its process (`before`)."""
    completed = subprocess.run(
        [*wrapper, *command(*arguments)],
        cwd=repository.folder,
        env={**os.environ, **(environment or {})},
        preexec_fn=before,
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    return Outcome(completed)


@contextlib.contextmanager
def small_disk(folder, kilobytes):
    """Yields a file system that fills up soon."""
    folder.mkdir()
    subprocess.run(["mount", "-t", "tmpfs", "-o", f"size={kilobytes}k", "none", folder], check=True)
    try:
        yield folder
    finally:
        subprocess.run(["umount", folder], check=True)


def fill(folder):
    """Fills the file system of a folder until nothing more fits."""
    with contextlib.suppress(OSError), open(folder / "filler", "wb", buffering=0) as file:
        while True:
            file.write(b"x" * 4096)
    with pytest.raises(OSError, match="No space left"), open(folder / "filler", "ab", buffering=0) as file:
        file.write(b"x" * 4096)


FILLS = """\
    import os

    def fill():
        try:
            with open("filler", "ab", buffering=0) as file:
                while True:
                    file.write(b"x" * 4096)
        except OSError as error:
            return error.errno
    """
FILLED_IN = {
    "checkout": {"pkg/large.txt": "x" * 4_000_000},
    "collection": {"benchmarks/conftest.py": "from pkg.fills import fill\n\nassert fill()\n"},
}


@pytest.mark.real
@needs_mounts
@pytest.mark.parametrize("stage", FILLED_IN)
def test_a_full_disk_while_a_run_is_set_up(repository, tmp_path, stage):
    two_commits(repository, {"pkg/fills.py": FILLS, **FILLED_IN[stage]})
    before = repository.state()
    with small_disk(tmp_path / "disk", 2048) as disk:
        outcome = run(repository, *SHORT, "HEAD^", "HEAD", environment={"XDG_CACHE_HOME": str(disk)})
        if stage == "checkout":
            assert outcome.code == 5, outcome.err
            assert "No space left on device" in outcome.err or "unable to write file" in outcome.err
        else:
            # pytest still collects, but ends where it captures a benchmark's output.
            assert outcome.code == 3, outcome.err
            check_rows_say_full(outcome, {"test_usual"})
        assert "panicked" not in outcome.err
        assert os.listdir(disk / "deadheat" / "runs") == []
    assert repository.state() == before
    check_sound(repository)


def check_rows_say_full(outcome, names):
    rows = {row["benchmark"].rpartition("::")[2]: row for row in outcome.report["missing"]}
    assert rows.keys() == names
    assert {row["reason"] for row in rows.values()} == {"failed"}
    assert all("No space left on device" in row["message"] for row in rows.values())
    assert outcome.verdicts() == {}


@needs_mounts
def test_a_full_cache_folder(repository, tmp_path):
    two_commits(repository)
    before = repository.state()
    with small_disk(tmp_path / "disk", 64) as disk:
        fill(disk)
        outcome = run(repository, *PLAN, "HEAD^", "HEAD", environment={"XDG_CACHE_HOME": str(disk)})
        assert outcome.code == 5, outcome.err
        assert "No space left on device" in outcome.err
    assert repository.state() == before


@pytest.mark.real
@needs_mounts
def test_a_disk_that_a_benchmark_fills(repository, tmp_path):
    bad = "from pkg.fills import fill\n\n\ndef test_a_fills(benchmark):\n    assert benchmark(fill)\n"
    two_commits(repository, {"pkg/fills.py": FILLS, "benchmarks/test_a.py": bad})
    before = repository.state()
    with small_disk(tmp_path / "disk", 4096) as disk:
        outcome = run(repository, *SHORT, "HEAD^", "HEAD", environment={"XDG_CACHE_HOME": str(disk)})
        assert outcome.code == 3, outcome.err
        # The space is still in use when the next benchmark runs.
        check_rows_say_full(outcome, {"test_a_fills", "test_usual"})
        assert "panicked" not in outcome.err
        assert os.listdir(disk / "deadheat" / "runs") == []
    assert repository.state() == before
    check_sound(repository)


@needs_mounts
def test_a_full_disk_when_the_report_is_written(repository, tmp_path):
    two_commits(repository)
    with small_disk(tmp_path / "disk", 64) as disk:
        report = disk / "report.json"
        report.write_text('{"whole": true}')
        fill(disk)
        outcome = run(repository, "compare", "HEAD^", "HEAD", "--replicates", 2, "-o", report)
        assert outcome.code == 5, outcome.err
        assert "cannot be written" in outcome.err or "cannot write" in outcome.err
        assert json.loads(report.read_text()) == {"whole": True}
        assert sorted(os.listdir(disk)) == ["filler", "report.json"]
    check_sound(repository)


@linux_only
def test_a_full_device_as_stdout(repository):
    two_commits(repository)
    with open("/dev/full", "w") as full:
        completed = subprocess.run(
            command("compare", "--json", "HEAD^", "HEAD", "--replicates", 2),
            cwd=repository.folder,
            stdout=full,
            stderr=subprocess.PIPE,
            text=True,
            timeout=120,
            check=False,
        )
    assert completed.returncode == 5
    assert "cannot write to stdout" in completed.stderr
    check_sound(repository)


@needs_mounts
def test_a_repository_that_cannot_be_written(repository):
    two_commits(repository)
    before = repository.state()
    script = (
        f"mount --bind . . && mount -o remount,ro,bind . && cd . && exec {shlex.join(command(*PLAN, 'HEAD^', 'HEAD'))}"
    )
    outcome = run_in_namespace(repository, script)
    assert outcome.code == 5, outcome.err
    assert "Read-only file system" in outcome.err
    assert "hint:" in outcome.err
    assert repository.state() == before


def run_in_namespace(repository, script):
    """Runs a script in its own mount namespace, which ends with it."""
    completed = subprocess.run(
        [
            "unshare",
            "--mount",
            "--propagation",
            "private",
            "sh",
            "-c",
            f"cd {shlex.quote(str(repository.folder))}; {script}",
        ],
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    return Outcome(completed)


@needs_mounts
def test_without_proc(repository):
    two_commits(repository)
    arguments = shlex.join(command("compare", "--json", "HEAD^", "HEAD", "--replicates", 2))
    outcome = run_in_namespace(repository, f"mount -t tmpfs none /proc && exec {arguments}")
    assert outcome.code == 0, outcome.err
    assert outcome.verdicts().keys() == {"test_usual"}
    check_sound(repository)


@pytest.mark.parametrize("descriptors", [8, 14, 24, 32, 40])
def test_too_few_file_descriptors(repository, descriptors):
    two_commits(repository)
    before = repository.state()

    def limit():
        resource.setrlimit(resource.RLIMIT_NOFILE, (descriptors, descriptors))

    outcome = run(repository, "compare", "--json", "HEAD^", "HEAD", "--replicates", 2, before=limit)
    if descriptors < 32:
        assert outcome.code == 5
        assert f"only {descriptors} files may be open at once" in outcome.err
        assert "hint: ulimit -n" in outcome.err
    else:
        assert outcome.code == 0, outcome.err
        assert outcome.verdicts().keys() == {"test_usual"}
    assert repository.state() == before
    check_sound(repository)


def test_folders_deeper_than_any_path_are_removed(repository, compare):
    deep = """\
        import os


        def test_deep(benchmark):
            here = os.getcwd()
            os.mkdir(f"deep-{os.getpid()}")
            os.chdir(f"deep-{os.getpid()}")
            for _ in range(3000):
                os.mkdir("deeper")
                os.chdir("deeper")
            os.chdir(here)
            benchmark(len, [])
        """
    two_commits(repository, {"benchmarks/test_deep.py": deep})
    before = repository.state()
    # The end of every test checks that nothing is left.
    outcome = compare("HEAD^", "HEAD", "--all", replicates=2)
    assert outcome.code == 0, outcome.err
    assert {"test_usual", "test_deep"} == outcome.verdicts().keys()
    assert "left_behind" not in outcome.warnings()
    assert repository.state() == before


@needs_mounts
def test_what_cannot_be_removed_is_said(repository, compare, deadheat_command, cache):
    mounts = """\
        import os
        import subprocess


        def test_mounts(benchmark):
            os.makedirs("busy", exist_ok=True)
            if not os.path.ismount("busy"):
                subprocess.run(["mount", "-t", "tmpfs", "none", "busy"], check=True)
            benchmark(len, [])
        """
    two_commits(repository, {"benchmarks/test_mounts.py": mounts})
    before = repository.state()
    outcome = compare("HEAD^", "HEAD", "--all", replicates=2)
    runs = cache / "deadheat" / "runs"
    [run] = runs.iterdir()
    try:
        assert outcome.code == 0, outcome.err
        assert "left_behind" in outcome.warnings()
        assert str(run) in outcome.err
        assert "`deadheat clean` tries again" in outcome.err
        # `clean` cannot remove it either, and fails.
        failed = deadheat_command("clean")
        assert (failed.code, str(run) in failed.err) == (5, True)
    finally:
        for side in ("base", "head"):
            subprocess.run(["umount", run / side / "busy"], check=True)
    assert deadheat_command("clean").code == 0
    assert list(runs.iterdir()) == []
    assert repository.state() == before
    check_sound(repository)


@pytest.mark.real
def test_a_benchmark_that_takes_every_file_descriptor(repository, compare):
    takes = """\
        import os

        import pytest


        def take_all():
            taken = []
            with pytest.raises(OSError, match="Too many"):
                while True:
                    taken.append(os.open(os.devnull, os.O_RDONLY))
            for descriptor in taken:
                os.close(descriptor)


        def test_a_takes_all(benchmark):
            benchmark(take_all)


        def test_b_keeps_all(benchmark):
            benchmark(len, [])
            with pytest.raises(OSError, match="Too many"):
                while True:
                    os.open(os.devnull, os.O_RDONLY)
        """
    two_commits(repository, {"benchmarks/test_takes.py": takes})
    outcome = compare("HEAD^", "HEAD", "--all", replicates=2)
    assert outcome.code == 0, outcome.err
    assert {"test_usual", "test_a_takes_all"} <= outcome.verdicts().keys()


@linux_only
def test_one_core_only(repository):
    two_commits(repository)
    core = max(os.sched_getaffinity(0))
    arguments = ("compare", "--json", "HEAD^", "HEAD", "--replicates", 2)
    outcome = run(repository, *arguments, before=lambda: os.sched_setaffinity(0, {core}))
    assert outcome.code == 0, outcome.err
    assert outcome.report["machine"]["pinned_core"] == core
    assert "shared_core" in outcome.warnings()


@pytest.mark.skipif(shutil.which("strace") is None, reason="strace makes the system refuse a call")
def test_affinity_is_refused(repository):
    two_commits(repository)
    refuses = ("strace", "-f", "-qqq", "-o", os.devnull, "--seccomp-bpf", "-e", "trace=sched_setaffinity")
    refuses = (*refuses, "-e", "inject=sched_setaffinity:error=EPERM")
    arguments = ("compare", "--json", "HEAD^", "HEAD", "--replicates", 2)
    outcome = run(repository, *arguments, wrapper=refuses)
    assert outcome.code == 0, outcome.err
    assert outcome.report["machine"]["pinned_core"] is None
    assert "not_pinned" in outcome.warnings()
    outcome = run(repository, *arguments, "--cpu", max(os.sched_getaffinity(0)), wrapper=refuses)
    assert (outcome.code, "refuses to pin" in outcome.err) == (2, True)


LOCALES = [
    {"LC_ALL": "C", "PYTHONCOERCECLOCALE": "0", "PYTHONUTF8": "0"},
    {"LC_ALL": "tr_TR.UTF-8", "LANG": "tr_TR.UTF-8", "TZ": "Nowhere/Land", "TMPDIR": "/no/such/folder"},
]


@pytest.mark.real
@pytest.mark.parametrize("variables", LOCALES, ids=["C", "Turkish, and no temporary folder"])
def test_locales(repository, variables):
    odd = """\
        import pytest

        from pkg.core import work


        @pytest.mark.parametrize("x", ["\u0130stanbul", "\u0131", "\u00df"])
        def test_odd(benchmark, x):
            print(x)
            benchmark(work)
            assert x != "\u0131", "\u0130"
        """
    two_commits(repository, {"benchmarks/test_odd.py": odd})
    arguments = ("compare", "HEAD^", "HEAD", "--all", "-k", "odd", "--replicates", 2)
    outcome = run(repository, *arguments, "--json", environment=variables)
    assert outcome.code == 0, outcome.err
    assert len(outcome.report["comparisons"]) == 2
    assert [row["reason"] for row in outcome.report["missing"]] == ["failed"]
    assert "\u0130" in outcome.report["missing"][0]["message"]
