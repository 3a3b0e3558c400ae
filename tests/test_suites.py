"""Ordinary tests as benchmarks, and the side that the benchmarks come from."""

import os
import socket
import textwrap

import pytest

from conftest import WORK, WORK_FROM_FILE, short

# The clock of counted workers.
NS_PER_LINE = 30_000
SLOW, FAST = WORK.format(times=30), WORK.format(times=1)
TESTS = """\
    import unittest

    import pytest
    from pkg.core import work

    MADE = []


    @pytest.fixture(scope="module")
    def shared():
        MADE.append("shared")
        yield 100
        assert MADE.count("shared") == 1


    @pytest.fixture
    def fresh():
        MADE.append("fresh")
        values = []
        yield values
        assert values == ["used once"]


    def test_fixtures(shared, fresh):
        fresh.append("used once")
        work(shared)


    @pytest.mark.parametrize("n", [100])
    def test_params(n):
        assert work(n) is not None


    class TestMethods:
        def test_method(self, tmp_path):
            # Each call has a folder of its own.
            assert tmp_path not in MADE
            MADE.append(tmp_path)
            work(500)


    class Case(unittest.TestCase):
        def setUp(self):
            self.n = 100

        def test_case(self):
            work(self.n)


    def test_skipped():
        pytest.skip("not today")


    def test_broken():
        assert work(1) == -1
    """


@pytest.fixture
def tested(repository):
    """Two commits of a project that has tests and no benchmarks."""
    repository.commit({"pkg/__init__.py": "", "pkg/core.py": SLOW, "tests/test_core.py": TESTS})
    repository.commit({"pkg/core.py": FAST})
    return repository


def test_ordinary_tests_are_timed_on_every_version(tested, compare, oldest_and_newest):
    wanted = ["--tests", "tests/test_core.py", "--python", oldest_and_newest]
    outcome = compare("HEAD^", "HEAD", *wanted)
    assert outcome.code == 0, outcome.err
    assert outcome.clearly_faster() == {"test_fixtures", "test_params[100]", "test_method", "test_case"}
    assert outcome.missing() == {"test_skipped": ("skipped", None), "test_broken": ("failed", None)}
    functions = outcome.report["comparisons"][0]["functions"]
    assert [(row["qualname"], row["head"]["calls"]) for row in functions] == [("work", 1)]


def test_one_test_of_a_file_and_a_file_that_holds_benchmarks(tested, compare):
    mixed = """\
        from pkg.core import work


        def test_benchmark(benchmark):
            benchmark(work, 500)


        def test_plain():
            work(500)
        """
    # Both sides run head's tests.
    tested.commit({"tests/test_mixed.py": mixed})
    method = "tests/test_core.py::TestMethods::test_method"
    outcome = compare("HEAD^^", "HEAD", "--tests", method, "--tests", "tests/test_mixed.py")
    assert outcome.clearly_faster() == {"test_method", "test_benchmark", "test_plain"}
    assert outcome.missing() == {}, outcome.report["missing"]


def test_a_project_without_benchmarks_is_told_of_its_tests(tested, compare):
    outcome = compare("HEAD^", "HEAD")
    assert outcome.code == 3
    for way in ("--tests tests/test_thing.py::test_name", "deadheat profile -- tests", "deadheat micro"):
        assert way in outcome.err
    outcome = compare("HEAD^", "HEAD", "--benchmarks-root", "test")
    assert outcome.code == 3
    assert "did you mean `tests`?" in outcome.err
    assert "deadheat profile -- tests" in outcome.err


BENCHMARK = """\
    from pkg.core import work


    def test_{name}(benchmark):
        benchmark(work, {n})


    def test_shared(benchmark):
        benchmark(work, {n})
    """


@pytest.fixture
def changed_benchmarks(repository):
    """A project whose head is 30 times as fast, with a benchmark that does 30 times the work."""
    files = {"pkg/__init__.py": "", "pkg/core.py": SLOW, "benchmarks/test_b.py": BENCHMARK.format(name="old", n=5)}
    repository.commit(files)
    repository.commit({"pkg/core.py": FAST, "benchmarks/test_b.py": BENCHMARK.format(name="new", n=150)})
    return repository


@pytest.mark.counted
def test_heads_benchmarks_are_the_usual_ones(changed_benchmarks, compare):
    outcome = compare("HEAD^", "HEAD")
    assert outcome.verdicts() == {"test_new": "improved", "test_shared": "improved"}
    # 150 numbers take 300 lines; the old benchmark has 5 numbers.
    for row in outcome.report["comparisons"]:
        assert 300 <= row["head"]["median_ns"] / NS_PER_LINE < 310


