"""A driver that is killed leaves no process running, and its files and worktrees are removed later."""

import json
import os
import random
import shutil
import signal
import subprocess

import pytest
from causes import CAN_MOUNT, check_sound, times, two_commits
from stages import AT_EVERY_STAGE, Stopped, waiting

from conftest import command
from processes import Witness, start

pytestmark = pytest.mark.counted


@AT_EVERY_STAGE
def test_a_killed_driver_takes_everything_with_it(repository, tmp_path, stage, moment, gate, deadheat_command):
    report = tmp_path / "report.json"
    run = Stopped(repository, tmp_path, stage, moment, gate, report)
    run.process.kill()
    run.process.communicate(timeout=60)
    # The gate stays closed: git and its hook also end with the driver.
    run.check_gone()
    assert not report.exists()
    assert len(deadheat_command("clean", "--json").report["removed"]) >= 1
    assert repository.state() == run.before
    check_sound(repository)


CHILDREN = """\
    import os
    import signal
    import subprocess
    import sys

    KEEPS = "import os, signal, sys; os.write(os.open(sys.argv[2], os.O_WRONLY), b'x'); signal.pause()"
    LEAVES = (
        "import os, signal, sys; kept = open(sys.argv[1], 'w'); os.setsid();"
        "os.write(os.open(sys.argv[2], os.O_WRONLY), b'x'); signal.pause()"
    )


    def spawn(code):
        kept = os.open({witness!r}, os.O_WRONLY)
        subprocess.Popen([sys.executable, "-c", code, {witness!r}, {moment!r}], pass_fds=[kept])
        os.close(kept)


    def test_starts_another(benchmark):
        spawn(KEEPS)
        signal.pause()
    """


def test_children_of_the_projects_code_end_with_a_killed_driver(repository, witness, moment, deadheat_command):
    text = CHILDREN.format(witness=str(witness.path), moment=str(moment.path))
    two_commits(repository, {"benchmarks/test_children.py": text})
    process = start(repository, "compare", "HEAD^", "HEAD", "--all", "--replicates", 2)
    moment.wait()
    process.kill()
    process.communicate(timeout=60)
    assert witness.saw_all_end()
    assert deadheat_command("clean").code == 0
    check_sound(repository)


def test_a_group_that_leaves_is_not_followed(repository, witness, moment, deadheat_command):
    """The exception in the table: deadheat does not look for a process in a different session."""
    text = CHILDREN.format(witness=str(witness.path), moment=str(moment.path))
    text = text.replace("spawn(KEEPS)", "print(spawn(LEAVES))").replace("b'x')", "str(os.getpid()).encode())")
    two_commits(repository, {"benchmarks/test_children.py": text})
    process = start(repository, "compare", "HEAD^", "HEAD", "--all", "--replicates", 2)
    number = int(moment.wait())
    process.kill()
    process.communicate(timeout=60)
    try:
        os.kill(number, 0)
    finally:
        os.kill(number, signal.SIGKILL)
    assert witness.saw_all_end()
    assert deadheat_command("clean").code == 0


def test_commands_and_builds_end_with_a_killed_driver(repository, witness, moment, deadheat_command):
    two_commits(repository)
    waits = f"exec 9> {witness.path}; sh -c 'echo x > {moment.path}; sleep 1000'; true"
    for option in ("--script", "--build"):
        process = start(repository, "compare", "HEAD^", "HEAD", option, waits)
        moment.wait()
        process.kill()
        process.communicate(timeout=60)
        assert witness.saw_all_end()
    deadheat_command("clean")
    check_sound(repository)


@pytest.mark.parametrize("lost", ["the cache", "the place of the repository"])
def test_entries_of_a_killed_run_are_removed_whatever_was_lost(
    repository, tmp_path, moment, gate, deadheat_command, cache, lost
):
    run = Stopped(repository, tmp_path, "round", moment, gate, tmp_path / "report.json")
    run.process.kill()
    run.process.communicate(timeout=60)
    run.check_gone()
    entries = repository.folder / ".git" / "worktrees"
    assert {path.name for path in entries.iterdir()} == {"base", "head"}
    # A locked worktree of the user's, on a disk that is not there, is not ours.
    repository.git("worktree", "add", "--quiet", "--detach", "--lock", "--reason", "mine", tmp_path / "own")
    shutil.rmtree(tmp_path / "own")
    if lost == "the cache":
        shutil.rmtree(cache / "deadheat")
    else:
        repository.folder = repository.folder.rename(tmp_path / "moved")
    entries = repository.folder / ".git" / "worktrees"
    removed = deadheat_command("clean", "--json", folder=repository.folder).report["removed"]
    assert {path for path in removed if "worktrees" in path} == {str(entries / "base"), str(entries / "head")}
    assert [path.name for path in entries.iterdir()] == ["own"]
    repository.git("worktree", "remove", "--force", "--force", tmp_path / "own")
    assert repository.state() == run.before


