"""Parts of the tests that build or install: wheels in place of an index, interpreters with what builds projects."""

import os
import subprocess
import sys
import textwrap
import zipfile
from pathlib import Path

import pytest

from conftest import PACKAGE, UV, WORK, environment, made_once

OWN = f"{sys.version_info[0]}.{sys.version_info[1]}"
NEEDS = [
    *("pytest", "pip", "wheel", "setuptools>=77", "setuptools-scm>=8", "hatchling", "flit_core", "poetry-core"),
    *("editables", "meson-python", "ninja", "scikit-build-core", "cmake", "cffi", "cython", "maturin"),
]
SLOW, FAST = WORK.format(times=30), WORK.format(times=1)
BENCHMARK = """\
    from pkg.core import work


    def test_work(benchmark):
        benchmark(work, 50)
    """


def in_short(*names, of):
    """Returns all of `of` as parameters; those not in `names` are only for the long version of the tests."""
    return [pytest.param(name, marks=() if name in names else pytest.mark.long) for name in of]


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


@pytest.fixture
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
