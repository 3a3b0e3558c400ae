"""What programs read: the short forms of a report, the steps that would follow, and errors."""

import copy
import json
import subprocess

import jsonschema
import pytest

from conftest import ROOT, WORK

pytestmark = [pytest.mark.counted, pytest.mark.quick]

SLOW, FAST = (WORK.format(times=times).replace("return total", "return n") for times in (40, 6))
BENCHMARKS = "from pkg.core import work\n\n\n" + "\n\n".join(
    f"def test_{name}(benchmark):\n    benchmark(work, {n})\n"
    for name, n in zip("abcde", range(100, 600, 100), strict=True)
)
SHORT = ("--replicates", 2, "--seed", 1)


@pytest.fixture
def five(repository):
    """Five benchmarks of one function, which is faster on head."""
    repository.commit({"pkg/__init__.py": "", "pkg/core.py": SLOW, "benchmarks/test_b.py": BENCHMARKS})
    repository.commit({"pkg/core.py": FAST})
    return repository


def valid(name, value):
    """Returns an answer that its schema allows."""
    schema = json.loads((ROOT / "docs" / "schemas" / f"{name}.schema.json").read_text())
    jsonschema.validate(value, schema, format_checker=jsonschema.FormatChecker())
    return value


def actions(report):
    return [step["action"] for step in report["next"]]


def test_json_on_stdout_has_no_samples_and_is_short(five, deadheat_command, tmp_path):
    stored = tmp_path / "r.json"
    outcome = deadheat_command("compare", "--json", "-o", stored, *SHORT, "HEAD^", "HEAD")
    assert outcome.code == 0, outcome.err
    assert len(outcome.out) <= 12_000
    valid("report", outcome.report)
    assert outcome.report["samples"] is False
    whole = json.loads(stored.read_text())
    assert "samples" not in whole
    assert [row["verdict"] for row in outcome.report["comparisons"]] == ["improved"] * 5
    assert "replicates" not in outcome.report["comparisons"][0]
    assert deadheat_command("report", stored, "--json", "--samples").report["comparisons"] == whole["comparisons"]
    printed = tmp_path / "printed.json"
    printed.write_text(outcome.out)
    for arguments in (["report", printed], ["compare", "--continue", printed], ["merge", printed]):
        refused = deadheat_command(*arguments)
        assert refused.code == 2
        assert "has no samples" in refused.err


@pytest.mark.parametrize("length", [3, 300])
def test_a_brief_answer_fits_whatever_the_suite(five, deadheat_command, tmp_path, length):
    stored = tmp_path / "r.json"
    deadheat_command("compare", "-o", stored, *SHORT, "HEAD^", "HEAD")
    report = json.loads(stored.read_text())
    (row, *_) = report["comparisons"]
    report["comparisons"] = []
    for number in range(1000):
        other = copy.deepcopy(row)
        other["benchmark"] = f"benchmarks/test_{'x' * length}.py::test_{number}"
        report["comparisons"].append(other)
    stored.write_text(json.dumps(report))
    outcome = deadheat_command("report", stored, "--brief")
    assert outcome.code == 0, outcome.err
    assert len(outcome.out.encode()) <= 1500
    brief = outcome.report
    assert (brief["verdict"], brief["counts"]["improved"], len(brief["best"])) == ("improved", 1000, 3)
    assert brief["total"]["interval"][0] <= brief["total"]["speedup"] <= brief["total"]["interval"][1]
    assert brief["worst"] == []


def test_an_open_verdict_is_settled_by_the_command_that_is_named(five, deadheat_command, tmp_path):
    """A stored report with an open verdict: its replicates differ from each other."""
    stored = tmp_path / "r.json"
    deadheat_command("compare", "-k", "test_a", "-o", stored, "--budget", 0.1, "--seed", 1, "HEAD^", "HEAD")
    report = json.loads(stored.read_text())
    replicates = report["comparisons"][0]["replicates"]
    for number, replicate in enumerate(replicates):
        for pair in replicate["pairs"]:
            pair["head"]["elapsed_ns"] = pair["base"]["elapsed_ns"] * (100 + number % 2 * 5) // 100
    stored.write_text(json.dumps(report))
    (settle,) = deadheat_command("report", stored, "--json").report["next"]
    assert settle["action"] == "settle"
    assert settle["argv"][:4] == ["deadheat", "compare", "--continue", str(stored)]
    outcome = deadheat_command(*settle["argv"][1:])
    assert outcome.code == 0, outcome.err
    assert len(json.loads(stored.read_text())["comparisons"][0]["replicates"]) > len(replicates)


def test_a_dry_run_is_followed_by_the_run(five, deadheat_command):
    plan = deadheat_command("compare", "--dry-run", "--json", "HEAD^", "HEAD").report
    (step,) = plan["next"]
    assert (step["action"], step["argv"][:2]) == ("measure", ["deadheat", "compare"])
    assert "--dry-run" not in step["argv"]
    assert step["seconds"] > 0
    text = deadheat_command("compare", "--dry-run", "HEAD^", "HEAD").out
    assert text.splitlines()[-1].startswith("next: deadheat compare ")


def test_a_slower_benchmark_and_another_result_are_to_be_corrected(five, deadheat_command):
    five.commit({"pkg/core.py": SLOW.replace("return n", "return n + 1")})
    report = deadheat_command("compare", "--json", *SHORT, "HEAD^", "HEAD").report
    assert actions(report) == ["fix_output", "fix_regression"]
    assert all(step["argv"] == [] for step in report["next"])
    assert "returns something else on head" in report["next"][0]["why"]