@pytest.mark.counted
def test_bases_benchmarks_on_both_sides(changed_benchmarks, compare):
    outcome = compare("HEAD^", "HEAD", "--benchmarks-from", "base")
    assert outcome.verdicts() == {"test_old": "improved", "test_shared": "improved"}
    assert outcome.report["settings"]["benchmarks_from"] == "base"


@pytest.mark.counted
def test_own_benchmarks_are_marked_where_they_differ(changed_benchmarks, compare):
    outcome = compare("HEAD^", "HEAD", "--benchmarks-from", "own")
    (row,) = outcome.report["comparisons"]
    assert row["benchmark"].endswith("::test_shared")
    # 30 times as fast, with 30 times the work.
    assert 0.5 < row["estimate"]["point_estimate"] < 2
    assert "benchmark_differs" in [warning["code"] for warning in row["warnings"]]
    assert outcome.missing() == {"test_old": ("only_base", "base"), "test_new": ("only_head", "head")}


ALONE = """\
    import os
    import socket
    import pytest
    from pkg.core import work


    @pytest.fixture(scope="session")
    def server():
        with socket.create_server(("127.0.0.1", {port})) as server:
            yield server


    @pytest.fixture
    def lock():
        os.close(os.open({lock!r}, os.O_CREAT | os.O_EXCL))
        yield
        os.unlink({lock!r})


    @pytest.fixture
    def polite_lock():
        try:
            os.close(os.open({other_lock!r}, os.O_CREAT | os.O_EXCL))
        except FileExistsError:
            pytest.skip("somebody else is here")
        yield
        os.unlink({other_lock!r})


    def test_locked(benchmark, lock):
        benchmark(work, 500)


    def test_served(benchmark, server):
        benchmark(work, 500)


    def test_served_in_the_call(benchmark):
        def serve():
            with socket.create_server(("127.0.0.1", {other_port})):
                # Long enough for both sides to be asked at once.
                sum(range(3_000_000))
                work(500)

        benchmark(serve)


    def test_skips_when_locked(benchmark, polite_lock):
        benchmark(work, 500)


    def test_usual(benchmark):
        benchmark(work, 500)
    """


def test_what_cannot_be_taken_twice_is_measured_one_side_after_the_other(repository, compare, tmp_path):
    with socket.create_server(("127.0.0.1", 0)) as free, socket.create_server(("127.0.0.1", 0)) as other:
        ports = {"port": free.getsockname()[1], "other_port": other.getsockname()[1]}
    benchmarks = ALONE.format(lock=str(tmp_path / "lock"), other_lock=str(tmp_path / "other"), **ports)
    repository.commit({"pkg/__init__.py": "", "pkg/core.py": SLOW, "benchmarks/test_b.py": benchmarks})
    repository.commit({"pkg/core.py": FAST})
    outcome = compare("HEAD^", "HEAD", replicates=5)
    assert outcome.missing() == {}, outcome.report["missing"]
    rows = {short(row["benchmark"]): row for row in outcome.report["comparisons"]}
    reasons = {
        "test_locked": "File exists",
        "test_served": "already in use",
        "test_served_in_the_call": "already in use",
        "test_skips_when_locked": "somebody else is here",
    }
    assert set(rows) == {*reasons, "test_usual"}
    for name, row in rows.items():
        words = [warning["message"] for warning in row["warnings"] if warning["code"] == "one_side_at_a_time"]
        if name == "test_usual":
            assert words == []
        else:
            assert "one after the other" in words[0]
            assert reasons[name] in words[0]
        # In this one, `work` takes the smallest part of the time.
        if name != "test_served_in_the_call":
            assert name in outcome.clearly_faster()
            # `work` adds up 30 times as much on base, and returns the sum.
            assert row["output"] == "different"
        assert row["functions"][0]["qualname"] == "work"
        orders = [replicate["pairs"][0]["order"] for replicate in row["replicates"]]
        assert set(orders) == {"base_head", "head_base"}


SKIPS_ON_ONE_CORE = """\
    import os

    import pytest

    from pkg.core import work


    @pytest.mark.skipif(len(os.sched_getaffinity(0)) < 2, reason="needs two cores")
    def test_two(benchmark):
        benchmark(work, 200)


    def test_work(benchmark):
        benchmark(work, 200)
    """


