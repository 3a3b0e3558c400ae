"""`compare --on local:N`: replicates side by side on this machine's cores, with workers whose clock counts lines."""

import os
import shutil

import pytest

from conftest import COUNTED, WORKERS

pytestmark = [pytest.mark.counted, pytest.mark.quick]

# Its time depends on the hash seed, and with it on the number of the replicate.
BASE = """\
    def work(n):
        total = 0
        for _ in range(20 + hash("seed") % 5):
            total += n
        return total
    """
HEAD = BASE.replace("20 + hash", "17 + hash")
BENCHMARKS = """\
    import pytest

    from pkg.core import work


    @pytest.mark.parametrize("n", [1, 2, 3])
    def test_work(benchmark, n):
        benchmark(work, n)


    def test_fails(benchmark):
        benchmark(work, None)
    """


@pytest.fixture
def changed(repository):
    if len(os.sched_getaffinity(0)) < 2:
        pytest.skip("needs two cores")
    repository.commit_both(BASE, HEAD, BENCHMARKS)
    return repository


def estimates(report):
    return {
        row["benchmark"]: (row["estimate"], sorted(replicate["seed"] for replicate in row["replicates"]))
        for row in report["comparisons"]
    }


@pytest.fixture
def exact(counted_package, tmp_path, monkeypatch):
    """Workers whose clock varies by nothing but the hash seed, wherever and whenever a replicate is measured."""
    package = tmp_path / "exact"
    shutil.copytree(counted_package, package, symlinks=True)
    clock = package / "side" / "deadheat_worker" / "counter.py"
    clock.unlink()
    clock.write_text((COUNTED / "counter.py").read_text().replace("SPREAD = 0.001", "SPREAD = 0"))
    monkeypatch.setattr(WORKERS, "package", package)


@pytest.mark.usefixtures("exact")
def test_the_same_seeds_give_the_same_estimates_to_the_last_digit(changed, compare):
    here = compare("HEAD^", "HEAD", replicates=5)
    beside = compare("HEAD^", "HEAD", "--on", "local:2", replicates=5)
    assert estimates(here.report) == estimates(beside.report)
    assert len(estimates(here.report)) == 3
    assert all(row["estimate"]["standard_error"] > 0 for row in here.report["comparisons"])
    assert here.missing() == beside.missing() == {"test_fails": ("failed", None)}


def test_the_report_names_the_cores_and_whose_each_replicate_is(changed, compare):
    report = compare("HEAD^", "HEAD", "--on", "local:2", replicates=6).report
    machines = report["machines"]
    assert {machine["name"].split()[0] for machine in machines} == {"core"}
    assert {machine["kind"] for machine in machines} == {0}
    assert all(machine["machine"]["kernel"] == os.uname().release for machine in machines)
    assert report["machine"]["pinned_core"] is None
    assert report["settings"]["on"] == "local:2"
    for row in report["comparisons"]:
        assert {replicate["machine"] for replicate in row["replicates"]} <= set(range(len(machines)))


def test_verdicts_end_the_measuring_there_too(changed, compare):
    report = compare("HEAD^", "HEAD", "--on", "local:2", "--threshold", 1, replicates=None).report
    assert {row["verdict"] for row in report["comparisons"]} == {"improved"}
    assert {row["looks"] for row in report["comparisons"]} <= {2, 3, 4}


def test_more_cores_than_there_are_is_an_error(changed, compare):
    outcome = compare("HEAD^", "HEAD", "--on", "local:1000")
    assert outcome.code == 2
    assert "--on local:1000: only" in outcome.err


@pytest.mark.parametrize("where", ["local:0", "local:x", "dask://host", "dask://ho st:1", "ray://host:1", ""])
def test_other_places_are_refused(changed, compare, where):
    outcome = compare("HEAD^", "HEAD", "--on", where)
    assert outcome.code == 2
    assert "--on" in outcome.err


def test_a_report_is_continued_where_it_was_measured(changed, compare, deadheat_command, tmp_path):
    path = tmp_path / "report.json"
    # No number of replicates would settle it.
    words = ["--threshold", "0.0001", "--budget", 1, "-k", "test_work", "-o", path]
    first = compare("HEAD", "HEAD", "--all", "--on", "local:2", *words, replicates=None).report
    refused = deadheat_command("compare", "--continue", path)
    assert (refused.code, "also continue it with --on" in refused.err) == (2, True)
    more = compare("--continue", path, "--budget", 1, "--on", "local:2", replicates=None)
    assert more.code == 0, more.err
    for before, after in zip(first["comparisons"], more.report["comparisons"], strict=True):
        seeds = [replicate["seed"] for replicate in after["replicates"]]
        assert len(seeds) == len(set(seeds)) > len(before["replicates"])
    names = [machine["name"] for machine in more.report["machines"]]
    assert len(names) == len(set(names))
