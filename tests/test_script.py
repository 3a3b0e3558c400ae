"""Any command as the benchmark: shell and Python commands whose differences no noise can hide."""

import functools
import json
import shlex
import signal
import subprocess
import sys

import pytest

from conftest import command

PYTHON = shlex.quote(sys.executable)
# Uses the given processor time, however slow the machine is.
WORK = """\
    import time

    while time.process_time() < {seconds}:
        pass
    """


@pytest.fixture
def compare(compare):
    """The usual fixture, with enough replicates to be sure of such differences."""
    return functools.partial(compare, replicates=3)


@pytest.fixture
def sleeping(repository):
    """A project in another language."""
    repository.commit({"bench.sh": "sleep 0.2\n", "main.c": "int main() { return 0; }\n"})
    repository.commit({"bench.sh": "sleep 0.02\n"})
    return repository


@pytest.fixture
def timing_itself(repository):
    """A command that writes known times for both sides."""

    def commit(base, head):
        for times in (base, head):
            text = times if isinstance(times, str) else json.dumps(times)
            repository.commit({"times.json": text})
        return repository

    return commit


WRITE = ("--script", "cp times.json out.json", "--script-output", "out.json")


def rows(outcome):
    return {row["benchmark"]: row["verdict"] for row in outcome.report["comparisons"]}


def test_a_project_without_any_python(sleeping, compare):
    before = sleeping.state()
    outcome = compare("HEAD^", "HEAD", "--script", "sh bench.sh", replicates=3)
    assert outcome.code == 0, outcome.err
    assert rows(outcome).keys() == {"sh bench.sh"}
    report = outcome.report
    assert report["comparisons"][0]["estimate"]["point_estimate"] < 0.7
    assert report["python"] is None
    assert report["target_functions"] == []
    assert report["selection"] == {"rule": "all", "reason": "the command given by --script"}
    assert report["settings"]["script"] == "sh bench.sh"
    assert sleeping.state() == before


def test_the_table_names_the_command_and_no_python(sleeping, deadheat_command):
    outcome = deadheat_command("compare", "HEAD^", "HEAD", "--script", "sh bench.sh", "--replicates", 3)
    assert outcome.code == 0, outcome.err
    assert "both sides run: sh bench.sh" in outcome.out
    assert "pytest" not in outcome.out
    assert "peak memory" in outcome.out.split("Resources\n")[1]


def test_processor_time_and_memory_are_compared_too(repository, compare):
    repository.commit({"work.py": WORK.format(seconds=0.6)})
    repository.commit({"work.py": WORK.format(seconds=0.06) + "    data = b'x' * (256 << 20)\n"})
    outcome = compare("HEAD^", "HEAD", "--script", f"{PYTHON} work.py", replicates=4)
    assert outcome.code == 0, outcome.err
    resources = {row["resource"]: row for row in outcome.report["resources"]}
    assert list(resources) == ["user_time", "system_time", "peak_memory"]
    memory = resources["peak_memory"]
    assert memory["verdict"] == "regressed"
    assert memory["median"]["head"] > 256 << 20
    # deadheat's own memory does not count.
    assert memory["median"]["base"] < 64 << 20
    assert 0.3e9 < resources["user_time"]["median"]["base"] + resources["system_time"]["median"]["base"] < 3e9
    assert len(memory["replicates"]) == 4


def test_the_replicates_are_as_many_as_the_verdict_takes(timing_itself, deadheat_command):
    timing_itself({"a": 1.0}, {"a": 0.5})
    outcome = deadheat_command("compare", "HEAD^", "HEAD", "--json", "--samples", *WRITE)
    assert outcome.code == 0, outcome.err
    (row,) = outcome.report["comparisons"]
    assert (row["verdict"], len(row["replicates"]), row["looks"]) == ("improved", 3, 1)
    orders = [replicate["pairs"][0]["order"] for replicate in row["replicates"]]
    assert orders == ["base_head", "head_base", "base_head"]


