"""How the action installs deadheat, with an index in a folder."""

import re
import shutil
import subprocess
import sys
import tarfile
from pathlib import Path

import pytest

from conftest import ROOT
from github import executable

pytestmark = [pytest.mark.counted, pytest.mark.quick]


BACKEND = """\
import pathlib, sys, zipfile

def build_wheel(directory, *_):
    return make_wheel(pathlib.Path(directory), "0.2.0", "source")

def make_wheel(directory, version, origin):
    name = f"deadheat-{version}-py3-none-any.whl"
    info = f"deadheat-{version}.dist-info"
    with zipfile.ZipFile(directory / name, "w") as wheel:
        wheel.writestr("deadheat.py", f"ORIGIN = {origin!r}\\n")
        wheel.writestr(f"{info}/METADATA", f"Metadata-Version: 2.1\\nName: deadheat\\nVersion: {version}\\n")
        wheel.writestr(f"{info}/WHEEL", "Wheel-Version: 1.0\\nRoot-Is-Purelib: true\\nTag: py3-none-any\\n")
        wheel.writestr(f"{info}/RECORD", "")
    return name

if __name__ == "__main__":
    make_wheel(pathlib.Path(sys.argv[1]), sys.argv[2], "index")
"""


@pytest.fixture
def installs(tmp_path):
    """Installs a revision of the action with the real pip, from stand-ins for PyPI and for this repository."""
    revision, index = tmp_path / "revision", tmp_path / "index"
    index.mkdir()
    shutil.copytree(ROOT / "action", revision / "action")
    (revision / "Cargo.toml").write_text('[workspace.package]\nversion = "0.2.0"\n')
    (revision / "pyproject.toml").write_text(
        '[build-system]\nrequires = []\nbuild-backend = "backend"\nbackend-path = ["."]\n'
    )
    (revision / "backend.py").write_text(BACKEND)

    def run(heading, published=(), rust=True):
        (revision / "CHANGELOG.md").write_text(f"# Changelog\n\n## {heading}\n\n- a\n\n## 0.1.0 - 2026-01-01\n")
        for version in published:
            subprocess.run([sys.executable, revision / "backend.py", index, version], check=True)
        (tmp_path / "tools").mkdir()
        if rust:
            executable(tmp_path / "tools" / "cargo", "")
        answer = subprocess.run(
            [sys.executable, revision / "action" / "github.py", "install", tmp_path / "environment"],
            env={"PATH": str(tmp_path / "tools"), "PIP_NO_INDEX": "1", "PIP_FIND_LINKS": str(index)},
            capture_output=True,
            text=True,
            check=False,
        )
        modules = list((tmp_path / "environment").glob("lib/*/site-packages/deadheat.py"))
        return answer, re.search("'(.*)'", modules[0].read_text())[1] if modules else None

    return run


@pytest.mark.real
def test_a_release_of_the_action_installs_its_wheel(installs):
    answer, origin = installs("0.2.0 - 2026-12-01", published=["0.2.0", "0.3.0"], rust=False)
    assert answer.returncode == 0, answer.stderr
    assert origin == "index"
    assert answer.stdout == ""


@pytest.mark.real
def test_what_is_not_a_release_never_installs_a_wheel_that_somebody_published(installs):
    answer, origin = installs("0.2.0 - unreleased", published=["0.2.0"])
    assert answer.returncode == 0, answer.stderr
    assert origin == "source"
    assert answer.stdout.startswith("This revision is not a release: building deadheat from source")


@pytest.mark.real
def test_where_there_is_no_wheel_it_is_built(installs):
    answer, origin = installs("0.2.0 - 2026-12-01", published=["0.3.0"])
    assert answer.returncode == 0, answer.stderr
    assert origin == "source"
    assert answer.stdout.startswith(
        "PyPI has no wheel of deadheat 0.2.0 for this machine: building deadheat from source"
    )


@pytest.mark.parametrize("heading", ["0.2.0 - unreleased", "Unreleased", "0.3.0 - 2026-12-01", "0.2.0"])
def test_without_a_wheel_and_without_rust_the_error_says_what_to_do(installs, heading):
    answer, _ = installs(heading, rust=False)
    assert answer.returncode == 1
    assert answer.stdout.startswith(
        "::error title=deadheat::This revision is not a release, and deadheat cannot be built here: use a release"
    )


@pytest.mark.real
def test_the_sources_of_a_release_hold_what_is_compiled_into_the_program(tmp_path):
    maturin = Path(sys.executable).with_name("maturin")
    subprocess.run([maturin, "sdist", "--out", tmp_path], cwd=ROOT, check=True, capture_output=True)
    (sources,) = tmp_path.glob("deadheat-*.tar.gz")
    with tarfile.open(sources) as archive:
        held = {name.partition("/")[2] for name in archive.getnames()}
    included = {str(path.relative_to(ROOT)) for path in (ROOT / "examples" / "demo").glob("*/**/*.*") if path.is_file()}
    assert len(included) > 10
    assert included - held == set()
