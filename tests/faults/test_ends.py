"""A run may end in any way at any moment: no process runs on, no file is left behind, and written files are whole."""

import fcntl
import json
import os
import pty
import random
import shutil
import signal
import subprocess
import termios
from pathlib import Path

import pytest
from causes import CAN_MOUNT, IS_LINUX, check_sound, times, two_commits

from conftest import Moment, Witness, command, start

pytestmark = pytest.mark.counted

# Each stage is a point where a run can be stopped: it reports this and waits until it is killed or the gate opens.
WAITING = """\
    import os
    import signal

    def stand():
        os.write(os.open({moment!r}, os.O_WRONLY), b"x")
        signal.pause()
    """
STAGES = {
    "checkout": {},
    "collection": {"benchmarks/conftest.py": "from pkg.waiting import stand\n\nstand()\n"},
    "set-up": {
        "benchmarks/test_stand.py": (
            "import pytest\n\nfrom pkg.waiting import stand\n\n\n@pytest.fixture\ndef stands():\n    stand()\n\n\n"
            "def test_stands(stands, benchmark):\n    benchmark(len, [])\n"
        )
    },
    "round": {
        "benchmarks/test_stand.py": (
            "from pkg.waiting import stand\n\n\ndef test_stands(benchmark):\n    benchmark(stand)\n"
        )
    },
}
# At some stages pytest itself runs, which needs real workers.
AT_EVERY_STAGE = pytest.mark.parametrize(
    "stage",
    [pytest.param(stage, marks=pytest.mark.real if stage in ("collection", "set-up") else ()) for stage in STAGES],
)


@pytest.fixture
def gate(tmp_path):
    gate = Moment(tmp_path / "gate")
    yield gate
    os.close(gate.descriptor)


linux_only = pytest.mark.skipif(not IS_LINUX, reason="Linux only")


class Stopped:
    """A run that waits at a stage, and a pipe that everything it has started holds open."""

    def __init__(self, repository, tmp_path, stage, moment, gate, report, **keywords):
        files = {"pkg/waiting.py": WAITING.format(moment=str(moment.path)), **STAGES[stage]}
        two_commits(repository, files)
        self.repository = repository
        self.gate = gate
        self.stage = stage
        if stage == "checkout":
            # git runs this hook when the files are there; the checkout ends when the hook does.
            hook = repository.folder / ".git" / "hooks" / "post-checkout"
            hook.write_text(f"#!/bin/sh\necho x > {moment.path}\nread line < {gate.path}\n")
            hook.chmod(0o755)
        self.before = repository.state()
        self.witness = Witness(tmp_path / "all")
        held = os.open(self.witness.path, os.O_WRONLY)
        self.process = start(
            repository,
            *("compare", "HEAD^", "HEAD", "--all", "--replicates", 2, "-o", report),
            pass_fds=(held,),
            # However the tests were started, for example with `nohup`.
            **{"preexec_fn": lambda: signal.signal(signal.SIGHUP, signal.SIG_DFL), **keywords},
        )
        os.close(held)
        moment.wait()

    def open_gate(self):
        if self.stage == "checkout":
            os.write(self.gate.descriptor, b"go on\ngo on\n")

    def check_gone(self):
        assert self.witness.saw_all_end()
        os.close(self.witness.end)


@AT_EVERY_STAGE
@pytest.mark.parametrize(
    "signals",
    # Two signals of a kind may merge before they arrive; these two cannot.
    [[signal.SIGINT], [signal.SIGTERM, signal.SIGINT], [signal.SIGHUP]],
    ids=["once", "twice", "hangup"],
)
def test_a_signal_at_every_stage(repository, tmp_path, stage, signals, moment, gate):
    report = tmp_path / "report.json"
    run = Stopped(repository, tmp_path, stage, moment, gate, report)
    for number in signals:
        run.process.send_signal(number)
    _, words = run.process.communicate(timeout=60)
    assert run.process.returncode == 4, words
    run.check_gone()
    assert json.loads(report.read_text())["partial"]
    assert repository.state() == run.before
    check_sound(repository)


def waiting(moment, gate):
    """Returns a suite whose benchmark reports that it is running and waits for the gate."""
    return f"""\
        import os


        def test_waits(benchmark):
            os.write(os.open({str(moment.path)!r}, os.O_WRONLY), b"x")
            os.read(os.open({str(gate.path)!r}, os.O_RDONLY), 1)
            benchmark(len, [])
        """


