"""Refs that differ in more than Python code: dependencies, compiled parts, generated files, submodules."""

import os
import shlex
import shutil
import subprocess
import sys
import sysconfig
import textwrap
import time
import zipfile
from pathlib import Path

import pytest

from conftest import PACKAGE, ROOT, UV, WORK, WORKERS, environment, made_once

pytestmark = pytest.mark.counted

OWN = f"{sys.version_info[0]}.{sys.version_info[1]}"
NEEDS = [
    *("pytest", "pip", "wheel", "setuptools>=77", "setuptools-scm>=8", "hatchling", "flit_core", "poetry-core"),
    *("editables", "meson-python", "ninja", "scikit-build-core", "cmake", "cffi", "cython", "maturin"),
]
SLOW, FAST = WORK.format(times=30), WORK.format(times=1)


def in_short(*names, of):
    """Returns all of `of` as parameters; those not in `names` are only for the long version of the tests."""
    return [pytest.param(name, marks=() if name in names else pytest.mark.long) for name in of]


BENCHMARK = """\
    from pkg.core import work


    def test_work(benchmark):
        benchmark(work, 50)
    """


def make_wheel(folder, name, version, code):
    """Makes a wheel of one module, as an index would have it."""
    folder.mkdir(exist_ok=True)
    info = f"{name}-{version}.dist-info"
    files = {
        f"{name}.py": code,
        f"{info}/METADATA": f"Metadata-Version: 2.1\nName: {name}\nVersion: {version}\n",
        f"{info}/WHEEL": "Wheel-Version: 1.0\nGenerator: test\nRoot-Is-Purelib: true\nTag: py3-none-any\n",
    }
    files[f"{info}/RECORD"] = "".join(f"{path},,\n" for path in [*files, f"{info}/RECORD"])
    path = folder / f"{name}-{version}-py3-none-any.whl"
    with zipfile.ZipFile(path, "w") as wheel:
        for name_in_wheel, text in files.items():
            wheel.writestr(name_in_wheel, text)
    return path


@pytest.fixture(scope="session")
def index():
    """A folder of wheels, filled once and used in place of an index."""
    with made_once(f"wheels-{OWN}") as (folder, is_new):
        if is_new:
            fill = [sys.executable, "-m", "pip", "download", "--quiet", "--only-binary", ":all:", "--dest", folder]
            subprocess.run([*fill, *NEEDS], check=True)
    return folder


@pytest.fixture(scope="session")
def uv(tmp_path_factory):
    """A folder that holds uv and nothing else."""
    folder = tmp_path_factory.mktemp("programs")
    (folder / "uv").symlink_to(UV)
    return folder


@pytest.fixture(autouse=True)
def offline(index, uv, monkeypatch):
    """Makes installers use the `index` folder, and deadheat find uv, which takes a fraction of pip's time."""
    monkeypatch.setenv("PATH", f"{uv}{os.pathsep}{os.environ['PATH']}")
    for name, value in {"NO_INDEX": "1", "FIND_LINKS": str(index)}.items():
        monkeypatch.setenv(f"PIP_{name}", value)
        monkeypatch.setenv(f"UV_{name}", value)
    # The builds of these tests leave files for this version.
    monkeypatch.setenv("VIRTUAL_ENV", str(Path(environment(OWN, OWN, "pytest")).parent.parent))
    # Compiled code need not be optimized: the sides differ in how often they count.
    monkeypatch.setenv("CFLAGS", "-O0 -g0")


@pytest.fixture
def builder(offline):
    """A Python with pip and everything that builds a project."""
    return environment(f"builder-{OWN}", OWN, *NEEDS)


@pytest.fixture
def layer(builder, tmp_path):
    """A new environment on top of the builder's, to install into."""
    subprocess.run(
        [builder, PACKAGE / "side" / "deadheat_worker" / "scripts" / "layer.py", tmp_path / "layer"], check=True
    )
    return tmp_path / "layer" / "bin" / "python"


