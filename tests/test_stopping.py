"""When a run stops, goes on and measures again: the whole program, with changes that no noise can hide."""

import functools
import json
from textwrap import dedent

import pytest

from conftest import WORK, short

pytestmark = pytest.mark.counted

SLOW, FAST = WORK.format(times=20), WORK.format(times=1)
# Takes more than two replicates to tell from `FAST`.
ALIKE = FAST.replace("total += i", "total = total + i")
BENCHMARK = """\
    from pkg.core import work


    def test_work(benchmark):
        benchmark(work, 200)
    """
# Counts the processes that import it.
COUNTING = """\
    import os

    COUNTER = {counter!r}
    with open(COUNTER, "a") as file:
        file.write("x")
    PROCESSES = os.path.getsize(COUNTER)
    """
# The number of head's processes before measuring: the one that collects goes on to show what runs the change.
BEFORE = 1


@pytest.fixture
def slower(repository):
    repository.commit_both(FAST, SLOW, BENCHMARK)
    return repository


@pytest.fixture
def alike(repository):
    repository.commit_both(FAST, ALIKE, BENCHMARK)
    return repository


@pytest.fixture
def run(compare):
    """Runs a comparison that decides by itself how many replicates it takes."""
    return functools.partial(compare, replicates=None)


def row(outcome):
    (comparison,) = outcome.report["comparisons"]
    return comparison


def test_a_clear_case_ends_at_the_first_look_that_knows_its_size(slower, run):
    outcome = run("HEAD^", "HEAD")
    assert outcome.code == 0, outcome.err
    comparison = row(outcome)
    assert comparison["verdict"] == "regressed"
    assert len(comparison["replicates"]) < 30
    settings = outcome.report["settings"]
    assert settings["replicates"] is None
    assert settings["budget_seconds"] == 20


def test_the_budget_comes_from_the_configuration_and_leaves_time_to_measure_again(alike, run):
    alike.write({"pyproject.toml": "[tool.deadheat]\nbudget = 0.25\n"})
    budget = run("HEAD^", "HEAD").report["settings"]["budget_seconds"]
    assert budget == 0.25
    asked = ("HEAD^", "HEAD", "--budget", "1000", "--timeout", "80")
    most = run(*asked).report["settings"]["budget_seconds"]
    with_a_gate = run(*asked, "--fail-on", "regression").report["settings"]["budget_seconds"]
    # Three quarters of the time left when measuring begins, or three eighths.
    assert 30 < most <= 60
    assert 15 < with_a_gate <= 30


def test_a_spent_budget_leaves_the_verdict_open(alike, run):
    comparison = row(run("HEAD^", "HEAD", "--budget", 0.1))
    assert (comparison["verdict"], comparison["reason"]) == ("inconclusive", "too_wide")
    assert len(comparison["replicates"]) == 2


def test_a_project_in_a_subfolder_goes_on_from_its_report(repository, run, tmp_path):
    files = {"pkg/__init__.py": "", "pkg/core.py": FAST, "benchmarks/test_b.py": BENCHMARK, "data": ""}
    files["pyproject.toml"] = "[tool.deadheat]\nbenchmarks-root = 'benchmarks'\ninject = ['data']\n"
    repository.commit({f"sub/{name}": text for name, text in files.items()})
    repository.commit({"sub/pkg/core.py": SLOW})
    stored, folder = tmp_path / "r.json", repository.folder / "sub"
    for arguments in (("HEAD^", "HEAD"), ("--continue", stored), ("--continue", stored)):
        outcome = run(*arguments, "--budget", 0.1, "-o", stored, folder=folder)
        assert outcome.code == 0, outcome.err
        settings = outcome.report["settings"]
        assert settings["benchmarks_root"] == "sub/benchmarks"
        assert settings["injected"] == ["sub/data"]
        assert outcome.report["revisions"]["base"]["name"] == "HEAD^"
    elsewhere = run("--continue", stored, folder=repository.folder)
    assert elsewhere.code == 2
    assert "the project in `sub`" in elsewhere.err


def test_replicates_are_added_to_a_stored_report(alike, run, tmp_path):
    stored = tmp_path / "r.json"
    assert run("HEAD^", "HEAD", "--budget", 0.1, "-o", stored).code == 0
    before = json.loads(stored.read_text())
    # Otherwise a replicate measured again with its seed would be the same to the nanosecond.
    before["comparisons"][0]["replicates"][0]["pairs"][0]["base"]["elapsed_ns"] += 1
    stored.write_text(json.dumps(before))
    outcome = run("--continue", stored, "-o", stored)
    assert outcome.code == 0, outcome.err
    after = json.loads(stored.read_text())
    assert after == outcome.report
    assert after["seed"] == before["seed"]
    (old,), (new,) = before["comparisons"], after["comparisons"]
    assert new["replicates"][:2] == old["replicates"]
    seeds = [replicate["seed"] for replicate in new["replicates"]]
    assert len(set(seeds)) == len(seeds) >= 5


