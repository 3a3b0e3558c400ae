"""A run that is told to end, or loses its terminal or a stream, ends soon, and written files are whole."""

import fcntl
import json
import os
import pty
import shlex
import signal
import subprocess
import termios
from pathlib import Path

import pytest
from causes import IS_LINUX, check_sound, two_commits
from stages import AT_EVERY_STAGE, Stopped, waiting

from conftest import command
from processes import start

pytestmark = pytest.mark.counted


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


@pytest.mark.skipif(not IS_LINUX, reason="Linux only")
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


def in_shell(repository, line, *arguments, **streams):
    """Runs a line of bash, in which `%s` is a comparison with these arguments."""
    compares = shlex.join(command("compare", "HEAD^", "HEAD", "-q", *arguments))
    return subprocess.run(
        ["bash", "-c", line % compares], cwd=repository.folder, text=True, timeout=60, check=False, **streams
    )


def test_whoever_stops_reading_stdout_is_no_error(repository):
    two_commits(repository)
    completed = in_shell(repository, "%s | true; exit ${PIPESTATUS[0]}", "--dry-run", capture_output=True)
    assert completed.returncode == 0, completed.stderr


def test_a_stdout_that_is_closed_is_said(repository):
    two_commits(repository)
    completed = in_shell(repository, "%s >&-", stderr=subprocess.PIPE)
    assert completed.returncode == 5
    assert "stdout is closed" in completed.stderr
    # The other two streams are not needed, and no file takes their descriptors.
    completed = in_shell(repository, "%s <&- 2>&-", "--replicates", 2, stdout=subprocess.PIPE)
    assert completed.returncode == 0
    assert "test_usual" in completed.stdout
    check_sound(repository)
