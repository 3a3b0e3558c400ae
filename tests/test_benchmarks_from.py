"""The side that the benchmarks and their settings come from."""

import pytest

from conftest import NS_PER_LINE, WORK

SLOW, FAST = WORK.format(times=30), WORK.format(times=1)
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
