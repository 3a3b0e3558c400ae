"""`compare --on dask://...` on a real cluster, with workers whose clock counts lines."""

import contextlib
import json
import os
import sys
from pathlib import Path

import pytest

from conftest import LONG, PACKAGE, WORKERS
from processes import start
from test_on_dask import LIMIT, Process
from test_on_several_cores import BASE, BENCHMARKS, HEAD, changed, estimates, exact
from test_on_slurm import commands, free_ports, results, shell

__all__ = ["changed", "exact", "shell"]

pytestmark = pytest.mark.counted


class Cluster:
    """A scheduler, and workers that have the driver's package."""

    def __init__(self, folder, stack):
        self._stack = stack
        self._folder = folder
        scheduler = self._start("dask_scheduler", "--host", "127.0.0.1", "--port", 0)
        self.address = scheduler.address("Scheduler at:")
        self.on = self.address.replace("tcp://", "dask://")

    def _start(self, *words, **environment):
        return self._stack.enter_context(contextlib.closing(Process(*words, **environment)))

    @staticmethod
    def install(package):
        """Makes a package like the installed one, with the workers of this test."""
        package.mkdir(parents=True)
        for path in PACKAGE.iterdir():
            (package / path.name).symlink_to(WORKERS.package / "side" if path.name == "side" else path)

    def machine(self, name, cores, **variables):
        """Starts a worker with a cache of its own, as if it were on another machine, and returns its address."""
        cache = self._folder / name
        (cache / "deadheat").mkdir(parents=True)
        (cache / "deadheat" / "cores").symlink_to(cores.resolve())
        return self.worker(XDG_CACHE_HOME=str(cache), **variables)[0]

    def worker(self, *options, **variables):
        """Starts a worker with one slot, and returns its address and its process."""
        installed = self._folder / "installed" / "deadheat"
        if not installed.exists():
            self.install(installed)
        worker = self._start(
            *["dask_worker", self.address, "--nthreads", 1, "--resources", "deadheat=1"],
            *["--local-directory", self._folder / "scratch", "--no-nanny", *options],
            PYTHONPATH=str(installed.parent),
            **variables,
        )
        return worker.address("Start worker at:"), worker.popen


@pytest.fixture
def cluster(tmp_path):
    with contextlib.ExitStack() as stack:
        yield Cluster(tmp_path / "cluster", stack)


@pytest.fixture
def nothing_left(cache):
    """Checks that neither a plan nor a checkout is left in the cache that the driver and the workers share."""
    yield
    for name in ("plans", "runs"):
        assert list((cache / "deadheat" / name).glob("*")) == []


@pytest.mark.usefixtures("exact", "nothing_left")
def test_the_same_seeds_give_the_same_estimates_to_the_last_digit(changed, compare, cluster):
    here = compare("HEAD^", "HEAD", replicates=5)
    addresses = {cluster.worker()[0], cluster.worker()[0]}
    there = compare("HEAD^", "HEAD", "--on", cluster.on, replicates=5)
    assert there.code == 0, there.err
    assert estimates(there.report) == estimates(here.report)
    assert there.missing() == here.missing() == {"test_fails": ("failed", None)}
    assert {machine["name"] for machine in there.report["machines"]} <= addresses


@pytest.mark.usefixtures("exact", "nothing_left")
def test_files_that_git_does_not_bring_travel_too(changed, compare, cluster):
    changed.write(
        {
            "pkg/core.py": "from pkg.data import N\n\n\ndef work(n):\n    return sum(n for _ in range(N))\n",
            "pkg/data.py": "N = 30\n",
            "extra/conftest.py": "",
            ".gitignore": "extra\n__pycache__\n",
        }
    )
    cluster.worker()
    outcome = compare("--working-tree", "--inject", "extra", "--on", cluster.on, replicates=3)
    assert outcome.code == 0, outcome.err
    assert len(outcome.report["comparisons"]) == 3