@pytest.mark.skipif(not hasattr(os, "sched_getaffinity"), reason="processes cannot be given cores here")
def test_what_skips_itself_on_one_core_says_how_it_gets_more(repository, compare):
    if len(os.sched_getaffinity(0)) == 1:
        pytest.skip("there is one core only")
    repository.commit({"pkg/__init__.py": "", "pkg/core.py": SLOW, "benchmarks/test_b.py": SKIPS_ON_ONE_CORE})
    repository.commit({"pkg/core.py": FAST})
    outcome = compare("HEAD^", "HEAD")
    assert outcome.clearly_faster() == {"test_work"}
    (skipped,) = outcome.report["missing"]
    assert skipped["message"].endswith(
        "needs two cores; it ran before it was put on one core: --no-pin leaves it all of them"
    )
    assert outcome.missing() == {"test_two": ("skipped", None)}
    plan = compare("HEAD^", "HEAD", "--no-pin", "--dry-run").report["plan"]
    assert {short(benchmark) for benchmark in plan["benchmarks"]} == {"test_two", "test_work"}


BUSY = """\
    import hashlib
    import multiprocessing
    import threading
    import time
    import pytest
    from pkg.core import TIMES, work

    # So many that their share is large whatever else wants the core.
    MANY = 8


    def spin(until):
        while not until.is_set():
            # Without the interpreter's lock.
            hashlib.pbkdf2_hmac("sha256", b"", b"", 2_000)


    @pytest.fixture
    def server():
        context = multiprocessing.get_context("fork")
        stop = context.Event()
        processes = [context.Process(target=spin, args=(stop,)) for _ in range(MANY)]
        for process in processes:
            process.start()
        yield
        stop.set()
        for process in processes:
            process.join()


    @pytest.fixture
    def threads():
        stop = threading.Event()
        # On head only.
        threads = [threading.Thread(target=spin, args=(stop,)) for _ in range(MANY if TIMES == 29 else 0)]
        for thread in threads:
            thread.start()
        yield
        stop.set()
        for thread in threads:
            thread.join()


    def call():
        work(10)
        # Leaves the core to others for many of the kernel's time slices.
        time.sleep(0.03)


    def test_beside_a_server(benchmark, server):
        benchmark(call)


    def test_beside_threads(benchmark, threads):
        benchmark(call)
    """


def test_a_side_that_is_busy_while_it_waits_is_said(repository, compare):
    files = {"pkg/__init__.py": "", "pkg/core.py": WORK_FROM_FILE, "pkg/times": "30", "benchmarks/test_b.py": BUSY}
    repository.commit(files)
    repository.commit({"pkg/times": "29"})
    outcome = compare("HEAD^", "HEAD", "--all")
    busy = {}
    for row in outcome.report["comparisons"]:
        words = [warning["message"] for warning in row["warnings"] if warning["code"] == "idle_side_busy"]
        busy[short(row["benchmark"])] = {message.split()[0] for message in words}
    assert busy["test_beside_a_server"] == {"base", "head"}
    assert "head" in busy["test_beside_threads"]


HASHES = """\
    import hashlib
    import os
    from concurrent.futures import ThreadPoolExecutor

    CORES = len(os.sched_getaffinity(0))
    NUMBERS = range(8)
    POOL = ThreadPoolExecutor(2)


    def digest(number):
        # Some hundredths of a second without the interpreter's lock, and nothing to send to another process.
        return hashlib.pbkdf2_hmac("sha256", b"", bytes([number]), 60_000).hex()


    def one_by_one():
        return [digest(number) for number in NUMBERS]


    def in_threads():
        return one_by_one()


    def in_processes(pool):
        return one_by_one()
    """
ON_SEVERAL_CORES = """\
    import multiprocessing

    import pytest
    from pkg.core import CORES, in_processes, in_threads, one_by_one


    @pytest.fixture
    def pool():
        with multiprocessing.get_context("fork").Pool(2) as pool:
            yield pool


    def test_one_by_one(benchmark):
        benchmark(one_by_one)


    def test_in_threads(benchmark):
        benchmark(in_threads)
        assert CORES == {cores}


    def test_in_processes(benchmark, pool):
        benchmark(in_processes, pool)
        assert CORES == {cores}
    """


