"""The whole program: real git, real pytest, and changes so large that no noise can hide them."""

import re
import signal
import subprocess
import sys
from pathlib import Path
from textwrap import dedent

import pytest

from conftest import ROOT, WORK_FROM_FILE, command, short

pytestmark = pytest.mark.counted
SIDES = ("base", "head")

SLOW = """\
    def work(n):
        total = 0
        for _ in range(20):
            for i in range(n):
                total += i
        return total


    class Worker:
        factor = 1

        def run(self, n):
            return sum(i * self.factor for i in range(n))
    """
FAST = SLOW.replace("range(20)", "range(1)")
BENCHMARKS = """\
    from pkg.core import Worker, work


    def test_work(benchmark):
        benchmark(work, 200)


    def test_worker(benchmark):
        benchmark(Worker().run, 50)
    """


@pytest.fixture
def two_commits(repository):
    repository.commit({"pkg/__init__.py": "", "pkg/core.py": SLOW, "benchmarks/test_b.py": BENCHMARKS})
    repository.commit({"pkg/core.py": FAST})
    return repository


@pytest.mark.real
def test_the_example_of_the_demo(repository, compare):
    for side in ("base", "head"):
        tree = ROOT / "examples" / "demo" / side
        files = {str(path.relative_to(tree)): path.read_text() for path in tree.rglob("*.*") if path.is_file()}
        repository.commit(files)
    outcome = compare("HEAD^", "HEAD", "--all", replicates=5)
    estimates = {short(row["benchmark"]): row["estimate"]["point_estimate"] for row in outcome.report["comparisons"]}
    assert estimates.keys() == {"test_total", "test_post", "test_render", "test_balance"}
    # Some 0.25, 0.35 and 2.2 on a quiet machine.
    assert max(estimates["test_total"], estimates["test_post"]) < estimates["test_balance"] < estimates["test_render"]
    assert outcome.missing() == {"test_monthly": ("only_head", "head")}
    assert outcome.targets() == {
        "Account.__init__": "modified",
        "Account.post": "modified",
        "total": "modified",
        "render": "modified",
        "monthly": "added",
    }


def test_the_repository_is_left_as_it_was(two_commits, compare):
    two_commits.write({"pkg/core.py": "broken(", "untracked.txt": "mine", ".gitignore": "untracked.txt"})
    before = two_commits.state()
    assert compare("HEAD^", "HEAD").code == 0
    assert two_commits.state() == before