@pytest.fixture
def wheels(tmp_path, index):
    """The wheels of the index, and two versions of a package; the second does a thirtieth of the work."""
    folder = tmp_path / "wheels"
    folder.mkdir()
    for wheel in index.glob("*.whl"):
        (folder / wheel.name).symlink_to(wheel)
    make_wheel(folder, "tinydep", "1.0", textwrap.dedent(SLOW))
    make_wheel(folder, "tinydep", "2.0", textwrap.dedent(FAST))
    return folder


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
    # A thirtieth, in time that nobody counts.
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
    # Where the dependency is not installed, the error names it.
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


# Compiled parts.

# The same on both sides; the compiled part decides how fast it is.
CORE = "    from pkg.fast import times\n\n\n" + WORK.format(times="times()")
C = """\
    #define PY_SSIZE_T_CLEAN
    #include <Python.h>

    static PyObject *times(PyObject *self, PyObject *none) {{ return PyLong_FromLong({times}); }}
    static PyMethodDef methods[] = {{{{"times", times, METH_NOARGS, ""}}, {{NULL}}}};
    static struct PyModuleDef module = {{PyModuleDef_HEAD_INIT, "fast", NULL, -1, methods}};
    PyMODINIT_FUNC PyInit_fast(void) {{ return PyModule_Create(&module); }}
    """
SETUP = """\
    from setuptools import Extension, setup

    setup(name="pkg", version="1", packages=["pkg"], ext_modules=[Extension("pkg.fast", ["pkg/fast.c"])])
    """
CYTHON_SETUP = """\
    from Cython.Build import cythonize
    from setuptools import setup

    setup(name="pkg", version="1", packages=["pkg"], ext_modules=cythonize(["pkg/fast.pyx"]))
    """
SUGGESTED = "python setup.py build_ext --inplace"
BINARY = f"fast{sysconfig.get_config_var('EXT_SUFFIX')}"
# The compiler call that setuptools makes in the end, but in a tenth of its time.
COMPILE = f"cc -shared -fPIC -O0 -I{sysconfig.get_path('include')} pkg/fast.c -o"
BUILD = f"{COMPILE} pkg/{BINARY}"


def cython(times):
    return f"def times():\n    return {times}\n"


@pytest.fixture
def compiled(repository):
    """A project whose head changes nothing but a C source."""
    repository.commit(
        {
            ".gitignore": "*.so\nbuild/\n",
            "setup.py": SETUP,
            "pkg/__init__.py": "",
            "pkg/core.py": CORE,
            "pkg/fast.c": C.format(times=30),
            "benchmarks/test_b.py": BENCHMARK,
        }
    )
    repository.commit({"pkg/fast.c": C.format(times=1)})
    return repository


def site_packages(python):
    folder = Path(python).parent.parent
    return sorted(str(path) for path in folder.rglob("*") if "__pycache__" not in path.parts)


def test_a_changed_source_needs_a_build_and_is_measured_with_one(compiled, compare, layer, wheels, tmp_path, cache):
    outcome = compare("HEAD^", "HEAD", "--python", layer)
    assert outcome.code == 2
    assert "`pkg/fast.c`" in outcome.err
    assert f"--build '{SUGGESTED}'" in outcome.err
    before, installed = compiled.state(), site_packages(layer)
    log = tmp_path / "builds"
    wheel = wheels / "tinydep-1.0-py3-none-any.whl"
    build = f"echo built >> {log}; {BUILD}; pip install --no-deps {wheel} && python -c 'import tinydep'"
    outcome = compare("HEAD^", "HEAD", "--python", layer, "--build", build)
    assert outcome.code == 0, outcome.err
    assert outcome.verdicts() == {"test_work": "improved"}
    assert outcome.report["settings"]["build"] == build
    assert outcome.warnings() == []
    # Nothing that the build installed is in the user's environment.
    assert (compiled.state(), site_packages(layer)) == (before, installed)
    assert log.read_text().count("built") == 2
    outcome = compare("HEAD^", "HEAD", "--python", layer, "--build", build)
    assert outcome.verdicts() == {"test_work": "improved"}
    assert "building" not in outcome.err
    assert log.read_text().count("built") == 2
    assert len(list((cache / "deadheat" / "builds").glob("*/ready"))) == 2