def test_a_discarded_experiment_is_reset_and_a_kept_one_is_gone_on_from(five, deadheat_command):
    base = five.git("rev-parse", "HEAD^")
    deadheat_command("start")
    kept = deadheat_command("compare", "--record", "fewer times", "--json", *SHORT, base, "HEAD").report
    assert (kept["recorded"]["status"], actions(kept)) == ("keep", ["next_experiment"])
    faster = five.git("rev-parse", "HEAD")
    five.commit({"pkg/core.py": SLOW})
    lost = deadheat_command("compare", "--record", "slower", "--json", *SHORT).report
    assert (lost["recorded"]["status"], actions(lost)) == ("discard", ["reset"])
    (step,) = lost["next"]
    # Where something is uncommitted, or another commit is checked out, a reset would lose it.
    five.write({"benchmarks/test_b.py": BENCHMARKS + "\n"})
    again = deadheat_command("compare", "--record", "slower", "--json", *SHORT).report
    assert [(step["action"], step["argv"]) for step in again["next"]] == [("reset", [])]
    five.git("checkout", "--quiet", "--", ".")
    subprocess.run(step["argv"], cwd=five.folder, check=True, capture_output=True)
    assert five.git("rev-parse", "HEAD") == faster


def test_uncommitted_changes_are_said_with_their_commit(five, deadheat_command):
    five.write({"pkg/core.py": SLOW})
    outcome = deadheat_command("compare", "--json", *SHORT, "HEAD", "HEAD")
    assert "uncommitted" in outcome.warnings()
    (step,) = outcome.report["next"]
    subprocess.run(
        ["git", "-c", "user.name=t", "-c", "user.email=t@localhost", *step["argv"][1:]], cwd=five.folder, check=True
    )
    assert five.git("status", "--short", "--", "pkg/core.py") == ""


def test_code_that_no_benchmark_runs_wants_a_benchmark(five, deadheat_command):
    five.commit({"pkg/core.py": FAST + "\n    def other():\n        return 1\n"})
    report = deadheat_command("compare", "--json", *SHORT, "HEAD^", "HEAD").report
    assert actions(report) == ["write_benchmark"]
    assert "no benchmark runs other (pkg/core.py)" in report["next"][0]["why"]


@pytest.mark.parametrize(
    ("arguments", "code", "words"),
    [
        (("compare", "--frob", "--json"), "usage", "unexpected argument '--frob' found"),
        (("compare", "nowhere", "HEAD", "--brief"), "no_such_ref", "nowhere"),
        (("report", "nothing.json", "--json"), "usage", "cannot be read"),
    ],
)
def test_errors_are_json_where_json_was_asked_for(five, deadheat_command, arguments, code, words):
    outcome = deadheat_command(*arguments)
    assert outcome.code == outcome.report["exit_code"] == 2
    assert outcome.report["error"]["code"] == code
    assert words in outcome.report["error"]["message"]
    assert outcome.report["next"] == []


def test_every_answer_has_its_schema_and_says_what_would_follow(five, deadheat_command, tmp_path):
    detected = valid("detect", deadheat_command("detect", "--json").report)
    assert actions(detected) == ["start"]
    five.git("checkout", "--quiet", "HEAD^")
    assert actions(valid("status", deadheat_command("status", "--json").report)) == ["start"]
    error = valid("error", deadheat_command("compare", "--baseline", "--json").report)
    assert [step["argv"] for step in error["next"]] == [["deadheat", "start", "--json"]]
    assert error["error"]["code"] == "no_baseline"
    started = valid("start", deadheat_command("start", "--json").report)
    assert actions(started) == ["next_experiment"]
    again = valid("error", deadheat_command("start", "--json").report)
    assert again["next"][0]["argv"] == ["deadheat", "status", "--json"]
    assert again["error"]["code"] == "baseline_exists"
    five.git("checkout", "--quiet", "main")
    status = valid("status", deadheat_command("status", "--json").report)
    (step,) = status["next"]
    assert step["argv"][:3] == ["deadheat", "compare", "--record"]
    screened = ("micro", "pkg/core.py::work", "--base", "HEAD^", "--call", "work(300)", "--json")
    valid("micro", deadheat_command(*screened).report)
    valid("micro", deadheat_command(*screened, "--samples").report)
    stored = tmp_path / "r.json"
    words = [word for word in step["argv"][1:] if word != "--brief"]
    recorded = valid("report", deadheat_command(*words, "--json", "-o", stored, *SHORT).report)
    assert recorded["recorded"]["status"] == "keep"
    valid("brief", deadheat_command("report", stored, "--brief").report)
    for name in "test_a", "core.work":
        assert "next" in valid("explain", deadheat_command("explain", stored, name, "--json").report)
    logged = valid("log", deadheat_command("log", "--json").report)
    assert actions(valid("handoff", deadheat_command("handoff", "--json").report)) == ["next_experiment"]
    assert actions(logged) == ["next_experiment", "handoff"]
    profiled = valid("profile", deadheat_command("profile", "--json", "--replicates", 3, "--", "benchmarks").report)
    assert profiled["next"][-1]["action"] == "write_benchmark"


def test_the_noise_of_a_machine_is_settled_by_nothing(five, deadheat_command):
    assert deadheat_command("noise", "--json", *SHORT).report["next"] == []


def test_a_new_file_that_was_not_committed_is_named(five, deadheat_command):
    five.commit({"pkg/core.py": "from pkg.fast import work\n"})
    five.write({"pkg/fast.py": FAST})
    outcome = deadheat_command("compare", "--json", *SHORT, "HEAD^", "HEAD")
    assert outcome.code == 3
    assert "`pkg/fast.py` is in your working tree, but not in git" in outcome.err
    steps = [step for step in outcome.report["next"] if step["argv"]]
    for step in steps:
        five.git(*step["argv"][1:])
    assert deadheat_command("compare", "--json", *SHORT, "HEAD~2", "HEAD").code == 0
