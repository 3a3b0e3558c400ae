"""Dependencies that differ, an environment for each side, and editable installs."""

import os
import shutil
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

from conftest import WORKERS
from installing import BENCHMARK, FAST, SLOW, in_short

pytestmark = [pytest.mark.counted, pytest.mark.usefixtures("offline")]


@pytest.fixture
def raised(repository, wheels):
    """A project whose head raises a dependency and changes nothing else."""

    def project(version):
        text = '[project]\nname = "pkg"\nversion = "1"\ndescription = "d"\ndependencies = ["tinydep=={}"]\n'
        text += '[project.optional-dependencies]\ntest = ["pytest"]\n'
        text += '[build-system]\nrequires = ["flit_core"]\nbuild-backend = "flit_core.buildapi"\n'
        return text.format(version)

    repository.commit(
        {
            "pyproject.toml": project("1.0"),
            "pkg/__init__.py": "import importlib.metadata\nversion = importlib.metadata.version('pkg')\n",
            "pkg/core.py": "from tinydep import work\n",
            "benchmarks/test_b.py": BENCHMARK,
        }
    )
    repository.commit({"pyproject.toml": project("2.0")})
    return repository


@pytest.fixture
def with_the_old_version(layer, wheels):
    """An interpreter with the first of the two versions installed."""
    (site,) = layer.parent.parent.glob("lib/python*/site-packages")
    with zipfile.ZipFile(wheels / "tinydep-1.0-py3-none-any.whl") as wheel:
        wheel.extractall(site)
    return layer


def what_differs(outcome):
    (words,) = [row["message"] for row in outcome.report["warnings"] if row["code"] == "dependencies_differ"]
    return words


def test_a_raised_dependency_is_a_warning_that_names_it(raised, compare, with_the_old_version):
    head = (raised.folder / "pyproject.toml").read_text()
    raised.commit({"pkg/__init__.py": "", "pyproject.toml": head.replace("==2.0", "==1.0")})
    raised.commit({"pyproject.toml": head})
    outcome = compare("HEAD^", "HEAD", "--python", with_the_old_version)
    assert outcome.code == 0, outcome.err
    assert "tinydep ==1.0 → ==2.0 (installed: 1.0)" in what_differs(outcome)
    assert outcome.report["selection"]["rule"] == "all"
    assert outcome.verdicts()["test_work"] in ("unchanged", "inconclusive")


@pytest.fixture
def without_uv(uv):
    """A search path on which deadheat finds no uv."""
    return os.environ["PATH"].removeprefix(f"{uv}{os.pathsep}")


# In the short version of the tests, another test installs with pip.
@pytest.mark.parametrize("installer", in_short("uv", of=["pip", "uv"]))
def test_each_side_in_an_environment_of_what_it_declares(
    raised, compare, wheels, cache, installer, tmp_path, without_uv, monkeypatch
):
    search_path = {"uv": os.environ["PATH"], "pip": without_uv}[installer]
    there = {"PIP_FIND_LINKS": str(wheels), "UV_FIND_LINKS": str(wheels), "PATH": search_path}
    before = raised.state()
    # Real workers, as users have them, with the pytest of each environment.
    with monkeypatch.context() as patch:
        patch.setattr(WORKERS, "package", None)
        outcome = compare("HEAD^", "HEAD", "--env", "per-ref", replicates=3, environment=there)
    assert outcome.code == 0, outcome.err
    assert f"making the environment of head (by {installer} from pyproject.toml)" in outcome.err
    assert outcome.verdicts() == {"test_work": "improved"}
    # A thirtieth, in time that is not counted.
    assert outcome.report["comparisons"][0]["estimate"]["point_estimate"] < 1 / 5
    assert outcome.report["settings"]["environment"] == "per_ref"
    pythons = {row["path"] for row in outcome.report["python"].values()}
    assert len(pythons) == 2
    assert not {"dependencies_differ", "project_not_installed"} & set(outcome.warnings())
    assert raised.state() == before
    # Again, with nothing to install from.
    gone = {"PIP_FIND_LINKS": "", "UV_FIND_LINKS": "", "UV_CACHE_DIR": str(tmp_path / "empty"), "PATH": search_path}
    shutil.rmtree(wheels)
    outcome = compare("HEAD^", "HEAD", "--env", "per-ref", "--dry-run", environment=gone)
    assert outcome.code == 0, outcome.err
    assert "making" not in outcome.err
    assert {row["path"] for row in outcome.report["python"].values()} == pythons
    # The same environment for the same declarations.
    raised.commit({"pkg/core.py": FAST})
    outcome = compare("HEAD^", "HEAD", "--env", "per-ref", "--dry-run", environment=gone)
    assert (outcome.code, "one environment serves both" in outcome.err) == (0, True)
    environments = cache / "deadheat" / "environments"
    assert len(list(environments.glob("*/ready"))) == 2
    subprocess.run([sys.executable, "-m", "deadheat", "clean"], cwd=raised.folder, check=True, capture_output=True)
    assert list(environments.glob("*/ready")) == []


