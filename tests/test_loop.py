"""The loop's files and the commands around them: detect, start, status, log."""

import json
import os
import re
import subprocess
import sys

import pytest

from conftest import command

pytestmark = [pytest.mark.counted, pytest.mark.quick]

BENCHMARK = """\
    from pkg.core import work


    def test_work(benchmark):
        benchmark(work, 10)


    def test_more(benchmark):
        benchmark(work, 20)
    """
CORE = """\
    def work(n):
        return sum(range(n))
    """
HEADER = [
    *("time", "base", "head", "benchmark", "base_ns", "head_ns", "speedup", "ci_low", "ci_high"),
    *("verdict", "micro_speedup", "status", "description"),
]


@pytest.fixture
def project(repository):
    """A project with two benchmarks and two ordinary tests."""
    repository.commit(
        {
            "pkg/__init__.py": "",
            "pkg/core.py": CORE,
            "benchmarks/test_b.py": BENCHMARK,
            "tests/test_core.py": """\
                from pkg.core import work


                def test_one():
                    assert work(2) == 1


                def test_two():
                    assert work(3) == 3
                """,
        }
    )
    return repository


def state(repository, name):
    return repository.folder / ".codeflash" / name


def write_state(repository, name, text):
    path = state(repository, name)
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(text.encode())
    return path


def total(time, base, head, speedup, status, description=""):
    row = dict.fromkeys(HEADER, "")
    row |= {"time": time, "base": base, "head": head, "benchmark": "__total__", "speedup": str(speedup)}
    return "\t".join((row | {"status": status, "description": description})[name] for name in HEADER) + "\n"


def checks(outcome):
    return {row["check"]: row for row in outcome.report["checks"]}


def fallbacks(outcome):
    return {row["name"]: row["applies"] for row in outcome.report["fallbacks"]}


# detect


@pytest.mark.real
def test_detect_a_project_with_benchmarks(project, deadheat_command):
    before = project.state()
    outcome = deadheat_command("detect", "--json")
    assert outcome.code == 0, outcome.err
    assert outcome.report["available"] is True
    assert outcome.report["reason"] is None
    assert outcome.report["benchmarks_root"] == "benchmarks"
    assert outcome.report["benchmarks"] == 2
    assert outcome.report["tests"] == 2
    assert {name for name, row in checks(outcome).items() if not row["ok"]} <= {"memray"}
    assert checks(outcome)["package"]["detail"] == "pkg"
    assert fallbacks(outcome) == {"micro": True, "tests": True, "profile": True, "script": True}
    # No bytecode, no pytest cache, no state folder.
    assert project.state() == before


@pytest.mark.real
def test_detect_prints_a_line_each(project, deadheat_command):
    outcome = deadheat_command("detect")
    names = [line.split("  ")[0] for line in outcome.out.splitlines() if re.search(r"  (yes|no )  ", line)]
    assert names[:3] == ["git", "configuration", "interpreter"]
    assert names[-4:] == ["fallback micro", "fallback tests", "fallback profile", "fallback script"]
    assert outcome.out.splitlines()[-2:] == [
        "deadheat compare: available",
        "next: deadheat start, because benchmarks can be compared here",
    ]
    quiet = deadheat_command("detect", "-q")
    assert (quiet.out, quiet.err) == ("deadheat compare: available\n", "")


@pytest.mark.real
def test_detect_writes_its_section_and_nothing_else(project, deadheat_command):
    text = (
        "# Setup\r\n\r\n## E2E Benchmarks\r\nold: yes\r\ncodeflash compare: available\r\n### More\r\nold\r\n\r\n"
        "## Notes\r\n中文\r\n```\r\n## No\r\n```"
    )
    path = write_state(project, "setup.md", text)
    outcome = deadheat_command("detect", "--write", "--json")
    assert outcome.code == 0, outcome.err
    assert outcome.report["written"] == str(path)
    section = "## E2E Benchmarks\r\n\r\ndeadheat compare: available\r\nbenchmarks-root: benchmarks\r\n"
    # The line of another tool.
    section += "codeflash compare: available\r\n\r\n"
    expected = f"# Setup\r\n\r\n{section}## Notes\r\n中文\r\n```\r\n## No\r\n```"
    assert path.read_bytes().decode() == expected
    assert deadheat_command("detect", "--write", "-q").code == 0
    assert path.read_bytes().decode() == expected