def test_every_key_of_the_output_is_a_comparison(timing_itself, compare):
    timing_itself(
        {"z": 2.0, "a::[b/c]": 0.25, "gone": 1, "__total__": 10},
        {"new": 1, "z": 1.0, "a::[b/c]": 0.25, "__total__": 4},
    )
    outcome = compare("HEAD^", "HEAD", *WRITE)
    assert outcome.code == 0, outcome.err
    report = outcome.report
    assert list(rows(outcome).items()) == [("z", "improved"), ("a::[b/c]", "unchanged")]
    assert report["comparisons"][0]["base"]["median_ns"] == 2e9
    missing = {row["benchmark"]: (row["reason"], row["side"]) for row in report["missing"]}
    assert missing == {"new": ("only_head", "head"), "gone": ("only_base", "base")}
    total = report["summary"]["total"]
    assert (total["base_ns"], total["head_ns"], total["verdict"]) == (10e9, 4e9, "improved")
    assert total["estimate"]["point_estimate"] == pytest.approx(0.4)
    assert report["resources"] == []
    assert report["settings"]["script_output"] == "out.json"


def test_its_report_is_not_gone_on_with(timing_itself, deadheat_command, tmp_path):
    timing_itself({"a": 1.0}, {"a": 0.5})
    report = tmp_path / "report.json"
    assert deadheat_command("compare", "HEAD^", "HEAD", *WRITE, "-o", report).code == 0
    outcome = deadheat_command("compare", "--continue", report)
    assert outcome.code == 2
    assert "compares a command" in outcome.err


def test_without_a_total_it_is_the_sum(timing_itself, compare):
    timing_itself({"a": 3.0, "b": 1.0}, {"a": 1.0, "b": 1.0})
    total = compare("HEAD^", "HEAD", *WRITE).report["summary"]["total"]
    assert total["estimate"]["point_estimate"] == pytest.approx(0.5)


def test_a_total_alone_is_what_is_compared(timing_itself, compare):
    timing_itself({"__total__": 3.0}, {"__total__": 1.0})
    outcome = compare("HEAD^", "HEAD", *WRITE)
    assert rows(outcome) == {"__total__": "improved"}


@pytest.mark.parametrize(
    ("head", "words"),
    [
        ({"a": {"inner": 1.0}}, "`a` is an object"),
        ({"a": "fast"}, "`a` is a string"),
        ({"a": -1}, "below zero"),
        ('{"a": NaN}', "no NaN"),
        ({}, "no keys"),
        ("a: 1", "not JSON"),
        ({"b": 1.0}, "no key in common; base: `a`; head: `b`"),
        ({"\x1b[31m": [1]}, "`\\x1b[31m` is a list"),
    ],
)
def test_an_output_that_cannot_be_compared(timing_itself, compare, head, words):
    timing_itself({"a": 1.0}, head)
    outcome = compare("HEAD^", "HEAD", *WRITE)
    assert outcome.code == 3
    assert "head" in outcome.err
    assert words in outcome.err
    assert "\x1b" not in outcome.err


def test_an_output_that_is_not_written(timing_itself, compare):
    # The file is in the commits, which proves nothing about this run.
    timing_itself({"a": 1.0}, {"a": 2.0})
    outcome = compare("HEAD^", "HEAD", "--script", "echo nothing to do", "--script-output", "times.json")
    assert outcome.code == 3
    assert "times.json: the command did not write it on base" in outcome.err
    assert "nothing to do" in outcome.err


def test_a_key_without_time_is_no_row(timing_itself, compare):
    timing_itself({"a": 1.0, "b": 0, "c": 1.0}, {"a": 0.5, "b": 1.0, "c": 1e-300})
    outcome = compare("HEAD^", "HEAD", *WRITE)
    assert outcome.code == 0, outcome.err
    assert rows(outcome) == {"a": "improved"}
    missing = {row["benchmark"]: (row["side"], row["reason"]) for row in outcome.report["missing"]}
    assert missing == {"b": ("base", "failed"), "c": ("head", "failed")}
    assert all("nothing to compare" in row["message"] for row in outcome.report["missing"])


def test_an_output_without_any_time_is_no_answer(timing_itself, compare):
    timing_itself({"a": 0}, {"a": 0.0})
    outcome = compare("HEAD^", "HEAD", *WRITE)
    assert outcome.code == 3
    assert "no key has a time on both sides: `a` is 0 s on base" in outcome.err


def test_a_key_that_later_runs_do_not_write(timing_itself, compare, tmp_path):
    timing_itself({"a": 1.0, "b": 1.0}, {"a": 0.5, "b": 1.0})
    counter = tmp_path / "runs"
    shorter = (
        f"echo x >> {counter}; cp times.json out.json; [ $(wc -l < {counter}) -lt 6 ] || sed -i.old s/b/c/ out.json"
    )
    outcome = compare("HEAD^", "HEAD", "--script", shorter, "--script-output", "out.json", replicates=4)
    assert outcome.code == 0, outcome.err
    assert rows(outcome) == {"a": "improved"}
    (missing,) = outcome.report["missing"]
    assert (missing["benchmark"], missing["reason"]) == ("b", "failed")


