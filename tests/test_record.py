"""Experiments that `compare --record` records, and the bases that are taken from the records."""

import json
from textwrap import dedent

import pytest

from conftest import WORK

pytestmark = pytest.mark.counted

# All return the same.
SLOW, FAST, FASTER = (WORK.format(times=times).replace("return total", "return n") for times in (40, 6, 1))
BENCHMARK = """\
    from pkg.core import work


    def test_work(benchmark):
        benchmark(work, 200)
    """


@pytest.fixture
def loop(repository, deadheat_command):
    """A project whose loop has a baseline, and a faster commit since."""
    repository.write({".gitignore": ".codeflash\n"})
    repository.commit({"pkg/__init__.py": "", "pkg/core.py": SLOW, "benchmarks/test_b.py": BENCHMARK})
    repository.baseline = repository.git("rev-parse", "HEAD")
    assert deadheat_command("start").code == 0
    repository.faster = repository.commit({"pkg/core.py": FAST})
    return repository


@pytest.fixture
def record(deadheat_command):
    def record(text, *arguments):
        return deadheat_command("compare", "--record", text, "--replicates", 2, "--json", *arguments)

    return record


def path(repository, name):
    return repository.folder / ".codeflash" / name


def read(repository):
    header, *lines = path(repository, "results.tsv").read_text().splitlines()
    return [dict(zip(header.split("\t"), line.split("\t"), strict=True)) for line in lines]


def bases(outcome):
    return outcome.report["revisions"]["base"]["commit"], outcome.report["revisions"]["head"]["commit"]


def test_a_loop_of_two_experiments(loop, record, deadheat_command):
    first = record("fewer\ttimes\nover")
    assert first.code == 0, first.err
    assert bases(first) == (loop.baseline, loop.faster)
    results = path(loop, "results.tsv")
    recorded = {"status": "keep", "status_by_rule": "keep", "description": "fewer\ttimes\nover", "file": str(results)}
    assert first.report["recorded"] == recorded
    results.write_text("\n".join(line + "\tmine" for line in results.read_text().splitlines()) + "\n")
    handoff = path(loop, "HANDOFF.md")
    handoff.write_text("# Notes\n\nby hand\n\n" + handoff.read_text())
    slower = loop.commit({"pkg/core.py": SLOW})
    second = record("more times")
    assert bases(second) == (loop.faster, slower)
    assert second.report["recorded"]["status"] == "discard"
    loop.git("reset", "--quiet", "--hard", "HEAD^")
    assert [(row["benchmark"], row["status"], row["description"], row["mine"]) for row in read(loop)] == [
        ("benchmarks/test_b.py::test_work", "keep", "fewer times over", "mine"),
        ("__total__", "keep", "fewer times over", "mine"),
        ("benchmarks/test_b.py::test_work", "discard", "more times", ""),
        ("__total__", "discard", "more times", ""),
    ]
    text = handoff.read_text()
    assert text.startswith("# Notes\n\nby hand\n\n## Baseline")
    assert text.count("## Measurements") == 1
    assert slower in text
    status = deadheat_command("status", "--json").report
    assert [row["head"] for row in status["kept"]] == [loop.faster]
    assert [row["head"] for row in status["discarded"]] == [slower]
    assert status["cumulative"] == {
        # JSON on stdout has six digits.
        "speedup": pytest.approx(1 / mean(first), rel=1e-5),
        "source": "measured",
        "steps": 1,
        "has_gaps": False,
    }


def test_what_was_tried_is_handed_over(loop, record, deadheat_command):
    assert record("fewer times").code == 0
    handoff = path(loop, "HANDOFF.md")
    handoff.write_text("# Notes\n\nmine\n\n" + handoff.read_text())
    outcome = deadheat_command("handoff", "--json")
    assert (outcome.report["file"], outcome.report["problems"]) == (str(handoff), [])
    text = handoff.read_text()
    assert text.startswith("# Notes\n\nmine\n\n")
    assert f"- {loop.faster[:10]} " in text
    assert ", improved: fewer times\n" in text
    assert deadheat_command("handoff").out == f"written to {handoff}\n"
    assert handoff.read_text() == text


def mean(outcome):
    return outcome.report["summary"]["total"]["estimate"]["point_estimate"]


def test_bases_from_the_records(loop, record, deadheat_command):
    assert record("fewer times").code == 0
    faster_still = loop.commit({"pkg/core.py": FASTER})
    measured = deadheat_command("compare", "--replicates", 2, "--json", "--last-kept")
    assert bases(measured) == (loop.faster, faster_still)
    # Without `--record`, nothing is recorded.
    assert len(read(loop)) == 2
    compare = ["compare", "--dry-run", "--json"]
    assert bases(deadheat_command(*compare, "--baseline")) == (loop.baseline, faster_still)
    assert bases(deadheat_command(*compare, "--baseline", loop.faster)) == (loop.baseline, loop.faster)
    loop.write({"pkg/core.py": SLOW})
    outcome = deadheat_command(*compare, "--last-kept", "--working-tree")
    assert bases(outcome) == (loop.faster, faster_still)
    assert outcome.report["revisions"]["head"]["dirty"] is True
    outcome = deadheat_command(*compare, "--last-kept", "HEAD^", "HEAD")
    assert outcome.code == 2
    assert "--last-kept is base" in outcome.err