def test_ctrl_c_ends_with_a_partial_report_and_leaves_nothing(two_commits, tmp_path):
    before = two_commits.state()
    report = tmp_path / "report.json"
    process = subprocess.Popen(
        command("compare", "HEAD^", "HEAD", "--replicates", 500, "-o", report),
        cwd=two_commits.folder,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    for line in process.stderr:
        if line.startswith("measuring"):
            break
    process.send_signal(signal.SIGINT)
    process.communicate(timeout=60)
    assert process.returncode == 4
    assert '"partial": true' in report.read_text()
    assert two_commits.state() == before


def test_a_run_that_is_cut_short_reports_what_is_finished(two_commits, standstill):
    two_commits.commit({"pkg/still.py": standstill.module, "pkg/core.py": "from pkg import still\n\n\n" + dedent(FAST)})
    # Two processes of head show what runs the change, and two are measured.
    standstill.let_pass(4)
    arguments = ("HEAD~2", "HEAD", "--json", "--seed", 1, "--replicates", 1000)
    outcome = standstill.interrupt(two_commits, "compare", *arguments)
    assert outcome.code == 4
    assert outcome.report["partial"]
    assert outcome.verdicts()["test_work"] == "improved"
    (row,) = outcome.report["comparisons"]
    assert len(row["replicates"]) == 2
    assert "stopped_early" in outcome.warnings()


def test_the_timeout_reports_what_is_finished(two_commits, compare, standstill, tmp_path):
    """It was finished before, so that it does not matter how far this run gets."""
    two_commits.commit({"pkg/still.py": standstill.module, "pkg/core.py": "from pkg import still\n\n\n" + dedent(FAST)})
    standstill.let_pass(1000)
    stored = tmp_path / "r.json"
    assert compare("HEAD~2", "HEAD", "-o", stored, "--budget", 0.1, replicates=None).code == 0
    standstill.let_pass(0)
    outcome = compare("--continue", stored, "--timeout", 5, replicates=None)
    assert outcome.code == 4
    assert outcome.report["partial"]
    assert outcome.verdicts()["test_work"] == "improved"


def test_comments_alone_are_not_measured_unless_asked(repository, compare):
    repository.commit({"pkg/__init__.py": "", "pkg/core.py": SLOW, "benchmarks/test_b.py": BENCHMARKS})
    repository.commit({"pkg/core.py": "    # a comment\n" + SLOW, "README.md": "hello", "docs/a.py": "x = 1"})
    outcome = compare("HEAD^", "HEAD")
    assert outcome.code == 0
    assert outcome.report["comparisons"] == []
    assert outcome.warnings() == ["nothing_changed"]
    assert outcome.report["selection"]["rule"] == "nothing_changed"
    assert len(compare("HEAD^", "HEAD", "--all").verdicts()) == 2


def test_a_class_attribute_and_a_method_are_found(repository, compare):
    repository.commit({"pkg/__init__.py": "", "pkg/core.py": SLOW, "benchmarks/test_b.py": BENCHMARKS})
    repository.commit({"pkg/core.py": SLOW.replace("factor = 1", "factor = 2")})
    outcome = compare("HEAD^", "HEAD", "--dry-run")
    assert outcome.targets() == {"Worker.run": "affected"}
    assert outcome.report["plan"]["benchmarks"] == ["benchmarks/test_b.py::test_worker"]
    assert outcome.missing() == {"test_work": ("not_reached", None)}
    assert outcome.report["plan"]["estimated_seconds"] > 0


def test_the_working_tree_is_head_and_git_is_not_touched(two_commits, compare):
    two_commits.git("checkout", "--quiet", "HEAD^")
    two_commits.write(
        {
            "pkg/core.py": FAST,
            "pkg/fresh.py": "value = 1",
            "benchmarks/test_fresh.py": """\
                from pkg.fresh import value


                def test_fresh(benchmark):
                    benchmark(abs, value)
                """,
        }
    )
    before = two_commits.state()
    outcome = compare("--working-tree", "--all")
    assert outcome.code == 0, outcome.err
    assert outcome.verdicts()["test_work"] == "improved"
    assert outcome.missing() == {"test_fresh": ("only_head", "head")}
    assert outcome.report["revisions"]["head"]["dirty"]
    assert two_commits.state() == before


def test_stale_bytecode_and_uncommitted_files_take_no_part(two_commits, compare):
    # Bytecode of other code that is never checked, and a module that is changed in the working tree only.
    script = (
        "import py_compile, os; open('fake.py','w').write('raise SystemExit(9)');"
        "py_compile.compile('fake.py', cfile='pkg/__pycache__/core.' + __import__('sys').implementation.cache_tag"
        " + '.pyc', invalidation_mode=py_compile.PycInvalidationMode.UNCHECKED_HASH); os.remove('fake.py')"
    )
    subprocess.run([sys.executable, "-c", script], cwd=two_commits.folder, check=True)
    two_commits.write({"pkg/core.py": "raise SystemExit(8)"})
    assert compare("HEAD^", "HEAD").verdicts()["test_work"] == "improved"


def editable_environment(folder, checkout):
    """Makes a virtual environment with pytest and a path file as `pip install -e` leaves it."""
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", folder], check=True)
    site = next((folder / "lib").glob("python*")) / "site-packages"
    own = Path(pytest.__file__).parent.parent
    (site / "own.pth").write_text(f"{own}\n")
    (site / "__editable__.thing.pth").write_text(f"{checkout}\n")
    return folder / "bin" / "python"


@pytest.fixture
def source_layout(repository):
    """A project under `src`, whose head is some 400 times faster."""
    benchmark = "from thing import work\n\n\ndef test_work(benchmark):\n    benchmark(work)\n"
    work = "def work():\n    for _ in range({}):\n        pass\n"
    repository.commit({"src/thing/__init__.py": work.format(40_000), "benchmarks/test_b.py": benchmark})
    repository.commit({"src/thing/__init__.py": work.format(100)})
    return repository


@pytest.mark.real
def test_an_editable_install_gives_way_to_the_worktrees(source_layout, compare, tmp_path):
    python = editable_environment(tmp_path / "env", source_layout.folder / "src")
    outcome = compare("HEAD^", "HEAD", "--python", python)
    assert outcome.code == 0, outcome.err
    assert outcome.report["comparisons"][0]["estimate"]["point_estimate"] < 1 / 100


def test_a_broken_import_path_is_an_error_and_not_a_number(source_layout, compare, tmp_path):
    python = editable_environment(tmp_path / "env", source_layout.folder / "src")
    checkout = source_layout.folder / "src"
    conftest = f"import sys\nsys.path.insert(0, {str(checkout)!r})\n"
    source_layout.commit({"benchmarks/conftest.py": conftest})
    outcome = compare("HEAD^^", "HEAD", "--python", python)
    assert outcome.code == 3
    assert f"`thing` was imported from {checkout}/thing/__init__.py, not from the worktree" in outcome.err
    assert "hint:" in outcome.err
    assert outcome.report["comparisons"] == []


def test_a_copy_in_site_packages_is_an_error(source_layout, compare, tmp_path):
    python = editable_environment(tmp_path / "env", tmp_path)
    site = next((tmp_path / "env" / "lib").glob("python*")) / "site-packages"
    (site / "thing_extra").mkdir()
    (site / "thing").mkdir()
    (site / "thing" / "__init__.py").write_text("def work(): pass\n")
    # Part of the environment imports it before the worktree is on the path.
    (site / "early.pth").write_text("import thing\n")
    outcome = compare("HEAD^", "HEAD", "--python", python)
    assert outcome.code == 3
    assert "uninstall it" in outcome.err


PROCESSES = """\
    import os
    from pathlib import Path

    from pkg.core import work


    def test_work(benchmark):
        benchmark(work, 200)
        cores = sorted(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else []
        with open({log!r}, "a") as log:
            print(Path.cwd().name, os.environ["PYTHONHASHSEED"], os.getppid(), *cores, file=log)
    """


@pytest.mark.real
def test_the_processes_of_a_replicate_share_its_seed_a_core_and_a_parent(repository, compare, tmp_path):
    log = tmp_path / "log"
    suite = {
        "pkg/__init__.py": "",
        "pkg/core.py": WORK_FROM_FILE,
        "benchmarks/test_b.py": PROCESSES.format(log=str(log)),
    }
    repository.commit({**suite, "pkg/times": "20"})
    repository.commit({"pkg/times": "1"})
    report = compare("HEAD^", "HEAD", "--seed", "5", replicates=4).report
    # Nothing is watched, so every line is from a timed process.
    lines = [line.split() for line in log.read_text().splitlines()]
    (row,) = report["comparisons"]
    seeds = [str(replicate["seed"]) for replicate in row["replicates"]]
    assert len(set(seeds)) == 4
    assert sorted((side, seed) for side, seed, *_ in lines) == sorted((side, seed) for seed in seeds for side in SIDES)
    machine = report["machine"]
    if machine["pinned_core"] is not None:
        # A run goes to a quieter core, but not in the middle of a replicate.
        allowed = {(str(core),) for core in (machine["pinned_core"], *machine["later_cores"])}
        assert {tuple(cores) for _, _, _, *cores in lines} <= allowed
        assert len({(seed, *cores) for _, seed, _, *cores in lines}) == 4
    if sys.platform == "linux":
        # Each replicate's processes are forked from a process of its own.
        assert len({(seed, parent) for _, seed, parent, *_ in lines}) == 4
        assert len({parent for _, _, parent, *_ in lines}) == 4
    again = compare("HEAD^", "HEAD", "--seed", "5").report
    assert [str(replicate["seed"]) for replicate in again["comparisons"][0]["replicates"]] == seeds[:2]


def test_files_that_base_cannot_import_are_only_head_and_the_others_are_measured(two_commits, compare):
    two_commits.commit(
        {
            "pkg/core.py": FAST + "\n\n    def extra():\n        return 1\n",
            "benchmarks/test_new.py": """\
                from pkg.core import extra


                def test_extra(benchmark):
                    benchmark(extra)
                """,
            "benchmarks/test_inside.py": """\
                def test_extra_inside(benchmark):
                    from pkg.core import extra

                    benchmark(extra)
                """,
        }
    )
    outcome = compare("HEAD^^", "HEAD", "--all")
    assert outcome.code == 0
    assert set(outcome.verdicts()) == {"test_work", "test_worker"}
    assert outcome.missing() == {"test_extra": ("only_head", "head"), "test_extra_inside": ("only_head", "head")}
    messages = {row["message"].splitlines()[-1] for row in outcome.report["missing"]}
    assert any("ImportError" in message for message in messages)


def test_what_head_breaks_is_a_failure_of_head(two_commits, compare):
    two_commits.commit({"pkg/core.py": FAST.replace("def run", "def go")})
    outcome = compare("HEAD^^", "HEAD")
    assert outcome.code == 0
    assert outcome.missing() == {"test_worker": ("failed", "head")}
    assert "AttributeError" in outcome.report["missing"][0]["message"]
    assert outcome.report["summary"]["counts"]["failed"] == 1


def test_a_file_that_only_base_has_is_said(two_commits, compare):
    two_commits.commit({"benchmarks/test_old.py": "def test_old(benchmark):\n    benchmark(len, [])\n"})
    two_commits.commit({"benchmarks/test_old.py": None, "pkg/core.py": SLOW})
    outcome = compare("HEAD^", "HEAD", "--all")
    assert outcome.missing() == {"test_old": ("only_base", "base")}


@pytest.mark.real
def test_syntax_errors_in_the_code_are_named_and_nothing_is_measured(two_commits, compare):
    two_commits.commit({"pkg/core.py": "    def work(:\n"})
    outcome = compare("HEAD^", "HEAD")
    assert outcome.code == 3
    assert 'File "pkg/core.py", line 1' in outcome.err
    assert "SyntaxError" in outcome.err
    # The interpreter is not blamed, because base collects with it.
    assert "interpreter" not in outcome.err
    assert outcome.warnings()[0] == "syntax_error"


@pytest.mark.real
def test_a_suite_that_cannot_be_parsed_is_no_suite_that_does_not_change(two_commits, compare):
    two_commits.commit({"benchmarks/test_b.py": "def test_work(benchmark:\n"})
    outcome = compare("HEAD^", "HEAD")
    assert outcome.code == 3
    assert "SyntaxError" in outcome.err


@pytest.mark.real
def test_what_heads_suite_needs_and_base_lacks_is_said(repository, compare):
    suite = "from pkg.core import {}\n\ndef test_work(benchmark):\n    benchmark(work, 200)\n"
    repository.commit({"pkg/__init__.py": "", "pkg/core.py": SLOW, "benchmarks/test_b.py": suite.format("work")})
    other = FAST + "\n\n    def other():\n        return 1\n"
    repository.commit({"pkg/core.py": other, "benchmarks/test_b.py": suite.format("other, work")})
    outcome = compare("HEAD^", "HEAD")
    assert outcome.code == 3
    assert "cannot import name 'other' from 'pkg.core' (pkg/core.py)" in outcome.err
    assert "--benchmarks-from base runs base's" in outcome.err
    plan = compare("HEAD^", "HEAD", "--benchmarks-from", "base", "--dry-run").report["plan"]
    assert plan["benchmarks"] == ["benchmarks/test_b.py::test_work"]


@pytest.mark.real
def test_files_that_git_ignores_and_the_code_reads_are_hinted_at(repository, compare):
    suite = """\
        import pytest

        from pkg.core import work


        @pytest.fixture
        def size():
            with open("data/size.txt") as file:
                return int(file.read())


        def test_work(benchmark, size):
            benchmark(work, size)
        """
    files = {"pkg/__init__.py": "", "pkg/core.py": SLOW, "benchmarks/test_b.py": suite}
    repository.commit({**files, ".gitignore": ".env\ndata/\n"})
    repository.commit({"pkg/core.py": FAST})
    repository.write({"data/size.txt": "200", ".env": ""})
    outcome = compare("HEAD^", "HEAD")
    (lacking,) = (row for row in outcome.report["warnings"] if row["code"] == "ignored_file_missing")
    assert lacking["hint"].startswith("--inject data copies it")
    plan = compare("HEAD^", "HEAD", "--inject", "data", "--dry-run").report["plan"]
    assert plan["benchmarks"] == ["benchmarks/test_b.py::test_work"]
    reads = "    import pathlib\n\n    pathlib.Path(__file__).parent.with_name('.env').read_text()\n"
    repository.commit({"pkg/core.py": reads + SLOW})
    outcome = compare("HEAD^", "HEAD")
    assert outcome.code == 3
    assert "No such file or directory: '.env'" in outcome.err
    assert "--inject .env copies it" in outcome.err


@pytest.mark.real
def test_a_broken_conftest_ends_the_run_with_pytests_words(two_commits, compare):
    two_commits.commit({"conftest.py": "import no_such_package\n", "pkg/core.py": SLOW})
    outcome = compare("HEAD^", "HEAD")
    assert outcome.code == 3
    assert "No module named 'no_such_package'" in outcome.err


@pytest.mark.real
def test_a_suite_full_of_traps_runs_unchanged(two_commits, compare):
    two_commits.commit(
        {
            "pyproject.toml": """\
                [tool.pytest.ini_options]
                addopts = [
                    "--benchmark-autosave", "--benchmark-json=out.json", "--benchmark-disable", "--benchmark-warmup=on",
                    "--benchmark-columns=min,max", "--codspeed", "--numprocesses=2", "--cov=pkg", "--strict-markers",
                    "--doctest-modules", "-p", "no:randomly",
                ]
                timeout = 1
                filterwarnings = ["error"]
                """,
            "benchmarks/conftest.py": """\
                import coverage

                assert coverage.Coverage.current() is None, "pytest-cov has started"


                def pytest_benchmark_update_json(config, benchmarks, output_json):
                    raise AssertionError("never called")
                """,
            "benchmarks/test_b.py": BENCHMARKS
            + """

    import os
    import pytest


    @pytest.mark.benchmark(group="g", warmup=True)
    def test_decorator(benchmark):
        benchmark.group = "mine"
        benchmark.extra_info["a"] = 1

        @benchmark
        def result():
            return 5

        assert result == 5
        assert benchmark.stats.stats.mean < 1
        assert benchmark.stats["mean"] > 0


    def test_pedantic(benchmark):
        assert benchmark.pedantic(abs, (-3,), rounds=4, iterations=10) == 3


    def test_prints(benchmark):
        @benchmark
        def noise():
            os.write(1, b"{}")
            print("{}")


    @pytest.mark.benchmark
    def test_marker_only():
        sum(range(100))
    """,
            "benchmarks/bench_more.py": "def test_more(benchmark):\n    benchmark(len, [])\n",
        }
    )
    # The interpreter of these tests has the plugins.
    outcome = compare("HEAD^^", "HEAD", "-v", "--all", "--python", sys.executable, replicates=2)
    assert outcome.code == 0, outcome.err
    assert outcome.missing() == {}
    assert set(outcome.verdicts()) == {
        "test_work",
        "test_worker",
        "test_decorator",
        "test_pedantic",
        "test_prints",
        "test_marker_only",
        "test_more",
    }


def test_kept_worktrees_come_with_commands_that_run(repository, deadheat_command):
    code = "def work():\n    return {}\n"
    test = "from pkg.core import work\n\n\ndef test_work(benchmark):\n    benchmark(work)\n"
    files = {"pkg/__init__.py": "", "pkg/core.py": code.format(1), "benchmarks/test_b.py": test, "pytest.ini": ""}
    repository.commit({f"it's here/{name}": text for name, text in files.items()})
    repository.commit({"it's here/pkg/core.py": code.format(2)})
    folder = repository.folder / "it's here"
    kept = deadheat_command("compare", "HEAD^", "HEAD", "--dry-run", "--keep", folder=folder)
    assert kept.code == 0, kept.err
    lines = [line for line in kept.err.splitlines() if line.startswith("  cd ")]
    assert len(lines) == 2
    for line in lines:
        collecting = line + " --collect-only -q"
        by_hand = subprocess.run(["sh", "-c", collecting], capture_output=True, text=True, check=False)
        assert by_hand.returncode == 0, by_hand.stdout + by_hand.stderr


def test_a_repository_that_git_cannot_read_is_not_called_empty(two_commits, deadheat_command):
    head = two_commits.git("rev-parse", "HEAD").strip()
    (two_commits.folder / ".git" / "objects" / head[:2] / head[2:]).unlink()
    outcome = deadheat_command("compare", "HEAD^", "HEAD")
    assert outcome.code == 5
    assert f"git cannot read {head}" in outcome.err
    (two_commits.folder / ".git" / "config").write_text("[core\n")
    outcome = deadheat_command("compare", "HEAD^", "HEAD")
    assert outcome.code == 5
    assert "bad config" in outcome.err


def test_a_configuration_that_cannot_be_read_is_an_error(two_commits, deadheat_command):
    (two_commits.folder / "pyproject.toml").unlink(missing_ok=True)
    (two_commits.folder / "pyproject.toml").symlink_to("pyproject.toml")
    outcome = deadheat_command("compare", "HEAD^", "HEAD")
    assert outcome.code == 5
    assert "cannot read" in outcome.err
    assert "pyproject.toml" in outcome.err


def test_the_log_names_commands_and_steps(two_commits, deadheat_command):
    asked = ("compare", "HEAD^", "HEAD", "--dry-run", "--quiet")
    logged = deadheat_command(*asked, environment={"DEADHEAT_LOG": "debug"})
    assert logged.code == 0, logged.err
    for part in ('"worktree", "add"', 'step: "collecting the benchmarks"'):
        assert part in logged.err
    assert deadheat_command(*asked).err == ""


def test_a_worker_that_dies_costs_one_row(two_commits, compare):
    two_commits.commit(
        {
            "benchmarks/test_dies.py": """\
                import os


                def test_dies(benchmark):
                    benchmark(os._exit, 7)
                """
        }
    )
    outcome = compare("HEAD^^", "HEAD", "--all")
    assert outcome.code == 0
    assert outcome.missing() == {"test_dies": ("failed", None)}
    assert "exit status: 7" in outcome.report["missing"][0]["message"]
    assert len(outcome.verdicts()) == 2


def test_injected_and_generated_files_reach_both_sides(two_commits, compare):
    two_commits.commit(
        {
            ".gitignore": "_version.py\n*.dat\n",
            "pkg/__init__.py": "from pkg._version import version\n",
            "benchmarks/test_data.py": """\
                from pathlib import Path


                def test_data(benchmark):
                    benchmark(Path("data/table.dat").read_text)
                """,
            "pkg/core.py": FAST,
        }
    )
    two_commits.commit({"pkg/core.py": SLOW})
    two_commits.write({"pkg/_version.py": "version = '1'\n", "data/table.dat": "1"})
    outcome = compare("HEAD^", "HEAD", "--all")
    assert outcome.code == 0, outcome.err
    assert "generated_file_copied" in outcome.warnings()
    assert outcome.missing() == {"test_data": ("failed", None)}
    outcome = compare("HEAD^", "HEAD", "--all", "--inject", "data")
    assert "test_data" in outcome.verdicts()


def test_an_ignored_module_that_a_checkout_lacks_is_hinted_at(two_commits, compare):
    two_commits.commit({".gitignore": "built.py\n", "pkg/__init__.py": "import pkg.built\n"})
    two_commits.commit({"pkg/core.py": SLOW})
    two_commits.write({"pkg/built.py": ""})
    outcome = compare("HEAD^", "HEAD")
    assert outcome.code == 3
    assert "--inject pkg/built.py" in outcome.err


def test_kept_worktrees_stay_until_clean(two_commits, deadheat_command):
    before = two_commits.state()
    outcome = deadheat_command("compare", "HEAD^", "HEAD", "--replicates", 2, "--keep")
    assert outcome.code == 0
    assert "-m pytest" in outcome.err
    assert len(two_commits.git("worktree", "list").splitlines()) == 3
    assert deadheat_command("compare", "HEAD^", "HEAD", "--dry-run").code == 0
    assert len(two_commits.git("worktree", "list").splitlines()) == 3
    assert "removed" in deadheat_command("clean").out
    assert two_commits.state() == before


def test_what_a_killed_run_left_is_removed_by_the_next(two_commits, compare):
    before = two_commits.state()
    process = subprocess.Popen(
        command("compare", "HEAD^", "HEAD", "--replicates", 500),
        cwd=two_commits.folder,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        text=True,
    )
    for line in process.stderr:
        if line.startswith("measuring"):
            break
    process.kill()
    process.communicate(timeout=60)
    assert len(two_commits.git("worktree", "list").splitlines()) == 3
    assert compare("HEAD^", "HEAD", "--dry-run").code == 0
    assert two_commits.state() == before


def test_a_project_in_a_subfolder(repository, compare):
    files = {"pkg/__init__.py": "", "pkg/core.py": SLOW, "benchmarks/test_b.py": BENCHMARKS, "pyproject.toml": ""}
    repository.commit({f"python/{path}": text for path, text in files.items()})
    repository.commit({"python/pkg/core.py": FAST})
    outcome = compare("HEAD^", "HEAD", folder=repository.folder / "python" / "pkg")
    assert outcome.code == 0, outcome.err
    assert outcome.verdicts()["test_work"] == "improved"


def test_refs_from_a_branch(two_commits, compare):
    two_commits.git("branch", "feature")
    two_commits.commit({"other.txt": "main moved on"})
    two_commits.git("checkout", "--quiet", "feature")
    two_commits.commit({"pkg/core.py": SLOW})
    two_commits.git("checkout", "--quiet", "feature")
    feature = two_commits.git("rev-parse", "feature")
    merge_base = two_commits.git("merge-base", "main", "feature")
    for arguments in ((), ("main...feature",), ("main...",)):
        revisions = compare("--dry-run", *arguments).report["revisions"]
        assert revisions["base"]["commit"] == merge_base
        assert revisions["head"]["commit"] == feature
    revisions = compare("--dry-run", "main..feature").report["revisions"]
    assert revisions["base"]["commit"] == two_commits.git("rev-parse", "main")
    two_commits.git("checkout", "--quiet", "main")
    revisions = compare("--dry-run").report["revisions"]
    assert revisions["base"]["name"] == "HEAD^"


def test_named_functions_replace_those_that_changed(two_commits, compare):
    outcome = compare("HEAD^", "HEAD", "--dry-run", "--functions", "pkg/core.py::work,Worker.run")
    assert outcome.targets() == {"work": "modified", "Worker.run": None}
    outcome = compare("HEAD^", "HEAD", "--functions", "pkg/core.py::wrok")
    assert outcome.code == 2
    assert "did you mean `work`" in outcome.err
    outcome = compare("HEAD^", "HEAD", "--functions", "pkg/cor.py::work")
    assert "`pkg/core.py`" in outcome.err


@pytest.mark.parametrize(
    ("arguments", "code", "words"),
    [
        (["HEAD^", "no-such"], 2, "there is no commit, branch or tag `no-such`"),
        (["HEAD^", "mian"], 2, "did you mean `main`?"),
        (["--", "-x", "HEAD"], 2, "a ref cannot start with `-`"),
        (["a", "b", "c"], 2, "unexpected value 'c'"),
        (["HEAD^", "HEAD", "--benchmarks-root", "nowhere"], 3, "`nowhere` does not exist at either ref"),
        (["HEAD^", "HEAD", "--benchmarks-root", "benchmark"], 3, "did you mean `benchmarks`?"),
        (["HEAD^", "HEAD", "--benchmarks-root", "."], 2, "both sides would run the same code"),
        (["HEAD^", "HEAD", "--benchmarks-root", "../x"], 2, "lies outside the repository"),
        (["HEAD^", "HEAD", "-k", "nothing_like_it"], 3, "no benchmark in `benchmarks` matches -k 'nothing_like_it'"),
        (["HEAD^", "HEAD", "--python", "/no/python"], 2, "cannot be used: it cannot be run"),
        (["HEAD^", "HEAD", "--python", "/bin/true"], 2, "cannot be used: it cannot be run"),
        (["HEAD^", "HEAD", "--inject", "../elsewhere"], 2, "lies outside the repository"),
        (["HEAD^", "HEAD", "--inject", "missing"], 2, "there is no such file"),
        (["HEAD^", "HEAD", "-o", "report.docx"], 2, "`docx` is not a format"),
        (["HEAD^", "HEAD", "-o", "no/such/folder/a.json"], 2, "cannot be written"),
        (["HEAD^", "HEAD", "--replicates", "1"], 2, "invalid value '1'"),
        (["HEAD^", "HEAD", "--threshold", "zero"], 2, "is not a percentage"),
        (["HEAD^", "HEAD", "--cpu", "4095"], 2, "not one of the cores"),
        (["HEAD^", "HEAD", "--config-file", "none.toml"], 2, "there is no such file"),
        (["HEAD^", "HEAD", "--working-tree"], 2, "only a base"),
    ],
)
def test_bad_input_gets_a_clear_error(two_commits, compare, arguments, code, words):
    before = two_commits.state()
    outcome = compare(*arguments)
    assert (outcome.code, words in outcome.err) == (code, True), outcome.err
    assert "panicked" not in outcome.err
    assert two_commits.state() == before


def test_configuration_is_read_and_checked(two_commits, compare):
    two_commits.write({"pyproject.toml": "[tool.deadheat]\nbenchmarks-root = 'nowhere'\n"})
    outcome = compare("HEAD^", "HEAD")
    assert (outcome.code, "`nowhere`" in outcome.err) == (3, True)
    two_commits.write({"pyproject.toml": "[tool.deadheat]\nbenchmark-root = 'nowhere'\n"})
    outcome = compare("HEAD^", "HEAD")
    assert (outcome.code, "did you mean `benchmarks-root`?" in outcome.err) == (2, True)
    two_commits.write({"pyproject.toml": "[tool.deadheat\n"})
    outcome = compare("HEAD^", "HEAD")
    assert (outcome.code, "not valid TOML" in outcome.err) == (2, True)


def test_variables_that_workers_do_not_get_are_passed_where_that_is_asked(repository, compare):
    suite = """\
        import os

        from pkg.core import work


        def test_work(benchmark):
            benchmark(work, 200)
            assert os.environ.get("COV_CORE_SOURCE") == "pkg"
        """
    repository.commit({"pkg/__init__.py": "", "pkg/core.py": SLOW, "benchmarks/test_b.py": suite})
    repository.commit({"pkg/core.py": FAST})
    variables = {"COV_CORE_SOURCE": "pkg"}
    assert set(compare("HEAD^", "HEAD", environment=variables).missing()) == {"test_work"}
    asked = ("HEAD^", "HEAD", "--pass-env", "COV_CORE_SOURCE")
    assert compare(*asked, environment=variables).clearly_faster() == {"test_work"}
    repository.write({"pyproject.toml": "[tool.deadheat]\npass-env = ['COV_CORE_SOURCE']\n"})
    assert compare("HEAD^", "HEAD", environment=variables).clearly_faster() == {"test_work"}


@pytest.mark.real
def test_interpreters_that_cannot_be_used_are_errors(two_commits, compare, tmp_path):
    bare = tmp_path / "bare"
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", bare], check=True)
    outcome = compare("HEAD^", "HEAD", environment={"VIRTUAL_ENV": str(bare)})
    assert outcome.code == 2
    assert "VIRTUAL_ENV" in outcome.err
    assert "cannot import pytest" in outcome.err
    old = tmp_path / "old"
    old.write_text(
        '#!/bin/sh\necho \'{"executable": "old", "version": "3.9.1", "version_info": [3, 9],'
        ' "implementation": "CPython", "prefix": "", "pytest": "8.0", "error": null}\'\n'
    )
    old.chmod(0o755)
    outcome = compare("HEAD^", "HEAD", "--python", old)
    assert outcome.code == 2
    assert "older than 3.10" in outcome.err


def test_where_there_is_nothing_to_compare(deadheat_command, repository, tmp_path):
    plain = tmp_path / "plain"
    plain.mkdir()
    outcome = deadheat_command("compare", folder=plain)
    assert (outcome.code, "is not inside a git repository" in outcome.err) == (2, True)
    bare = tmp_path / "bare.git"
    subprocess.run(["git", "init", "--quiet", "--bare", bare], check=True)
    outcome = deadheat_command("compare", folder=bare)
    assert (outcome.code, "is a bare repository" in outcome.err) == (2, True)
    outcome = deadheat_command("compare", "HEAD^", "HEAD")
    assert (outcome.code, "no commits yet" in outcome.err) == (2, True)
    repository.commit({"pkg/__init__.py": ""})
    repository.commit({"pkg/__init__.py": "def f(): return 1"})
    outcome = deadheat_command("compare", "HEAD^", "HEAD")
    assert (outcome.code, "--benchmarks-root" in outcome.err) == (3, True)
    repository.write({"benchmarks/test_b.py": "def test_b(benchmark): benchmark(len, [])"})
    outcome = deadheat_command("compare", "HEAD^", "HEAD", "--benchmarks-root", "benchmarks")
    assert (outcome.code, "not committed" in outcome.err) == (3, True)


def test_an_unwritable_cache_folder_is_an_error_of_the_tool(two_commits, compare, tmp_path):
    blocked = tmp_path / "file"
    blocked.write_text("")
    outcome = compare("HEAD^", "HEAD", environment={"XDG_CACHE_HOME": str(blocked)})
    assert outcome.code == 5
    assert "cannot write to the cache folder" in outcome.err
    assert "XDG_CACHE_HOME" in outcome.err


def test_git_variables_of_a_hook_do_not_mislead(two_commits, compare, tmp_path):
    environment = {"GIT_DIR": str(tmp_path / "nowhere"), "GIT_INDEX_FILE": "/nonexistent"}
    assert compare("HEAD^", "HEAD", "--dry-run", environment=environment).code == 0


def test_the_table_is_for_people_and_progress_is_not_on_stdout(two_commits, deadheat_command):
    outcome = deadheat_command("compare", "HEAD^", "HEAD", "--replicates", 3)
    assert outcome.code == 0
    assert "\x1b" not in outcome.out + outcome.err
    assert "test_work" in outcome.out
    assert re.fullmatch(r"1 improved, 1 not reached; geometric mean [0-9.]+x", outcome.out.splitlines()[-1])
    assert "measuring" in outcome.err
    assert "measuring" not in outcome.out
    quiet = deadheat_command("compare", "HEAD^", "HEAD", "--replicates", 2, "--quiet")
    assert quiet.err == ""


def test_the_report_goes_to_files_and_stdout(two_commits, deadheat_command, tmp_path):
    outcome = deadheat_command(
        "compare", "HEAD^", "HEAD", "--replicates", 2, "-o", tmp_path / "a.json", "-o", f"json:{tmp_path / 'b'}"
    )
    assert outcome.code == 0
    assert "test_work" in outcome.out
    assert (tmp_path / "a.json").read_text() == (tmp_path / "b").read_text()
    outcome = deadheat_command("compare", "HEAD^", "HEAD", "--replicates", 2, "-o", "-", "-q")
    assert outcome.report["schema_version"] == 1


@pytest.mark.real
def test_odd_ends_of_tests_cost_their_own_row_only(two_commits, compare):
    two_commits.commit(
        {
            "pytest.ini": "[pytest]\naddopts = -x\n",
            "benchmarks/test_a_new.py": "from pkg.core import not_there\n\n\ndef test_new(benchmark): pass\n",
            "benchmarks/test_odd.py": """\
                import unittest

                import pytest


                async def work():
                    pass


                def interrupt():
                    raise KeyboardInterrupt


                def test_async_target(benchmark):
                    benchmark(work)


                @pytest.mark.benchmark
                async def test_async_marker():
                    await work()


                def test_interrupted(benchmark):
                    benchmark(interrupt)


                def test_exits(benchmark):
                    pytest.exit("enough")


                class TestOld(unittest.TestCase):
                    @pytest.mark.benchmark
                    def test_method(self):
                        sum(range(100))


                def test_after(benchmark):
                    benchmark(sum, range(100))
                """,
        }
    )
    outcome = compare("HEAD^^", "HEAD", "--all")
    assert outcome.code == 0, outcome.err
    assert set(outcome.verdicts()) == {"test_work", "test_worker", "test_async_target", "test_method", "test_after"}
    assert {name: reason for name, (reason, _) in outcome.missing().items()} == {
        "benchmarks/test_a_new.py": "failed",
        "test_async_marker": "failed",
        "test_interrupted": "failed",
        "test_exits": "failed",
    }


def test_what_is_measured_stays_when_a_later_worker_cannot_start(two_commits, compare, tmp_path):
    counter = tmp_path / "starts"
    conftest = f"""\
        import os

        with open({str(counter)!r}, "a") as file:
            file.write("x")
        if os.path.getsize({str(counter)!r}) > 10:
            os._exit(3)
        """
    two_commits.commit({"benchmarks/conftest.py": conftest})
    outcome = compare("HEAD^^", "HEAD", "--all", replicates=50)
    assert outcome.code == 4
    assert outcome.report["partial"]
    assert set(outcome.verdicts()) == {"test_work", "test_worker"}
    assert "no longer does" in outcome.report["warnings"][-1]["message"]


@pytest.mark.real
def test_a_setup_that_takes_long_is_paid_as_often_as_the_suite_says(two_commits, compare):
    two_commits.commit(
        {
            "benchmarks/test_prepared.py": """\
                import time


                def test_prepared(benchmark):
                    def setup():
                        # Long against the target and short for the test.
                        end = time.perf_counter() + 0.01
                        while time.perf_counter() < end:
                            pass
                        return ([],), {}

                    benchmark.pedantic(len, setup=setup, rounds=3)
                """
        }
    )
    outcome = compare("HEAD^^", "HEAD", "-k", "prepared", "--all")
    assert outcome.code == 0, outcome.err
    pairs = [pair for row in outcome.report["comparisons"] for one in row["replicates"] for pair in one["pairs"]]
    assert pairs
    assert all(pair[side]["iterations"] == 1 for pair in pairs for side in ("base", "head"))


def test_a_shared_namespace_is_no_foreign_place(repository, compare, tmp_path):
    python = editable_environment(tmp_path / "env", tmp_path)
    site = next((tmp_path / "env" / "lib").glob("python*")) / "site-packages"
    (site / "jar" / "other").mkdir(parents=True)
    (site / "jar" / "other" / "__init__.py").write_text("value = 1\n")
    benchmark = "from jar.other import value\nfrom jar.text import f\n\n\ndef test_f(benchmark): benchmark(f)\n"
    repository.commit({"jar/text/__init__.py": "def f(): return 1\n", "benchmarks/test_f.py": benchmark})
    repository.commit({"jar/text/__init__.py": "def f():\n    for _ in range(1000):\n        pass\n"})
    outcome = compare("HEAD^", "HEAD", "--python", python)
    assert outcome.code == 0, outcome.err
    (row,) = outcome.report["comparisons"]
    assert row["estimate"]["point_estimate"] > 2


def test_numbers_of_code_that_is_not_the_projects_are_refused(repository, compare, tmp_path):
    python = editable_environment(tmp_path / "env", tmp_path)
    site = next((tmp_path / "env" / "lib").glob("python*")) / "site-packages"
    (site / "wpkg").mkdir()
    (site / "wpkg" / "__init__.py").write_text("def f(): return 1\n")
    benchmark = "from wpkg import f\n\n\ndef test_f(benchmark): benchmark(f)\n"
    repository.commit({"inner/wpkg/__init__.py": "def f(): return 1\n", "benchmarks/test_f.py": benchmark})
    repository.commit({"inner/wpkg/__init__.py": "def f():\n    for _ in range(1000):\n        pass\n"})
    outcome = compare("HEAD^", "HEAD", "--python", python)
    assert outcome.code == 3
    assert "no benchmark imported the project's code" in outcome.err
    assert "module-root" in outcome.err
