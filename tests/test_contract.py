"""Suites of other benchmark plugins run unchanged, with those plugins installed and without them."""

import random
import runpy
import subprocess
import sys
from pathlib import Path

import pytest
from pytest_benchmark.stats import Stats

import pythons
from conftest import INTERPRETERS, PACKAGE, WORK, WORK_FROM_FILE, environment, is_clearly_faster, short

CORE = (
    WORK_FROM_FILE.replace("return total", "return total * (30 // TIMES)")
    + """

    async def work_async(n):
        return work(n)
    """
)


# The newest Python on this machine.
VERSION = max(INTERPRETERS, key=pythons.VERSIONS.index)
ASYNC = ["pytest-asyncio", "anyio", "trio", "aspectlib"]


# Each set stays in one process of a parallel run, which measures once for all of its tests.
@pytest.fixture(
    scope="module",
    params=[
        pytest.param((name, *needs), id=name.replace("-", "_"), marks=pytest.mark.xdist_group(name))
        for name, *needs in [
            ("without-plugins", "pytest", *ASYNC),
            ("with-plugins", "pytest", "pytest-benchmark>=5,<6", "pytest-codspeed", *ASYNC),
        ]
    ],
)
def python(request):
    name, *needs = request.param
    return environment(name, VERSION, *needs)


@pytest.fixture
def suite(repository, compare, python):
    """Runs suites, given by the ends of their file names, on two commits; head is clearly faster."""

    def run(suites, conftest="", pyproject="", missing=()):
        files = {
            "pkg/__init__.py": "",
            "pkg/core.py": CORE,
            "pkg/times": "30",
            "benchmarks/conftest.py": conftest,
            "pyproject.toml": pyproject,
            **{f"benchmarks/test_{name}.py": text for name, text in suites.items()},
        }
        repository.commit(files)
        repository.commit({"pkg/times": "1"})
        outcome = compare("HEAD^", "HEAD", "--all", "--python", python)
        assert outcome.code == 0, outcome.err
        assert set(outcome.missing()) == set(missing), outcome.report["missing"]
        return outcome

    return run


def rows_of(outcome, name):
    return [row for row in outcome.report["comparisons"] if row["benchmark"].startswith(f"benchmarks/test_{name}.py::")]


def faster(outcome, suite, *names):
    """Checks that exactly these ran and that head, which does a 30th of the work, is clearly faster in each."""
    rows = rows_of(outcome, suite)
    assert [short(row["benchmark"]) for row in rows] == list(names)
    assert all(is_clearly_faster(row) for row in rows), rows
    assert {row["output"] for row in rows} <= {"same", "not_comparable"}


CALL_FORMS = """\
    import time

    import pytest
    from pkg.core import work


    def test_call(benchmark):
        assert benchmark(work, 100) == 148500


    def test_keywords(benchmark):
        assert benchmark(lambda times, n: times * work(n), times=2, n=100) == 297000


    def test_decorator(benchmark):
        @benchmark
        def result():
            return work(100)

        assert result == 148500


    def test_codspeed(codspeed_benchmark):
        codspeed_benchmark(work, 100)


    def test_pedantic(benchmark):
        assert benchmark.pedantic(work, [100], rounds=10, iterations=5, warmup_rounds=1) == 148500


    def test_counted(benchmark):
        calls = []
        benchmark.pedantic(lambda: calls.append(work(100)), rounds=10, iterations=5, warmup_rounds=2)
        assert len(calls) == (10 + 2) * 5


    def test_prepared(benchmark):
        seen = []

        def setup():
            seen.append("set up")
            return (100,), {}

        def teardown(n):
            seen.append("torn down")

        assert benchmark.pedantic(work, setup=setup, teardown=teardown, rounds=3) == 148500
        assert seen.count("set up") == seen.count("torn down") >= 3


    TURNS = []


    def timer():
        TURNS.append("timed")
        return time.perf_counter()


    @pytest.mark.benchmark(timer=timer)
    def test_prepared_and_warmed_up(benchmark):
        def setup():
            TURNS.append("set up")
            return (100,), {}

        TURNS.clear()
        benchmark.pedantic(work, setup=setup, rounds=3, warmup_rounds=2)
        assert TURNS[:4] == ["set up", "set up", "set up", "timed"]


    @pytest.mark.benchmark
    def test_marker():
        work(100)


    @pytest.mark.benchmark(group="one")
    class TestMarked:
        def test_method(self):
            work(100)


    def test_woven(benchmark):
        import pkg.core

        benchmark.weave("pkg.core.work")
        assert pkg.core.work(100) == 148500


    def test_weave_fixture(benchmark_weave):
        import pkg.core

        benchmark_weave("pkg.core.work")
        pkg.core.work(100)
    """