def test_a_folder_that_builds_share_gives_no_side_the_others_result(compiled, compare, tmp_path):
    """The builds work like cargo's and make's, which compile only what is newer than its result."""
    shared = tmp_path / "shared.so"
    build = f"[ {shared} -nt pkg/fast.c ] || {COMPILE} {shared}; cp {shared} pkg/{BINARY}"
    outcome = compare("HEAD^", "HEAD", "--build", build)
    assert outcome.code == 0, outcome.err
    assert outcome.verdicts() == {"test_work": "improved"}


def test_a_build_that_fails_shows_what_it_printed(compiled, compare):
    outcome = compare("HEAD^", "HEAD", "--build", "echo no such luck; exit 7")
    assert outcome.code == 3
    assert "--build failed on base (exit status: 7)" in outcome.err
    assert "no such luck" in outcome.err


def test_a_build_is_made_again_for_other_variables_and_from_the_worktrees_own_code(repository, compare, layer):
    """The build runs the project's own generator, which an editable install of the checkout provides, too."""
    generator = "import os\nprint('TIMES =', {} * int(os.environ.get('FACTOR', '1')))\n"
    core = "    from pkg.made import TIMES\n\n\n" + WORK.format(times="TIMES")
    files = {".gitignore": "made.py\n", "src/pkg/__init__.py": "", "src/pkg/generate.py": generator.format(30)}
    files |= {"src/pkg/core.py": core, "src/pkg/old.py": "", "benchmarks/test_b.py": BENCHMARK}
    repository.commit(files)
    repository.commit({"src/pkg/generate.py": generator.format(1)})
    (site,) = layer.parent.parent.glob("lib/python*/site-packages")
    (site / "editable.pth").write_text(f"{repository.folder / 'src'}\n")
    build = "python -m pkg.generate > src/pkg/made.py && rm src/pkg/old.py"
    arguments = ("HEAD^", "HEAD", "--python", layer, "--build", build)
    outcome = compare(*arguments)
    assert outcome.code == 0, outcome.err
    assert outcome.verdicts() == {"test_work": "improved"}
    kept = compare(*arguments, "--keep", "--dry-run")
    assert "building" not in kept.err
    (base,) = (
        Path(shlex.split(line)[1]) for line in kept.err.splitlines() if line.startswith("  cd") and "/base" in line
    )
    assert (base / "src/pkg/made.py").read_text() == "TIMES = 30\n"
    assert not (base / "src/pkg/old.py").exists()
    outcome = compare(*arguments, "--dry-run", environment={"FACTOR": "2"})
    assert "building base" in outcome.err
    subprocess.run([sys.executable, "-m", "deadheat", "clean"], cwd=repository.folder, check=True, capture_output=True)


# Each build generates only files that are missing or older than their source.
GENERATORS = {
    "cython": ("python -m cython -3 pkg/fast.pyx", cython, CYTHON_SETUP, SUGGESTED),
    "sed": (
        'sed "s/TIMES/$(cat pkg/fast.pyx)/" template > pkg/fast.c',
        "{}\n".format,
        SETUP,
        f"[ pkg/fast.c -nt pkg/fast.pyx ] || sh generate; {BUILD}",
    ),
}


@pytest.mark.parametrize("generator", in_short("sed", of=GENERATORS))
def test_code_that_a_tool_generated_is_generated_again(repository, compare, builder, generator):
    generate, source, setup, build = GENERATORS[generator]
    files = {".gitignore": "*.so\nbuild/\n", "setup.py": setup, "pkg/__init__.py": "", "pkg/core.py": CORE}
    files |= {"template": C.format(times="TIMES"), "generate": generate, "pkg/fast.pyx": source(1)}
    repository.write({**files, "benchmarks/test_b.py": BENCHMARK})
    search_path = f"{Path(builder).parent}{os.pathsep}{os.environ['PATH']}"
    command = ["sh", "generate"]
    subprocess.run(command, cwd=repository.folder, check=True, env={**os.environ, "PATH": search_path})
    repository.commit({})
    repository.commit({"pkg/fast.pyx": source(30)})
    outcome = compare("HEAD^", "HEAD", "--python", builder, "--build", build)
    assert outcome.code == 0, outcome.err
    assert outcome.verdicts() == {"test_work": "regressed"}


