"""The Python files on which the finder is checked against CPython."""

import hashlib
import os
import subprocess
import sys
import zipfile
from pathlib import Path

HERE = Path(__file__).resolve().parent
sys.path.append(str(HERE.parent.parent / "tools"))
import pythons  # noqa: E402


def go_on_in_newest_python(script):
    """Runs the script again in this machine's newest CPython, if that is not the running one."""
    version, program = max(
        (tuple(map(int, version.split("."))), program) for version, program in pythons.find().items()
    )
    if version > sys.version_info[:2]:
        os.execv(program, [program, str(script), *sys.argv[1:]])
    if sys.version_info < (3, 12):
        sys.exit("the oracle and the packages need Python 3.12 or later")


def standard_libraries():
    """Returns the standard library of every Python under pyenv, or of the running one, as {version: folder}."""
    found = {
        folder.name: library
        for folder in sorted(pythons.pyenv_versions().glob("*"))
        for library in sorted(folder.glob("lib/python*"))
        if (library / "os.py").exists()
    }
    return found or {sys.version.split()[0]: Path(os.__file__).parent}


def in_standard_library(folder):
    """Yields (name, bytes) of each file of a standard library."""
    for path in sorted(folder.rglob("*.py")):
        if "site-packages" not in path.parts and path.is_file():
            yield str(path.relative_to(folder)), path.read_bytes()


def wheels(folder):
    """Returns the wheels of `packages.txt`, downloaded into `folder` if they are not there."""
    folder.mkdir(parents=True, exist_ok=True)
    complete = folder / "complete"
    wanted = (HERE / "packages.txt").read_text()
    if not complete.exists() or complete.read_text() != wanted:
        command = [sys.executable, "-m", "pip", "download", "--quiet", "--disable-pip-version-check"]
        options = ["--no-deps", "--only-binary=:all:", "--dest", str(folder)]
        subprocess.run([*command, *options, "--requirement", str(HERE / "packages.txt")], check=True)
        complete.write_text(wanted)
    return sorted(folder.glob("*.whl"))


def in_wheel(path):
    """Yields (name, bytes) of each Python file of a wheel."""
    with zipfile.ZipFile(path) as archive:
        for name in sorted(archive.namelist()):
            if name.endswith(".py"):
                yield name, archive.read(name)


class Distinct:
    """A filter that passes every content once: most files of two neighbouring Pythons are the same."""

    def __init__(self):
        self.seen = set()

    def is_new(self, source):
        key = hashlib.sha256(source).digest()
        if key in self.seen:
            return False
        self.seen.add(key)
        return True