def test_a_command_that_fails_on_head(repository, compare, tmp_path):
    repository.commit({"bench.sh": "exit 0\n"})
    repository.commit({"bench.sh": "echo the reason; printf '\\033[31m' >&2; exit 7\n"})
    report = tmp_path / "report.json"
    outcome = compare("HEAD^", "HEAD", "--script", "sh bench.sh", "-o", report)
    assert outcome.code == 3
    assert "failed on head (exit status: 7): sh bench.sh" in outcome.err
    assert "the reason" in outcome.err
    assert "\x1b" not in outcome.err
    assert [row["code"] for row in json.loads(report.read_text())["warnings"]] == ["nothing_measured"]


def test_a_command_that_fails_later(sleeping, compare, tmp_path):
    counter = tmp_path / "runs"
    failing = f"echo x >> {counter}; [ $(wc -l < {counter}) -lt 5 ] || {{ echo too often; kill -9 $$; }}"
    outcome = compare("HEAD^", "HEAD", "--script", failing)
    assert outcome.code == 3
    assert "(signal: 9 (SIGKILL))" in outcome.err
    assert "too often" in outcome.err
    assert len(counter.read_text().split()) == 5


def test_a_command_that_removes_its_worktree_is_named(repository, compare):
    repository.commit({"a": "1"})
    repository.commit({"a": "2"})
    before = repository.state()
    outcome = compare("HEAD^", "HEAD", "--script", 'rm -rf "$PWD"')
    assert outcome.code == 3, outcome.err
    assert "is gone: --script rm -rf" in outcome.err
    assert repository.state() == before


def test_a_command_that_hangs_on_head(repository, compare, witness):
    repository.commit({"bench.sh": "exit 0\n"})
    repository.commit({"bench.sh": f"exec 3> {witness.path}; echo waiting; sleep 1000 & wait\n"})
    outcome = compare("HEAD^", "HEAD", "--script", "sh bench.sh", "--timeout", 10)
    assert outcome.code == 3
    assert "did not end on head within" in outcome.err
    assert "waiting" in outcome.err
    assert witness.saw_all_end()


def test_the_timeout_reports_what_is_finished(timing_itself, compare):
    timing_itself({"a": 1.0}, {"a": 0.5})
    outcome = compare("HEAD^", "HEAD", *WRITE, "--timeout", 6, replicates=10_000)
    assert outcome.code == 4, outcome.err
    assert outcome.report["partial"]
    assert rows(outcome) == {"a": "improved"}


def test_ctrl_c_ends_with_a_partial_report_and_leaves_nothing(sleeping, tmp_path):
    report = tmp_path / "report.json"
    arguments = ("HEAD^", "HEAD", "--script", "sh bench.sh", "--replicates", 500, "-o", report)
    process = subprocess.Popen(
        command("compare", *arguments), cwd=sleeping.folder, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )
    for line in process.stderr:
        if line.startswith("measuring"):
            break
    process.send_signal(signal.SIGINT)
    process.communicate(timeout=60)
    assert process.returncode == 4
    assert '"partial": true' in report.read_text()


def test_nothing_that_a_run_starts_outlives_it(sleeping, compare, witness):
    outcome = compare("HEAD^", "HEAD", "--script", f"sleep 1000 3> {witness.path} & sh bench.sh")
    assert outcome.code == 0, outcome.err
    assert witness.saw_all_end()


def test_both_sides_of_a_pair_share_their_variables(sleeping, compare, tmp_path):
    log = tmp_path / "log"
    say = f'echo "$PYTHONHASHSEED ${{PYTHONPATH#$(pwd)}}" >> {log}; sh bench.sh'
    folder = sleeping.folder / "lib"
    outcome = compare("HEAD^", "HEAD", "--script", say, environment={"PYTHONPATH": str(folder)})
    assert outcome.code == 0, outcome.err
    seeds, folders = zip(*(line.split() for line in log.read_text().splitlines()), strict=True)
    assert set(folders) == {"/lib"}
    assert all(first == second for first, second in zip(seeds[::2], seeds[1::2], strict=True))
    # The run before measuring has its own seed.
    assert len(set(seeds)) == 4