@pytest.mark.skipif(not hasattr(os, "sched_getaffinity"), reason="processes cannot be given cores here")
def test_what_uses_several_cores_gets_them(repository, compare):
    cores = len(os.sched_getaffinity(0))
    if cores == 1:
        pytest.skip("there is one core only")
    suite = ON_SEVERAL_CORES.format(cores=cores)
    base = {"pkg/__init__.py": "", "pkg/core.py": HASHES, "benchmarks/test_b.py": suite}
    repository.commit(base)
    parallel = HASHES.replace("def digest(number):", "def digest(number, /):")
    for name, mapped in ("in_threads", "POOL.map"), ("in_processes", "pool.map"):
        head, call = f"def {name}", "return one_by_one()"
        before, found, after = parallel.partition(head)
        parallel = before + found + after.replace(call, f"return list({mapped}(digest, NUMBERS))", 1)
    repository.commit({"pkg/core.py": parallel})
    report = compare("HEAD^", "HEAD", timeout=600).report
    assert report["missing"] == []
    rows = {short(row["benchmark"]): row for row in report["comparisons"]}
    assert {name for name, row in rows.items() if row.get("several_cores")} == {"test_in_threads", "test_in_processes"}
    for name, row in rows.items():
        codes = [warning["code"] for warning in row["warnings"]]
        assert ("several_cores" in codes) == (name != "test_one_by_one")
        clocks = {replicate["clock"] for replicate in row["replicates"]}
        # With pinning, calls this long run on both sides at once if they have one core.
        assert name == "test_one_by_one" or clocks == {"wall"}
    core = str(min(os.sched_getaffinity(0)))
    pinned = compare("HEAD^", "HEAD", "-k", "threads", "--cpu", core, "--dry-run").report
    assert [row["code"] for row in pinned["warnings"] if row["benchmark"]] == ["one_of_several_cores"]


DOUBTFUL = """\
    import pytest
    from pkg.core import walk, work
    from pkg.data import make


    def test_short(benchmark):
        benchmark.pedantic(work, [1], rounds=2)


    @pytest.fixture
    def data():
        return make()


    def test_control(benchmark, data):
        benchmark(walk, data)
    """


def test_too_few_calls_and_a_control_that_moves_are_said(repository, compare):
    """The argument of `walk` is made before anything is timed."""
    core = SLOW + "\n\n    def walk(data):\n        for _ in data:\n            pass\n        return True\n"
    data = "    def make():\n        return range({})\n"
    files = {"pkg/__init__.py": "", "pkg/core.py": core, "pkg/data.py": data.format(1_000)}
    repository.commit(files | {"benchmarks/test_b.py": DOUBTFUL})
    repository.commit({"pkg/data.py": data.format(9_000)})
    outcome = compare("HEAD^", "HEAD", "--all", replicates=3)
    assert outcome.code == 0, outcome.err
    assert outcome.verdicts()["test_control"] == "unexplained"
    assert {"few_samples", "control_moved"} <= set(outcome.warnings()), outcome.report["warnings"]


ODD = """\
    import pytest
    from pkg.core import work


    @pytest.fixture
    def timed(request):
        return request.getfixturevalue("benchmark")


    def test_asked_for(request):
        request.getfixturevalue("benchmark")(work, 500)


    @pytest.mark.benchmark(group="odd")
    def test_asked_for_in_a_fixture(timed):
        timed(work, 500)


    def test_many_long_rounds(benchmark):
        calls = []

        # Some milliseconds, of which no process can spend a thousand.
        benchmark.pedantic(lambda: calls.append(sum(range(300_000))), rounds=1000)
        assert 2 <= len(calls) < 1000
    """


def test_benchmarks_that_are_hard_to_see(repository, compare):
    files = {"pkg/__init__.py": "", "pkg/core.py": WORK_FROM_FILE, "pkg/times": "30", "benchmarks/test_b.py": ODD}
    files["benchmarks/test_skipped.py"] = 'import pytest\n\npytest.importorskip("not_there")  # for a benchmark\n'
    repository.commit(files)
    repository.commit({"pkg/times": "1"})
    outcome = compare("HEAD^", "HEAD", "--all")
    assert outcome.code == 0, outcome.err
    # One benchmark does not call the changed code.
    assert outcome.clearly_faster() == {"test_asked_for", "test_asked_for_in_a_fixture"}
    assert set(outcome.verdicts()) == {"test_asked_for", "test_asked_for_in_a_fixture", "test_many_long_rounds"}
    assert [(row["benchmark"], row["reason"]) for row in outcome.report["missing"]] == [
        ("benchmarks/test_skipped.py", "skipped")
    ]


