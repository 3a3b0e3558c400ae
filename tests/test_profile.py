"""`deadheat profile`: ordinary tests on two refs, their durations and the functions that ran."""

import signal
import subprocess
import sys

import pytest

from conftest import WORK, command, is_clearly_faster

FAST, SLOW = WORK.format(times=1), WORK.format(times=30)
STEADY = """\

    def steady(n):
        return sum(i * i for i in range(n))


    class Thing:
        def method(self):
            return steady(5_000)
    """
TESTS = """\
    import unittest

    import pytest
    from pkg.core import Thing, work


    @pytest.fixture(scope="module")
    def shared():
        return 40_000


    def test_work(shared):
        assert work(shared) is not None


    @pytest.mark.parametrize("n", [40_001, 40_002])
    def test_params(n):
        assert work(n) is not None


    class Case(unittest.TestCase):
        def test_steady(self):
            assert Thing().method() > 0


    def test_tiny():
        pass


    def test_skipped():
        pytest.skip("not today")
    """
# For a change this large, these are enough even if two of them are interrupted.
REPLICATES = 7
CHANGED = ["test_work", "test_params[40001]", "test_params[40002]"]


def join(*parts):
    return "\n\n".join(parts)


@pytest.fixture
def tested(repository):
    """A project without benchmarks, under src, whose head is 30 times slower."""
    repository.commit({"src/pkg/__init__.py": "", "src/pkg/core.py": join(FAST, STEADY), "tests/test_core.py": TESTS})
    repository.commit({"src/pkg/core.py": join(SLOW, STEADY)})
    return repository


@pytest.fixture
def profile(deadheat_command):
    def run(*arguments, replicates=2, tests=(), **keywords):
        after = ["--", *tests] if tests else []
        return deadheat_command("profile", "--json", "--replicates", replicates, *arguments, *after, **keywords)

    return run


def verdicts(outcome):
    return {row["test"].rpartition("::")[2]: row["verdict"] for row in outcome.report["tests"]}


def functions(outcome):
    return {row["qualname"]: row for row in outcome.report["functions"]}


def test_a_slower_function_is_found_in_both_tables_on_every_version(
    tested, deadheat_command, oldest_and_newest, tmp_path
):
    before = tested.state()
    file = tmp_path / "profile.json"
    wanted = ["--python", oldest_and_newest, "--replicates", REPLICATES, "-o", file]
    outcome = deadheat_command("profile", "HEAD^", "HEAD", *wanted)
    assert outcome.code == 0, outcome.err
    assert tested.state() == before
    assert "functions with many calls look slower than they are" in outcome.out
    assert "not profiled" in outcome.out
    answer = outcome.out.splitlines()[-1]
    assert answer.startswith("Of 5 tests: ")
    assert "of the functions, work changed most: +" in answer
    outcome.out = file.read_text()
    assert [verdicts(outcome)[name] for name in CHANGED] == ["regressed"] * 3
    assert verdicts(outcome)["test_tiny"] is None
    assert outcome.missing() == {"test_skipped": ("skipped", None)}
    report = outcome.report
    first = report["functions"][0]
    assert (first["path"], first["qualname"], first["change"]) == ("src/pkg/core.py", "work", "modified")
    assert (first["base"]["calls"], first["head"]["calls"]) == (3, 3)
    assert first["is_different"]
    assert first["self_estimate"]["point_estimate"] > 2
    assert first["self_estimate"]["confidence_interval"]["lower_bound"] > 1
    assert first["base"]["total_ns"] >= first["base"]["self_ns"] > 0
    method = functions(outcome)["Thing.method"]
    assert method["base"]["total_ns"] > method["base"]["self_ns"] * 5
    # Tests are not functions of the project.
    assert {row["path"] for row in report["functions"]} == {"src/pkg/core.py"}
    assert report["schema_version"] == 1
    assert report["settings"]["arguments"] == ["tests"]
    assert report["settings"]["replicates"] == REPLICATES
    assert len(report["tests"][0]["replicates"]) == REPLICATES
    assert outcome.warnings() == []


def test_what_pytest_refuses_and_what_was_meant_for_it_have_hints(tested, deadheat_command):
    for arguments in (["nosuch.py"], ["--badopt"]):
        outcome = deadheat_command("profile", "HEAD", "HEAD", "--", *arguments)
        assert outcome.code == 3
        assert "hint: arguments after `--` go to pytest" in outcome.err
    path = "tests/test_core.py"
    for name, words in (("profile", f"deadheat profile -- {path}"), ("compare", f"deadheat compare --tests {path}")):
        outcome = deadheat_command(name, path)
        assert outcome.code == 2
        assert words in outcome.err


def test_the_arguments_choose_the_tests(tested, profile):
    # A path into the checkout is meant for both sides' worktrees.
    nodes = [
        "tests/test_core.py::test_work",
        "tests/test_core.py::Case",
        f"{tested.folder.resolve()}/tests/test_core.py::test_tiny",
    ]
    outcome = profile("HEAD^", "HEAD", tests=[*nodes, "-k", "steady or tiny"])
    assert outcome.code == 0, outcome.err
    chosen = {"tests/test_core.py::Case::test_steady", "tests/test_core.py::test_tiny"}
    assert {row["test"] for row in outcome.report["tests"]} == chosen
    assert set(functions(outcome)) >= {"steady", "Thing.method"}
    assert "work" not in functions(outcome)