def test_the_working_tree_brings_every_file(repository, compare):
    bench = "cp data/times.json out.json || echo '{\"a\": 1.0}' > out.json\n"
    repository.commit({"bench.sh": bench, ".gitignore": "*.log\n"})
    repository.write({"data/times.json": '{"a": 0.5}'})
    before = repository.state()
    outcome = compare("--working-tree", "--script", "sh bench.sh", "--script-output", "out.json")
    assert outcome.code == 0, outcome.err
    assert rows(outcome) == {"a": "improved"}
    assert outcome.report["revisions"]["head"]["dirty"]
    assert repository.state() == before


def test_nothing_differs(repository, compare):
    repository.commit({"bench.sh": "exit 0\n"})
    repository.commit({})
    outcome = compare("HEAD^", "HEAD", "--script", "sh bench.sh")
    assert outcome.code == 0
    assert outcome.warnings() == ["nothing_changed"]
    assert outcome.report["selection"]["rule"] == "nothing_changed"
    assert len(compare("HEAD^", "HEAD", "--all", "--script", "sh bench.sh").report["comparisons"]) == 1


def test_a_regression_fails_the_gate_once_it_is_confirmed(timing_itself, compare):
    timing_itself({"a": 1.0, "b": 1.0}, {"a": 2.0, "b": 1.0})
    outcome = compare("HEAD^", "HEAD", *WRITE, "--fail-on", "regression:50")
    assert outcome.code == 1
    assert "--fail-on regression:50: a regressed (+" in outcome.err
    slower, same = outcome.report["comparisons"]
    assert slower["confirmation"]["confirmed"]
    assert len(slower["confirmation"]["replicates"]) == 3
    assert "confirmation" not in same
    assert compare("HEAD^", "HEAD", *WRITE, "--fail-on", "regression:150").code == 0


def test_a_dry_run_tries_it_once(sleeping, compare, tmp_path):
    counter = tmp_path / "runs"
    script = f"echo x >> {counter}; sh bench.sh"
    outcome = compare("HEAD^", "HEAD", "--script", script, "--dry-run")
    assert outcome.code == 0, outcome.err
    plan = outcome.report["plan"]
    assert plan["benchmarks"] == [script]
    assert plan["estimated_seconds"] > 0.6
    assert len(counter.read_text().split()) == 2


def test_what_is_built_and_injected_is_there(repository, compare):
    bench = "cat local.cfg && cp built out.json\n"
    repository.commit({"source": '{"a": 1.0}', "bench.sh": bench, ".gitignore": "local.cfg\n"})
    repository.commit({"source": '{"a": 0.5}'})
    repository.write({"local.cfg": "x\n"})
    arguments = ("HEAD^", "HEAD", "--script", "sh bench.sh", "--script-output", "out.json")
    outcome = compare(*arguments, "--build", "cp source built", "--inject", "local.cfg")
    assert outcome.code == 0, outcome.err
    assert rows(outcome) == {"a": "improved"}
    outcome = compare(*arguments, "--build", "echo no compiler; exit 2")
    assert outcome.code == 3
    assert "--build failed on base (exit status: 2)" in outcome.err
    assert "no compiler" in outcome.err


def test_it_runs_in_the_folder_of_the_configuration(repository, compare):
    repository.commit({"README": "x\n"})
    repository.commit({"sub/pyproject.toml": "", "sub/bench.sh": "exit 0\n"})
    repository.commit({"sub/bench.sh": "sleep 0\n"})
    folder = repository.folder / "sub"
    assert compare("HEAD^", "HEAD", "--script", "sh bench.sh", folder=folder).code == 0
    outcome = compare("HEAD~2", "HEAD", "--script", "sh bench.sh", folder=folder)
    assert outcome.code == 3
    assert "`sub`, in which the command is to run, does not exist on base" in outcome.err


def test_no_file_outside_of_the_checkouts_is_removed(repository, compare, tmp_path):
    outside = tmp_path / "outside"
    outside.mkdir()
    (outside / "times.json").write_text("mine")
    repository.commit({"README": "x\n"})
    (repository.folder / "link").symlink_to(outside)
    repository.commit({"README": "y\n"})
    repository.commit({"README": "z\n"})
    for name in ("link/times.json", "../times.json", str(outside / "times.json")):
        outcome = compare("HEAD^", "HEAD", "--script", "true", "--script-output", name)
        assert outcome.code == 2, outcome.err
    assert (outside / "times.json").read_text() == "mine"