ASYNC_FORMS = """\
    import asyncio
    import gc

    import pytest
    from pkg.core import work, work_async


    def test_target(benchmark):
        assert benchmark(work_async, 100) == 148500


    def test_pedantic_target(benchmark):
        assert benchmark.pedantic(work_async, (100,), rounds=5, iterations=3) == 148500


    async def use_up(numbers):
        return await work_async(numbers.pop())


    def test_prepared_target(benchmark):
        torn_down = []
        asked = {"setup": lambda: (([100],), {}), "teardown": torn_down.append, "rounds": 3}
        assert benchmark.pedantic(use_up, **asked) == 148500
        # Each call's own list.
        assert len(torn_down) >= 3
        assert len({id(numbers) for numbers in torn_down}) == len(torn_down)


    @pytest.mark.asyncio
    async def test_prepared_and_awaited(benchmark):
        torn_down = []
        asked = {"setup": lambda: (([100],), {}), "teardown": torn_down.append, "rounds": 3}
        assert await benchmark.pedantic(use_up, **asked) == 148500
        assert len(torn_down) >= 3


    @pytest.mark.asyncio
    @pytest.mark.benchmark(disable_gc=True)
    async def test_collector_awaited(benchmark):
        enabled = set()

        async def look():
            enabled.add(gc.isenabled())
            return await work_async(100)

        await benchmark(look)
        assert enabled - {True} == {False}
        assert gc.isenabled()
        # The collector passes over everything that pytest and the imports left.
        assert gc.get_freeze_count() > 0


    @pytest.mark.asyncio
    async def test_awaited(benchmark):
        async def on_this_loop():
            assert asyncio.get_running_loop() is loop
            return await work_async(100)

        loop = asyncio.get_running_loop()
        assert await benchmark(on_this_loop) == 148500


    @pytest.mark.asyncio
    async def test_plain_in_async(benchmark):
        assert benchmark(work, 100) == 148500


    @pytest.mark.asyncio
    @pytest.mark.benchmark
    async def test_marked():
        await work_async(1000)


    @pytest.fixture
    def anyio_backend():
        return "asyncio"


    @pytest.mark.anyio
    async def test_anyio(anyio_backend, benchmark):
        assert await benchmark(work_async, 100) == 148500


    @pytest.mark.anyio
    @pytest.mark.parametrize("anyio_backend", ["trio"])
    async def test_trio(anyio_backend, benchmark):
        assert await benchmark(work_async, 100) == 148500


    @pytest.mark.anyio
    @pytest.mark.benchmark
    async def test_anyio_marked(anyio_backend):
        await work_async(10000)
    """


RESULTS = """\
    import pytest
    from pkg.core import work

    NESTED = None
    for _ in range(100):
        NESTED = {"nested": NESTED}
    SHARED = []
    for _ in range(40):
        SHARED = [SHARED, SHARED]
    RESULTS = {
        "large": list(range(100_000)),
        "nested": NESTED,
        "shared": SHARED,
        "texts": ["x" * 90_000] * 800,
    }


    class Exits:
        def __repr__(self):
            raise SystemExit(3)


    RESULTS["exits"] = Exits()


    @pytest.mark.parametrize("name", RESULTS)
    def test_result(benchmark, name):
        benchmark(lambda: (work(2), RESULTS[name])[1])
    """


UNKNOWN_MARKERS = """\
    import pytest
    from pkg.core import work


    @pytest.mark.benchmark(loops=3)
    def test_keyword(benchmark):
        benchmark(work, 100)


    @pytest.mark.benchmark("fast")
    def test_positional(benchmark):
        benchmark(work, 100)


    def test_other(benchmark):
        benchmark(work, 100)
    """


