"""Shared parts of the tests of the whole program: interpreters, throw-away repositories, the command itself."""

import collections
import contextlib
import fcntl
import json
import os
import shutil
import subprocess
import sys
import textwrap
from pathlib import Path

import pytest

import deadheat
import pythons
from deadheat import _native

pytest_plugins = ["clients", "github", "installing", "processes"]

ROOT = Path(__file__).resolve().parent.parent
PACKAGE = Path(deadheat.__file__).resolve().parent
EXTENSION = _native.__file__
CHROMIUM = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)
COUNTED = ROOT / "tests" / "counted"
ENVIRONMENTS = ROOT / ".venvs"
# Makes environments in a fraction of pip's time.
UV = Path(sys.executable).with_name("uv")
# Set by `make test-long`.
LONG = os.environ.get("DEADHEAT_TESTS") == "long"


# A function whose time is known up to a factor.
WORK = """\
    def work(n):
        total = 0
        for _ in range({times}):
            for i in range(n):
                total += i
        return total
    """

# The same, with the factor in a file next to it: no function differs, and none is profiled.
WORK_FROM_FILE = """\
    from pathlib import Path

    TIMES = int(Path(__file__).with_name("times").read_text())


""" + WORK.format(times="TIMES")


# A project with a function, which does a twentieth of the work in FAST, and a method.
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


# The clock of counted workers.
NS_PER_LINE = 30_000

INTERPRETERS = pythons.find()


def versions_to_test(*chosen):
    """Returns the versions found, in the ordinary tests only the oldest, the newest and those in `chosen`."""
    found = sorted(INTERPRETERS, key=pythons.VERSIONS.index)
    return [version for version in found if LONG or version in {found[0], found[-1], *chosen}]


# The first version with `sys.monitoring`, and the last but one.
EVERYWHERE = versions_to_test("3.12", "3.14")