WITHOUT_IT_TOO = CORE.replace(
    "from pkg.fast import times\n",
    "try:\n        from pkg.fast import times\n    except ImportError:\n        times = int\n",
)


def test_an_extension_that_only_one_side_has_is_said(compiled, compare):
    compiled.commit({"pkg/core.py": WITHOUT_IT_TOO, "setup.py": SETUP + "\n    # again\n"})
    compiled.commit({"setup.py": "# nothing any more\n"})
    build = f"! grep Extension setup.py || {BUILD}"
    outcome = compare("HEAD^", "HEAD", "--build", build, replicates=2)
    assert outcome.code == 0, outcome.err
    (words,) = [row["message"] for row in outcome.report["warnings"] if row["code"] == "compiled_part_missing"]
    assert "left no `pkg/fast` on head, and one on base" in words


def test_a_build_that_leaves_nothing_is_no_build(compiled, compare):
    compiled.commit({"pkg/core.py": WITHOUT_IT_TOO})
    compiled.commit({"pkg/fast.c": C.format(times=2)})
    outcome = compare("HEAD^", "HEAD", "--build", "true", replicates=2)
    assert outcome.code == 0, outcome.err
    (words,) = [row["message"] for row in outcome.report["warnings"] if row["code"] == "compiled_part_missing"]
    assert "left no extension module on both sides" in words


def test_binaries_of_the_working_tree_serve_both_sides_where_their_sources_are_the_same(compiled, compare):
    compiled.commit({"pkg/core.py": CORE.replace("times()", "30 * times()")})
    compiled.commit({"pkg/core.py": CORE})
    outcome = compare("HEAD^", "HEAD")
    assert outcome.code == 3
    assert f"--build '{SUGGESTED}' builds it on both sides" in outcome.err
    subprocess.run(["sh", "-c", BUILD], cwd=compiled.folder, check=True)
    before = compiled.state()
    outcome = compare("HEAD^", "HEAD")
    assert outcome.code == 0, outcome.err
    assert outcome.verdicts() == {"test_work": "improved"}
    assert "extension_modules_copied" in outcome.warnings()
    assert compiled.state() == before
    # A file that a build may read differs.
    compiled.commit({"pkg/step.inc": "1"})
    outcome = compare("HEAD^", "HEAD")
    assert outcome.code == 3
    assert "extension_modules_copied" not in outcome.warnings()
    compiled.git("reset", "--quiet", "--hard", "HEAD^")
    # The binary is older than its source, so it may have been built from another one.
    (compiled.folder / "pkg" / "fast.c").touch()
    later = time.time() + 5
    os.utime(compiled.folder / "pkg" / "fast.c", (later, later))
    outcome = compare("HEAD^", "HEAD")
    assert outcome.code == 3
    compiled.write({"pkg/fast.c": C.format(times=3)})
    outcome = compare("HEAD^", "HEAD")
    assert outcome.code == 3


CARGO = """\
    [package]
    name = "fast"
    version = "0.1.0"
    edition = "2021"

    [lib]
    name = "fast"
    crate-type = ["cdylib"]

    [dependencies]
    pyo3 = { version = "0.30", features = ["abi3-py310"] }
    """
RUST = """\
    use pyo3::prelude::*;

    #[pyfunction]
    fn times() -> u64 {{
        {times}
    }}

    #[pymodule]
    fn fast(module: &Bound<'_, PyModule>) -> PyResult<()> {{
        module.add_function(wrap_pyfunction!(times, module)?)
    }}
    """