# The outcome of comparing all of these, by Python.
OUTCOMES = {}


@pytest.fixture
def plain(suite, python):
    """The outcome of the suites without any settings, which are measured once for each Python, in one comparison."""
    if python not in OUTCOMES:
        OUTCOMES[python] = suite(
            {"calls": CALL_FORMS, "async": ASYNC_FORMS, "results": RESULTS, "unknown": UNKNOWN_MARKERS},
            missing=["test_keyword", "test_positional"],
        )
    return OUTCOMES[python]


def test_call_forms(plain):
    names = [
        "call",
        "keywords",
        "decorator",
        "codspeed",
        "pedantic",
        "counted",
        "prepared",
        "prepared_and_warmed_up",
        "marker",
        "method",
        "woven",
        "weave_fixture",
    ]
    faster(plain, "calls", *[f"test_{name}" for name in names])


def test_async_targets_and_tests(plain):
    names = [
        "target",
        "pedantic_target",
        "prepared_target",
        "prepared_and_awaited",
        "collector_awaited",
        "awaited",
        "plain_in_async",
        "marked",
        "anyio",
        "trio[trio]",
        "anyio_marked",
    ]
    faster(plain, "async", *[f"test_{name}" for name in names])


def test_results_of_any_size_and_shape_cost_no_measurement(plain):
    rows = {row["benchmark"].partition("test_result[")[2]: row for row in rows_of(plain, "results")}
    assert {name: row["output"] for name, row in rows.items()} == {
        "large]": "same",
        "nested]": "not_comparable",
        "shared]": "not_comparable",
        "texts]": "same",
        "exits]": "not_comparable",
    }
    # A sample has as many calls as its own length asks for, however long reading the result takes. In one replicate at
    # least: if something else has the core while the calls are counted, there are fewer.
    for row in rows.values():
        assert max(replicate["pairs"][0]["base"]["iterations"] for replicate in row["replicates"]) > 10


def test_markers_that_nobody_knows_are_named(plain):
    faster(plain, "unknown", "test_other")
    messages = {short(row["benchmark"]): row["message"] for row in plain.report["missing"]}
    assert "can't have 'loops' keyword argument" in messages["test_keyword"]
    assert "can't have positional arguments" in messages["test_positional"]


OPTIONS = """\
    import gc
    import random
    import time

    import pytest
    from pkg.core import work

    pytestmark = pytest.mark.benchmark(warmup=True, warmup_iterations=3, max_rounds=100)


    def test_attributes(benchmark):
        assert (benchmark.name, benchmark.group) == ("test_attributes", None)
        assert benchmark.fullname.endswith("::test_attributes")
        assert benchmark.enabled and not benchmark.disabled and not benchmark.has_error and not benchmark.skipped
        assert not benchmark.stats
        benchmark.extra_info["before"] = 1
        benchmark.group = "mine"
        benchmark(work, 100)
        benchmark.extra_info["after"] = 2
        assert 0 < benchmark.stats["mean"] == benchmark.stats.stats.mean < 1
        assert benchmark.stats.get("min") <= benchmark.stats.stats.median <= benchmark.stats.stats.max
        assert benchmark.stats.stats.rounds > 0 and benchmark.stats.iterations


    @pytest.mark.parametrize("n", [100], ids=["hundred"])
    def test_params(benchmark, n):
        assert (benchmark.params, benchmark.param) == ({"n": 100}, "hundred")
        benchmark(work, n)


    @pytest.mark.benchmark(disable_gc=True)
    def test_collector(benchmark):
        enabled = set()

        def look():
            enabled.add(gc.isenabled())
            return work(100)

        benchmark(look)
        assert enabled - {True} == {False}
        assert gc.isenabled()


    @pytest.mark.benchmark(timer=time.process_time)
    def test_timer(benchmark):
        benchmark(work, 100)


    def test_own_timer(benchmark):
        benchmark._timer = time.thread_time
        benchmark(work, 100)


    def freeze(patch):
        for name in ("time", "monotonic", "perf_counter"):
            patch.setattr(time, name, lambda: 1000.0)
            patch.setattr(time, f"{name}_ns", lambda: 10**12)


    @pytest.fixture
    def made_while_frozen(request):
        with pytest.MonkeyPatch.context() as patch:
            freeze(patch)
            return request.getfixturevalue("benchmark")


    def test_made_while_frozen(made_while_frozen):
        made_while_frozen(work, 100)


    def test_called_while_frozen(benchmark, monkeypatch):
        freeze(monkeypatch)
        benchmark(work, 100)


    def test_warmed_up(benchmark):
        calls, before = [], []

        def timer():
            before.append(len(calls))
            return time.perf_counter()

        benchmark._timer = timer
        benchmark(lambda: calls.append(work(1)))
        assert before[0] >= 3


    def test_seeded(benchmark):
        random.seed(1)
        seen = []
        benchmark(lambda: (work(100), seen.append(random.random()))[0])
        assert seen[0] == random.Random(0).random()


    def test_twice(benchmark):
        from pytest_benchmark.fixture import FixtureAlreadyUsed

        benchmark(work, 100)
        with pytest.raises(FixtureAlreadyUsed):
            benchmark(work, 100)
        assert benchmark.has_error


    def test_types(benchmark):
        from pytest_benchmark.fixture import BenchmarkFixture
        from pytest_benchmark.plugin import BenchmarkFixture as TheSame

        assert isinstance(benchmark, BenchmarkFixture)
        import pytest_codspeed
        from pytest_codspeed.plugin import BenchmarkFixture as Other

        assert pytest_codspeed.BenchmarkFixture is Other
        benchmark(work, 100)
    """