def test_every_call_of_an_ordinary_test_is_made_from_a_frame_drawn_for_it(repository, compare, tmp_path):
    """Otherwise, by its place on the stack, one layout could look like a change."""
    sizes = tmp_path / "sizes"
    test = f"""\
        import sys
        from core import work


        def test_work():
            work(500)
            frame, drawn = sys._getframe(), []
            while frame is not None:
                if frame.f_code.co_filename.endswith("layout.py"):
                    drawn.append(frame.f_code.co_stacksize)
                frame = frame.f_back
            with open({str(sizes)!r}, "a") as file:
                print(*drawn, file=file)
        """
    repository.commit({"core.py": SLOW, "test_a.py": test})
    repository.commit({"core.py": FAST})
    outcome = compare("HEAD^", "HEAD", "--tests", "test_a.py")
    assert outcome.verdicts().keys() == {"test_work"}, outcome.err
    drawn = sizes.read_text().splitlines()
    assert all(line.isdecimal() for line in drawn)
    # Each process has 32 frames to choose from.
    assert len(set(drawn)) > 8


def test_tests_beside_the_code_can_be_timed_and_those_of_no_common_folder_are_refused(repository, compare):
    test = "from core import work\n\n\ndef test_work():\n    work(500)\n"
    repository.commit({"core.py": SLOW, "test_a.py": test, "inner/test_b.py": test})
    repository.commit({"core.py": FAST})
    outcome = compare("HEAD^", "HEAD", "--tests", "test_a.py")
    assert outcome.clearly_faster() == {"test_work"}, outcome.err
    outcome = compare("HEAD^", "HEAD", "--tests", "test_a.py", "--tests", "inner/test_b.py")
    assert outcome.code == 2
    assert "share no folder" in outcome.err
    outcome = compare("HEAD^", "HEAD", "--tests", "test_a.py::test_wrok")
    assert outcome.code == 2
    assert "did you mean `test_work`?" in outcome.err


GUARDED = {
    "pyproject.toml": """\
        [tool.pytest.ini_options]
        addopts = "--doctest-modules -p speed"
        faulthandler_timeout = 0.2
        """,
    "pkg/__init__.py": "",
    "pkg/core.py": WORK.format(times=20),
    # Another plugin with a fixture of the same name.
    "speed.py": """\
        import pytest


        @pytest.fixture(scope="session")
        def benchmark():
            return lambda function, *arguments: function(*arguments)
        """,
    "benchmarks/conftest.py": """\
        import sys

        import pytest

        FOR_BENCHMARKS = "--benchmark-only" in sys.argv


        def pytest_collection_modifyitems(config, items):
            if config.option.markexpr != "benchmark":
                for item in items:
                    item.add_marker(pytest.mark.skip(reason="only with -m benchmark"))


        @pytest.fixture
        def asked_for(request):
            manager = request.config.pluginmanager
            if not (
                FOR_BENCHMARKS
                and request.config.getoption("--codspeed")
                and not request.config.getoption("--benchmark-disable")
                and "benchmark" in request.config.getoption("-m")
                and manager.hasplugin("benchmark")
                and manager.hasplugin("codspeed")
            ):
                pytest.skip("benchmarks are not asked for")
        """,
    "benchmarks/test_gates.py": """\
        import sys

        import pytest

        from pkg.core import work

        if "--codspeed" not in sys.argv:
            pytest.skip("run with --codspeed", allow_module_level=True)


        def test_gate(asked_for, benchmark):
            benchmark(work, 200)
        """,
    "benchmarks/test_patched.py": """\
        import json
        import os

        import pytest

        from pkg.core import work


        def refuse(*arguments, **keywords):
            raise OSError("disk full")


        @pytest.mark.parametrize(
            ("module", "name"), [(os, "getpid"), (os, "write"), (os, "_exit"), (json, "dumps"), (json, "loads")]
        )
        def test_patched(benchmark, monkeypatch, module, name):
            monkeypatch.setattr(module, name, refuse)
            benchmark(work, 200)
        """,
    "benchmarks/data/a.txt": "200",
    "benchmarks/test_paths.py": """\
        from pathlib import Path

        import pytest

        from pkg.core import work

        FILES = sorted(map(str, Path(__file__).with_name("data").glob("*.txt")))


        @pytest.mark.parametrize("path", FILES, ids=FILES)
        def test_file(benchmark, path):
            benchmark(work, int(Path(path).read_text()))
        """,
    "benchmarks/test_uncollected.py": "import nothere\n",
    "benchmarks/test_broken.py": """\
        def test_broken(benchmark):
            raise ValueError("boom")
        """,
}