# Its workers' processes hold the witness open, and say that they begin.
WITNESSED = """\
    import os

    import pytest

    from pkg.core import work

    KEPT = open({witness!r}, "w")
    if "MOMENT" in os.environ:
        os.write(os.open(os.environ["MOMENT"], os.O_WRONLY), b"x")


    @pytest.mark.parametrize("n", [1, 2, 3])
    def test_work(benchmark, n):
        benchmark(work, n)
    """


@pytest.mark.usefixtures("exact", "nothing_left")
@pytest.mark.parametrize("number", range(20 if LONG else 2))
def test_a_killed_worker_loses_its_replicates_and_nothing_else(
    repository, compare, cluster, witness, moment, tmp_path, number
):
    repository.commit_both(BASE, HEAD, WITNESSED.format(witness=str(witness.path)))
    here = compare("HEAD^", "HEAD", replicates=8)
    assert witness.saw_all_end()
    # Both, because the one that opens the plan gives its variables to all processes on this machine.
    killed = cluster.worker(MOMENT=str(moment.path))[1]
    cluster.worker(MOMENT=str(moment.path))
    report = tmp_path / "report.json"
    words = ["compare", "HEAD^", "HEAD", "--seed", 1, "--replicates", 8, "--on", cluster.on, "-o", report]
    process = start(repository, *words)
    # In the long version also while it opens the plan, and later in its tasks.
    for _ in range(3 + number % 8):
        os.read(moment.descriptor, 1) if moment.is_readable() else pytest.fail("it never began")
    killed.kill()
    _, err = process.communicate(timeout=2 * LIMIT)
    assert process.returncode == 0, err
    assert estimates(json.loads(report.read_text())) == estimates(here.report)
    assert witness.saw_all_end()


@pytest.mark.usefixtures("nothing_left")
def test_a_worker_with_a_bias_is_named_and_does_not_count(repository, compare, cluster, cache):
    """One of three workers runs head's code five percent slower; both sides do the same work."""
    base = BASE.replace("range(20 +", "range(400 +")
    head = "    import os\n\n\n" + base.replace("range(400 +", "range(400 + int(os.environ.get('PLANTED', 0)) +")
    repository.commit_both(base, head, BENCHMARKS)
    biased = cluster.machine("a", cache / "deadheat" / "cores", PLANTED="20")
    cluster.machine("b", cache / "deadheat" / "cores")
    cluster.machine("c", cache / "deadheat" / "cores")
    outcome = compare("HEAD^", "HEAD", "--on", cluster.on, "--all", replicates=60)
    assert outcome.code == 0, outcome.err
    named = {machine["name"]: machine["outlier"] for machine in outcome.report["machines"] if "outlier" in machine}
    assert set(named) == {biased}
    assert 1.04 < named[biased]["ratio"] < 1.06
    assert set(outcome.verdicts().values()) == {"unchanged"}
    assert "machine_outlier" in outcome.warnings()


def test_the_examples_for_several_cores(shell, repository, compare):
    code, output = shell([*commands("Several cores of one machine"), "true"])
    assert code == 0, output
    assert "      2 cores: " in output, output


@pytest.mark.usefixtures("nothing_left")
def test_the_examples_for_a_cluster(shell, repository, compare, counted_package, tmp_path):
    """Word for word, but for the port, and in place of an installation the driver's package."""
    (port,) = free_ports(1)
    lines = [line.replace("8786", str(port)) for line in commands("A Dask cluster")]
    assert len(lines) == 4
    Cluster.install(tmp_path / "installed" / "deadheat")
    programs = f'export PATH="{Path(sys.executable).parent}:$PATH" PYTHONPATH="{tmp_path / "installed"}"'
    code, output = shell(["trap 'kill $(jobs -p)' EXIT", programs, *lines])
    assert code == 0, output
    report = json.loads((repository.folder / "cluster.json").read_text())
    assert results(report) == results(compare("HEAD^", "HEAD").report)
    assert report["machines"]