@pytest.mark.real
@pytest.mark.parametrize("is_bare", [False, True])
def test_detect_writes_nothing_where_there_is_no_checkout(deadheat_command, tmp_path, is_bare):
    folder = tmp_path / "elsewhere"
    folder.mkdir()
    if is_bare:
        subprocess.run(["git", "init", "--quiet", "--bare"], cwd=folder, check=True)
    before = sorted(folder.rglob("*"))
    outcome = deadheat_command("detect", "--write", "--json", folder=folder)
    assert outcome.code == 0
    assert (outcome.report["written"], outcome.report["available"]) == (None, False)
    assert "no checkout" in outcome.report["not_written"]
    assert sorted(folder.rglob("*")) == before
    hint = "git worktree add" if is_bare else "git init"
    assert hint in checks(outcome)["git"]["hint"]
    (detail,) = [row["detail"] for row in outcome.report["fallbacks"] if row["name"] == "micro"]
    assert detail.startswith("deadheat micro SCRIPT.py with functions bench_a and bench_b")


@pytest.mark.real
def test_detect_says_that_a_suite_ends_the_process(project, deadheat_command):
    project.write({"tests/test_end.py": "import sys\nsys.exit(0)\n"})
    outcome = deadheat_command("detect", "--json")
    assert outcome.code == 0
    assert not checks(outcome)["tests"]["ok"]
    assert (
        "a file of the suite ends the process while it is collected (SystemExit: 0)"
        in checks(outcome)["tests"]["detail"]
    )


@pytest.mark.real
def test_detect_without_benchmarks(repository, deadheat_command):
    repository.commit({"pkg/__init__.py": "", "pkg/core.py": CORE, "test_core.py": "def test_x():\n    pass\n"})
    outcome = deadheat_command("detect", "--write", "--json")
    assert outcome.code == 0
    assert outcome.report["reason"] == "no benchmarks-root"
    assert outcome.report["benchmarks"] is None
    assert outcome.report["tests"] == 1
    assert not checks(outcome)["benchmarks-root"]["ok"]
    assert state(repository, "setup.md").read_text() == (
        "## E2E Benchmarks\n\n"
        "deadheat compare: not available (reason: no benchmarks-root)\n"
        "fallback: ad-hoc micro-benchmarks + pytest durations\n"
    )


@pytest.mark.real
def test_detect_points_to_benchmarks_in_other_places(project, deadheat_command):
    project.git("mv", "benchmarks", "tests/speed")
    outcome = deadheat_command("detect", "--json")
    assert outcome.report["reason"] == "no benchmarks-root"
    assert "tests/speed" in checks(outcome)["benchmarks-root"]["hint"]
    named = deadheat_command("detect", "--json", "--benchmarks-root", "tests/speed").report
    assert (named["available"], named["benchmarks_root"], named["benchmarks"]) == (True, "tests/speed", 2)


@pytest.mark.real
def test_detect_a_folder_without_a_benchmark_in_it(project, deadheat_command):
    project.write({"benchmarks/test_b.py": "def test_plain():\n    pass\n"})
    outcome = deadheat_command("detect", "--json")
    assert outcome.report["benchmarks"] == 0
    assert outcome.report["reason"] == "no benchmarks in the benchmarks-root"


@pytest.mark.real
def test_detect_says_why_a_package_cannot_be_imported(project, deadheat_command):
    project.write({"pkg/__init__.py": "import missing_dependency\n"})
    outcome = deadheat_command("detect", "--json")
    assert outcome.code == 0
    assert "missing_dependency" in checks(outcome)["package"]["detail"]
    assert not checks(outcome)["package"]["ok"]
    assert outcome.report["available"] is False
    assert "missing_dependency" in checks(outcome)["benchmarks"]["detail"]


