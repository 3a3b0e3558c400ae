"""Suites larger than one machine: parts of a suite, measured apart and merged. With changes that no noise can hide."""

import copy
import hashlib
import json

import pytest

from conftest import WORK, short

pytestmark = [pytest.mark.counted, pytest.mark.quick]

SLOW, FAST = WORK.format(times=4), WORK.format(times=1)
BENCHMARKS = """\
    import pytest

    from pkg.core import work


    @pytest.mark.parametrize("n", [20, 21, 22, 23, 24])
    def test_work(benchmark, n):
        benchmark(work, n)


    def test_other(benchmark):
        benchmark(sorted, range(100))
    """


@pytest.fixture
def slower(repository):
    repository.commit_both(FAST, SLOW, BENCHMARKS)
    return repository


def shard_of(benchmark, of):
    """Returns the shard of a benchmark by the rule in the reference."""
    return int.from_bytes(hashlib.sha256(benchmark.encode()).digest()[:8], "big") % of + 1


def names(rows):
    return [row["benchmark"] for row in rows]


def cut(report, shard, of):
    """Returns the report of one part, with the samples of a whole report."""
    part = copy.deepcopy(report)
    part["suite"] = names(report["comparisons"]) + names(report["missing"])
    part["settings"]["partition"] = {"shard": shard, "of": of}
    for rows in ("comparisons", "missing"):
        part[rows] = [row for row in report[rows] if shard_of(row["benchmark"], of) == shard]
    return part


def test_four_parts_of_a_report_merge_into_the_same_to_the_last_digit(slower, compare, deadheat_command, tmp_path):
    whole = compare("HEAD^", "HEAD", "--all").report
    assert len(whole["comparisons"]) == 6
    paths = [tmp_path / f"{shard}.json" for shard in (4, 2, 3, 1)]
    for path in paths:
        path.write_text(json.dumps(cut(whole, int(path.stem), 4)))
    outcome = deadheat_command("merge", *paths, "--json", "--samples")
    assert outcome.code == 0, outcome.err
    merged = outcome.report
    assert names(merged["comparisons"]) == names(whole["comparisons"])
    for one, other in zip(merged["comparisons"], whole["comparisons"], strict=True):
        assert one["shard"] == shard_of(one["benchmark"], 4)
        for key in ("base", "head", "estimate", "verdict", "reason", "replicates", "functions"):
            assert one[key] == other[key]
    for key in ("counts", "total", "geometric_mean"):
        assert merged["summary"][key] == whole["summary"][key]
    (function,) = merged["summary"]["functions"]
    assert function["base"]["calls"] == 5


def test_parts_are_measured_apart_and_merged(slower, compare, deadheat_command, tmp_path):
    paths = [tmp_path / f"{shard}.json" for shard in (1, 2)]
    parts = []
    for shard, path in enumerate(paths, 1):
        outcome = compare("HEAD^", "HEAD", "--partition", f"{shard}/2", "--fail-on", "regression", "-o", path)
        assert outcome.code == 1, outcome.err
        parts.append(outcome.report)
    suite = parts[0]["suite"]
    assert len(suite) == 6
    assert parts[1]["suite"] == suite
    assert parts[0]["seed"] == parts[1]["seed"]
    rows = [names(part["comparisons"]) + names(part["missing"]) for part in parts]
    assert rows[0]
    assert rows[1]
    assert sorted(rows[0] + rows[1]) == sorted(suite)
    for shard, part in enumerate(parts, 1):
        assert part["settings"]["partition"] == {"shard": shard, "of": 2}
        assert {shard_of(benchmark, 2) for benchmark in rows[shard - 1]} == {shard}

    stored = tmp_path / "all.json"
    outcome = deadheat_command("merge", *paths, "-o", stored)
    assert outcome.code == 1, outcome.err
    assert outcome.err.splitlines()[-1].endswith("and 4 more")
    assert "2 of 2 parts" in outcome.out
    assert outcome.out.splitlines()[-1].startswith("5 regressed, 1 not reached")
    merged = json.loads(stored.read_text())
    assert merged["summary"]["total"]["verdict"] == "regressed"
    assert [shard["partition"] for shard in merged["shards"]] == [{"shard": 1, "of": 2}, {"shard": 2, "of": 2}]
    assert names(merged["comparisons"]) == [benchmark for benchmark in suite if "test_work" in benchmark]
    assert merged["target_functions"][0]["reached_by"] == names(merged["comparisons"])

    # With a part missing, the report is partial, whatever the gates say.
    outcome = deadheat_command("merge", paths[1], "--json", "--samples")
    assert outcome.code == 4, outcome.err
    assert outcome.report["partial"] is True
    (warning,) = [row for row in outcome.report["warnings"] if row["code"] == "missing_shards"]
    assert warning["message"].startswith("part 1/2 is missing: ")
    assert sorted(names(outcome.report["comparisons"]) + names(outcome.report["missing"])) == sorted(suite)

    twice = deadheat_command("merge", paths[0], paths[0])
    assert twice.code == 2
    assert "are both part 1/2" in twice.err
    merged_again = deadheat_command("merge", stored, paths[0])
    assert merged_again.code == 2
    assert "is already a merged report" in merged_again.err
    assert "without --partition" not in merged_again.err