def test_tests_beside_the_code_are_found_and_are_no_functions_of_the_project(repository, profile):
    test = "from pkg import work\n\n\ndef test_work():\n    assert work(5)\n"
    repository.commit({"pkg/__init__.py": FAST, "pkg/tests/__init__.py": "", "pkg/tests/test_work.py": test})
    outcome = profile("HEAD", "HEAD")
    assert outcome.code == 0, outcome.err
    assert set(verdicts(outcome)) == {"test_work"}
    assert set(functions(outcome)) == {"work"}


def test_what_one_side_cannot_run_is_left_out_and_the_rest_goes_on(tested, profile):
    tested.commit({"tests/test_old.py": "def test_old():\n    pass\n", "tests/test_lost.py": "def test_lost(): pass\n"})
    tested.commit(
        {
            "tests/test_old.py": None,
            "tests/test_lost.py": "import nowhere_to_be_found\n\n\ndef test_lost(): pass\n",
            "tests/test_new.py": "from pkg.core import work\n\n\ndef test_new():\n    assert work(3)\n",
            "tests/test_core.py": join(
                TESTS.replace("is not None", "is not None and n != 40_002"),
                "    def test_extra():\n        assert work(50_000)",
            ).replace("assert work(shared) is not None and n != 40_002", "assert work(shared) == 'broken'"),
        }
    )
    outcome = profile("HEAD^", "HEAD", tests=["tests", "-x"])
    assert outcome.code == 0, outcome.err
    assert outcome.missing() == {
        "test_work": ("failed", "head"),
        "test_params[40002]": ("failed", "head"),
        "test_skipped": ("skipped", None),
        "test_old": ("only_base", "base"),
        "test_new": ("only_head", "head"),
        "test_extra": ("only_head", "head"),
        "tests/test_lost.py": ("failed", "head"),
    }
    messages = {row["benchmark"].rpartition("::")[2]: row["message"] for row in outcome.report["missing"]}
    assert "== 'broken'" in messages["test_work"]
    assert "nowhere_to_be_found" in messages["tests/test_lost.py"]
    # The calls of tests that failed or are on one side only are not compared.
    work = functions(outcome)["work"]
    assert (work["base"]["calls"], work["head"]["calls"]) == (1, 1)
    assert outcome.report["counts"]["failed"] == 3


def test_tests_that_fail_on_both_sides_are_an_error_with_pytests_words(repository, profile):
    repository.commit({"pkg.py": "", "tests/test_a.py": "def test_a():\n    assert 1 == 2\n"})
    repository.commit({})
    outcome = profile("HEAD^", "HEAD")
    assert outcome.code == 3
    assert "no test passes on both sides" in outcome.err
    assert "assert 1 == 2" in outcome.err
    assert outcome.missing() == {"test_a": ("failed", None)}
    assert outcome.warnings() == ["nothing_measured"]


def test_no_tests_and_wrong_arguments_are_errors(repository, profile):
    repository.commit({"pkg.py": ""})
    repository.commit({})
    outcome = profile("HEAD^", "HEAD")
    assert outcome.code == 3
    assert "pytest found no tests on either side" in outcome.err
    assert "deadheat profile -- PATH" in outcome.err
    outcome = profile("HEAD^", "HEAD", tests=["nothing/test_here.py"])
    assert outcome.code == 3
    assert "could not run the tests on base" in outcome.err
    assert "nothing/test_here.py" in outcome.err


def test_a_crash_is_told_with_the_side_and_the_test(tested, profile):
    tested.commit({"tests/test_crash.py": "import os\n\n\ndef test_crash():\n    os._exit(7)\n"})
    outcome = profile("HEAD^", "HEAD")
    assert outcome.code == 3
    assert "did not finish on head: the process ended: exit status: 7" in outcome.err
    assert outcome.err.count("running tests/test_crash.py::test_crash") == 1
    assert "--deselect" in outcome.err


HANG = """\
    import threading


    def test_hang():
        threading.Event().wait()
    """


def test_a_test_that_never_ends_is_stopped(tested, profile):
    tested.commit({"tests/test_hang.py": HANG})
    outcome = profile("HEAD", "HEAD", "--timeout", "4", tests=["tests/test_hang.py"])
    assert outcome.code == 4, outcome.err
    assert "--timeout" in outcome.err
    assert outcome.report["partial"]


def test_an_interrupt_ends_the_run_and_leaves_nothing(tested):
    tested.commit({"tests/test_hang.py": HANG})
    before = tested.state()
    process = subprocess.Popen(
        command("profile", "HEAD^", "HEAD"), cwd=tested.folder, stderr=subprocess.PIPE, text=True
    )
    for line in process.stderr:
        if line.startswith("running the tests"):
            break
    process.send_signal(signal.SIGINT)
    process.stderr.read()
    assert process.wait(60) == 4
    assert tested.state() == before


