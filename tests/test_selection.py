"""Which benchmarks run a change, however they run it; the others are left out."""

import pytest

from conftest import short

CORE = """\
    import functools
    import threading


    def unused(n):
        return n


    def in_fixture(n):
        return list(range(n))


    def in_session(n):
        return n


    def in_thread(n):
        return n


    def in_child(n):
        return n


    def at_import(n):
        return n


    @functools.lru_cache(maxsize=None)
    def cached(n):
        return n


    VALUE = at_import(3)
    TABLE = {1: 2}


    def run_thread(n):
        results = []
        thread = threading.Thread(target=lambda: results.append(in_thread(n)))
        thread.start()
        thread.join()
        return results


    class Stack:
        def __init__(self):
            self.items = []

        def push(self, item):
            self.items.append(item)
    """
SUITE = {
    "pkg/__init__.py": "",
    "pkg/core.py": CORE,
    "pkg/lazy.py": "from pkg.core import at_import as other\n\nWAY = 'at_import'\n",
    "benchmarks/conftest.py": """\
        import pytest

        from pkg import core


        @pytest.fixture
        def data():
            return core.in_fixture(10)


        @pytest.fixture(scope="session")
        def session_data():
            return core.in_session(10)
        """,
    "benchmarks/test_a.py": """\
        import os

        from pkg import core


        def test_nothing(benchmark):
            benchmark(sum, [1, 2])


        def test_fixture(benchmark, data):
            benchmark(len, data)


        def test_session(benchmark, session_data):
            benchmark(abs, session_data)


        def test_thread(benchmark):
            benchmark(core.run_thread, 3)


        def test_child(benchmark):
            def in_child():
                child = os.fork()
                if child == 0:
                    os._exit(core.in_child(0))
                os.waitpid(child, 0)

            benchmark(in_child)


        def test_cached_first(benchmark):
            benchmark(core.cached, 5)


        def test_cached_second(benchmark):
            benchmark(core.cached, 5)


        def test_table(benchmark):
            benchmark(dict, core.TABLE)
        """,
}
ALL = {"nothing", "fixture", "session", "thread", "child", "cached_first", "cached_second", "table"}


def changed(*names):
    """Returns the code with one more statement, which costs next to nothing, in each of these functions."""
    core = CORE
    for name in names:
        core = core.replace(f"def {name}(n):\n", f"def {name}(n):\n        extra = n\n")
    return core


@pytest.fixture
def reached(repository, compare):
    """The benchmarks that a dry run would measure after a change of the code."""

    def run(core, *arguments):
        repository.commit(SUITE)
        repository.commit({"pkg/core.py": core})
        outcome = compare("HEAD^", "HEAD", "--dry-run", *arguments)
        assert outcome.code == 0, outcome.err
        measured = {short(benchmark).removeprefix("test_") for benchmark in outcome.report["plan"]["benchmarks"]}
        missing = {
            name.removeprefix("test_") for name, (reason, _) in outcome.missing().items() if reason == "not_reached"
        }
        assert measured | missing == ALL
        assert not measured & missing
        # `child` starts another process, whose calls cannot be seen.
        assert "child" in measured
        return measured - {"child"}, outcome

    return run


def test_what_runs_a_change_is_known_however_it_runs_it(reached, oldest_and_newest):
    expected = {
        "in_fixture": {"fixture"},
        "in_session": ALL - {"child"},
        "in_thread": {"thread"},
        "in_child": set(),
        "at_import": ALL - {"child"},
        "unused": set(),
    }
    measured, outcome = reached(changed(*expected), "--python", oldest_and_newest)
    assert measured == ALL - {"child"}
    by = {
        target["qualname"]: {short(one).removeprefix("test_") for one in target["reached_by"]} - {"child"}
        for target in outcome.report["target_functions"]
    }
    assert by == expected
    assert [words for words in outcome.warnings() if words == "function_not_reached"] == ["function_not_reached"]


def test_what_runs_no_change_is_left_out_and_what_an_earlier_benchmark_ran_for_it_is_not(reached, oldest_and_newest):
    measured, outcome = reached(changed("in_thread", "cached"), "--python", oldest_and_newest)
    assert measured == {"thread", "cached_first", "cached_second"}
    assert outcome.report["selection"]["rule"] == "reached"
    assert outcome.warnings() == []


def test_a_constant_that_only_a_benchmark_names_reaches_that_benchmark(reached):
    measured, outcome = reached(CORE.replace("TABLE = {1: 2}", "TABLE = {1: 3}"))
    assert measured == {"table"}
    assert outcome.targets() == {}


def test_a_change_that_no_benchmark_runs_ends_well_and_says_so(repository, compare):
    suite = SUITE["benchmarks/test_a.py"].replace("os.fork()", "os.getpid()").replace("os.waitpid(child, 0)", "pass")
    repository.commit({**SUITE, "benchmarks/test_a.py": suite})
    repository.commit({"pkg/core.py": changed("unused")})
    outcome = compare("HEAD^", "HEAD")
    assert outcome.code == 0
    assert outcome.report["comparisons"] == []
    assert outcome.report["summary"]["counts"]["not_reached"] == len(ALL)
    assert outcome.warnings() == ["function_not_reached", "no_benchmark_reaches"]
    assert len(compare("HEAD^", "HEAD", "--all", "-k", "nothing or fixture", replicates=2).verdicts()) == 2


def test_spawned_children_run_as_they_do_without_us_and_are_measured(repository, compare, oldest_and_newest):
    repository.commit(
        {
            "pkg/__init__.py": "",
            "pkg/core.py": CORE,
            "benchmarks/test_b.py": """\
                import multiprocessing

                from pkg import core


                def spawn():
                    process = multiprocessing.get_context("spawn").Process(target=core.in_child, args=(0,))
                    process.start()
                    process.join()
                    assert process.exitcode == 0


                def test_spawn(benchmark):
                    benchmark.pedantic(spawn)


                def test_nothing(benchmark):
                    benchmark(sum, [1, 2])
                """,
        }
    )
    repository.commit({"pkg/core.py": changed("in_child")})
    outcome = compare("HEAD^", "HEAD", "--python", oldest_and_newest, replicates=2)
    assert outcome.code == 0, outcome.err
    assert set(outcome.verdicts()) == {"test_spawn"}
    assert outcome.missing() == {"test_nothing": ("not_reached", None)}


def test_code_that_bypasses_the_watch_is_never_called_not_reached(repository, compare, oldest_and_newest):
    repository.commit(
        {
            "pkg/__init__.py": "",
            "pkg/script.py": "def work():\n    return 1\n\n\nwork()\n",
            "benchmarks/test_b.py": """\
                import runpy

                import pkg


                def test_script(benchmark):
                    benchmark(runpy.run_path, pkg.__path__[0] + "/script.py")


                def test_nothing(benchmark):
                    benchmark(sum, [1, 2])
                """,
        }
    )
    repository.commit({"pkg/script.py": "def work():\n    return 1 + 1\n\n\nwork()\n"})
    outcome = compare("HEAD^", "HEAD", "--dry-run", "--python", oldest_and_newest)
    assert outcome.report["plan"]["benchmarks"] == ["benchmarks/test_b.py::test_script"]
