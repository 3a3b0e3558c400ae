"""Reports in files: each format as the program that reads it sees it, and stored reports shown again."""

import csv
import json
import math
import re
import statistics
import subprocess
import sys
from textwrap import dedent

import jsonschema
import pytest
from markdown_it import MarkdownIt
from pytest_benchmark.stats import Stats

from conftest import ROOT, short

pytestmark = pytest.mark.counted

SCHEMA = json.loads((ROOT / "docs" / "schemas" / "report.schema.json").read_text())
FIRST = ROOT / "tests" / "reports" / "first.json"
CODE = """\
    def same(n):
        for _ in range(n):
            pass


    def changes(n):
        for _ in range({times} * n):
            pass
    """
# pytest turns this into the benchmark's name.
HOSTILE = "a|b-`c`-@user-#1-</details><script>alert(1)</script>-*x*-[y](z)-=1"
BENCHMARKS = f"""\
    import pytest

    from pkg.core import changes, same


    def test_same(benchmark):
        benchmark(same, 300)


    @pytest.mark.parametrize("n", [100], ids=[{HOSTILE!r}])
    def test_changes(benchmark, n):
        benchmark(changes, n)


    def test_fails(benchmark):
        raise ValueError("ask @user | see #1, `x` and <img src=x>\\n\\n# heading")
    """


@pytest.fixture
def changed(repository):
    """A project in which one benchmark became three times as slow and one cannot run."""
    files = {"pkg/__init__.py": "", "pkg/core.py": CODE.format(times=1), "benchmarks/test_b.py": BENCHMARKS}
    repository.commit(files)
    repository.commit({"pkg/core.py": CODE.format(times=3)})
    return repository


@pytest.fixture
def show(deadheat_command, repository):
    """Runs `deadheat report`."""

    def run(*arguments, **keywords):
        return deadheat_command("report", *arguments, **keywords)

    return run


def closed(schema):
    """Returns the same schema, without room for properties that are not in it."""
    if isinstance(schema, list):
        return [closed(part) for part in schema]
    if not isinstance(schema, dict):
        return schema
    parts = {key: closed(part) for key, part in schema.items()}
    if isinstance(parts.get("properties"), dict) and "oneOf" not in parts:
        parts["additionalProperties"] = False
    return parts


VALIDATOR = jsonschema.Draft202012Validator(closed(SCHEMA))


def validate(report):
    VALIDATOR.validate(report)
    return report


def but_next(report):
    """Returns a report without the steps that would follow: later they are other ones."""
    return {**report, "next": None}


def again(show, path, *arguments):
    """Returns a stored report as `deadheat report` prints it."""
    outcome = show(path, "--json", "--samples", *arguments)
    assert outcome.code == 0, outcome.err
    return validate(outcome.report)


def test_one_run_writes_every_format(changed, deadheat_command, show):
    folder = changed.folder
    run = ("compare", "HEAD^", "HEAD", "--all", "--replicates", 3, "--no-pin", "--fail-on", "regression")
    files = ("r.json", "markdown:r.txt", "r.md", "r.csv", "pytest-benchmark:run")
    outcome = deadheat_command(*run, *(part for file in files for part in ("-o", file)))
    assert outcome.code == 1, outcome.err
    report = validate(json.loads((folder / "r.json").read_text()))
    assert {short(row["benchmark"])[:12]: row["verdict"] for row in report["comparisons"]}[
        "test_changes"
    ] == "regressed"
    assert but_next(again(show, "r.json")) == but_next(report)
    assert (folder / "r.txt").read_text() == (folder / "r.md").read_text()
    # The stored report gives the same, except for the time at which pytest-benchmark's files are made.
    assert show("r.json", "-o", "again.md", "-o", "again.csv", "-o", "pytest-benchmark:again").code == 0
    assert (folder / "again.md").read_text() == (folder / "r.md").read_text()
    assert (folder / "again.csv").read_text() == (folder / "r.csv").read_text()

    check_markdown((folder / "r.md").read_text())
    check_csv(folder / "r.csv", report)
    check_pytest_benchmark(folder, report)


