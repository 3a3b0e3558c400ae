"""`deadheat race`: the fastest of several refs, with workers whose clock counts lines."""

import json
import signal
import subprocess

import pytest

from conftest import WORK, command

pytestmark = [pytest.mark.counted, pytest.mark.quick]

BENCHMARKS = """\
    from pkg.core import work
    from pkg.more import more


    def test_work(benchmark):
        benchmark(work, 100)


    def test_more(benchmark):
        benchmark(more, 100)
    """


def work(times, result="n"):
    return WORK.format(times=times).replace("return total", f"return {result}")


def more(times):
    return work(times).replace("work", "more")


@pytest.fixture
def ideas(repository):
    """A project whose branches change how often a loop runs: 20 times on main."""
    files = {
        "pkg/__init__.py": "",
        "pkg/core.py": work(20),
        "pkg/more.py": more(20),
        "benchmarks/test_b.py": BENCHMARKS,
    }
    repository.commit(files)

    def branch(name, changed):
        repository.git("checkout", "--quiet", "-b", name, "main")
        repository.commit(changed)
        repository.git("checkout", "--quiet", "main")

    repository.branch = branch
    return repository


@pytest.fixture
def race(deadheat_command):
    def run(*arguments):
        return deadheat_command("race", "--json", "--seed", 1, *arguments)

    return run


def statuses(report):
    return {candidate["name"]: candidate["status"] for candidate in report["candidates"]}


def test_the_fastest_wins_and_can_be_adopted(ideas, race, deadheat_command, tmp_path):
    for name, times in {"slow": 22, "fast": 10, "next": 11, "slowest": 40}.items():
        ideas.branch(name, {"pkg/core.py": work(times)})
    before = ideas.state()
    outcome = race("main", "slow", "fast", "next", "slowest", "-o", tmp_path / "race.json")
    assert outcome.code == 0, outcome.err
    assert ideas.state() == before
    report = outcome.report
    answer = report["answer"]
    assert (answer["verdict"], answer["fastest"], answer["next_best"]) == ("winner", ["fast"], "next")
    # 11 loops take ten per cent longer than 10, but for the lines around them.
    assert 8 < answer["lead_percent"] < 10
    assert answer["sentence"].startswith(f"fast is the fastest: at least {int(answer['lead_percent'])}.")
    order = [candidate["name"] for candidate in report["candidates"]]
    assert order == ["fast", "next", "main", "slow", "slowest"]
    assert [candidate["place"] for candidate in report["candidates"]] == [1, 2, 3, 4, 5]
    assert set(statuses(report).values()) == {"winner", "dropped"}
    (fast, *_) = report["candidates"]
    interval = fast["estimate"]["confidence_interval"]
    assert interval["lower_bound"] < fast["estimate"]["point_estimate"] < interval["upper_bound"] < 0.6
    # Only `work` differs.
    assert report["benchmarks"] == ["benchmarks/test_b.py::test_work"]
    stored = json.loads((tmp_path / "race.json").read_text())
    assert stored["raced"] == ["main", "slow", "fast", "next", "slowest"]
    assert sum(sum(time is not None for time in times) - 1 for times in stored["replicates"]) == stored["pairs"]
    (step,) = report["next"]
    assert (step["action"], step["argv"]) == ("adopt", ["git", "merge", "--ff-only", "fast"])
    *_, sentence, said = deadheat_command("race", "main", "fast", "--seed", 1).out.splitlines()
    assert sentence.startswith("fast is the fastest: at least ")
    assert said == "next: git merge --ff-only fast, because fast is the fastest"
    ideas.git(*step["argv"][1:])
    assert ideas.git("rev-parse", "HEAD") == fast["commit"]


def test_those_that_cannot_be_told_apart_are_all_named(ideas, race):
    """Two branches run the same lines; a third one does not reach the benchmarks."""
    ideas.branch("one", {"pkg/core.py": work(10)})
    ideas.branch("two", {"pkg/core.py": work("1 * 10")})
    ideas.branch("unused", {"pkg/core.py": work(20) + "\n\n    def unused():\n        return 1\n"})
    ideas.git("tag", "again", "one")
    # With another parent, it is never the same commit.
    ideas.branch("copied", {"pkg/core.py": work(5)})
    ideas.git("checkout", "--quiet", "copied")
    ideas.commit({"pkg/core.py": work(10)})
    ideas.git("checkout", "--quiet", "main")
    report = race("main", "one", "two", "unused", "again", "copied").report
    assert (report["answer"]["verdict"], sorted(report["answer"]["fastest"])) == ("tied", ["one", "two"])
    assert report["answer"]["tied_within_percent"] == 2
    assert statuses(report) == {
        "one": "tied",
        "two": "tied",
        "main": "dropped",
        "unused": "same",
        "again": "same",
        "copied": "same",
    }
    reasons = {candidate["name"]: candidate["reason"] for candidate in report["candidates"]}
    assert (reasons["again"], reasons["copied"]) == ("the commit of one", "the files of one")
    assert reasons["unused"].endswith("differs from main")
    assert report["next"][0]["action"] == "adopt"


def test_candidates_with_the_same_code_need_no_race(ideas, race):
    ideas.branch("comment", {"pkg/core.py": work(20) + "# nothing\n"})
    outcome = race("main", "comment", "main")
    assert outcome.code == 0, outcome.err
    assert (outcome.report["answer"]["verdict"], outcome.report["pairs"]) == ("tied", 0)
    assert outcome.report["answer"]["sentence"].startswith("all candidates have the same code")