@pytest.mark.parametrize(
    "wrapper", [(), ("unshare", "--pid", "--fork", "--mount-proc")], ids=["here", "in a container"]
)
def test_entries_of_a_run_that_goes_on_elsewhere_stay(repository, tmp_path, moment, gate, cache, wrapper):
    """Its cache cannot be seen from here, and in a container its process cannot be seen either."""
    if wrapper and not CAN_MOUNT:
        pytest.skip("a namespace of its own needs root on Linux")
    run = Stopped(repository, tmp_path, "round", moment, gate, tmp_path / "report.json")
    shutil.rmtree(cache / "deadheat" / "runs")
    entries = repository.folder / ".git" / "worktrees"
    clean = subprocess.run(
        [*wrapper, *command("clean", "--json")], cwd=repository.folder, capture_output=True, text=True, check=True
    )
    assert json.loads(clean.stdout) == {"removed": []}
    assert {path.name for path in entries.iterdir()} == {"base", "head"}
    run.process.send_signal(signal.SIGINT)
    run.process.communicate(timeout=60)
    run.check_gone()
    assert repository.state() == run.before


def test_a_run_that_is_still_going_is_left_alone(repository, tmp_path, gate, moment, deadheat_command):
    two_commits(repository, {"benchmarks/test_waits.py": waiting(moment, gate)})
    before = repository.state()
    going = start(repository, "compare", "HEAD^", "HEAD", "--replicates", 2, "-k", "usual or waits", "--all", "-q")
    moment.wait()
    # Leftovers of other runs are removed, also by a run.
    assert deadheat_command("clean", "--json").report == {"removed": []}
    assert deadheat_command("compare", "HEAD^", "HEAD", "--dry-run", "-k", "usual").code == 0
    os.write(gate.descriptor, b"x" * 1000)
    _, words = going.communicate(timeout=120)
    assert going.returncode == 0, words
    assert repository.state() == before


def test_a_driver_that_is_killed_at_any_moment(repository, tmp_path, deadheat_command):
    two_commits(repository)
    before = repository.state()
    report = tmp_path / "reports" / "report.json"
    report.parent.mkdir()
    report.write_text("{}")
    moments = random.Random(7)
    for _ in range(times(5, 100)):
        witness = Witness(tmp_path / "all")
        held = os.open(witness.path, os.O_WRONLY)
        process = start(
            repository, "compare", "HEAD^", "HEAD", "--all", "--replicates", 2, "-o", report, pass_fds=(held,)
        )
        os.close(held)
        # The moment is random: a run takes a second or two.
        try:
            process.communicate(timeout=moments.uniform(0, 2))
        except subprocess.TimeoutExpired:
            process.kill()
            process.communicate(timeout=60)
        assert witness.saw_all_end()
        witness.close()
        os.unlink(witness.path)
        json.loads(report.read_text())
    assert deadheat_command("clean").code == 0
    assert repository.state() == before
    check_sound(repository)
    left = {path.name for path in report.parent.iterdir()}
    assert len(left - {"report.json"}) <= times(0, 1)


def test_an_entry_that_git_had_half_removed_is_removed_later(repository, tmp_path, deadheat_command):
    two_commits(repository)
    before = repository.state()
    stand_in = tmp_path / "bin" / "git"
    stand_in.parent.mkdir()
    stand_in.write_text(f"""\
#!/bin/sh
case " $* " in *" worktree remove "*)
    for worktree; do :; done
    entry=$(sed 's/^gitdir: //' "$worktree/.git")
    rm -r "$worktree" "$entry/gitdir" "$entry/locked"
    kill -9 $PPID
    exit 1
esac
exec {shutil.which("git")} "$@"
""")
    stand_in.chmod(0o755)
    path = f"{stand_in.parent}{os.pathsep}{os.environ['PATH']}"
    outcome = deadheat_command("compare", "HEAD^", "HEAD", "--replicates", 2, environment={"PATH": path})
    assert outcome.code == -signal.SIGKILL
    assert (repository.folder / ".git" / "worktrees").exists()
    assert deadheat_command("clean").code == 0
    assert repository.state() == before
    check_sound(repository)


CALLS = ["rename,renameat,renameat2", "unlink,unlinkat", "rmdir"]


@pytest.mark.skipif(shutil.which("strace") is None, reason="strace kills at a system call")
@pytest.mark.parametrize("calls", CALLS)
def test_a_driver_that_is_killed_while_it_makes_or_removes_its_folder(
    repository, tmp_path, deadheat_command, cache, calls
):
    two_commits(repository)
    before = repository.state()
    killed = 0
    for number in range(1, times(5, 20)):
        kills = (
            "strace",
            "-qqq",
            "-o",
            os.devnull,
            "-e",
            f"trace={calls}",
            "-e",
            f"inject={calls}:signal=KILL:when={number}",
        )
        arguments = command("compare", "HEAD^", "HEAD", "--dry-run", "-q", "-k", "nothing")
        process = subprocess.run(
            [*kills, *arguments], cwd=repository.folder, capture_output=True, timeout=120, check=False
        )
        killed += process.returncode in (-signal.SIGKILL, 128 + signal.SIGKILL)
        runs = cache / "deadheat" / "runs"
        # A folder made a moment ago is left to the process that is making it.
        for run in [path for path in runs.glob("*") if not (path / "lock").exists()]:
            assert str(run) not in deadheat_command("clean", "--json").report["removed"]
            os.utime(run, (0, 0))
        assert deadheat_command("clean").code == 0
        assert list(runs.glob("*")) == []
        assert repository.state() == before
    assert killed