def check_markdown(text):
    assert len(text) < 65_536
    tokens = MarkdownIt("commonmark", {"html": True}).enable("table").parse(text)
    assert [token.type for token in tokens if token.type == "heading_open"] == ["heading_open"]
    code, outside, rows = [], [], 0
    for token in tokens:
        rows += token.type == "tr_open"
        depth = 0
        for child in token.children or []:
            if child.type == "html_inline":
                assert child.content in ("<code>", "</code>", "<br>"), child.content
                depth += {"<code>": 1, "</code>": -1}.get(child.content, 0)
            elif child.type == "code_inline" or depth:
                code.append(child.content)
            else:
                outside.append(child.content)
        if token.type == "html_block":
            assert "script" not in token.content.replace("&lt;/script&gt;", "").replace("&lt;script&gt;", "")
    outside = " ".join(outside)
    # No one is mentioned, nothing is linked, and every name is there.
    assert not {"@", "#", "<", "*", "|"} & set(outside), outside
    assert "".join(code).count(HOSTILE) >= 1
    assert rows >= 4


def check_csv(path, report):
    with path.open(newline="") as file:
        rows = list(csv.DictReader(file))
    assert len(path.read_text().splitlines()) == len(rows) + 1
    measured = {row["benchmark"]: row for row in rows if row["measure"] == "time"}
    for comparison in report["comparisons"]:
        row = measured.pop(comparison["benchmark"])
        assert float(row["ratio"]) == comparison["estimate"]["point_estimate"]
        assert float(row["base"]) == comparison["base"]["median_ns"]
        assert (row["verdict"], row["missing"]) == (comparison["verdict"], "")
    assert measured == {}
    (failed,) = [row for row in rows if row["missing"]]
    assert (short(failed["benchmark"]), failed["missing"], failed["verdict"]) == ("test_fails", "failed", "")
    assert "ask @user" in failed["message"]


def check_pytest_benchmark(folder, report):
    files = ["run.base.json", "run.head.json"]
    compare = [sys.executable, "-m", "pytest_benchmark", "compare", *files, "--group-by", "fullname"]
    completed = subprocess.run(compare, cwd=folder, capture_output=True, text=True, check=True, timeout=60)
    assert completed.stdout.count("2 tests") == len(report["comparisons"]), completed.stdout
    for side, name in zip(("base", "head"), files, strict=True):
        saved = json.loads((folder / name).read_text())
        assert saved["commit_info"]["id"] == report["revisions"][side]["commit"]
        for row, comparison in zip(saved["benchmarks"], report["comparisons"], strict=True):
            assert row["fullname"] == comparison["benchmark"]
            stats = Stats()
            stats.data = sorted(seconds(replicate, side) for replicate in comparison["replicates"])
            # pytest-benchmark's own figures for the same numbers.
            for field, value in stats.as_dict().items():
                expected = value if isinstance(value, str) else pytest.approx(value, rel=1e-9, abs=1e-18)
                assert row["stats"][field] == expected, field
            if side == "base":
                # Head's time in the report is base's times the estimate.
                assert row["stats"]["median"] * 1e9 == pytest.approx(comparison[side]["median_ns"])


def seconds(replicate, side):
    samples = [pair[side] for pair in replicate["pairs"]]
    return statistics.median(sample["elapsed_ns"] / sample["iterations"] / 1e9 for sample in samples)


def test_verdicts_follow_another_threshold(changed, deadheat_command, show):
    run = ("compare", "HEAD^", "HEAD", "--all", "--replicates", 2, "-k", "changes", "-o", "r.json", "-q")
    assert deadheat_command(*run).code == 0
    before = again(show, "r.json")
    after = again(show, "r.json", "--threshold", 900)
    (one,), (other,) = before["comparisons"], after["comparisons"]
    assert (one["verdict"], other["verdict"]) == ("regressed", "unchanged")
    assert after["summary"]["counts"]["unchanged"] == 1
    assert after["settings"]["threshold_percent"] == 900
    assert (one["estimate"], one["replicates"]) == (other["estimate"], other["replicates"])
    # Without `--json` or `-o`, it is the table of a live run.
    assert "1 regressed" in show("r.json").out.splitlines()[-1]
    assert "1 unchanged" in show("r.json", "--threshold", "900%").out.splitlines()[-1]


