"""`deadheat micro` with more than two variants: the fastest of them, with workers whose clock counts lines."""

import subprocess
import sys

import pytest

from conftest import Outcome, command

pytestmark = [pytest.mark.counted, pytest.mark.quick]

WORK = """\
def work(n, value=1):
    total = 0
    for _ in range(n):
        total += 1
    return value
"""


@pytest.fixture
def micro(repository):
    def run(*arguments):
        completed = subprocess.run(
            command("micro", "--python", sys.executable, "--seed", 1, *arguments),
            cwd=repository.folder,
            capture_output=True,
            text=True,
            timeout=120,
            check=False,
        )
        return Outcome(completed)

    return run


def statements(*texts):
    first, *others = texts
    return ["-a", first, *(word for text in others for word in ("-b", text)), "--setup", WORK]


def statuses(report):
    return {candidate["name"]: candidate["status"] for candidate in report["candidates"]}


def test_the_fastest_statement_is_named(micro):
    outcome = micro(*statements("work(200)", "work(110)", "work(100)", "work(400)"), "--json", "--timeout", "50")
    assert outcome.code == 0, outcome.err
    report = outcome.report
    answer = report["answer"]
    assert (answer["verdict"], answer["fastest"], answer["next_best"]) == ("winner", ["work(100)"], "work(110)")
    assert 5 < answer["lead_percent"] < 10
    assert [candidate["place"] for candidate in report["candidates"]] == [1, 2, 3, 4]
    assert report["candidates"][0]["estimate"]["point_estimate"] == pytest.approx(0.5, abs=0.05)
    assert (report["form"], report["next"]) == ("statements", [])


def test_functions_of_a_script_race_and_the_answer_comes_last(micro, repository):
    functions = "\n\n".join(
        f"def bench_{letter}():\n    return work({n})" for letter, n in zip("abcd", (300, 100, 100, 200), strict=True)
    )
    repository.write({"try.py": f"{WORK}\n\n{functions}\n"})
    *_, sentence = micro("try.py", "--timeout", "50").out.splitlines()
    assert sentence in (
        "bench_b and bench_c are tied: within 2 % (wrong in at most 1 of 100 races)",
        "bench_c and bench_b are tied: within 2 % (wrong in at most 1 of 100 races)",
    )


def test_one_that_fails_or_returns_something_else_is_named(micro):
    variants = statements("work(100)", "work(50, 2)", "work(nothing)")
    report = micro(*variants, "--json", "--timeout", "50").report
    assert statuses(report) == {"work(50, 2)": "winner", "work(100)": "dropped", "work(nothing)": "failed"}
    reasons = [candidate["reason"] for candidate in report["candidates"]]
    assert reasons[-1] == "NameError: name 'nothing' is not defined"
    (warning,) = (row for row in report["warnings"] if row["code"] == "output_differs")
    assert warning["message"] == "work(50, 2) returns 2, and work(100) returns 1"


def test_when_the_time_is_over_a_difference_that_is_not_worth_it_is_a_tie(micro, repository):
    """Differences of 0.001 % cannot be told, and one of 20 % is not worth a commit."""
    repository.write({"pyproject.toml": "[tool.deadheat]\nthreshold = 0.001\n"})
    report = micro(*statements("work(100)", "work(100) or 1", "work(100) or 2"), "--json", "--timeout", "12").report
    assert report["answer"]["verdict"] == "tied"
    assert 0.001 < report["answer"]["tied_within_percent"] < 20


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ([*statements("1", "2", "3"), "--gate"], "--gate compares two variants"),
        ([*statements("1", "2", "3"), "--memory"], "--memory compares two variants"),
        (statements("1", "2", "3 +"), "one of the statements cannot be parsed: SyntaxError"),
        (statements("1", "2", " "), "-b: there is nothing to run"),
        (statements(*map(str, range(21))), "21 variants are too many"),
    ],
)
def test_what_does_not_race_is_refused(micro, arguments, words):
    outcome = micro(*arguments)
    assert outcome.code == 2
    assert words in outcome.err