def test_pip_makes_the_environment_where_there_is_no_uv(repository, compare, wheels, without_uv):
    project = '[project]\nname = "pkg"\nversion = "1"\ndescription = "d"\ndependencies = ["tinydep"]\n'
    project += '[build-system]\nrequires = ["flit_core"]\nbuild-backend = "flit_core.buildapi"\n'
    package = "import importlib.metadata\nversion = importlib.metadata.version('pkg')\n"
    files = {"pyproject.toml": project, "pkg/__init__.py": package, "benchmarks/test_b.py": BENCHMARK}
    core = "    import tinydep\n\n\n"
    repository.commit({**files, "pkg/core.py": core + SLOW})
    repository.commit({"pkg/core.py": core + FAST})
    there = {"PIP_FIND_LINKS": str(wheels), "PATH": without_uv}
    outcome = compare("HEAD^", "HEAD", "--env", "per-ref", environment=there)
    assert outcome.code == 0, outcome.err
    assert "(by pip from pyproject.toml)" in outcome.err
    assert outcome.err.count("making the environment of") == 1
    assert outcome.verdicts() == {"test_work": "improved"}
    assert not {"dependencies_differ", "project_not_installed"} & set(outcome.warnings())


def test_an_environment_that_cannot_be_made_ends_with_the_installers_words(raised, compare, wheels, cache):
    (wheels / "tinydep-2.0-py3-none-any.whl").unlink()
    there = {"UV_FIND_LINKS": str(wheels)}
    outcome = compare("HEAD^", "HEAD", "--env", "per-ref", environment=there)
    assert outcome.code == 3
    assert "the environment of head cannot be made" in outcome.err
    assert "there is no version of tinydep==2.0" in " ".join(outcome.err.split())
    assert len(list((cache / "deadheat" / "environments").glob("*/ready"))) == 1
    outcome = compare("HEAD^", "HEAD", "--env", "per-ref", "--requirements", "no.txt", environment=there)
    assert (outcome.code, "no such file on base" in outcome.err) == (2, True)


def test_what_a_revision_declares_is_read_wherever_it_says_it(repository, compare, wheels, with_the_old_version):
    """The dependencies are in a file that pyproject.toml names."""
    project = """\
        [project]
        name = "pkg"
        version = "1"
        dynamic = ["dependencies"]
        optional-dependencies = {dev = ["pkg[test]"], test = ["pytest"]}

        [build-system]
        requires = ["setuptools"]
        build-backend = "setuptools.build_meta"

        [tool.setuptools]
        packages = ["pkg"]
        dynamic = {dependencies = {file = ["deps/all.txt"]}}
        """
    files = {"pyproject.toml": project, "deps/all.txt": "tinydep==1.0\n", "pkg/__init__.py": ""}
    repository.commit({**files, "pkg/core.py": "from tinydep import work\n", "benchmarks/test_b.py": BENCHMARK})
    repository.commit({"deps/all.txt": "tinydep==2.0\n"})
    outcome = compare("HEAD^", "HEAD", "--dry-run", "--python", with_the_old_version)
    assert outcome.code == 0, outcome.err
    assert "tinydep ==1.0 → ==2.0 (installed: 1.0)" in what_differs(outcome)
    # If the dependency is not installed, the error names it.
    outcome = compare("HEAD^", "HEAD", "--dry-run")
    assert (outcome.code, "No module named 'tinydep'" in outcome.err) == (3, True)
    # Packages on PYTHONPATH do not count as dependencies.
    (wheels / "own").mkdir()
    (wheels / "own" / "tinydep.py").write_text("def work(n):\n    raise RuntimeError('from PYTHONPATH')\n")
    there = {"UV_FIND_LINKS": str(wheels), "PYTHONPATH": str(wheels / "own")}
    outcome = compare("HEAD^", "HEAD", "--env", "per-ref", environment=there)
    assert outcome.code == 0, outcome.err
    assert outcome.verdicts() == {"test_work": "improved"}