def test_kept_worktrees_are_named_with_the_command(sleeping, compare):
    outcome = compare("HEAD^", "HEAD", "--script", "sh bench.sh", "--keep", replicates=2)
    assert outcome.code == 0, outcome.err
    lines = [line.strip() for line in outcome.err.splitlines() if line.strip().startswith("cd ")]
    assert len(lines) == 2
    for line in lines:
        assert subprocess.run(["sh", "-c", line], check=False).returncode == 0


@pytest.mark.parametrize(
    "arguments",
    [
        ("--script", " "),
        ("--script-output", "out.json"),
        *(
            ("--script", "true", *more)
            for more in (
                ("-k", "x"),
                ("--tests", "tests/test_a.py"),
                ("--benchmarks-root", "bench"),
                ("--benchmarks-from", "own"),
                ("--functions", "a.py::f"),
                ("--profile",),
                ("--continue", "r.json"),
                ("--env", "per-ref"),
                ("--requirements", "r.txt"),
                ("--python", sys.executable),
                ("--fail-on", "output-change"),
            )
        ),
    ],
)
def test_options_that_say_nothing_to_a_command_are_refused(sleeping, deadheat_command, arguments):
    assert deadheat_command("compare", *arguments).code == 2


@pytest.fixture
def printing(repository):
    """A command that prints known lines on both sides."""

    def commit(base, head):
        for lines in (base, head):
            repository.commit({"bench.sh": "cat <<'END'\n" + "\n".join(lines) + "\nEND\n"})
        return repository

    return commit


PRINT = ("--script", "sh bench.sh")


def test_times_in_metric_lines_are_comparisons(printing, compare):
    printing(
        [
            "hello",
            "METRIC parse_ms=9",
            "METRIC parse_ms=40",
            "METRIC rows_per_s=50",
            "METRIC total_ms=100",
            "METRIC a_s=1",
        ],
        ["METRIC total_ms=25.5", "METRIC parse_ms=20", "METRIC rows_per_s=100", "METRIC b_ms=", "METRIC b_us=7"],
    )
    outcome = compare("HEAD^", "HEAD", *PRINT)
    assert outcome.code == 0, outcome.err
    report = outcome.report
    assert list(rows(outcome).items()) == [("parse_ms", "improved"), ("rows_per_s", "improved")]
    medians = [row["base"]["median_ns"] for row in report["comparisons"]]
    assert medians == [pytest.approx(40e6), pytest.approx(20e6)]
    total = report["summary"]["total"]
    assert (total["base_ns"], total["head_ns"]) == (pytest.approx(100e6), pytest.approx(25.5e6))
    missing = {row["benchmark"]: (row["reason"], row["message"]) for row in report["missing"]}
    assert missing == {
        "a_s": ("only_base", "the command prints no such METRIC line on head"),
        "b_us": ("only_head", "the command prints no such METRIC line on base"),
    }
    assert {row["benchmark"] for row in report["resources"]} == {"sh bench.sh"}


def test_other_numbers_are_resources_of_which_less_is_better(printing, deadheat_command, tmp_path):
    printing(
        ["METRIC val_bpb=0.5", "METRIC errors=0", "METRIC size_kb=100", "METRIC gone=1"],
        ["METRIC val_bpb=0.25", "METRIC errors=0", "METRIC size_kb=100"],
    )
    report = tmp_path / "report.json"
    outcome = deadheat_command("compare", "HEAD^", "HEAD", "--replicates", 3, *PRINT, "-o", report)
    assert outcome.code == 0, outcome.err
    # Without any time, the command itself is compared.
    stored = json.loads(report.read_text())
    assert [row["benchmark"] for row in stored["comparisons"]] == ["sh bench.sh"]
    metrics = [row for row in stored["resources"] if row["resource"] == "metric"]
    found = [(row["benchmark"], row["median"]["head"], row["verdict"]) for row in metrics]
    assert found == [("val_bpb", 0.25, "improved"), ("size_kb", 100.0, "unchanged")]
    (line,) = [line for line in outcome.out.splitlines() if line.startswith("val_bpb")]
    assert line.split()[1:4] == ["metric", "0.5", "0.25"]
    again = deadheat_command("report", report, "--json", "--samples").report
    assert again["resources"] == stored["resources"]


def test_metric_lines_of_one_side_only_cannot_be_compared(printing, compare):
    printing(["nothing"], ["METRIC total_ms=5"])
    outcome = compare("HEAD^", "HEAD", *PRINT)
    assert outcome.code == 3
    assert "the sides have no METRIC line in common; base: none; head: `total_ms`" in outcome.err