@pytest.mark.real
def test_detect_without_pytest(project, deadheat_command, tmp_path):
    environment = tmp_path / "environment"
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", environment], check=True)
    outcome = deadheat_command("detect", "--json", "--python", environment / "bin" / "python")
    assert outcome.code == 0, outcome.err
    assert outcome.report["reason"] == "pytest is not installed"
    assert checks(outcome)["interpreter"]["ok"]
    assert not checks(outcome)["pytest"]["ok"]
    assert checks(outcome)["package"]["ok"]
    assert fallbacks(outcome) == {"micro": True, "tests": False, "profile": False, "script": True}


@pytest.mark.real
def test_detect_outside_a_repository(deadheat_command, tmp_path):
    folder = tmp_path / "elsewhere"
    folder.mkdir()
    outcome = deadheat_command("detect", "--json", folder=folder)
    assert outcome.code == 0, outcome.err
    assert outcome.report["reason"] == "no git repository"
    assert not checks(outcome)["layout"]["ok"]
    assert list(folder.iterdir()) == []


@pytest.mark.real
def test_detect_before_the_first_commit(repository, deadheat_command):
    outcome = deadheat_command("detect", "--json")
    assert outcome.code == 0
    assert outcome.report["reason"] == "no commits"


@pytest.mark.real
def test_detect_with_a_broken_configuration(project, deadheat_command):
    project.write({"pyproject.toml": "[tool.deadheat]\nbenchmark-root = 'benchmarks'\n"})
    outcome = deadheat_command("detect", "--json")
    assert outcome.code == 0
    assert outcome.report["reason"] == "the configuration cannot be read"
    assert "`benchmarks-root`" in checks(outcome)["configuration"]["hint"]


@pytest.mark.real
def test_detect_wrong_arguments(repository, deadheat_command):
    assert deadheat_command("detect", "--nonsense").code == 2
    assert deadheat_command("detect", "--config-file", "nowhere.toml").code == 2


# start


def test_start_sets_the_baseline_once(project, deadheat_command):
    head = project.git("rev-parse", "HEAD")
    outcome = deadheat_command("start", "--json")
    assert outcome.code == 0, outcome.err
    baseline = outcome.report["baseline"]
    assert (baseline["commit"], baseline["branch"]) == (head, "main")
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ", baseline["date"])
    assert outcome.report["replaced"] is None
    path = state(project, "HANDOFF.md")
    expected = f"## Baseline\n\ncommit: {head}\ndate: {baseline['date']}\nbranch: main\n"
    assert path.read_text() == expected

    again = deadheat_command("start")
    assert again.code == 2
    assert head in again.err
    assert "--replace" in again.err
    assert path.read_text() == expected

    new = project.commit({"pkg/core.py": CORE + "# more\n"})
    replaced = deadheat_command("start", "--replace", "--json")
    assert replaced.code == 0
    assert replaced.report["baseline"]["commit"] == new
    assert replaced.report["replaced"]["commit"] == head
    assert path.read_text().count("## Baseline") == 1


def test_start_keeps_what_people_wrote(project, deadheat_command):
    text = "# Übergabe\n\n## Baseline\n\n- commit: `abc`\n\nThe machine: quiet\n\n## 笔记\n\n```\n## Baseline\n```\nend"
    path = write_state(project, "HANDOFF.md", text)
    assert deadheat_command("start").code == 2
    assert path.read_text() == text
    assert deadheat_command("start", "--replace").code == 0
    after = path.read_text()
    assert after.startswith("# Übergabe\n\n## Baseline\n\ncommit: ")
    assert after.endswith("branch: main\n\nThe machine: quiet\n\n## 笔记\n\n```\n## Baseline\n```\nend")


def test_start_warns_of_what_is_uncommitted(project, deadheat_command):
    project.write({"pkg/core.py": CORE + "# more\n"})
    outcome = deadheat_command("start")
    assert outcome.code == 0
    assert "pkg/core.py" in outcome.err
    assert deadheat_command("start", "--replace", "--json").report["uncommitted"] == ["pkg/core.py"]


