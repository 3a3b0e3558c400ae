"""The whole program: real git, real pytest, and changes so large that no noise can hide them."""

import sys

import pytest

from conftest import BENCHMARKS, ROOT, SLOW, WORK_FROM_FILE, short

pytestmark = pytest.mark.counted
SIDES = ("base", "head")


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
    repository.commit_both(SLOW, SLOW.replace("factor = 1", "factor = 2"), BENCHMARKS)
    outcome = compare("HEAD^", "HEAD", "--dry-run")
    assert outcome.targets() == {"Worker.run": "affected"}
    assert outcome.report["plan"]["benchmarks"] == ["benchmarks/test_b.py::test_worker"]
    assert outcome.missing() == {"test_work": ("not_reached", None)}
    assert outcome.report["plan"]["estimated_seconds"] > 0


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
        # Each replicate's processes are forked from a separate process.
        assert len({(seed, parent) for _, seed, parent, *_ in lines}) == 4
        assert len({parent for _, _, parent, *_ in lines}) == 4
    again = compare("HEAD^", "HEAD", "--seed", "5").report
    assert [str(replicate["seed"]) for replicate in again["comparisons"][0]["replicates"]] == seeds[:2]


TRAPS = {
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


@pytest.mark.real
def test_a_suite_full_of_traps_runs_unchanged(two_commits, compare):
    two_commits.commit(TRAPS)
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