WAITS_FROM_THE_BREAKDOWN_ON = """\
    import os

    from pkg.core import work

    with open({starts!r}, "a") as file:
        file.write("x")
    # A pair that collects and shows what runs, and two that are timed.
    IS_PROFILED = os.path.getsize({starts!r}) > 6


    def test_waits(benchmark):
        if IS_PROFILED:
            os.write(os.open({moment!r}, os.O_WRONLY), b"x")
            os.read(os.open({gate!r}, os.O_RDONLY), 1)
        benchmark(work)
    """


@pytest.mark.counted
def test_an_interrupt_during_the_breakdown_leaves_the_verdicts_and_is_no_whole_run(repository, tmp_path, moment, gate):
    waits = WAITS_FROM_THE_BREAKDOWN_ON.format(
        starts=str(tmp_path / "starts"), moment=str(moment.path), gate=str(gate.path)
    )
    two_commits(repository, {"benchmarks/test_waits.py": waits})
    report = tmp_path / "report.json"
    process = start(repository, "compare", "HEAD^", "HEAD", "--replicates", 2, "-o", report)
    moment.wait()
    process.send_signal(signal.SIGINT)
    _, words = process.communicate(timeout=60)
    assert process.returncode == 4, words
    stored = json.loads(report.read_text())
    assert stored["partial"]
    assert [row["verdict"] for row in stored["comparisons"]] == ["improved", "improved"]
    check_sound(repository)


def test_a_hangup_is_ignored_where_it_was_before(repository, tmp_path, moment, gate):
    """`nohup` starts a program like this."""
    two_commits(repository, {"benchmarks/test_waits.py": waiting(moment, gate)})
    arguments = ("compare", "HEAD^", "HEAD", "--replicates", 2, "--all", "-q")
    process = start(repository, *arguments, preexec_fn=lambda: signal.signal(signal.SIGHUP, signal.SIG_IGN))
    moment.wait()
    process.send_signal(signal.SIGHUP)
    os.write(gate.descriptor, b"x" * 1000)
    _, words = process.communicate(timeout=120)
    assert process.returncode == 0, words


def test_a_terminal_that_closes_ends_the_run_like_a_signal(repository, tmp_path, moment, gate):
    terminal, other_end = pty.openpty()
    report = tmp_path / "report.json"

    def own_terminal():
        signal.signal(signal.SIGHUP, signal.SIG_DFL)
        os.setsid()
        fcntl.ioctl(other_end, termios.TIOCSCTTY, 0)
        for descriptor in (0, 1, 2):
            os.dup2(other_end, descriptor)

    run = Stopped(repository, tmp_path, "round", moment, gate, report, preexec_fn=own_terminal)
    os.close(other_end)
    os.close(terminal)
    assert run.process.wait(timeout=60) == 4
    run.process.communicate()
    run.check_gone()
    assert json.loads(report.read_text())["partial"]
    assert repository.state() == run.before


@linux_only
def test_a_guard_that_is_stopped_holds_nobody_up(repository, tmp_path, moment, gate):
    run = Stopped(repository, tmp_path, "round", moment, gate, tmp_path / "report.json")
    guards = [process for process in children_of(run.process.pid) if b"guard.py" in command_line(process)]
    [guard] = guards
    os.kill(guard, signal.SIGSTOP)
    run.process.send_signal(signal.SIGINT)
    _, words = run.process.communicate(timeout=60)
    assert run.process.returncode == 4, words
    run.check_gone()
    assert repository.state() == run.before


def children_of(process):
    threads = Path(f"/proc/{process}/task").iterdir()
    return [int(child) for thread in threads for child in (thread / "children").read_text().split()]


def command_line(process):
    return Path(f"/proc/{process}/cmdline").read_bytes()


def test_a_signal_while_the_report_is_written_leaves_it_whole(repository, tmp_path, gate):
    long = "def test_fails(benchmark):\n    raise ValueError('x' * 300_000)\n"
    two_commits(repository, {"benchmarks/test_fails.py": long})
    before = repository.state()
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    process = start(repository, "compare", "HEAD^", "HEAD", "--all", "--replicates", 2, "-q", "-o", f"json:{pipe}")
    # The pipe opens when the report is being written, which is larger than a pipe's buffer.
    with open(pipe) as file:
        text = file.read(1)
        process.send_signal(signal.SIGINT)
        process.send_signal(signal.SIGTERM)
        text += file.read()
    process.communicate(timeout=60)
    assert process.returncode == 0
    report = json.loads(text)
    assert max(len(row["message"]) for row in report["missing"]) > 1 << 16
    assert repository.state() == before