MATURIN = """\
    [build-system]
    requires = ["maturin>=1.9"]
    build-backend = "maturin"

    [project]
    name = "pkg"
    version = "1"

    [tool.maturin]
    module-name = "pkg.fast"
    """


CFFI = """\
    from cffi import FFI

    ffi = FFI()
    ffi.cdef("long times(void);")
    ffi.set_source("pkg.fast", "static long times(void) {{ return {times}; }}")
    """
BUILD_SYSTEMS = {
    "setuptools": {"setup.py": SETUP},
    "cffi": {
        "setup.py": """\
            from setuptools import setup

            setup(name="pkg", version="1", packages=["pkg"], cffi_modules=["build_fast.py:ffi"])
            """,
        "pkg/core.py": CORE.replace("import times", "import lib").replace("times()", "lib.times()"),
    },
    "mesonpy": {
        "pyproject.toml": """\
            [build-system]
            requires = ["meson-python"]
            build-backend = "mesonpy"

            [project]
            name = "pkg"
            version = "1"
            """,
        "meson.build": """\
            project('pkg', 'c', version: '1')
            py = import('python').find_installation(pure: false)
            py.install_sources('pkg/__init__.py', 'pkg/core.py', subdir: 'pkg')
            py.extension_module('fast', 'pkg/fast.c', subdir: 'pkg', install: true)
            """,
    },
    "scikit_build_core": {
        "pyproject.toml": """\
            [build-system]
            requires = ["scikit-build-core"]
            build-backend = "scikit_build_core.build"

            [project]
            name = "pkg"
            version = "1"

            [tool.scikit-build]
            wheel.packages = ["pkg"]
            """,
        "CMakeLists.txt": """\
            cmake_minimum_required(VERSION 3.18)
            project(pkg LANGUAGES C)
            find_package(Python REQUIRED COMPONENTS Interpreter Development.Module)
            python_add_library(fast MODULE pkg/fast.c WITH_SOABI)
            install(TARGETS fast DESTINATION pkg)
            """,
    },
    "maturin": {"pyproject.toml": MATURIN, "Cargo.toml": CARGO},
}
WITH_PIP = "pip install --no-deps --upgrade --target . ."
SUGGESTIONS = {"mesonpy": WITH_PIP, "scikit_build_core": WITH_PIP, "maturin": "maturin develop --release"}
SOURCES = {"cffi": ("build_fast.py", CFFI), "maturin": ("src/lib.rs", RUST)}


@pytest.fixture
def changed_source(repository, request):
    """A project with the build system of the fixture's parameter, whose head changes nothing but a source."""
    path, code = SOURCES.get(request.param, ("pkg/fast.c", C))
    files = {".gitignore": "*.so\nbuild/\ntarget/\n", "pkg/__init__.py": "", "pkg/core.py": CORE}
    files |= {**BUILD_SYSTEMS[request.param], "benchmarks/test_b.py": BENCHMARK, path: code.format(times=30)}
    repository.commit(files)
    repository.commit({path: code.format(times=1)})
    return request.param


@pytest.mark.parametrize("changed_source", BUILD_SYSTEMS, indirect=True)
def test_a_command_is_suggested_for_every_kind_of_project(changed_source, compare):
    outcome = compare("HEAD^", "HEAD")
    assert outcome.code == 2, outcome.err
    assert f"--build '{SUGGESTIONS.get(changed_source, SUGGESTED)}'" in outcome.err


@pytest.mark.parametrize("changed_source", in_short("setuptools", of=BUILD_SYSTEMS), indirect=True)
def test_the_command_that_is_suggested_builds_every_kind_of_project(changed_source, compare, builder):
    build = SUGGESTIONS.get(changed_source, SUGGESTED)
    # pip's way to say "use what is installed"; Rust's dependencies are compiled once for both sides and for later runs.
    variables = {"PIP_NO_BUILD_ISOLATION": "0", "CARGO_TARGET_DIR": str(ROOT / "target" / "maturin")}
    installed = site_packages(builder)
    run = ("HEAD^", "HEAD", "--python", builder, "--build", build)
    outcome = compare(*run, environment=variables, timeout=600)
    assert outcome.code == 0, outcome.err
    assert outcome.verdicts() == {"test_work": "improved"}
    assert outcome.warnings() == []
    assert site_packages(builder) == installed