def test_the_user_has_the_last_word(loop, record):
    outcome = record("kept all the same", loop.faster, loop.baseline, "--status", "keep")
    assert outcome.report["recorded"]["status"] == "keep"
    assert outcome.report["recorded"]["status_by_rule"] == "discard"
    assert {row["status"] for row in read(loop)} == {"keep"}


# Fast only for arguments that the benchmark does not use.
ONE_SIDED = SLOW.replace("total = 0", "total = 0\n        if n < 100:\n            return n")


def test_what_micro_found_is_held_against_it(loop, record, deadheat_command):
    loop.write({"pkg/core.py": ONE_SIDED})
    micro = deadheat_command("micro", "pkg/core.py::work", "--call", "work(90)", "--json")
    assert micro.report["decision"] == "go"
    loop.commit({})
    outcome = record("fast where nobody looks", "HEAD^", "HEAD")
    assert outcome.report["recorded"]["status"] == "discard"
    assert "micro_disagrees" in outcome.warnings()
    (line,) = path(loop, "micro.jsonl").read_text().splitlines()
    found = json.loads(line)
    assert found["base"] == loop.faster
    assert float(read(loop)[-1]["micro_speedup"]) == pytest.approx(found["speedup"], rel=1e-4)
    # An idea that was screened and given up does not count against another one.
    loop.git("reset", "--quiet", "--hard", "HEAD^")
    loop.commit({"pkg/core.py": SLOW})
    outcome = record("another idea", "HEAD^", "HEAD")
    assert "micro_disagrees" not in outcome.warnings()
    assert read(loop)[-1]["micro_speedup"] == ""


def test_a_kept_commit_that_was_amended_is_said(loop, record):
    assert record("fewer times").code == 0
    loop.git("commit", "--quiet", "--amend", "--message", "reworded")
    outcome = record("reworded")
    assert outcome.code == 3
    assert "nothing was recorded" in outcome.err
    assert "another_history" in outcome.warnings()
    assert len(read(loop)) == 2


def test_records_that_git_tracks_are_said(loop, record, deadheat_command):
    # The folder ignores its files by itself, unless it has a file that says something else.
    loop.write({".gitignore": ""})
    assert "git does not ignore" not in deadheat_command("start", "--replace").err
    loop.git("add", "--all")
    assert "codeflash" not in loop.git("status", "--short", "--untracked-files=all")
    loop.write({".codeflash/.gitignore": ""})
    assert "git does not ignore" in deadheat_command("start", "--replace").err
    loop.commit({})
    assert record("first", loop.baseline, loop.faster).code == 0
    loop.commit({})
    assert "records_tracked" in record("second", loop.baseline, loop.faster).warnings()


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ([], "there is no baseline"),
        (["HEAD", "HEAD"], "the same commit"),
        (["HEAD^", "HEAD", "--working-tree"], "cannot be used with"),
        (["HEAD^", "HEAD", "--status", "good"], "write keep, discard, mixed or checks_failed"),
    ],
)
def test_what_cannot_be_recorded(loop, record, arguments, words):
    path(loop, "HANDOFF.md").unlink()
    outcome = record("x", *arguments)
    assert outcome.code == 2
    assert words in outcome.err
    assert not path(loop, "results.tsv").exists()


def test_a_table_that_is_none_is_said_before_anything_is_measured(loop, record):
    path(loop, "results.tsv").write_text("my notes\n")
    outcome = record("x")
    assert outcome.code == 2
    assert "results.tsv" in outcome.err
    assert "measuring" not in outcome.err
    assert path(loop, "results.tsv").read_text() == "my notes\n"


def test_a_run_that_was_cut_short_is_recorded_only_where_that_is_allowed(loop, standstill):
    loop.commit({"pkg/still.py": standstill.module, "pkg/core.py": "from pkg import still\n\n\n" + dedent(FASTER)})

    def record(*arguments):
        # One process shows what runs the change, and two are measured.
        standstill.let_pass(3)
        arguments = ("--replicates", 9999, "--seed", 1, "--json", *arguments)
        return standstill.interrupt(loop, "compare", "HEAD^", "HEAD", "--record", "x", *arguments)

    refused = record()
    assert refused.code == 4
    assert refused.report["partial"] is True
    assert "recorded" not in refused.report
    assert "--allow-partial" in refused.err
    assert not path(loop, "results.tsv").exists()
    allowed = record("--allow-partial")
    assert allowed.code == 4
    assert read(loop)[-1]["description"] == "x"