def test_all_run_the_benchmarks_of_each_others_changes(ideas, race):
    """One branch is faster in one function, and another in the other: their total counts."""
    ideas.branch("core", {"pkg/core.py": work(10)})
    ideas.branch("more", {"pkg/more.py": more(5)})
    report = race("core", "main", "more").report
    assert report["answer"]["fastest"] == ["more"]
    rows = {
        candidate["name"]: [round(row["estimate"]["point_estimate"], 1) for row in candidate["rows"]]
        for candidate in report["candidates"]
        if candidate["estimate"]
    }
    assert report["benchmarks"] == ["benchmarks/test_b.py::test_work", "benchmarks/test_b.py::test_more"]
    assert rows["main"] == [2.0, 1.0]
    assert rows["more"] == [2.0, 0.3]


def test_one_that_fails_does_not_end_the_race(ideas, race):
    ideas.branch("fast", {"pkg/core.py": work(10)})
    ideas.branch("broken", {"pkg/core.py": "import nothing_there\n"})
    ideas.branch("raises", {"pkg/core.py": "def work(n):\n    raise ValueError('no')\n"})
    ideas.branch("other", {"pkg/core.py": work(5, result="n + 1")})
    report = race("main", "fast", "broken", "raises", "other").report
    assert statuses(report) == {
        "other": "winner",
        "fast": "dropped",
        "main": "dropped",
        "broken": "failed",
        "raises": "failed",
    }
    reasons = {candidate["name"]: candidate["reason"] for candidate in report["candidates"]}
    assert "nothing_there" in reasons["broken"]
    assert "ValueError: no" in reasons["raises"]
    outputs = {candidate["name"]: candidate["output"] for candidate in report["candidates"]}
    assert (outputs["other"], outputs["fast"]) == ("different", "same")
    (warning,) = (row for row in report["warnings"] if row["code"] == "output_differs")
    assert warning["message"] == "other: benchmarks/test_b.py::test_work returns 101, and 100 on main"
    # A winner that does other work is not adopted.
    assert [step["action"] for step in report["next"]] == ["fix_output"]


def test_a_race_without_two_candidates_measures_nothing(ideas, race):
    ideas.branch("broken", {"pkg/core.py": "import nothing_there\n"})
    outcome = race("main", "broken")
    assert outcome.code == 3
    assert "broken: " in outcome.err
    assert "nothing_there" in outcome.err
    assert outcome.report["answer"]["verdict"] == "nothing_measured"
    assert outcome.report["answer"]["fastest"] == []


def test_a_race_without_time_names_those_that_are_left_and_how_to_go_on(ideas, race):
    for name, times in {"one": 19, "two": 18}.items():
        ideas.branch(name, {"pkg/core.py": work(times)})
    outcome = race("main", "one", "two", "-k", "work", "--budget", 0.1)
    assert outcome.code == 0, outcome.err
    report = outcome.report
    assert report["answer"]["verdict"] == "inconclusive"
    assert sorted(report["answer"]["fastest"]) == ["main", "one", "two"]
    assert set(statuses(report).values()) == {"open"}
    (step,) = report["next"]
    assert step["action"] == "raise_budget"
    assert step["argv"][:7] == ["deadheat", "race", "main", "one", "two", "-k", "work"]
    again = race(*step["argv"][2:])
    assert (again.code, again.report["settings"]["budget_seconds"]) == (0, 1)


def test_a_race_that_is_interrupted_gives_what_there_is(ideas, tmp_path):
    """Beside a tie that takes many replicates."""
    ideas.branch("one", {"pkg/core.py": work(19)})
    ideas.branch("two", {"pkg/core.py": work(21)})
    arguments = command("race", "main", "one", "two", "--threshold", 0.01, "--json")
    process = subprocess.Popen(arguments, cwd=ideas.folder, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    for line in process.stderr:
        if line.startswith("measuring: replicate 1"):
            break
    process.send_signal(signal.SIGINT)
    out, err = process.communicate(timeout=60)
    assert process.returncode == 4, err
    report = json.loads(out)
    assert report["partial"] is True
    assert [step["action"] for step in report["next"]] == ["raise_timeout"]
    assert {candidate["name"] for candidate in report["candidates"]} == {"main", "one", "two"}


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["main"], "2 more values required|requires at least 2|2 values required"),
        (["main", "nowhere"], "no commit, branch or tag `nowhere`"),
        (["main", "main", "-o", "race.html"], "can only be written as json"),
    ],
)
def test_what_cannot_be_raced_is_refused(ideas, deadheat_command, arguments, words):
    outcome = deadheat_command("race", *arguments)
    assert outcome.code == 2
    assert any(word in outcome.err for word in words.split("|")), outcome.err


def test_the_brief_answer_is_short(ideas, deadheat_command):
    names = [f"{'an-idea-' * 20}{number}" for number in range(18)]
    for name in names:
        ideas.git("branch", name, "main")
    ideas.branch("fast", {"pkg/core.py": work(2)})
    outcome = deadheat_command("race", "--brief", "--seed", 1, "main", *names, "fast")
    assert outcome.code == 0, outcome.err
    assert len(outcome.out.encode()) <= 1500
    brief = outcome.report
    assert (brief["verdict"], brief["fastest"], brief["next_best"]) == ("winner", ["fast"], "main")
    assert brief["statuses"] == {"winner": 1, "dropped": 1, "same": 18}
    assert brief["speedup"] > 5
    assert [step["action"] for step in brief["next"]] == ["adopt"]