# Generated files.


@pytest.fixture
def versioned(repository):
    """A project whose version file is written by its build and ignored by git."""
    project = """\
        [build-system]
        requires = ["setuptools>=64", "setuptools-scm>=8"]
        build-backend = "setuptools.build_meta"

        [project]
        name = "pkg"
        dynamic = ["version"]

        [tool.setuptools]
        packages = ["pkg"]

        [tool.setuptools_scm]
        version_file = "pkg/_generated.py"
        """
    repository.commit(
        {
            ".gitignore": "_generated.py\n*.egg-info\n",
            "pyproject.toml": project,
            "pkg/__init__.py": "from pkg._generated import version\n",
            "pkg/core.py": SLOW,
            "benchmarks/test_b.py": BENCHMARK,
        }
    )
    repository.git("tag", "v1.0")
    repository.commit({"pkg/core.py": FAST})
    return repository


def test_a_version_file_that_nobody_has_written_is_explained_and_can_be_built(versioned, compare, builder, monkeypatch):
    # pip's way to say "use what is installed".
    monkeypatch.setenv("PIP_NO_BUILD_ISOLATION", "0")
    run = ("HEAD^", "HEAD", "--python", builder)
    outcome = compare(*run)
    assert outcome.code == 3
    assert "`pkg/_generated.py` is written by the project's build" in outcome.err
    assert "--build 'pip install --no-deps -e .'" in outcome.err
    outcome = compare(*run, "--build", "pip install --no-deps -e .")
    assert outcome.code == 0, outcome.err
    assert outcome.verdicts() == {"test_work": "improved"}
    # If the working tree has the file, both sides take it from there.
    versioned.write({"pkg/_generated.py": "version = '1'\n"})
    outcome = compare(*run)
    assert outcome.code == 0, outcome.err
    assert "generated_file_copied" in outcome.warnings()


def test_a_missing_protobuf_module_is_explained(repository, compare):
    files = {".gitignore": "*_pb2.py\n", "pkg/__init__.py": "", "pkg/thing.proto": 'syntax = "proto3";\n'}
    core = "    from pkg import thing_pb2\n\n\n"
    repository.commit({**files, "pkg/core.py": core + SLOW, "benchmarks/test_b.py": BENCHMARK})
    repository.commit({"pkg/core.py": core + FAST})
    outcome = compare("HEAD^", "HEAD")
    assert outcome.code == 3
    assert "generated from `thing.proto`" in outcome.err
    dry_run = ("HEAD^", "HEAD", "--dry-run")
    outcome = compare(*dry_run, "--build", "touch pkg/thing_pb2.py")
    assert outcome.code == 0, outcome.err
    repository.write({"pkg/thing_pb2.py": ""})
    outcome = compare(*dry_run)
    assert (outcome.code, "--inject pkg/thing_pb2.py" in outcome.err) == (3, True)
    assert compare(*dry_run, "--inject", "pkg/thing_pb2.py").code == 0


# Submodules.


@pytest.fixture
def with_submodule(repository, tmp_path):
    """A project whose code is in a submodule, which head moves."""
    library = type(repository)(tmp_path / "library")
    library.commit({"__init__.py": "", "core.py": SLOW})
    repository.git("submodule", "--quiet", "add", str(library.folder), "pkg")
    repository.commit({"benchmarks/test_b.py": BENCHMARK})
    library.commit({"core.py": FAST})
    repository.git("-C", "pkg", "pull", "--quiet")
    repository.commit({})
    return repository, library