def test_suites_that_are_guarded_or_patch_the_world_are_measured(repository, compare, oldest_and_newest, tmp_path):
    script = f"open({str(tmp_path / 'imported')!r}, 'a').write('x')\n"
    repository.commit({**GUARDED, "benchmarks/regenerate.py": script})
    repository.commit({"pkg/core.py": WORK.format(times=1)})
    environment = {"FORCE_COLOR": "1", "PY_COLORS": "1", "PYTHONPATH": "."}
    outcome = compare("HEAD^", "HEAD", "--python", oldest_and_newest, environment=environment)
    replaced = ("os-getpid", "os-write", "os-_exit", "json-dumps", "json-loads")
    patched = {f"test_patched[{name}]" for name in replaced}
    assert outcome.clearly_faster() == {"test_gate", "test_file[benchmarks/data/a.txt]", *patched}, outcome.err
    broken, uncollected = sorted(outcome.report["missing"], key=lambda row: row["benchmark"])
    assert "ValueError: boom" in broken["message"]
    assert "E   ModuleNotFoundError: No module named 'nothere'" in uncollected["message"]
    assert "\x1b" not in broken["message"] + uncollected["message"]
    assert "\x1b" not in outcome.out + outcome.err
    assert not (tmp_path / "imported").exists()


OF_THE_SESSION = """\
    import os

    import pytest

    from pkg.core import work


    @pytest.fixture(scope="session", params=[100, 200])
    def size(request):
        with open({log!r}, "a") as log:
            print(os.getpid(), request.param, file=log)
        return request.param


    def test_one(benchmark, size):
        benchmark(work, size)


    def test_other(benchmark, size):
        benchmark(work, size)
    """


def test_fixtures_of_the_session_are_set_up_once_in_each_process(repository, compare, tmp_path):
    """pytest groups the tests by the parameter of such a fixture."""
    log = tmp_path / "log"
    suite = OF_THE_SESSION.format(log=str(log))
    repository.commit({"pkg/__init__.py": "", "pkg/core.py": SLOW, "benchmarks/test_b.py": suite})
    repository.commit({"pkg/core.py": FAST})
    outcome = compare("HEAD^", "HEAD", replicates=3)
    assert len(outcome.clearly_faster()) == 4
    set_up = log.read_text().splitlines()
    assert len(set_up) >= 2 * 2 * 3
    assert len(set_up) == len(set(set_up))


RANDOM_IDS = """\
    import uuid

    import pytest

    from pkg.core import work


    @pytest.mark.parametrize("size", [100, 200], ids=lambda size: str(uuid.uuid4()))
    def test_random(benchmark, size):
        benchmark(work, size)
    """


def test_ids_that_change_from_process_to_process_are_told(repository, compare, deadheat_command):
    plain = "from pkg.core import work\n\ndef test_plain(benchmark):\n    benchmark(work, 100)\n"
    suite = {"benchmarks/test_random.py": RANDOM_IDS, "benchmarks/test_plain.py": plain}
    repository.commit({"pkg/__init__.py": "", "pkg/core.py": SLOW, **suite})
    repository.commit({"pkg/core.py": FAST})
    plan = compare("HEAD^", "HEAD", "--dry-run").report
    assert plan["plan"]["benchmarks"] == ["benchmarks/test_plain.py::test_plain"]
    messages = {row["message"] for row in plan["missing"]}
    assert len(messages) == 1
    assert messages.pop().startswith("its id is another one in each process")
    plain = compare("HEAD^", "HEAD", "-k", "plain", "--dry-run").report
    assert "deselected" in {row["code"] for row in plain["warnings"]}
    assert plain["selection"]["reason"] == "every selected benchmark, because each may run what changed"
    alone = deadheat_command("compare", "HEAD^", "HEAD", "-k", "random", "--replicates", "2")
    assert alone.code == 3
    assert "the ids of parameters change from process to process" in alone.err


OPTION_OF_ITS_OWN = """\
    import pytest


    def pytest_addoption(parser):
        parser.addoption("--run-slow", action="store_true")


    def pytest_collection_modifyitems(config, items):
        if not config.getoption("--run-slow"):
            for item in items:
                item.add_marker(pytest.mark.skip(reason="needs --run-slow"))
    """