def test_no_benchmark_gets_the_seed_of_an_earlier_replicate_again(alike, run, tmp_path):
    """Each benchmark has missed the first replicate."""
    alike.commit({"benchmarks/test_c.py": BENCHMARK})
    stored = tmp_path / "r.json"
    assert run("HEAD~2", "HEAD", "--budget", 0.1, "-o", stored).code == 0
    before = json.loads(stored.read_text())
    for comparison in before["comparisons"]:
        del comparison["replicates"][0]
    stored.write_text(json.dumps(before))
    outcome = run("--continue", stored)
    assert outcome.code == 0, outcome.err
    for old, new in zip(before["comparisons"], outcome.report["comparisons"], strict=True):
        seeds = [replicate["seed"] for replicate in new["replicates"]]
        assert len(set(seeds)) == len(seeds) > len(old["replicates"])


def standing(repository, standstill, head):
    """Makes a project whose head gets no further than the standstill allows."""
    repository.commit({"pkg/__init__.py": "", "pkg/core.py": FAST, "benchmarks/test_b.py": BENCHMARK})
    core = "from pkg import still\n\n\n" + dedent(head)
    repository.commit({"pkg/still.py": standstill.module, "pkg/core.py": core})


@pytest.mark.parametrize("processes", [0, BEFORE], ids=["while it prepares", "while it measures"])
def test_a_run_that_is_cut_short_keeps_what_it_was_to_continue(repository, run, standstill, tmp_path, processes):
    standing(repository, standstill, ALIKE)
    standstill.let_pass(1000)
    stored = tmp_path / "r.json"
    run("HEAD^", "HEAD", "--budget", 0.1, "-o", stored)
    before = json.loads(stored.read_text())
    standstill.let_pass(processes)
    outcome = standstill.interrupt(repository, "compare", "--continue", stored, "-o", stored)
    assert outcome.code == 4, outcome.err
    after = json.loads(stored.read_text())
    assert after["partial"] is True
    assert after["comparisons"] == before["comparisons"]
    assert after["summary"] == before["summary"]
    codes = [row["code"] for row in after["warnings"]]
    assert "stopped_early" in codes
    assert "nothing_measured" not in codes


def damaged(report):
    report["comparisons"][0]["replicates"][0]["pairs"] = []


def of_another_interpreter(report):
    report["python"]["head"]["version"] = "3.9.0"


def of_another_version(report):
    report["tool_version"] = "0.0.1"


def not_pinned(report):
    report["machine"]["pinned_core"] = None


def of_exactly_two(report):
    report["settings"]["replicates"] = 2


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (damaged, "is damaged"),
        (of_another_interpreter, "was measured with CPython 3.9.0"),
        (of_another_version, "was written by deadheat 0.0.1"),
        (not_pinned, "without pinning"),
        (of_exactly_two, "has exactly 2 replicates"),
    ],
    ids=lambda value: getattr(value, "__name__", None),
)
def test_only_what_was_measured_in_the_same_way_is_added_up(slower, run, tmp_path, change, words):
    stored = tmp_path / "r.json"
    run("HEAD^", "HEAD", "--budget", 0.1, "-o", stored)
    report = json.loads(stored.read_text())
    if change is not_pinned and report["machine"]["pinned_core"] is None:
        pytest.skip("this system pins no process to a core")
    change(report)
    text = json.dumps(report)
    stored.write_text(text)
    outcome = run("--continue", stored, "-o", stored)
    assert outcome.code == 2
    assert words in outcome.err
    assert stored.read_text() == text


@pytest.mark.parametrize("option", [["-k", "work"], ["--seed", "1"], ["--functions", "a.py::f"], ["HEAD"]])
def test_what_is_continued_cannot_be_changed(run, slower, tmp_path, option):
    outcome = run("--continue", tmp_path / "r.json", *option)
    assert outcome.code == 2
    assert "cannot be used with" in outcome.err


def test_a_gate_fails_on_a_regression_that_shows_again(slower, run):
    outcome = run("HEAD^", "HEAD", "--replicates", 3, "--fail-on", "regression")
    assert outcome.code == 1, outcome.err
    confirmation = row(outcome)["confirmation"]
    assert confirmation["confirmed"] is True
    assert confirmation["p_value"] <= 0.05
    first, again = row(outcome)["replicates"], confirmation["replicates"]
    assert len(again) == 3
    assert not {replicate["seed"] for replicate in first} & {replicate["seed"] for replicate in again}
    assert "benchmarks/test_b.py::test_work regressed (+" in outcome.err


def test_a_gate_holds_for_smaller_regressions_and_improvements(slower, run):
    assert run("HEAD^", "HEAD", "--replicates", 3, "--fail-on", "regression:100000").code == 0
    assert run("HEAD", "HEAD^", "--replicates", 3, "--fail-on", "regression").code == 0


def counting(repository, tmp_path, head):
    """Makes a project whose head counts its processes; `head` uses the count."""
    repository.commit({"pkg/__init__.py": "", "pkg/core.py": FAST, "benchmarks/test_b.py": BENCHMARK})
    counter = str(tmp_path / "processes")
    repository.commit({"pkg/counter.py": COUNTING.format(counter=counter), "pkg/core.py": head})


