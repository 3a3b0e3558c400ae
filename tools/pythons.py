"""The interpreters of this machine, for the tests and for the benchmarks."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

# The supported versions.
VERSIONS = ("3.10", "3.11", "3.12", "3.13", "3.14", "3.15")


def pyenv_versions():
    """Returns the folder that holds pyenv's versions; it need not exist."""
    return Path(os.environ.get("PYENV_ROOT", Path.home() / ".pyenv")) / "versions"


def find():
    """Returns the newest usable interpreter of each supported version under pyenv or on the PATH, by version."""
    found = {}
    for version in VERSIONS:
        candidates = sorted(pyenv_versions().glob(f"{version}.*/bin/python"), reverse=True)
        on_path = shutil.which(f"python{version}")
        for candidate in [*map(str, candidates), *([on_path] if on_path else [])]:
            answer = subprocess.run([candidate, "-c", "import venv"], capture_output=True, check=False)
            if answer.returncode == 0:
                found[version] = candidate
                break
    found.setdefault(f"{sys.version_info[0]}.{sys.version_info[1]}", sys.executable)
    return found