def test_arguments_for_pytest_come_from_the_command_line_and_the_configuration(repository, compare):
    suite = "from pkg.core import work\n\ndef test_work(benchmark):\n    benchmark(work, 100)\n"
    files = {"conftest.py": OPTION_OF_ITS_OWN, "benchmarks/test_b.py": suite}
    repository.commit({"pkg/__init__.py": "", "pkg/core.py": SLOW, **files})
    repository.commit({"pkg/core.py": FAST})
    skipped = compare("HEAD^", "HEAD")
    assert [row["message"] for row in skipped.report["missing"]] == ["Skipped: needs --run-slow"]
    hints = [row["hint"] for row in skipped.report["warnings"] if row["code"] == "nothing_measured"]
    assert hints == ["--pytest-arg=--run-slow gives pytest that option, on both sides"]
    plan = compare("HEAD^", "HEAD", "--dry-run").report
    assert (plan["plan"]["benchmarks"], [row["reason"] for row in plan["missing"]]) == ([], ["skipped"])
    plan = compare("HEAD^", "HEAD", "--dry-run", "--pytest-arg=--run-slow").report
    assert plan["plan"]["benchmarks"] == ["benchmarks/test_b.py::test_work"]
    assert plan["settings"]["pytest_args"] == ["--run-slow"]
    repository.write({"pyproject.toml": "[tool.deadheat]\npytest-args = ['--run-slow']\n"})
    assert compare("HEAD^", "HEAD").clearly_faster() == {"test_work"}


def test_heads_pytest_settings_are_given_to_base_where_its_benchmarks_need_them(repository, compare):
    settings = "[tool.pytest.ini_options]\naddopts = '--strict-markers'\n"
    benchmark = """\
        import pytest

        from pkg.core import work


        @pytest.mark.heavy
        def test_work(benchmark):
            benchmark(work, 200)
        """
    files = {"pkg/__init__.py": "", "pkg/core.py": WORK.format(times=20), "pyproject.toml": settings}
    repository.commit({**files, "benchmarks/test_b.py": benchmark.replace("@pytest.mark.heavy", "")})
    new = {"pyproject.toml": settings + "markers = ['heavy: slow ones']\n", "benchmarks/test_b.py": benchmark}
    repository.commit({**new, "pkg/core.py": WORK.format(times=1)})
    outcome = compare("HEAD^", "HEAD")
    assert outcome.clearly_faster() == {"test_work"}
    (shared,) = (row for row in outcome.report["warnings"] if row["code"] == "settings_shared")
    assert "`pyproject.toml` of head" in shared["message"]


def test_calls_that_use_up_their_fixtures_get_fixtures_of_their_own(repository, compare):
    benchmark = """\
        import contextlib
        import sqlite3

        import pytest

        from pkg.core import Parser


        @pytest.fixture
        def parser():
            return Parser(range(200))


        @pytest.mark.benchmark
        def test_parse(parser):
            assert parser.parse() in (0, 19900 * 20, 19900 * 200)


        @pytest.fixture
        def table():
            with contextlib.closing(sqlite3.connect(":memory:")) as connection:
                connection.execute("CREATE TABLE numbers (number INTEGER PRIMARY KEY)")
                yield connection


        @pytest.mark.benchmark
        def test_insert(table):
            table.execute("INSERT INTO numbers VALUES (?)", [Parser(range(200)).parse()])


        @pytest.mark.benchmark
        def test_usual(tmp_path):
            Parser(range(10)).parse()
        """
    parser = """\
        class Parser:
            def __init__(self, data):
                self.data = list(data)

            def parse(self):
                total = 0
                while self.data:
                    for _ in range(ROUNDS):
                        total += self.data[-1]
                    self.data.pop()
                return total
        """
    files = {"pkg/__init__.py": "", "benchmarks/test_b.py": benchmark}
    repository.commit({**files, "pkg/core.py": parser.replace("ROUNDS", "200")})
    repository.commit({"pkg/core.py": parser.replace("ROUNDS", "20")})
    outcome = compare("HEAD^", "HEAD")
    assert outcome.missing() == {}
    assert outcome.clearly_faster() == {"test_parse", "test_insert", "test_usual"}
    rows = {short(row["benchmark"]): row for row in outcome.report["comparisons"]}
    assert rows["test_parse"]["set_up_each_call"]
    assert len(rows["test_parse"]["replicates"]) == 2
    (said,) = (row for row in rows["test_parse"]["warnings"] if row["code"] == "set_up_each_call")
    assert "where calls share them" in said["message"]
    # The breakdown covers the same calls.
    (parse,) = rows["test_parse"]["functions"]
    assert parse["base"]["calls"] == 1
    assert parse["base"]["share"] > 0.5
    assert rows["test_insert"]["set_up_each_call"]
    # This test makes its own parser.
    assert "set_up_each_call" not in rows["test_usual"]