def test_a_regression_that_does_not_show_again_is_taken_back(repository, run, tmp_path):
    # Then less work than on base: with equal work, one confirmation in twenty would succeed by chance.
    head = f"from pkg.counter import PROCESSES\n\nTIMES = 20 if PROCESSES <= {BEFORE + 3} else 0\n\n\n"
    counting(repository, tmp_path, head + WORK.replace("    def", "def").format(times="TIMES").replace("\n    ", "\n"))
    outcome = run("HEAD^", "HEAD", "--replicates", 3, "--fail-on", "regression")
    assert outcome.code == 0, outcome.err
    assert (row(outcome)["verdict"], row(outcome)["reason"]) == ("inconclusive", "not_confirmed")
    assert row(outcome)["confirmation"]["confirmed"] is False
    assert "not_confirmed" in outcome.warnings()


def test_a_gate_does_not_open_because_nothing_could_be_measured_again(repository, run, tmp_path):
    head = f"from pkg.counter import PROCESSES\n\nif PROCESSES > {BEFORE + 3}:\n    raise OSError('no more')\n\n\n"
    counting(repository, tmp_path, head + WORK.replace("    def", "def").format(times=20).replace("\n    ", "\n"))
    outcome = run("HEAD^", "HEAD", "--replicates", 3, "--fail-on", "regression")
    assert outcome.code == 1
    assert row(outcome)["verdict"] == "regressed"


def test_a_run_that_is_cut_short_while_it_measures_again_is_not_whole(repository, standstill):
    standing(repository, standstill, SLOW)
    standstill.let_pass(BEFORE + 3)
    arguments = ("HEAD^", "HEAD", "--replicates", 3, "--fail-on", "regression", "--seed", 1, "--json", "--samples")
    outcome = standstill.interrupt(repository, "compare", *arguments)
    assert outcome.code == 4, outcome.err
    assert outcome.report["partial"]
    assert row(outcome)["verdict"] == "regressed"


def test_verdicts_stand_without_a_breakdown(repository, run, tmp_path):
    head = f"from pkg.counter import PROCESSES\n\nif PROCESSES > {BEFORE + 3}:\n    raise OSError('no more')\n\n\n"
    counting(repository, tmp_path, head + WORK.replace("    def", "def").format(times=20).replace("\n    ", "\n"))
    outcome = run("HEAD^", "HEAD", "--replicates", 3)
    assert outcome.code == 0, outcome.err
    assert row(outcome)["verdict"] == "regressed"
    assert "not_profiled" in outcome.warnings()


@pytest.mark.real
def test_a_single_prescribed_call_is_made_first_on_either_side(repository, run):
    benchmark = BENCHMARK.replace("benchmark(work, 200)", "benchmark.pedantic(work, (200,))")
    repository.commit_both(FAST, SLOW, benchmark)
    replicates = row(run("HEAD^", "HEAD", "--replicates", 4))["replicates"]
    orders = [[pair["order"] for pair in replicate["pairs"]] for replicate in replicates]
    assert orders == [["base_head"], ["head_base"], ["base_head"], ["head_base"]]


@pytest.mark.real
def test_long_calls_are_made_on_both_sides_at_once(repository, run):
    long = BENCHMARK.replace("200", "2_000_000")
    repository.commit_both(FAST, FAST.replace("range(1)", "range(10)"), long)
    outcome = run("HEAD^", "HEAD", "--replicates", 3)
    comparison = row(outcome)
    if outcome.report["machine"]["pinned_core"] is None:
        pytest.skip("this system pins no process to a core")
    assert [replicate["clock"] for replicate in comparison["replicates"]] == ["processor"] * 3
    # The tenfold work is seen whatever else runs here; a verdict may need more replicates.
    assert comparison["estimate"]["point_estimate"] > 3


@pytest.mark.real
def test_calls_that_wait_are_timed_by_the_wall_clock(repository, run):
    sleeping = "import time\n\n\ndef work(n):\n    time.sleep({seconds})\n"
    repository.commit({"pkg/__init__.py": "", "benchmarks/test_b.py": BENCHMARK})
    repository.commit({"pkg/core.py": sleeping.format(seconds=0.022)})
    repository.commit({"pkg/core.py": sleeping.format(seconds=0.44)})
    comparison = row(run("HEAD^", "HEAD", "--replicates", 3))
    assert {replicate["clock"] for replicate in comparison["replicates"]} == {"wall"}
    assert comparison["verdict"] == "regressed"
    assert comparison["estimate"]["point_estimate"] > 3


def test_a_ref_is_compared_with_itself(slower, deadheat_command):
    outcome = deadheat_command("noise", "--json", "--samples", "--replicates", 5)
    assert outcome.code == 0, outcome.err
    (noise,) = outcome.report["noise"]
    assert short(noise["benchmark"]) == "test_work"
    assert 0 < noise["spread_percent"] < 100
    assert noise["smallest_change_percent"] > 2
    revisions = outcome.report["revisions"]
    assert revisions["base"]["commit"] == revisions["head"]["commit"]