def test_other_kinds_of_reports_come_out_as_they_were(changed, deadheat_command, show):
    def run(*arguments):
        outcome = deadheat_command(*arguments, "--json", "--samples")
        assert outcome.code == 0, outcome.err
        path = changed.folder / "r.json"
        path.write_text(outcome.out)
        report = validate(outcome.report)
        assert but_next(again(show, path)) == but_next(report)
        markdown = show(path, "-o", "md:-")
        assert markdown.out.startswith("### "), markdown.err
        return report, markdown.out

    noise, text = run("noise", "--replicates", 2, "-k", "same")
    assert noise["noise"]
    assert text.startswith("### The same code on both sides")
    # As many replicates as it takes, with interim looks and open verdicts.
    looked, _ = run(
        "compare", "HEAD^", "HEAD", "--budget", 3, "--threshold", 0.001, "--profile", "-k", "changes or same"
    )
    assert looked["settings"]["replicates"] is None
    nothing, text = run("compare", "HEAD", "HEAD")
    assert nothing["selection"]["rule"] == "nothing_changed"
    assert text.startswith("### Nothing was measured\n")
    plan, text = run("compare", "HEAD^", "HEAD", "--dry-run")
    assert plan["plan"]["benchmarks"]
    assert "would take about" in text
    script, text = run("compare", "HEAD^", "HEAD", "--script", "sh -c 'true'", "--replicates", 2)
    assert script["resources"]
    assert "--script \"sh -c 'true'\"" in text


def test_a_command_that_gives_itself_a_total(repository, deadheat_command, show):
    for total in (9, 3):
        repository.commit({"times.json": json.dumps({"parse": 2, "__total__": total})})
    script = ("--script", "cp times.json out.json", "--script-output", "out.json", "--replicates", 3)
    outcome = deadheat_command("compare", "HEAD^", "HEAD", *script, "-o", "r.json")
    assert outcome.code == 0, outcome.err
    report = validate(json.loads((repository.folder / "r.json").read_text()))
    assert but_next(again(show, "r.json")) == but_next(report)
    assert report["summary"]["total"]["verdict"] == "improved"
    assert again(show, "r.json", "--threshold", 400)["summary"]["total"]["verdict"] == "unchanged"


def test_a_partial_report(changed, standstill, show):
    head = "from pkg import still\n\n\n" + dedent(CODE.format(times=9))
    changed.commit({"pkg/still.py": standstill.module, "pkg/core.py": head})
    # Two processes of head are there before measuring, and two are measured.
    standstill.let_pass(4)
    run = ("HEAD^", "HEAD", "--all", "--replicates", 10_000, "--seed", 1, "-o", "r.json")
    assert standstill.interrupt(changed, "compare", *run).code == 4
    report = validate(json.loads((changed.folder / "r.json").read_text()))
    assert report["partial"]
    assert {len(row["replicates"]) for row in report["comparisons"]} == {2}
    assert but_next(again(show, "r.json")) == but_next(report)
    assert "(stopped early: partial)" in show("r.json", "-o", "md:-").out.splitlines()[0]


def test_the_first_reports_can_still_be_read(show):
    first = json.loads(FIRST.read_text())
    report = again(show, FIRST)
    # The first reports had no controls.
    assert report["summary"]["counts"] == {**first["summary"]["counts"], "unexplained": 0}
    rows = report["comparisons"]
    ratios = [row["estimate"]["point_estimate"] for row in rows]
    base, head = (sum(row[side]["median_ns"] for row in rows) for side in ("base", "head"))
    # The first reports had their centres from the common replicates alone; the widths are still from these.
    for name, center in ("total", head / base), ("geometric_mean", math.prod(ratios) ** (1 / len(ratios))):
        now, then = (value["summary"][name] for value in (report, first))
        assert (now["verdict"], now["reason"], now["base_ns"]) == (then["verdict"], then["reason"], then["base_ns"])
        assert now["estimate"]["point_estimate"] == pytest.approx(center)
        assert now["estimate"]["standard_error"] == then["estimate"]["standard_error"]
        bounds = [value["estimate"]["confidence_interval"] for value in (now, then)]
        widths = [bound["upper_bound"] / bound["lower_bound"] for bound in bounds]
        assert widths[0] == pytest.approx(widths[1])
    for row, before in zip(report["comparisons"], first["comparisons"], strict=True):
        for field in ("benchmark", "base", "estimate", "verdict", "reason"):
            assert row[field] == before[field], field
        assert row["head"]["median_ns"] == row["base"]["median_ns"] * row["estimate"]["point_estimate"]
        assert row["looks"] == 1
    assert show(FIRST, "-o", "md:-").out.startswith("### 2 improved, 1 regressed, 1 inconclusive")


