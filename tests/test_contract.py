"""Suites of other benchmark plugins run unchanged, with those plugins installed and without them."""

import random
import runpy
import subprocess
import sys
from pathlib import Path

import pytest
from pytest_benchmark.stats import Stats

import pythons
from conftest import INTERPRETERS, PACKAGE, ROOT, WORK, WORK_FROM_FILE, environment, is_clearly_faster, short

# The suites of these tests, as files.
SUITES = ROOT / "tests" / "projects" / "plugins"
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
    """Runs suites of that folder, given by name, on two commits; head is clearly faster."""

    def run(*suites, conftest="", pyproject="", missing=()):
        files = {
            "pkg/__init__.py": "",
            "pkg/core.py": CORE,
            "pkg/times": "30",
            "benchmarks/conftest.py": conftest,
            "pyproject.toml": pyproject,
            **{f"benchmarks/test_{name}.py": (SUITES / f"{name}.py").read_text() for name in suites},
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


# The outcome of `plain`, by Python.
OUTCOMES = {}


@pytest.fixture
def plain(suite, python):
    """The outcome of the suites without any settings, which are measured once for each Python, in one comparison."""
    if python not in OUTCOMES:
        suites = ("calls", "async", "results", "unknown")
        OUTCOMES[python] = suite(*suites, missing=["test_keyword", "test_positional"])
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


def test_attributes_options_and_hooks(suite):
    outcome = suite(
        "options",
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


def test_what_suites_reach_for_by_other_names(suite):
    outcome = suite(
        "names",
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
    repository.commit_both(slow, fast.replace("return total", "return 30 * total"), text)
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
