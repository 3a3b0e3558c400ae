"""Loops of other tools: their `results.tsv`, and deadheat as their measuring script."""

import re

import pytest

from conftest import WORK

pytestmark = [pytest.mark.counted, pytest.mark.quick]

SLOW, FAST, FASTER = (WORK.format(times=times).replace("return total", "return n") for times in (40, 6, 1))
BENCHMARK = """\
    from pkg.core import work


    def test_work(benchmark):
        benchmark(work, 200)
    """
PLUGIN = "experiment\tstatus\tpattern\ttarget\tbefore\tafter\timprovement\ttimestamp\tcommit\n"
RESEARCH = "commit\tval_bpb\tmemory_gb\tstatus\tdescription\n"
# As readers of METRIC lines accept them.
METRIC = re.compile(r"^METRIC\s+([\w.µ]+)=(\S+)\s*$", re.ASCII | re.MULTILINE)


@pytest.fixture
def loop(repository):
    """A project with three commits, each faster than the one before, and the records of another tool."""
    repository.write({".gitignore": ".codeflash\nresults.tsv\n"})
    repository.commit({"pkg/__init__.py": "", "pkg/core.py": SLOW, "benchmarks/test_b.py": BENCHMARK})
    repository.first = repository.git("rev-parse", "HEAD")
    repository.second = repository.commit({"pkg/core.py": FAST})
    repository.third = repository.commit({"pkg/core.py": FASTER})
    return repository


def write(repository, text):
    path = repository.folder / ".codeflash" / "results.tsv"
    path.parent.mkdir()
    path.write_bytes(text.encode())
    return path


def test_experiments_of_the_plugin_are_shown_and_continued(loop, deadheat_command):
    text = PLUGIN + "".join(
        line.replace("SECOND", loop.second[:9]).replace("FIRST", loop.first[:9]) + "\r\n"
        for line in (
            "base\tbaseline\t-\twork()\t4.0ms±0.1ms\t-\t-\t2026-04-21T00:00:00\tFIRST",
            "exp001\tdiscard\tcache\twork\t4.0ms\t5.0ms\t-25% REGRESSION\t2026-04-21T00:10:00\t-",
            "exp002\tcrash\tslots\twork\t-\t-\t-\t2026-04-21T00:20:00\t-\textra",
            "exp003\tkeep\tfewer\twork\t4.0ms\t1,6ms\t+60.0% (single)\t2026-04-21T00:30:00\tSECOND",
        )
    )
    path = write(loop, text)
    status = deadheat_command("status", "--json")
    assert (status.code, status.err) == (0, "")
    assert status.report["baseline"] == {"commit": loop.first[:9], "date": "2026-04-21T00:00:00", "branch": None}
    assert status.report["last_kept"] == loop.second[:9]
    assert [row["speedup"] for row in status.report["kept"]] == [2.5]
    assert [row["status"] for row in status.report["discarded"]] == ["discard", "crash"]
    cumulative = {"speedup": 2.5, "source": "product_of_steps", "steps": 1, "has_gaps": True}
    assert status.report["cumulative"] == cumulative
    log = deadheat_command("log").out
    assert re.search(r"T00:30:00 +keep +2\.50x +2\.50x +exp003: fewer, work", log), log
    assert re.search(r"T00:20:00 +crash +unknown +exp002: slots, work", log), log
    rows = deadheat_command("log", "--json").report["rows"]
    assert [(row["status"], row["benchmark"], row["speedup"]) for row in rows][1:3] == [
        ("discard", None, 0.8),
        ("crash", None, None),
    ]

    # The base is the shortened commit of the last kept row.
    recorded = deadheat_command("compare", "--record", "one pass", "--replicates", 2, "--json")
    assert recorded.code == 0, recorded.err
    assert recorded.report["revisions"]["base"]["commit"] == loop.second
    assert recorded.report["recorded"]["status"] == "keep"
    after = path.read_bytes().decode()
    old, new = text.partition("\n")[2], after.partition("\n")[2]
    assert new.startswith(old)
    header, total = (after.splitlines()[index].split("\t") for index in (0, -1))
    total = dict(zip(header, total, strict=True))
    assert (total["experiment"], total["pattern"], total["target"]) == ("one pass", "-", "-")
    assert (total["commit"], total["head"]) == (loop.third[:9], loop.third)
    assert re.fullmatch(r"\d+\.\d{3}(ns|us|ms)", total["before"])
    assert re.fullmatch(r"\+\d+\.\d%", total["improvement"])
    assert total["time"] == total["timestamp"] + "Z"

    status = deadheat_command("status", "--json").report
    assert status["last_kept"] == loop.third
    product = 2.5 * float(total["speedup"])
    assert status["cumulative"] | {"speedup": None} == cumulative | {"speedup": None, "steps": 2}
    assert status["cumulative"]["speedup"] == pytest.approx(product, rel=1e-4)
    # The baseline of the other tool is one of ours.
    baseline = deadheat_command("compare", "--baseline", "--dry-run", "--json").report
    assert baseline["revisions"]["base"]["commit"] == loop.first
    assert deadheat_command("handoff").code == 0
    handoff = (loop.folder / ".codeflash" / "HANDOFF.md").read_text()
    assert f"- {loop.second[:9]} 2.50x: exp003: fewer, work (single)\n" in handoff
    assert "- unknown, crash: exp002: slots, work\n" in handoff