def test_submodules_are_there_on_both_sides_and_the_users_own_are_not_touched(with_submodule, compare):
    repository, _ = with_submodule
    before = repository.state()
    outcome = compare("HEAD^", "HEAD")
    assert outcome.code == 0, outcome.err
    assert outcome.verdicts() == {"test_work": "improved"}
    assert outcome.targets() == {"work": "modified"}
    assert outcome.report["target_functions"][0]["path"] == "pkg/core.py"
    assert repository.state() == before
    assert len(repository.git("worktree", "list").splitlines()) == 1
    repository.git("submodule", "--quiet", "deinit", "--force", "pkg")
    assert compare("HEAD^", "HEAD", "--dry-run").code == 0


def test_a_commit_of_a_submodule_that_is_not_here_is_fetched_only_when_asked(with_submodule, compare, tmp_path):
    repository, library = with_submodule
    clone = tmp_path / "clone"
    repository.git("clone", "--quiet", "--recurse-submodules", str(repository.folder), str(clone))
    moved = library.commit({"core.py": SLOW})
    in_clone = ("-C", str(clone))
    repository.git(*in_clone, "update-index", "--cacheinfo", f"160000,{moved},pkg")
    repository.git(*in_clone, "commit", "--quiet", "--message", "moved")
    outcome = compare("HEAD^", "HEAD", folder=clone)
    assert outcome.code == 2
    assert "your checkout of it does not have that commit" in outcome.err
    assert "--fetch" in outcome.err
    outcome = compare("HEAD^", "HEAD", "--fetch", folder=clone)
    assert outcome.code == 0, outcome.err
    assert outcome.verdicts() == {"test_work": "regressed"}
    subprocess.run(["git", "-C", clone / "pkg", "cat-file", "-e", moved], check=False)
    assert subprocess.run(
        ["git", "-C", clone / "pkg", "cat-file", "-e", moved], check=False, capture_output=True
    ).returncode


def test_what_is_built_in_a_submodule_is_kept_too(with_submodule, compare):
    repository, _ = with_submodule
    core = "import made\n\n\ndef work(n):\n    return made.work(n)\n"
    repository.commit({"app.py": core, "benchmarks/test_c.py": BENCHMARK.replace("pkg.core", "app")})
    repository.commit({"app.py": core + "\n"})
    build = "echo 'def work(n): return n' > pkg/made.py"
    search_path = ("--all", "--build", f"{build}; cp pkg/made.py .", "-k", "work", "--replicates", 2, "-v")
    for is_built in (True, False):
        outcome = compare("HEAD^", "HEAD", *search_path, "--keep")
        assert outcome.code == 0, outcome.err
        assert ("building" in outcome.err) == is_built
        bases = [
            shlex.split(line)[1] for line in outcome.err.splitlines() if line.startswith("  cd") and "/base" in line
        ]
        assert (Path(bases[0]) / "pkg" / "made.py").exists()
    subprocess.run([sys.executable, "-m", "deadheat", "clean"], cwd=repository.folder, check=True, capture_output=True)


def test_uncommitted_changes_in_a_submodule_are_refused(with_submodule, compare):
    repository, _ = with_submodule
    (repository.folder / "pkg" / "core.py").write_text("def work(n):\n    return 1\n")
    outcome = compare("--working-tree")
    assert (outcome.code, "the submodule `pkg` is changed" in outcome.err) == (2, True)


def test_a_submodule_that_nobody_needs_is_no_error(two_sided, compare):
    outcome = compare("HEAD^", "HEAD")
    assert outcome.code == 0, outcome.err
    assert "submodule_missing" in outcome.warnings()
    assert outcome.verdicts() == {"test_work": "improved"}


@pytest.fixture
def two_sided(repository, tmp_path):
    theme = type(repository)(tmp_path / "theme")
    commit = theme.commit({"theme.css": ""})
    repository.commit({"pkg/__init__.py": "", "pkg/core.py": SLOW, "benchmarks/test_b.py": BENCHMARK})
    repository.git("update-index", "--add", "--cacheinfo", f"160000,{commit},docs/theme")
    repository.git("commit", "--quiet", "--message", "theme")
    repository.write({"pkg/core.py": FAST})
    repository.git("commit", "--quiet", "--all", "--message", "fast")
    return repository


# Editable installs.

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