def test_files_without_a_benchmark_that_is_measured_are_imported_once(repository, compare, tmp_path):
    log = tmp_path / "log"
    beside = f"""\
        with open({str(log)!r}, "a") as log:
            log.write("imported\\n")


        def test_nothing():
            pass
        """
    benchmark = "from pkg.core import work\n\n\ndef test_work(benchmark):\n    benchmark(work, 10)\n"
    files = {"pkg/__init__.py": "", "pkg/core.py": SLOW, "benchmarks/test_b.py": benchmark}
    repository.commit({**files, "benchmarks/test_beside.py": beside})
    repository.commit({"pkg/core.py": FAST})
    outcome = compare("HEAD^", "HEAD")
    assert outcome.clearly_faster() == {"test_work"}
    # Once on each side, when the benchmarks are collected.
    assert log.read_text().splitlines() == ["imported"] * 2


def test_a_test_that_is_not_there_is_an_argument_error_with_the_likely_names(repository, deadheat_command):
    test = "def test_total():\n    pass\n\n\nclass TestSum:\n    def test_sum(self):\n        pass\n"
    repository.commit({"pkg/__init__.py": "", "pkg/core.py": SLOW, "tests/test_ledger.py": test})
    repository.commit({"pkg/core.py": FAST})
    for asked, likely in [
        ("tests/test_leger.py", "tests/test_ledger.py"),
        ("tests/test_ledger.py::test_totl", "test_total"),
        ("tests/test_ledger.py::test_total[3]", "test_total"),
        ("tests/test_ledger.py::test_sum", "tests/test_ledger.py::TestSum::test_sum"),
    ]:
        outcome = deadheat_command("compare", "HEAD^", "HEAD", "--tests", asked)
        assert outcome.code == 2, outcome.err
        assert f"did you mean `{likely}`?" in outcome.err


def test_what_is_not_committed_is_mentioned(repository, deadheat_command):
    benchmark = "from pkg.core import work\n\n\ndef test_work(benchmark):\n    benchmark(work, 10)\n"
    repository.commit({"pkg/__init__.py": "", "pkg/core.py": SLOW, "benchmarks/test_b.py": benchmark})
    repository.commit({"pkg/core.py": FAST})
    repository.write({"pkg/core.py": SLOW, "benchmarks/test_b.py": benchmark + "\n"})
    said = deadheat_command("compare", "HEAD^", "HEAD", "--dry-run").err
    assert "2 files are changed and not committed: --working-tree measures them" in said
    assert "not committed" not in deadheat_command("compare", "HEAD^", "--working-tree", "--dry-run").err


def test_a_first_call_that_changed_in_another_way_is_said(repository, compare):
    # `order` sorts its argument in place, and the benchmark makes it once.
    benchmark = """\
        import random

        from pkg.core import load, order, total


        def test_load(benchmark):
            benchmark(load)


        def test_order(benchmark):
            data = random.Random(1).sample(range(500), 500)
            benchmark(order, data)


        def test_total(benchmark):
            benchmark(total, 3000)
        """
    slow_where_unsorted = """\
        def order(data):
            for i in range(1, len(data)):
                value, place = data[i], i
                while place and data[place - 1] > value:
                    data[place] = data[place - 1]
                    place -= 1
                data[place] = value


        def total(count):
            return count * (count - 1) // 2
        """
    # A cache is filled by the first call.
    load = "import functools\n\n@functools.cache\ndef load():\n    return sum(range({})) * 0\n\n"
    slow_where_unsorted = load.format(2_000_000) + textwrap.dedent(slow_where_unsorted)
    files = {
        "pkg/__init__.py": "",
        "pkg/core.py": load.format(20_000)
        + "def order(data):\n    data.sort()\n    return sorted(data, key=str) and None\n\n\n"
        "def total(count):\n    found = 0\n    for i in range(count):\n        found += i\n    return found\n",
    }
    repository.commit({**files, "benchmarks/test_b.py": benchmark})
    repository.commit({"pkg/core.py": slow_where_unsorted})
    outcome = compare("HEAD^", "HEAD", replicates=4)
    warnings = [warning for row in outcome.report["comparisons"] for warning in row["warnings"]]
    said = [warning for warning in warnings if warning["code"] == "first_call_differs"]
    assert {short(warning["benchmark"]) for warning in said} >= {"test_load", "test_order"}
    assert all("the verdict is about the later ones" in warning["message"] for warning in said)
    row = next(row for row in outcome.report["comparisons"] if short(row["benchmark"]) == "test_load")
    # The later calls are the same, as far as four replicates can show.
    assert (row["verdict"], row["reason"]) in {("inconclusive", "first_call_changed"), ("inconclusive", "too_wide")}
    assert row["first_call_ns"]["head"] > 10 * row["first_call_ns"]["base"]