def stored(**changes):
    return json.dumps({**json.loads(FIRST.read_text()), **changes})


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("", "ends too early"),
        (FIRST.read_text()[:5000], "ends too early"),
        ("Hello", "is not a report of deadheat"),
        ("[]", "is not a report of deadheat"),
        ('{"benchmarks": [], "version": "5.0"}', "is not a report of deadheat: missing field"),
        (stored(schema_version=3), "has schema_version 3, written by deadheat 0.1.0"),
        ('{"schema_version": 7, "rows": 3}', "has schema_version 7, written by deadheat of an unknown version"),
        (stored(schema_version=3, tool_version="\x1b[31m9"), "written by deadheat \\x1b[31m9;"),
        (stored(summary=None), "is damaged, or of another version (it was written by deadheat 0.1.0)"),
        ('{"schema_version": 1, "tool_version": "0.1.0", "tests": []}', "is a result of `deadheat profile`"),
        ('{"schema_version": 1, "decision": "go"}', "is a result of `deadheat micro`"),
        ("[" * 10_000, "is not a report of deadheat"),
        (re.sub(r'"iterations": \d+', '"iterations": 0', FIRST.read_text()), "is damaged: some samples of"),
        (FIRST.read_text().replace('"threshold_percent": 2.0', '"threshold_percent": 0'), "is damaged: its threshold"),
    ],
)
def test_what_is_no_report_is_said_plainly(show, repository, text, words):
    (repository.folder / "r.json").write_text(text)
    outcome = show("r.json", "-o", "out.md")
    assert (outcome.code, outcome.out) == (2, "")
    assert words in outcome.err
    assert not (repository.folder / "out.md").exists()


def test_files_that_cannot_be_read(show, repository):
    with (repository.folder / "huge.json").open("wb") as file:
        file.truncate(3 << 30)
    (repository.folder / "latin.json").write_bytes(b'{"tool_version": "\xe4"}')
    expected = {
        "huge.json": "is larger than 1 GiB",
        "latin.json": "is not a report of deadheat",
        "missing.json": "cannot be read: No such file",
        ".": "cannot be read: Is a directory",
    }
    for path, words in expected.items():
        outcome = show(path)
        assert (outcome.code, words in outcome.err) == (2, True), outcome.err


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (
            ["-o", "r.pdf"],
            "`pdf` is not a format that deadheat writes; it writes json, summary, brief, md, markdown, html, csv",
        ),
        (["-o", "nonsense:r"], "`nonsense` is not a format"),
        (["-o", "pytest-benchmark:-"], "takes two files"),
        (["-o", "md:-", "-o", "-"], "stdout cannot hold both md and json"),
        (["-o", "r.md", "-o", "csv:r.md"], "r.md cannot hold both md and csv"),
        (["-o", "nowhere/r.md"], "cannot be written"),
    ],
)
def test_what_cannot_be_written_is_refused(show, arguments, words):
    outcome = show(FIRST, *arguments)
    assert (outcome.code, outcome.out) == (2, "")
    assert words in outcome.err


def test_tests_under_the_profiler_are_json_only(deadheat_command, changed):
    outcome = deadheat_command("profile", "-o", "r.md")
    assert outcome.code == 2
    assert "the results of deadheat profile can only be written as json, not as md" in outcome.err
