"""The breakdown of a benchmark's time by function."""

import json
import os

import pytest

from conftest import NS_PER_LINE

BASE = """\
    def leaf(n):
        total = 0
        for i in range(1000):
            total += i
        return total


    def untouched(n):
        return [leaf(i) for i in range(n)]


    def work(n):
        total = 0
        for i in range(n):
            for _ in range(20_000):
                total += i
        return total + sum(untouched(5))


    def generator(n):
        for i in range(n):
            # Long beside the probe of a resumption.
            for _ in range(200):
                pass
            yield leaf(i)


    def top(n):
        return work(n) + sum(generator(3))
    """
HEAD = (
    BASE.replace("range(20_000)", "range(200)")
    .replace("yield leaf(i)", "yield added(i)")
    .replace("def top", "def added(n):\n        return leaf(n)\n\n\n    def top")
)
PROJECT = {
    "pkg/__init__.py": "",
    "pkg/core.py": BASE,
    "benchmarks/test_b.py": "from pkg.core import top\n\n\ndef test_top(benchmark):\n    benchmark(top, 10)\n",
}


def length_ns(comparison, side):
    base = comparison["base"]["median_ns"]
    return base if side == "base" else base * comparison["estimate"]["point_estimate"]


def self_ns(row, side):
    return (row[side] or {}).get("self_ns") or 0


def test_a_planted_speedup_and_its_cause_are_found_on_every_version(repository, compare, interpreter):
    repository.commit(PROJECT)
    repository.commit({"pkg/core.py": HEAD})
    outcome = compare("HEAD^", "HEAD", "--python", interpreter, replicates=4)
    assert outcome.code == 0, outcome.err
    assert outcome.targets() == {"work": "modified", "generator": "modified", "added": "added"}
    report = outcome.report
    assert report["python"]["base"] == report["python"]["head"]
    assert os.path.samefile(report["python"]["base"]["path"], interpreter)
    assert report["revisions"]["head"]["commit"] == repository.git("rev-parse", "HEAD")
    (comparison,) = report["comparisons"]
    assert comparison["verdict"] == "improved"
    # Head's loops run less than 5 % of base's rounds.
    assert comparison["estimate"]["point_estimate"] < 0.5
    rows = {row["name"]: row for row in comparison["functions"]}
    assert set(rows) == {"work", "generator", "added"}
    assert (rows["work"]["base"]["calls"], rows["work"]["head"]["calls"]) == (1, 1)
    assert (rows["generator"]["base"]["calls"], rows["generator"]["head"]["calls"]) == (1, 1)
    assert rows["added"]["base"] is None
    assert rows["added"]["head"]["calls"] == 3
    assert rows["work"]["estimate"]["point_estimate"] < 0.5
    for side in ("base", "head"):
        whole = length_ns(comparison, side)
        work = rows["work"][side]
        assert 0.3 < work["share"] < 1.1
        assert work["total_ns"] == pytest.approx(work["share"] * whole)
        assert work["self_ns"] == pytest.approx(work["total_ns"])
    change = length_ns(comparison, "head") - length_ns(comparison, "base")
    assert abs(comparison["unexplained_ns"]) < 0.5 * abs(change)
    version = tuple(map(int, outcome.report["python"]["head"]["version"].split(".")[:2]))
    if version >= (3, 12):
        assert rows["generator"]["base"]["total_ns"] > 0
        assert rows["generator"]["note"] is None
    else:
        assert rows["generator"]["base"]["total_ns"] is None
        assert rows["generator"]["note"] == "calls_only"
    summary = {row["name"]: row for row in outcome.report["summary"]["functions"]}
    assert summary.keys() == rows.keys()
    # Processes start slowly on a busy machine.
    assert set(outcome.warnings()) <= {"expensive_setup"}


@pytest.mark.counted
def test_all_of_a_change_is_explained_by_what_changed(repository, compare):
    def shorter(code):
        for loop, rounds in {"range(20_000)": 50, "range(200)": 20, "range(1000)": 10}.items():
            code = code.replace(loop, f"range({rounds})")
        return code

    repository.commit({**PROJECT, "pkg/core.py": shorter(BASE)})
    repository.commit({"pkg/core.py": shorter(HEAD)})
    outcome = compare("HEAD^", "HEAD")
    (comparison,) = outcome.report["comparisons"]
    rows = {row["name"]: row for row in comparison["functions"]}
    # Two lines for each round.
    fewer = 10 * 2 * (50 - 20)
    work = {side: rows["work"][side]["total_ns"] / NS_PER_LINE for side in ("base", "head")}
    assert work["base"] - work["head"] == pytest.approx(fewer, rel=0.02)
    assert rows["work"]["estimate"]["point_estimate"] == pytest.approx(work["head"] / work["base"], rel=0.02)
    # `added` has its own line, in three calls.
    change = (length_ns(comparison, "head") - length_ns(comparison, "base")) / NS_PER_LINE
    assert change == pytest.approx(3 - fewer, rel=0.02)
    # Without a generator's time, what head moved out of it would be missing: some 70 lines.
    assert abs(comparison["unexplained_ns"]) / NS_PER_LINE < 0.02 * fewer


def test_every_function_is_profiled_when_asked(repository, deadheat_command, oldest_and_newest):
    repository.commit(PROJECT)
    repository.commit({"pkg/core.py": HEAD})
    run = ("compare", "HEAD^", "HEAD", "--profile", "--replicates", 3, "--python", oldest_and_newest)
    outcome = deadheat_command(*run, "-o", "report.json")
    assert outcome.code == 0, outcome.err
    (comparison,) = json.loads((repository.folder / "report.json").read_text())["comparisons"]
    rows = {row["name"]: row for row in comparison["profile"]}
    assert {"top", "work", "untouched", "leaf", "generator"} <= rows.keys()
    assert rows["leaf"]["base"]["calls"] == 8
    assert rows["leaf"]["change"] is None
    assert rows["work"]["change"] == "modified"
    own_changes = [abs(self_ns(row, "head") - self_ns(row, "base")) for row in comparison["profile"]]
    assert own_changes == sorted(own_changes, reverse=True)
    assert all(max(row[side]["share"] for side in ("base", "head") if row[side]) >= 0.01 for row in rows.values())
    for words in (
        "Changed functions, over all measured benchmarks",
        "the changed functions explain",
        "All functions, over all measured benchmarks",
    ):
        assert words in outcome.out