def test_start_on_no_branch_and_in_a_folder_of_its_own(project, deadheat_command):
    project.commit({"pyproject.toml": "[tool.deadheat]\nstate-dir = 'notes/loop'\n"})
    project.git("checkout", "--quiet", "--detach")
    outcome = deadheat_command("start", "--json", folder=project.folder / "pkg")
    assert outcome.code == 0, outcome.err
    assert outcome.report["baseline"]["branch"] is None
    assert (project.folder / "notes/loop/HANDOFF.md").read_text().endswith("\nbranch:\n")
    assert not state(project, "HANDOFF.md").exists()


def test_start_refuses_what_leads_out_of_the_repository(project, deadheat_command, tmp_path):
    (tmp_path / "outside").mkdir()
    (project.folder / ".codeflash").symlink_to(tmp_path / "outside")
    outcome = deadheat_command("start")
    assert outcome.code == 2
    assert "out of the repository" in outcome.err
    assert list((tmp_path / "outside").iterdir()) == []


def test_start_without_a_commit(repository, deadheat_command):
    outcome = deadheat_command("start")
    assert outcome.code == 2
    assert "no commit" in outcome.err


def test_start_does_not_write_over_what_it_cannot_read(project, deadheat_command):
    path = write_state(project, "HANDOFF.md", "")
    path.write_bytes(b"\xff\xfe#\x00")
    outcome = deadheat_command("start")
    assert outcome.code == 2
    assert "UTF-8" in outcome.err
    assert path.read_bytes() == b"\xff\xfe#\x00"


def test_two_writers_at_once_leave_one_whole_file(project, deadheat_command):
    write_state(project, "HANDOFF.md", "# Notes\n")
    run = {"cwd": project.folder, "env": os.environ, "stdout": subprocess.DEVNULL, "stderr": subprocess.PIPE}
    writers = [subprocess.Popen(command("start"), **run) for _ in range(4)]
    writers += [subprocess.Popen(command("detect", "--write"), **run) for _ in range(2)]
    codes = [(writer.wait(timeout=120), writer.stderr.read())[0] for writer in writers]
    # Exactly one of the `start` commands was the first.
    assert sorted(codes[:4]) == [0, 2, 2, 2]
    assert codes[4:] == [0, 0]
    text = state(project, "HANDOFF.md").read_text()
    assert text.startswith("# Notes\n\n## Baseline\n")
    assert text.count("commit: ") == 1
    assert state(project, "setup.md").read_text().count("## E2E Benchmarks") == 1


# status and log


@pytest.fixture
def experiments(project):
    """Two kept steps, a discarded one and a mixed one, written by hand, with a column of the user's."""
    base = project.git("rev-parse", "HEAD")
    heads = [f"{number:040x}" for number in range(1, 5)]
    write_state(project, "HANDOFF.md", f"## Baseline\ncommit: {base}\ndate: 2020-01-01T00:00:00Z\nbranch: main\n")
    rows = [
        total("2020-01-02T00:00:00Z", base, heads[0], 1.5, "keep", "缓存"),
        total("2020-01-03T00:00:00Z", heads[0], heads[1], 0.8, "discard", "slower \x1b[31m"),
        total("2020-01-04T00:00:00Z", heads[0], heads[2], 1.1, "mixed", "both"),
        total("2020-01-05T00:00:00Z", heads[0], heads[3], 2, "keep", "slots"),
    ]
    text = "\t".join(HEADER) + "\tmine\n" + "".join(row[:-1] + "\t42\n" for row in rows)
    write_state(project, "results.tsv", text)
    return base, heads, text