@contextlib.contextmanager
def made_once(name):
    """Yields a folder of `.venvs`, and whether it has to be made; locked, because tests run in several processes."""
    folder = ENVIRONMENTS / name
    ENVIRONMENTS.mkdir(exist_ok=True)
    with (ENVIRONMENTS / f"{name}.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        is_new = not (folder / "ready").exists()
        if is_new:
            shutil.rmtree(folder, ignore_errors=True)
        yield folder, is_new
        if is_new:
            (folder / "ready").touch()


def environment(name, version, *needs):
    """Returns the Python of a virtual environment, which is made once."""
    with made_once(name) as (folder, is_new):
        python = folder / "bin" / "python"
        if is_new:
            subprocess.run(
                [UV, "venv", "--quiet", "--no-config", "--python", INTERPRETERS[version], folder], check=True
            )
            if needs:
                install = [UV, "pip", "install", "--quiet", "--no-config", "--compile-bytecode", "--python", python]
                subprocess.run([*install, *needs], check=True)
    return str(python)


@pytest.fixture(scope="session", params=EVERYWHERE)
def interpreter(request):
    """A Python with pytest, for every version that is tested."""
    return environment(request.param, request.param, "pytest")


@pytest.fixture(scope="session", params=versions_to_test())
def oldest_and_newest(request):
    """The same for code with at most two variants, such as how functions are watched before 3.12 and since."""
    return environment(request.param, request.param, "pytest")


def pytest_collection_modifyitems(config, items):
    kept = [item for item in items if LONG or item.get_closest_marker("long") is None]
    config.hook.pytest_deselected(items=[item for item in items if item not in kept])
    items[:] = kept


def pytest_terminal_summary(terminalreporter, config):
    """Also shows the time by file with `--durations=N`."""
    if config.option.durations is None:
        return
    seconds, tests = collections.Counter(), collections.Counter()
    for report in (report for reports in terminalreporter.stats.values() for report in reports):
        if hasattr(report, "when"):
            file = report.nodeid.partition("::")[0]
            seconds[file] += report.duration
            tests[file] += report.when == "call"
    terminalreporter.section("seconds and tests by file")
    for file, taken in seconds.most_common():
        terminalreporter.write_line(f"{taken:8.1f} s {tests[file]:5}  {file}")


@pytest.fixture(scope="session", params=EVERYWHERE if LONG else EVERYWHERE[-1:])
def memray_python(request):
    """A Python with memray."""
    return environment(f"memray-{request.param}", request.param, "pytest", "memray")


@pytest.fixture(scope="session")
def finder_program():
    """The finder of changed functions as a program that answers lines of JSON."""
    command = ["cargo", "build", "--quiet", "-p", "deadheat-core", "--example", "find_functions"]
    subprocess.run(command, cwd=ROOT, check=True)
    return ROOT / "target" / "debug" / "examples" / "find_functions"


@pytest.fixture(scope="session")
def plain_environment():
    """The newest version, which starts quickest, with pytest and none of these tests' plugins."""
    version = max(INTERPRETERS, key=pythons.VERSIONS.index)
    return Path(environment(version, version, "pytest")).parent.parent


@pytest.fixture(autouse=True)
def cache(tmp_path_factory, monkeypatch, plain_environment):
    """A cache folder of the test's own, and a user without settings whose active environment has pytest."""
    folder = tmp_path_factory.mktemp("cache")
    # The tests share the locks of cores, so that those running at the same time measure on other cores.
    cores = tmp_path_factory.getbasetemp().parent / "cores"
    cores.mkdir(exist_ok=True)
    (folder / "deadheat").mkdir()
    (folder / "deadheat" / "cores").symlink_to(cores)
    monkeypatch.setenv("XDG_CACHE_HOME", str(folder))
    monkeypatch.setenv("GIT_CONFIG_GLOBAL", os.devnull)
    monkeypatch.setenv("NO_COLOR", "1")
    monkeypatch.setenv("VIRTUAL_ENV", str(plain_environment))
    for name in ("PYTHONPATH", "PYTEST_ADDOPTS"):
        monkeypatch.delenv(name, raising=False)
    yield folder
    left = [path for path in (folder / "deadheat" / "runs").glob("*") if not is_kept(path)]
    assert left == []


def is_kept(run):
    owner = run / "owner.json"
    return owner.exists() and json.loads(owner.read_text())["kept"]


@pytest.fixture
def own_cores(cache):
    """The folder with the locks of cores that only this test's runs see."""
    folder = cache / "deadheat" / "cores"
    folder.unlink()
    folder.mkdir()
    return folder


def lock_of(core):
    """Returns the name of a core's lock, which other machines with the same cache folder do not share."""
    boot = Path("/proc/sys/kernel/random/boot_id")
    return f"{core}-{boot.read_text()[:8]}.lock" if boot.exists() else f"{core}.lock"


class Repository:
    """A git repository under construction."""

    def __init__(self, folder):
        self.folder = folder
        folder.mkdir(parents=True)
        self.git("init", "--quiet", "--initial-branch=main")

    def git(self, *arguments):
        identity = ["-c", "user.name=t", "-c", "user.email=t@localhost", "-c", "protocol.file.allow=always"]
        answer = subprocess.run(
            ["git", *identity, *arguments], cwd=self.folder, check=True, capture_output=True, text=True
        )
        return answer.stdout.strip()

    def write(self, files):
        for path, text in files.items():
            path = self.folder / path
            if text is None:
                path.unlink()
                continue
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(textwrap.dedent(text))

    def commit(self, files):
        """Writes files (None deletes one), commits everything, and returns the commit."""
        self.write(files)
        self.git("add", "--all")
        self.git("commit", "--quiet", "--allow-empty", "--message", "change")
        return self.git("rev-parse", "HEAD")

    def commit_both(self, base, head, suite):
        """Commits a project whose `pkg/core.py` is `base` and then `head`."""
        self.commit({"pkg/__init__.py": "", "pkg/core.py": base, "benchmarks/test_b.py": suite})
        self.commit({"pkg/core.py": head})

    def state(self):
        """Returns everything that a comparison must leave as it was."""
        git = self.folder / ".git"
        files = {str(path.relative_to(git)): path.read_bytes() for path in sorted(git.rglob("*")) if path.is_file()}
        tree = {
            str(path.relative_to(self.folder)): path.read_bytes()
            for path in sorted(self.folder.rglob("*"))
            if path.is_file() and ".git" not in path.relative_to(self.folder).parts
        }
        folders = sorted(str(path.relative_to(git)) for path in git.rglob("*") if path.is_dir())
        return files, tree, folders


@pytest.fixture
def repository(tmp_path):
    return Repository(tmp_path / "project")


@pytest.fixture
def two_commits(repository):
    """That project; its head is FAST."""
    repository.commit_both(SLOW, FAST, BENCHMARKS)
    return repository


MACHINE_WARNINGS = {"machine_busy", "measuring_core_shared", "stolen_time", "thermal_throttling", "frequency_scaling"}


class Outcome:
    def __init__(self, completed):
        self.code = completed.returncode
        self.out = completed.stdout
        self.err = completed.stderr

    @property
    def report(self):
        return json.loads(self.out)

    def verdicts(self):
        return {short(row["benchmark"]): row["verdict"] for row in self.report["comparisons"]}

    def clearly_faster(self):
        """Returns the benchmarks that take less than half as long on head, by estimates from however few replicates."""
        return {short(row["benchmark"]) for row in self.report["comparisons"] if is_clearly_faster(row)}

    def missing(self):
        return {short(row["benchmark"]): (row["reason"], row["side"]) for row in self.report["missing"]}

    def targets(self):
        return {row["qualname"]: row["change"] for row in self.report["target_functions"]}

    def warnings(self):
        """Returns the codes, without those about the state of this machine."""
        return [row["code"] for row in self.report["warnings"] if row["code"] not in MACHINE_WARNINGS]


def is_clearly_faster(row):
    return row["estimate"]["point_estimate"] < 1 / 2


def short(benchmark):
    return benchmark.rpartition("::")[2]


def command(*arguments, package=None):
    """Returns deadheat's command line, with the workers of a package folder or those that the test is marked for."""
    package = package or WORKERS.package
    start = ["-m", "deadheat"] if package is None else [ROOT / "tools" / "with_workers.py", package]
    return [sys.executable, *map(str, start), *map(str, arguments)]


class WORKERS:
    """The place of the workers' files: a package folder, None for the installed one."""

    package = None


@pytest.fixture(scope="session")
def counted_package(tmp_path_factory):
    """A package folder whose workers count lines: the real files, some replaced by those of `tests/counted`."""
    package = tmp_path_factory.mktemp("counted")
    real, folder = PACKAGE / "side" / "deadheat_worker", package / "side" / "deadheat_worker"
    replaced = {Path("counter.py"), Path("suite/serving.py"), Path("suite/stand_ins.py")}
    # Each script has to find its own name and folder.
    scripts = {Path("scripts") / name for name in ("worker.py", "fork_server.py", "micro.py", "probe.py")}
    for file in replaced | scripts | {path.relative_to(real) for path in real.rglob("*.py")}:
        place = folder / file
        place.parent.mkdir(parents=True, exist_ok=True)
        if file in replaced:
            place.symlink_to(COUNTED / file.name)
        elif file in scripts:
            place.symlink_to(COUNTED / "script.py")
            place.with_name(f"real_{file.name}").symlink_to(real / file)
        else:
            place.symlink_to(real / file)
    return package


@pytest.fixture(autouse=True)
def workers(request, monkeypatch):
    """Makes tests that are marked as `counted`, and not as `real`, run with workers that count lines."""
    marked = {marker.name for marker in request.node.iter_markers()}
    if "counted" in marked and "real" not in marked:
        monkeypatch.setattr(WORKERS, "package", request.getfixturevalue("counted_package"))


@pytest.fixture
def deadheat_command(repository):
    """Runs deadheat in the repository."""

    def run(*arguments, folder=None, environment=None, timeout=120):
        completed = subprocess.run(
            command(*arguments),
            cwd=folder or repository.folder,
            env={**os.environ, **(environment or {})},
            capture_output=True,
            text=True,
            timeout=timeout,
            check=False,
        )
        return Outcome(completed)

    return run


@pytest.fixture
def compare(deadheat_command):
    """Runs a short comparison with a JSON report; two replicates are enough where lines are counted.

    Real times may need more for a verdict, whatever the change: see `Outcome.clearly_faster`.
    """

    def run(*arguments, replicates=2, **keywords):
        if not {"--seed", "--continue"} & set(arguments):
            # With a different seed for each run, one in hundreds would have two replicates that agree by chance.
            arguments = ("--seed", 1, *arguments)
        if replicates is not None:
            arguments = ("--replicates", replicates, *arguments)
        return deadheat_command("compare", "--json", "--samples", *arguments, **keywords)

    return run
