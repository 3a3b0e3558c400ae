"""The guard: a command that must succeed on head before an experiment is kept."""

import json
import os

import pytest

SLOW = "def work():\n    return sum(range(20_000)) and 1\n"
FAST = "def work():\n    return sum(range(200)) and 1\n"
BENCHMARK = "from pkg import work\n\n\ndef test_work(benchmark):\n    benchmark(work)\n"
SHORT = ("--replicates", "4", "--record", "x", "--json")
# The user's checkout is not asked.
SEES_HEAD = "python -c 'import inspect, pkg; assert \"range(200)\" in inspect.getsource(pkg.work), pkg.__file__'"


@pytest.fixture
def loop(repository, deadheat_command):
    """A loop whose head is a hundredfold faster than its baseline, and where the working tree has other code still."""
    repository.commit({"pkg/__init__.py": SLOW, "benchmarks/test_b.py": BENCHMARK})
    deadheat_command("start")
    repository.commit({"pkg/__init__.py": FAST})
    return repository


def actions(report):
    return [step["action"] for step in report["next"]]


def test_a_faster_commit_is_kept_if_its_guard_passes_on_head(loop, deadheat_command):
    loop.write({"pkg/__init__.py": SLOW})
    report = deadheat_command("compare", *SHORT, "--guard", SEES_HEAD).report
    assert report["guard"] == {"command": SEES_HEAD, "outcome": "passed"}, report["warnings"]
    assert report["recorded"]["status"] == "keep"


@pytest.mark.parametrize("by_hand", [(), ("--status", "keep")])
def test_a_faster_commit_is_not_kept_if_its_guard_fails(loop, deadheat_command, by_hand):
    guard = "echo 1 of 3 tests failed; exit 7"
    base = loop.git("rev-parse", "HEAD^")
    outcome = deadheat_command("compare", *SHORT, "--guard", guard, *by_hand)
    report = outcome.report
    assert outcome.code == 0
    assert (report["guard"]["outcome"], report["recorded"]["status"]) == ("failed", "checks_failed")
    assert report["comparisons"][0]["verdict"] == "improved"
    (warning,) = [warning for warning in report["warnings"] if warning["code"] == "guard_failed"]
    assert "exit status: 7" in warning["message"]
    assert warning["message"].endswith("1 of 3 tests failed")
    assert actions(report) == ["reset", "fix_checks"]
    assert report["next"][0]["argv"] == ["git", "reset", "--hard", base]
    assert report["next"][1]["why"].endswith("1 of 3 tests failed")
    status = deadheat_command("status", "--json").report
    assert status["last_kept"] == base
    assert [row["status"] for row in status["discarded"]] == ["checks_failed"]
    assert "discarded: 1\n" in deadheat_command("status").out


def test_the_guard_of_the_configuration_runs_only_where_something_could_be_kept(loop, deadheat_command):
    loop.commit({"pyproject.toml": "[tool.deadheat]\nguard = 'false'\n"})
    assert deadheat_command("compare", *SHORT).report["recorded"]["status"] == "checks_failed"
    assert "guard" not in deadheat_command("compare", "--replicates", "4", "--json", "HEAD~2", "HEAD").report
    loop.git("reset", "--quiet", "--hard", "HEAD~2")
    loop.commit({"pkg/__init__.py": SLOW.replace("20_000", "60_000")})
    report = deadheat_command("compare", *SHORT, "--guard", "exit 9").report
    assert (report["guard"]["outcome"], report["recorded"]["status"]) == ("not_needed", "discard")


def test_nothing_is_recorded_if_the_guard_is_stopped(loop, deadheat_command, tmp_path):
    report = tmp_path / "r.json"
    outcome = deadheat_command(
        "compare", *SHORT, "-o", report, "--allow-partial", "--guard", "kill -INT $PPID; sleep 600"
    )
    assert outcome.code == 4
    assert "the guard has not run to its end: nothing was recorded" in outcome.err
    stored = json.loads(report.read_text())
    assert (stored["guard"]["outcome"], stored["partial"]) == ("unfinished", True)
    assert stored["comparisons"][0]["verdict"] == "improved"
    assert deadheat_command("log", "--json").report["rows"] == []


def test_a_command_is_guarded_too(loop, deadheat_command):
    command = "grep -q 'range(200)' pkg/__init__.py || sleep 0.3"
    report = deadheat_command("compare", *SHORT, "--script", command, "--guard", "test -e nothing").report
    assert (report["guard"]["outcome"], report["recorded"]["status"]) == ("failed", "checks_failed")


def test_an_empty_guard_is_refused(loop, deadheat_command):
    outcome = deadheat_command("compare", "--record", "x", "--guard", " ")
    assert (outcome.code, "--guard: the command is empty" in outcome.err) == (2, True)


def test_a_whole_that_fails_its_guard_takes_no_kept_commit_back(loop, deadheat_command):
    first = loop.git("rev-parse", "HEAD")
    assert deadheat_command("compare", *SHORT).report["recorded"]["status"] == "keep"
    loop.commit({"pkg/__init__.py": FAST.replace("200", "2")})
    assert deadheat_command("compare", *SHORT).report["recorded"]["status"] == "keep"
    report = deadheat_command("compare", "--baseline", *SHORT, "--guard", "false").report
    assert (report["recorded"]["status"], actions(report)[0]) == ("checks_failed", "reset")
    assert report["next"][0]["argv"] == []
    # The newest status of a commit counts.
    status = deadheat_command("status", "--json").report
    assert status["last_kept"] == first
    assert [step["argv"] for step in status["next"] if step["action"] == "reset"] == [[]]


def test_nothing_that_a_guard_started_outlives_it(loop, deadheat_command, tmp_path):
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    reader = os.open(pipe, os.O_RDONLY | os.O_NONBLOCK)
    guard = f"(exec sleep 600 > {pipe}) & exit 0"
    assert deadheat_command("compare", *SHORT, "--guard", guard).report["guard"]["outcome"] == "passed"
    # The pipe ends when no process holds it any more.
    os.set_blocking(reader, True)
    assert os.read(reader, 1) == b""
    os.close(reader)