def test_status(experiments, project, deadheat_command):
    base, heads, text = experiments
    report = deadheat_command("status", "--json").report
    assert report["baseline"] == {"commit": base, "date": "2020-01-01T00:00:00Z", "branch": "main"}
    assert report["last_kept"] == heads[3]
    descriptions = {name: [row["description"] for row in report[name]] for name in ("kept", "mixed", "discarded")}
    assert descriptions == {"kept": ["缓存", "slots"], "mixed": ["both"], "discarded": ["slower \x1b[31m"]}
    assert report["other"] == []
    assert report["cumulative"] == {"speedup": 3.0, "source": "product_of_steps", "steps": 2, "has_gaps": False}

    shown = deadheat_command("status")
    assert shown.code == 0
    assert "kept: 2" in shown.out
    assert "缓存" in shown.out
    assert "\x1b" not in shown.out
    *_, total_line, next_line, or_line = shown.out.splitlines()
    assert total_line.endswith("3.00x (the product of 2 kept steps)")
    assert (next_line.split(":")[0], or_line.split(":")[0]) == ("next", "or")
    assert deadheat_command("status", "-q").out.splitlines()[-1] == total_line
    assert state(project, "results.tsv").read_text() == text


def test_status_goes_by_a_measured_total(experiments, project, deadheat_command):
    base, heads, text = experiments
    row = total("2020-01-06T00:00:00Z", base, heads[3], 2.8, "keep", "all of it")
    state(project, "results.tsv").write_text(text + row)
    report = deadheat_command("status", "--json").report
    assert report["cumulative"] == {"speedup": 2.8, "source": "measured", "steps": 1, "has_gaps": False}
    assert deadheat_command("status", "-q").out.splitlines()[-1].endswith("2.80x (measured)")


def test_log(experiments, deadheat_command):
    outcome = deadheat_command("log", "--json")
    rows = outcome.report["rows"]
    assert [row["status"] for row in rows] == ["keep", "discard", "mixed", "keep"]
    assert [row["cumulative"]["speedup"] for row in rows] == [1.5, 1.5, 1.5, 3.0]
    assert set(HEADER) < set(rows[0])
    assert rows[0]["verdict"] is None
    assert outcome.report["cumulative"]["speedup"] == 3.0

    shown = deadheat_command("log").out
    assert "\x1b" not in shown
    assert [line.split()[1] for line in shown.splitlines()[1:5]] == ["keep", "discard", "mixed", "keep"]
    assert "3.00x (the product of 2 kept steps)" in shown


def test_nothing_is_there_yet(project, deadheat_command):
    before = project.state()
    status = deadheat_command("status")
    assert status.code == 0
    assert "no baseline: deadheat start" in status.out
    log = deadheat_command("log")
    assert log.code == 0
    assert "no experiments are recorded yet" in log.out
    report = deadheat_command("status", "--json").report
    assert (report["baseline"], report["last_kept"], report["kept"], report["cumulative"]) == (None, None, [], None)
    assert deadheat_command("log", "--json").report["rows"] == []
    assert project.state() == before


def test_a_file_that_is_missing_is_an_empty_one(experiments, project, deadheat_command):
    _, heads, _ = experiments
    state(project, "HANDOFF.md").unlink()
    outcome = deadheat_command("status")
    assert outcome.code == 0
    assert "no baseline" in outcome.out
    assert "kept: 2" in outcome.out
    assert deadheat_command("status", "--json").report["last_kept"] == heads[3]
    assert deadheat_command("start").code == 0
    # All of them are older than the new baseline.
    assert deadheat_command("status", "--json").report["kept"] == []
    assert state(project, "results.tsv").exists()


def test_results_that_are_no_results(project, deadheat_command):
    write_state(project, "results.tsv", "name,score\n1,2\n")
    outcome = deadheat_command("status")
    assert outcome.code == 2
    assert "results.tsv" in outcome.err


def test_help_has_an_example(deadheat_command):
    for name in ("detect", "start", "status", "log"):
        assert f"deadheat {name}" in deadheat_command(name, "--help").out


def test_the_state_folder_does_not_disturb_a_comparison(project, compare, deadheat_command):
    assert deadheat_command("start").code == 0
    outcome = compare("--working-tree")
    assert outcome.code == 0, outcome.err
    assert json.loads(outcome.out)["selection"]["rule"] == "nothing_changed"