def test_numbers_without_a_meaning_stay_unknown(loop, deadheat_command):
    rows = (f"{loop.first[:7]}\t0.9979\t44.0\tkeep\tbaseline", f"{loop.second[:7]}\t0.9932\t44.2\tkeep\tlarger")
    (loop.folder / "results.tsv").write_text(RESEARCH + "\n".join(rows) + "\n")
    (loop.folder / ".codeflash").mkdir()
    (loop.folder / ".codeflash" / "results.tsv").symlink_to("../results.tsv")
    status = deadheat_command("status", "-q")
    assert status.code == 0
    assert status.out.endswith(": unknown, no kept experiment has a number\n")
    assert "unknown" in deadheat_command("log").out
    recorded = deadheat_command("compare", "--record", "one pass", "--replicates", 2, "--json")
    assert recorded.code == 0, recorded.err
    assert recorded.report["revisions"]["base"]["commit"] == loop.second
    # Its own file has the row, with its columns.
    *old, _, total = (loop.folder / "results.tsv").read_text().splitlines()
    assert tuple(old[1:]) == rows
    assert total.startswith(f"{loop.third[:9]}\t\t\tkeep\tone pass\t")
    words = "the product of 1 kept step; changes between them are not included, nor 1 kept experiment without a number"
    assert words in deadheat_command("status").out


def test_a_commit_that_git_does_not_know_is_named(loop, deadheat_command):
    write(loop, PLUGIN + "a\tkeep\t-\t-\t2ms\t1ms\t-\t2026-04-21T00:00:00\t0123456789\n")
    for arguments in (("--record", "x"), ("--last-kept",)):
        outcome = deadheat_command("compare", *arguments)
        assert outcome.code == 2
        assert "results.tsv, `0123456789`, is not a commit of this repository" in outcome.err
    assert deadheat_command("status").code == 0


def test_deadheat_is_the_measuring_script(loop, deadheat_command):
    arguments = ("compare", loop.first, "--working-tree", "--replicates", 2)
    loop.write({"pkg/core.py": FAST})
    outcome = deadheat_command(*arguments, "--metrics", "-o", "r.json", "-o", "metrics:r.txt")
    assert outcome.code == 0, outcome.err
    lines = outcome.out.splitlines()
    metrics = {name: float(value) for name, value in METRIC.findall(outcome.out)}
    assert len(metrics) == len(lines)
    assert metrics["improved"] == 1
    assert metrics["speedup_low"] <= metrics["speedup"] <= metrics["speedup_high"]
    assert metrics["speedup"] > 2
    name = "speedup.benchmarks_test_b.py_test_work"
    assert metrics[name] == pytest.approx(metrics["speedup"], rel=1e-4)
    assert (loop.folder / "r.txt").read_text() == outcome.out
    assert deadheat_command("report", "r.json", "--metrics").out == outcome.out
    assert deadheat_command(*arguments, "--metrics", "--json").code == 2
    # Without an edit, it is the baseline of such a loop.
    loop.write({"pkg/core.py": SLOW})
    same = deadheat_command(*arguments, "--metrics", "--all")
    assert same.code == 0, same.err
    metrics = dict(METRIC.findall(same.out))
    assert "speedup" in metrics
    assert (metrics["improved"], metrics["regressed"]) == ("0", "0")