def test_a_suite_is_cut_by_the_seconds_of_an_earlier_report(slower, deadheat_command, tmp_path):
    earlier = tmp_path / "earlier.json"
    outcome = deadheat_command("compare", "HEAD^", "HEAD", "--json")
    report = outcome.report
    for row in report["comparisons"]:
        row["replicate_seconds"] = 1_000 if row["benchmark"].endswith("[22]") else 1
    earlier.write_text(json.dumps(report))

    def part(number, *arguments):
        path = tmp_path / f"{number}.json"
        parts = ["--partition", f"{number}/2"]
        outcome = deadheat_command("compare", "HEAD^", "HEAD", *parts, *arguments, "-o", path)
        assert outcome.code == 0, outcome.err
        return path, json.loads(path.read_text())

    # The benchmark that was not reached is as long as most.
    (first, one), (second, other) = [part(number, "--balance", earlier) for number in (1, 2)]
    assert one["suite_shards"] == other["suite_shards"] == [2, 2, 1, 2, 2, 2]
    assert [short(name) for name in names(one["comparisons"])] == ["test_work[22]"]
    assert [short(name) for name in names(other["comparisons"])] == [f"test_work[{n}]" for n in (20, 21, 23, 24)]
    assert one["settings"]["balance"] == other["settings"]["balance"]
    assert one["settings"]["balance"]["file"] == str(earlier)
    # 5 s for an average benchmark, which takes 200.8 s here; without --balance, it would be the least, 20 s.
    assert one["settings"]["budget_seconds"] == 24.9
    assert other["settings"]["budget_seconds"] == 20
    merged = deadheat_command("merge", first, second, "--json", "--samples")
    assert merged.code == 0, merged.err
    assert merged.verdicts() == outcome.verdicts()
    assert {short(row["benchmark"]): row["shard"] for row in merged.report["comparisons"]}["test_work[22]"] == 1
    assert merged.report["settings"]["balance"] is None

    # The part keeps its benchmarks when it is continued, without the earlier report.
    earlier.unlink()
    continued = deadheat_command("compare", "--continue", second, "-o", second)
    assert continued.code == 0, continued.err
    assert names(json.loads(second.read_text())["comparisons"]) == names(other["comparisons"])
    assert deadheat_command("merge", first, second).code == 0

    path, _ = part(2)
    mixed = deadheat_command("merge", first, path)
    assert mixed.code == 2
    assert "different values of `balance`" in mixed.err


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (("--balance", "none.json"), "--partition is missing"),
        (("--partition", "1/2", "--balance", "none.json"), "`none.json` cannot be read"),
        (("--partition", "1/2", "--balance", "empty.json"), "`empty.json` has no times of benchmarks"),
    ],
)
def test_a_cut_needs_a_part_and_times(slower, compare, deadheat_command, arguments, words):
    compare("HEAD^", "HEAD", "-k", "other", "-o", "empty.json")
    outcome = deadheat_command("compare", "HEAD^", "HEAD", *arguments)
    assert outcome.code == 2
    assert words in outcome.err


def test_a_job_without_variables_is_no_part(slower, deadheat_command):
    outcome = deadheat_command("compare", "HEAD^", "HEAD", "--partition", "auto")
    assert outcome.code == 2
    assert "--partition auto: none of these variables is set: CI_NODE_INDEX (GitLab)" in outcome.err


def test_a_part_without_benchmarks_is_no_failure(slower, compare):
    suite = [f"benchmarks/test_b.py::test_work[{n}]" for n in range(20, 25)] + ["benchmarks/test_b.py::test_other"]
    empty = next(shard for shard in range(1, 20) if all(shard_of(row, 20) != shard for row in suite))
    outcome = compare("HEAD^", "HEAD", "--partition", f"{empty}/20")
    assert outcome.code == 0, outcome.err
    assert outcome.warnings() == ["empty_partition"]
    assert outcome.report["comparisons"] == outcome.report["missing"] == []
    assert sorted(outcome.report["suite"]) == sorted(suite)


@pytest.mark.parametrize("arguments", [("0/4",), ("5/4",), ("4",), ("1/2", "--script", "true")])
def test_wrong_parts_are_refused(slower, deadheat_command, arguments):
    outcome = deadheat_command("compare", "HEAD^", "HEAD", "--partition", *arguments)
    assert outcome.code == 2
    assert "--partition" in outcome.err


def test_what_is_no_part_is_refused(deadheat_command, tmp_path):
    path = tmp_path / "x.json"
    path.write_text("{}")
    outcome = deadheat_command("merge", path)
    assert outcome.code == 2
    assert "is not a report of deadheat" in outcome.err
    assert deadheat_command("merge", tmp_path / "none.json").code == 2
    assert deadheat_command("merge").code == 2