# Each is a program of the user's that git starts and that never returns.
HANGS = {
    "hook of worktree add": ("post-checkout", None),
    "filter of worktree add": (None, "smudge"),
    "filter of a look at the working tree": (None, "clean"),
}


@pytest.mark.parametrize("where", HANGS)
@pytest.mark.parametrize("end", ["signal", "kill", "timeout"])
def test_a_hook_or_a_filter_that_hangs_holds_nobody_up(repository, witness, moment, deadheat_command, where, end):
    hook, filter_name = HANGS[where]
    waits = repository.folder.parent / "waits"
    waits.write_text(f"#!/bin/sh\nexec 9> {witness.path}\necho x > {moment.path}\nexec sleep 1000\n")
    waits.chmod(0o755)
    two_commits(repository, {".gitattributes": "*.dat filter=own\n", "pkg/a.dat": "a"})
    if hook:
        (repository.folder / ".git" / "hooks" / hook).symlink_to(waits)
    else:
        repository.git("config", f"filter.own.{filter_name}", str(waits))
    if filter_name == "clean":
        repository.write({"pkg/a.dat": "b"})
    before = repository.state()
    refs = ["HEAD^", "--working-tree"] if filter_name == "clean" else ["HEAD^", "HEAD"]
    arguments = ["compare", *refs, "--all"]
    # The timeout starts first, so everything that the machine does until git hangs counts.
    process = start(repository, *arguments, *(["--timeout", 10] if end == "timeout" else []))
    moment.wait()
    if end == "kill":
        process.kill()
    elif end == "signal":
        process.terminate()
    _, words = process.communicate(timeout=60)
    assert process.returncode == {"signal": 4, "kill": -signal.SIGKILL, "timeout": 4}[end], words
    assert ("does a hook or a filter of the repository hang?" in words) == (end == "timeout")
    assert witness.saw_all_end()
    if end == "kill":
        assert deadheat_command("clean").code == 0
    assert repository.state() == before
    (repository.folder / ".git" / "config").write_text("[core]\nbare = false\n")
    check_sound(repository)


@AT_EVERY_STAGE
def test_a_killed_driver_takes_everything_with_it(repository, tmp_path, stage, moment, gate, deadheat_command):
    report = tmp_path / "report.json"
    run = Stopped(repository, tmp_path, stage, moment, gate, report)
    run.process.kill()
    run.process.communicate(timeout=60)
    # The gate stays closed: git and its hook end with the driver, too.
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
    """Its cache cannot be seen from here, and in a container its process cannot be, either."""
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
        os.close(witness.end)
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


def test_whoever_stops_reading_stdout_is_no_error(repository):
    two_commits(repository)
    script = " ".join(f"'{part}'" for part in command("compare", "HEAD^", "HEAD", "--dry-run", "-q"))
    completed = subprocess.run(
        ["bash", "-c", f"{script} | true; exit ${{PIPESTATUS[0]}}"],
        cwd=repository.folder,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert completed.returncode == 0, completed.stderr


def test_a_stdout_that_is_closed_is_said(repository):
    two_commits(repository)
    script = " ".join(f"'{part}'" for part in command("compare", "HEAD^", "HEAD", "-q"))
    completed = subprocess.run(
        ["bash", "-c", f"{script} >&-"],
        cwd=repository.folder,
        stderr=subprocess.PIPE,
        text=True,
        timeout=60,
        check=False,
    )
    assert completed.returncode == 5
    assert "stdout is closed" in completed.stderr
    # The other two streams are not needed, and no file takes their descriptors.
    completed = subprocess.run(
        ["bash", "-c", f"{script} --replicates 2 <&- 2>&-"],
        cwd=repository.folder,
        stdout=subprocess.PIPE,
        text=True,
        timeout=60,
        check=False,
    )
    assert completed.returncode == 0
    assert "test_usual" in completed.stdout
    check_sound(repository)


def test_a_group_that_leaves_is_not_followed(repository, witness, moment, deadheat_command):
    """The exception in the table: deadheat does not look for a process in a session of its own."""
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