NOISY = """\
    import atexit, logging, os, subprocess, sys, threading, warnings

    from pkg.core import work

    print("printed at import")
    atexit.register(print, "printed at the end")


    def test_noisy(capfd):
        print("x" * 200_000)
        sys.stderr.write("\\udcff"[:0] + "err")
        os.write(1, b'{"reply": "stopped"}\\n')
        subprocess.run(["echo", '{"reply": "stopped"}'])
        with capfd.disabled():
            os.write(1, b"{}\\n")
            os.system("echo child")
        assert sys.stdin.closed or sys.stdin.read(1) == ""
        assert work(100)


    def test_fork():
        child = os.fork()
        if child == 0:
            return
        os.waitpid(child, 0)
        assert work(100)


    def test_closes():
        threading.Thread(target=print, args=("from a thread",)).start()
        logging.warning("logged")
        warnings.warn("warned")
        assert work(100)
    """


def test_what_tests_print_or_fork_breaks_nothing(tested, profile):
    tested.commit({"tests/test_noisy.py": NOISY})
    outcome = profile("HEAD", "HEAD", tests=["tests/test_noisy.py", "-s"])
    assert outcome.code == 0, outcome.err
    assert set(verdicts(outcome)) == {"test_noisy", "test_fork", "test_closes"}
    assert functions(outcome)["work"]["base"]["calls"] == 3


PLUGINS = """\
    [tool.pytest.ini_options]
    addopts = "-n auto --cov=pkg --cov-fail-under=100 --timeout=60 --benchmark-min-rounds=3 -x --durations=3"
    """
WITH_BENCHMARK = """\
    import cProfile

    import pytest
    from pkg.core import work


    def test_benchmark(benchmark):
        assert benchmark(work, 1_000) is not None


    def test_pedantic(benchmark):
        calls = []
        benchmark.pedantic(lambda: calls.append(work(10)), rounds=3, iterations=1)
        assert len(calls) == 3


    def test_profiles_itself():
        assert cProfile.Profile().runcall(work, 10) is not None
    """


def test_other_plugins_are_neutral(tested, profile):
    """The interpreter of these tests has the plugins."""
    tested.commit({"pyproject.toml": PLUGINS, "tests/test_plugins.py": WITH_BENCHMARK})
    chosen = ["tests/test_plugins.py", "-k", "not itself"]
    outcome = profile("HEAD", "HEAD", "--python", sys.executable, tests=chosen)
    assert outcome.code == 0, outcome.err
    assert set(verdicts(outcome)) == {"test_benchmark", "test_pedantic"}
    assert functions(outcome)["work"]["base"]["calls"] == 4
    assert outcome.warnings() == []
    assert not (tested.folder / ".coverage").exists()


def test_a_benchmark_calls_its_function_once_on_every_version(tested, profile, oldest_and_newest):
    tested.commit({"tests/test_plugins.py": WITH_BENCHMARK})
    outcome = profile("HEAD", "HEAD", "--python", oldest_and_newest, tests=["tests/test_plugins.py"])
    assert outcome.code == 0, outcome.err
    assert set(verdicts(outcome)) == {"test_benchmark", "test_pedantic", "test_profiles_itself"}
    # Before 3.12 the test's profiler replaces ours; since then the two cannot always run at the same time.
    assert functions(outcome)["work"]["base"]["calls"] in (4, 5)
    assert set(outcome.warnings()) <= {"not_profiled"}


def test_the_project_must_come_from_the_worktree(tested, profile):
    copy = tested.folder.parent / "copy"
    (copy / "pkg").mkdir(parents=True)
    (copy / "pkg" / "__init__.py").write_text("")
    (copy / "pkg" / "core.py").write_text("def work(n):\n    return n\n")
    tested.commit(
        {
            "conftest.py": f"import sys\nsys.path.insert(0, {str(copy)!r})\n",
            "tests/test_core.py": "from pkg.core import work\n\n\ndef test_work():\n    assert work(1)\n",
        }
    )
    outcome = profile("HEAD", "HEAD")
    assert outcome.code == 3
    assert "was imported from" in outcome.err
    assert "not from the worktree of base" in outcome.err


def test_uncommitted_changes_are_compared(tested, profile):
    tested.write({"src/pkg/core.py": join(FAST, STEADY)})
    outcome = profile("--working-tree", tests=["tests/test_core.py::test_work"])
    assert outcome.code == 0, outcome.err
    assert outcome.report["revisions"]["head"]["dirty"]
    assert is_clearly_faster(outcome.report["tests"][0])


def test_seconds_are_not_spent_beyond_the_budget(tested, deadheat_command):
    node = "tests/test_core.py::test_tiny"
    outcome = deadheat_command("profile", "HEAD^", "HEAD", "--json", "--budget", "0.1", "--", node)
    assert outcome.report["settings"]["replicates"] == 3
    assert outcome.report["settings"]["budget_seconds"] == 0.1