def test_what_is_installed_from_the_repository_is_that_of_each_side(repository, compare):
    project = '[project]\nname = "helper"\nversion = "1"\ndescription = "d"\n'
    project += '[build-system]\nrequires = ["flit_core"]\nbuild-backend = "flit_core.buildapi"\n'
    files = {
        "requirements.txt": "./libs/helper\n",
        "libs/helper/pyproject.toml": project,
        "libs/helper/helper.py": SLOW,
    }
    files |= {"pkg/__init__.py": "", "pkg/core.py": "from helper import work\n", "benchmarks/test_b.py": BENCHMARK}
    repository.commit(files)
    repository.commit({"libs/helper/helper.py": FAST})
    outcome = compare("HEAD^", "HEAD", "--env", "per-ref")
    assert outcome.code == 0, outcome.err
    assert outcome.verdicts() == {"test_work": "improved"}


def test_an_environment_cannot_hold_editable_parts_of_the_repository(repository, compare):
    files = {"requirements.txt": "-e ./libs/helper\n", "pkg/__init__.py": "", "pkg/core.py": SLOW}
    repository.commit({**files, "benchmarks/test_b.py": BENCHMARK})
    repository.commit({"pkg/core.py": FAST})
    outcome = compare("HEAD^", "HEAD", "--env", "per-ref")
    assert (outcome.code, "-e ./libs/helper" in outcome.err) == (2, True)
    repository.commit({"pyproject.toml": "[project\n", "requirements.txt": ""})
    repository.write({"pyproject.toml": ""})
    repository.commit({"pkg/core.py": SLOW})
    outcome = compare("HEAD^", "HEAD", "--env", "per-ref")
    assert (outcome.code, "on base, pyproject.toml cannot be read" in outcome.err) == (2, True)


LOCK = """\
    [[package]]
    name = "tinydep"
    version = "{}"
    """


def test_lock_files_of_other_tools_pin_what_is_installed(repository, compare, wheels):
    project = "[tool.poetry.dependencies]\npython = '*'\ntinydep = '>=1'\n"
    project += "[tool.poetry.group.dev.dependencies]\niniconfig = '*'\n"
    files = {"pyproject.toml": project, "pkg/__init__.py": "", "pkg/core.py": "from tinydep import work\n"}
    repository.commit({**files, "benchmarks/test_b.py": BENCHMARK, "poetry.lock": LOCK.format("1.0")})
    repository.commit({"poetry.lock": LOCK.format("2.0")})
    there = {"UV_FIND_LINKS": str(wheels)}
    outcome = compare("HEAD^", "HEAD", "--env", "per-ref", environment=there)
    assert outcome.code == 0, outcome.err
    assert "from poetry.lock" in outcome.err
    assert outcome.verdicts() == {"test_work": "improved"}


BACKENDS = {
    "setuptools.build_meta": "",
    "hatchling.build": "",
    "flit_core.buildapi": "",
    "poetry.core.masonry.api": "",
    "mesonpy": "",
    "scikit_build_core.build": '[tool.scikit-build]\nwheel.packages = ["src/pkg"]\n',
}


@pytest.mark.parametrize("backend", in_short("hatchling.build", "mesonpy", of=BACKENDS))
def test_editable_installs_of_every_kind_give_way_to_the_worktree(repository, compare, backend, builder, layer):
    """The editable install points to a checkout whose code neither side has."""
    project = f'[build-system]\nrequires = []\nbuild-backend = "{backend}"\n[project]\nname = "pkg"\nversion = "1"\n'
    project += 'description = "d"\n' + BACKENDS[backend]
    meson = "project('pkg', version: '1')\npy = import('python').find_installation(pure: true)\n"
    meson += "py.install_sources('src/pkg/__init__.py', 'src/pkg/core.py', subdir: 'pkg')\n"
    cmake = "cmake_minimum_required(VERSION 3.15)\nproject(pkg LANGUAGES NONE)\n"
    repository.commit(
        {
            "pyproject.toml": project,
            "meson.build": meson,
            "CMakeLists.txt": cmake,
            "src/pkg/__init__.py": "",
            "src/pkg/core.py": SLOW,
            "benchmarks/test_b.py": BENCHMARK,
        }
    )
    repository.commit({"src/pkg/core.py": FAST})
    install = [layer, "-m", "pip", "install", "--quiet", "--no-deps", "--no-build-isolation", "--editable", "."]
    search_path = f"{Path(builder).parent}{os.pathsep}{os.environ['PATH']}"
    subprocess.run(install, cwd=repository.folder, check=True, env={**os.environ, "PATH": search_path})
    repository.write({"src/pkg/core.py": "raise RuntimeError('the editable checkout')\n"})
    outcome = compare("HEAD^", "HEAD", "--python", layer)
    assert outcome.code == 0, outcome.err
    assert outcome.verdicts() == {"test_work": "improved"}
