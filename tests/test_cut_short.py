"""Runs that are cut short or go on, and what runs leave in the repository."""

import signal
import subprocess
from textwrap import dedent

import pytest

from conftest import FAST
from processes import start

pytestmark = pytest.mark.counted


def test_the_repository_is_left_as_it_was(two_commits, compare):
    two_commits.write({"pkg/core.py": "broken(", "untracked.txt": "mine", ".gitignore": "untracked.txt"})
    before = two_commits.state()
    assert compare("HEAD^", "HEAD").code == 0
    assert two_commits.state() == before


def started_measuring(repository, *arguments):
    """Starts a long comparison, and returns its process once it measures."""
    process = start(repository, "compare", "HEAD^", "HEAD", "--replicates", 500, *arguments)
    for line in process.stderr:
        if line.startswith("measuring"):
            break
    return process


def test_ctrl_c_ends_with_a_partial_report_and_leaves_nothing(two_commits, tmp_path):
    before = two_commits.state()
    report = tmp_path / "report.json"
    process = started_measuring(two_commits, "-o", report)
    process.send_signal(signal.SIGINT)
    process.communicate(timeout=60)
    assert process.returncode == 4
    assert '"partial": true' in report.read_text()
    assert two_commits.state() == before


def test_a_run_that_is_cut_short_reports_what_is_finished(two_commits, standstill):
    two_commits.commit({"pkg/still.py": standstill.module, "pkg/core.py": "from pkg import still\n\n\n" + dedent(FAST)})
    # Two processes of head show what runs the change, and two are measured.
    standstill.let_pass(4)
    arguments = ("HEAD~2", "HEAD", "--json", "--samples", "--seed", 1, "--replicates", 1000)
    outcome = standstill.interrupt(two_commits, "compare", *arguments)
    assert outcome.code == 4
    assert outcome.report["partial"]
    assert outcome.verdicts()["test_work"] == "improved"
    (row,) = outcome.report["comparisons"]
    assert len(row["replicates"]) == 2
    assert "stopped_early" in outcome.warnings()


def test_the_timeout_reports_what_is_finished(two_commits, compare, standstill, tmp_path):
    """It was finished before, so that it does not matter how far this run gets."""
    two_commits.commit({"pkg/still.py": standstill.module, "pkg/core.py": "from pkg import still\n\n\n" + dedent(FAST)})
    standstill.let_pass(1000)
    stored = tmp_path / "r.json"
    assert compare("HEAD~2", "HEAD", "-o", stored, "--budget", 0.1, replicates=None).code == 0
    standstill.let_pass(0)
    outcome = compare("--continue", stored, "--timeout", 5, replicates=None)
    assert outcome.code == 4
    assert outcome.report["partial"]
    assert outcome.verdicts()["test_work"] == "improved"


def test_what_is_measured_stays_when_a_later_worker_cannot_start(two_commits, compare, tmp_path):
    counter = tmp_path / "starts"
    conftest = f"""\
        import os

        with open({str(counter)!r}, "a") as file:
            file.write("x")
        if os.path.getsize({str(counter)!r}) > 10:
            os._exit(3)
        """
    two_commits.commit({"benchmarks/conftest.py": conftest})
    outcome = compare("HEAD^^", "HEAD", "--all", replicates=50)
    assert outcome.code == 4
    assert outcome.report["partial"]
    assert set(outcome.verdicts()) == {"test_work", "test_worker"}
    assert "no longer starts on head" in outcome.report["warnings"][-1]["message"]


def test_kept_worktrees_come_with_commands_that_run(repository, deadheat_command):
    code = "def work():\n    return {}\n"
    test = "from pkg.core import work\n\n\ndef test_work(benchmark):\n    benchmark(work)\n"
    files = {"pkg/__init__.py": "", "pkg/core.py": code.format(1), "benchmarks/test_b.py": test, "pytest.ini": ""}
    repository.commit({f"it's here/{name}": text for name, text in files.items()})
    repository.commit({"it's here/pkg/core.py": code.format(2)})
    folder = repository.folder / "it's here"
    kept = deadheat_command("compare", "HEAD^", "HEAD", "--dry-run", "--keep", folder=folder)
    assert kept.code == 0, kept.err
    lines = [line for line in kept.err.splitlines() if line.startswith("  cd ")]
    assert len(lines) == 2
    for line in lines:
        collecting = line + " --collect-only -q"
        by_hand = subprocess.run(["sh", "-c", collecting], capture_output=True, text=True, check=False)
        assert by_hand.returncode == 0, by_hand.stdout + by_hand.stderr


def test_kept_worktrees_stay_until_clean(two_commits, deadheat_command):
    before = two_commits.state()
    outcome = deadheat_command("compare", "HEAD^", "HEAD", "--replicates", 2, "--keep")
    assert outcome.code == 0
    assert "-m pytest" in outcome.err
    assert len(two_commits.git("worktree", "list").splitlines()) == 3
    assert deadheat_command("compare", "HEAD^", "HEAD", "--dry-run").code == 0
    assert len(two_commits.git("worktree", "list").splitlines()) == 3
    assert "removed" in deadheat_command("clean").out
    assert two_commits.state() == before


def test_what_a_killed_run_left_is_removed_by_the_next(two_commits, compare):
    before = two_commits.state()
    process = started_measuring(two_commits)
    process.kill()
    process.communicate(timeout=60)
    assert len(two_commits.git("worktree", "list").splitlines()) == 3
    assert compare("HEAD^", "HEAD", "--dry-run").code == 0
    assert two_commits.state() == before