def test_attributes_options_and_hooks(suite):
    outcome = suite(
        {"options": OPTIONS},
        conftest="""\
        def pytest_benchmark_update_json(config, benchmarks, output_json):
            pass


        def pytest_configure(config):
            assert config.getoption("benchmark_disable") is True


        def pytest_collection_modifyitems(config, items):
            assert config._benchmarksession.benchmarks == []
            assert config.pluginmanager.has_plugin("codspeed_plugin")
            items.reverse()
        """,
        pyproject="""\
        [tool.pytest.ini_options]
        addopts = "--benchmark-disable --benchmark-autosave --benchmark-warmup=on --benchmark-min-rounds=3 --codspeed"
        """,
    )
    names = [
        "attributes",
        "params[hundred]",
        "collector",
        "timer",
        "own_timer",
        "made_while_frozen",
        "called_while_frozen",
        "warmed_up",
        "seeded",
        "twice",
        "types",
    ]
    faster(outcome, "options", *[f"test_{name}" for name in names])
    # In the order of the file, whatever a conftest does.
    rows = [row["benchmark"].rpartition("::")[2] for row in outcome.report["comparisons"]]
    assert rows == [f"test_{name}" for name in names]


NAMES = """\
    import pytest
    import pytest_benchmark
    import pytest_codspeed
    from pkg.core import work


    def test_annotated(benchmark: pytest_benchmark.fixture.BenchmarkFixture):
        from pytest_codspeed.plugin import BenchmarkFixture

        assert isinstance(benchmark, BenchmarkFixture)
        assert isinstance(benchmark, pytest_benchmark.fixture.BenchmarkFixture)
        benchmark(work, 100)


    def test_figures(benchmark):
        benchmark(work, 100)
        stats = benchmark.stats
        above, outside = stats.stats.outliers.split(";")
        assert int(above) == stats["stddev_outliers"] and int(outside) == stats["iqr_outliers"]
        assert stats["min"] <= stats["ld15iqr"] <= stats["median"] <= stats["hd15iqr"] <= stats["max"]
        assert set(stats.stats.fields) <= set(stats.as_dict()["stats"])
        assert "min_rounds" in stats.options


    def test_second_use(benchmark):
        benchmark(work, 100)
        with pytest.raises(RuntimeError):
            benchmark(work, 100)


    def test_setup_that_takes_the_arguments(benchmark):
        def setup(n):
            assert n == 100

        assert benchmark.pedantic(work, (100,), setup=setup, rounds=3) == 148500


    def test_no_setup(benchmark):
        benchmark.pedantic(work, (100,), setup=False, rounds=3, iterations=5)


    @pytest.mark.benchmark(precision=0.02, confidence=0.9)
    def test_marked():
        work(100)
    """


