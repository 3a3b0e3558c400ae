"""Gates and thresholds: when a run ends with 1, and how it says so. With changes that no noise can hide."""

import json

import pytest

from conftest import WORK, short

pytestmark = [pytest.mark.counted, pytest.mark.quick]

SLOW, FAST = WORK.format(times=20), WORK.format(times=1)
BENCHMARKS = """\
    from pkg.core import work


    def test_work(benchmark):
        benchmark(work, 200)


    def test_more(benchmark):
        benchmark(work, 300)
    """
BROKEN_FOR_MORE = "def work(n):\n    assert n < 300\n    return sum(range(n))\n"


@pytest.fixture
def slower(repository):
    repository.commit_both(FAST, SLOW, BENCHMARKS)
    return repository


@pytest.fixture
def broken(repository):
    """A project whose head is faster but breaks one of two benchmarks."""
    repository.commit_both(SLOW, BROKEN_FOR_MORE, BENCHMARKS)
    return repository


def last_line(outcome):
    return outcome.err.splitlines()[-1]


def test_the_last_line_says_what_failed_the_gate(slower, compare):
    outcome = compare("HEAD^", "HEAD", "--fail-on", "regression:30")
    assert outcome.code == 1, outcome.err
    line = last_line(outcome)
    assert line.startswith("--fail-on regression:30: benchmarks/test_b.py::test_"), line
    assert " regressed (+" in line
    assert line.endswith(", and 1 more")


@pytest.mark.parametrize("gate", ["regression", "inconclusive"])
def test_a_head_that_breaks_a_benchmark_fails_any_gate(broken, compare, gate):
    outcome = compare("HEAD^", "HEAD", "--fail-on", gate, "--replicates", 2)
    assert outcome.code == 1, outcome.err
    assert outcome.missing() == {"test_more": ("failed", "head")}
    line = last_line(outcome)
    said = f"--fail-on {gate}: benchmarks/test_b.py::test_more ran on base and fails on head"
    assert line.startswith(said), line


def test_without_a_gate_a_broken_benchmark_is_a_row(broken, compare):
    assert compare("HEAD^", "HEAD").code == 0


def test_what_fails_on_base_fails_no_gate(broken, compare):
    outcome = compare("HEAD", "HEAD^", "--fail-on", "failed")
    assert outcome.code == 0, outcome.err
    assert outcome.missing() == {"test_more": ("failed", "base")}


def test_a_file_of_benchmarks_that_head_breaks_fails_the_gate(repository, compare):
    files = {"pkg/__init__.py": "", "pkg/core.py": SLOW, "benchmarks/test_b.py": BENCHMARKS}
    repository.commit({**files, "benchmarks/test_c.py": BENCHMARKS})
    repository.commit({"pkg/core.py": FAST, "benchmarks/test_c.py": "import nothing_of_this_name\n"})
    outcome = compare("HEAD^", "HEAD", "--fail-on", "failed")
    assert outcome.code == 1, outcome.err
    assert last_line(outcome).endswith("ran on base and fails on head, and 1 more")
    assert outcome.missing() == {"test_work": ("failed", "head"), "test_more": ("failed", "head")}


def test_an_open_verdict_fails_the_gate_that_asks_for_one(repository, compare):
    repository.commit_both(FAST, FAST.replace("total += i", "total = total + i"), BENCHMARKS)
    # Two replicates settle a threshold of 0.001 % only if they agree that closely, which they do not with this seed.
    arguments = ["--seed", 1, "--threshold", 0.001, "--fail-on", "inconclusive"]
    outcome = compare("HEAD^", "HEAD", *arguments)
    assert outcome.code == 1, outcome.err
    assert "inconclusive (" in last_line(outcome)


CONFIGURED = """\
    [tool.deadheat]
    threshold = 3

    [tool.deadheat.thresholds]
    "benchmarks/*" = 7
    "*b.py::test_work" = 900000
    "*::test_of_another_name" = 5
    """


def thresholds(outcome):
    return {short(row["benchmark"]): row.get("threshold_percent") for row in outcome.report["comparisons"]}


def test_thresholds_by_glob_decide_row_by_row(slower, compare, deadheat_command, tmp_path):
    slower.write({"pyproject.toml": CONFIGURED})
    outcome = compare("HEAD^", "HEAD", "--fail-on", "regression")
    assert outcome.code == 1, outcome.err
    # Twenty times as slow, but less than 9,000 times.
    assert outcome.verdicts() == {"test_work": "unchanged", "test_more": "regressed"}
    assert thresholds(outcome) == {"test_work": 900000, "test_more": 7}
    assert outcome.report["settings"]["threshold_percent"] == 3
    assert "test_more regressed" in last_line(outcome)
    assert "more" not in last_line(outcome).rpartition(")")[2]
    assert [row["message"] for row in outcome.report["warnings"] if row["code"] == "threshold_unused"] == [
        '[tool.deadheat.thresholds]: "*::test_of_another_name" names no benchmark'
    ]

    typed = compare("HEAD^", "HEAD", "--threshold", 2)
    assert typed.verdicts() == {"test_work": "regressed", "test_more": "regressed"}
    assert thresholds(typed) == {"test_work": None, "test_more": None}

    table = deadheat_command("compare", "HEAD^", "HEAD", "--replicates", 3)
    assert "unchanged (±900000 %)" in table.out
    assert "regressed (±7 %)" in table.out


def test_a_report_is_gone_on_with_by_its_own_thresholds(slower, deadheat_command, tmp_path):
    slower.write({"pyproject.toml": CONFIGURED})
    stored = tmp_path / "r.json"
    first = deadheat_command("compare", "HEAD^", "HEAD", "--budget", 0.1, "-o", stored)
    assert first.code == 0, first.err
    slower.write({"pyproject.toml": "[tool.deadheat]\nthreshold = 4\n"})
    again = deadheat_command("compare", "--continue", stored, "--budget", 0.1, "--json", "--samples")
    assert again.code == 0, again.err
    settings = json.loads(stored.read_text())["settings"]
    assert settings["budget_seconds"] == 0.1
    for key in ("threshold_percent", "thresholds"):
        assert again.report["settings"][key] == settings[key]
    assert thresholds(again) == {"test_work": 900000, "test_more": 7}
