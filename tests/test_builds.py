"""Compiled parts and generated files, which are built on both sides."""

import os
import shlex
import subprocess
import sys
import sysconfig
import time
from pathlib import Path

import pytest

from conftest import ROOT, WORK
from installing import BENCHMARK, FAST, SLOW, in_short

pytestmark = [pytest.mark.counted, pytest.mark.usefixtures("offline")]

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
    """The build runs the project's own generator, which an editable install of the checkout also provides."""
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
    assert "left no `pkg/fast` on head, but one on base" in words


def test_a_build_that_leaves_nothing_is_no_build(compiled, compare):
    compiled.commit({"pkg/core.py": WITHOUT_IT_TOO})
    compiled.commit({"pkg/fast.c": C.format(times=2)})
    outcome = compare("HEAD^", "HEAD", "--build", "true", replicates=2)
    assert outcome.code == 0, outcome.err
    (words,) = [row["message"] for row in outcome.report["warnings"] if row["code"] == "compiled_part_missing"]
    assert "left no extension module on either side" in words


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


def pyproject(requires, backend, more=""):
    build_system = f'[build-system]\nrequires = ["{requires}"]\nbuild-backend = "{backend}"\n'
    return f'{build_system}\n[project]\nname = "pkg"\nversion = "1"\n{more}'


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
        "pyproject.toml": pyproject("meson-python", "mesonpy"),
        "meson.build": """\
            project('pkg', 'c', version: '1')
            py = import('python').find_installation(pure: false)
            py.install_sources('pkg/__init__.py', 'pkg/core.py', subdir: 'pkg')
            py.extension_module('fast', 'pkg/fast.c', subdir: 'pkg', install: true)
            """,
    },
    "scikit_build_core": {
        "pyproject.toml": pyproject(
            "scikit-build-core", "scikit_build_core.build", '[tool.scikit-build]\nwheel.packages = ["pkg"]\n'
        ),
        "CMakeLists.txt": """\
            cmake_minimum_required(VERSION 3.18)
            project(pkg LANGUAGES C)
            find_package(Python REQUIRED COMPONENTS Interpreter Development.Module)
            python_add_library(fast MODULE pkg/fast.c WITH_SOABI)
            install(TARGETS fast DESTINATION pkg)
            """,
    },
    "maturin": {
        "pyproject.toml": pyproject("maturin>=1.9", "maturin", '[tool.maturin]\nmodule-name = "pkg.fast"\n'),
        "Cargo.toml": CARGO,
    },
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