def test_what_suites_reach_for_by_other_names(suite):
    outcome = suite(
        {"names": NAMES},
        conftest="""\
        def pytest_configure(config):
            assert config.getoption("benchmark_min_rounds") == 3
            assert config.getoption("benchmark_compare_fail") == ["min:5%", "mean:10%"]
            config.option.benchmark_warmup = True


        def pytest_collection_modifyitems(config, items):
            if not config.getoption("--benchmark-only"):
                items.clear()
        """,
        pyproject="""\
        [tool.pytest.ini_options]
        addopts = [
            "-p", "benchmark", "-p", "pytest_benchmark.plugin", "-m", "not benchmark", "--benchmark-min-rounds=3",
            "--benchmark-precision=0.02", "--benchmark-cprofile-dump", "--benchmark-compare-fail", "min:5%", "mean:10%",
        ]
        asyncio_default_fixture_loop_scope = "function"
        filterwarnings = ["error", "ignore::pytest_benchmark.logger.PytestBenchmarkWarning"]
        """,
    )
    names = ["annotated", "figures", "second_use", "setup_that_takes_the_arguments", "no_setup", "marked"]
    faster(outcome, "names", *[f"test_{name}" for name in names])


def test_figures_are_those_of_pytest_benchmark():
    ours = runpy.run_path(str(PACKAGE / "side" / "deadheat_worker" / "suite" / "stats.py"))["Stats"]
    chance = random.Random(1)
    samples = [[1, 4, 9, 16, 25], [0.1], [0.1, 0.1], [0.1] * 7, [3.3e-7] * 49, [0.0, 0.0, 0.0], [1e-9, 1e-9, 5.0]]
    for size in [*range(1, 9), *range(9, 200, 7)]:
        samples.append([chance.random() for _ in range(size)])
        # Distributed like times: most of them close together, and a few far away.
        samples.append([chance.lognormvariate(-9, 0.1) * (50 if chance.random() < 0.1 else 1) for _ in range(size)])
        samples.append([float(chance.randrange(4)) for _ in range(size)])
    assert ours(samples[0]).q1 == 3.25
    for data in samples:
        expected = Stats()
        for value in data:
            expected.update(value)
        figures = ours(data)
        assert figures.as_dict() == expected.as_dict(), data
        assert (figures.data, figures.sorted_data) == (expected.data, expected.sorted_data)


@pytest.mark.parametrize("version", ["7", "8", "9"])
def test_every_pytest_from_7_on(repository, compare, version):
    python = environment(f"pytest-{version}", VERSION, f"pytest=={version}.*")
    text = """\
        import pytest
        from pkg.core import work


        def test_call(benchmark):
            assert benchmark(work, 100) == 148500


        @pytest.mark.benchmark
        def test_marker():
            work(100)


        def test_prepared(benchmark):
            benchmark.pedantic(work, setup=lambda: ((100,), {}), rounds=3)
        """
    slow, fast = WORK.format(times=30), WORK.format(times=1)
    repository.commit({"pkg/__init__.py": "", "pkg/core.py": slow, "benchmarks/test_b.py": text})
    repository.commit({"pkg/core.py": fast.replace("return total", "return 30 * total")})
    outcome = compare("HEAD^", "HEAD", "--python", python)
    assert outcome.code == 0, outcome.err
    faster(outcome, "b", "test_call", "test_marker", "test_prepared")
    assert outcome.report["python"]["head"]["pytest"].startswith(f"{version}.")


def test_an_ordinary_run_is_the_same_with_deadheat_installed(tmp_path):
    (tmp_path / "test_a.py").write_text("def test_a(benchmark):\n    pass\n")
    command = [sys.executable, "-m", "pytest", "-q", "-p", "no:benchmark", "-p", "no:codspeed", str(tmp_path)]
    ran = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=False)
    assert "fixture 'benchmark' not found" in ran.stdout
    assert "deadheat" not in ran.stdout.replace(str(Path(sys.prefix)), "")
