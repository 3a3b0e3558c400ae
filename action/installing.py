"""Installs deadheat into its own environment: a release from its wheel in seconds, anything else built from source."""

import re
import shutil
import subprocess
import sys
from pathlib import Path

from api import warn

ROOT = Path(__file__).resolve().parent.parent
NO_RUST = "use a release of the action on Linux or macOS, or install Rust in a step before it (https://rustup.rs)"


def install(environment):
    version = released()
    if version and installed(environment, "--only-binary=:all:", f"deadheat=={version}"):
        return 0
    why = f"PyPI has no wheel of deadheat {version} for this machine" if version else "This revision is not a release"
    if not shutil.which("cargo"):
        warn(f"{why}, and deadheat cannot be built here: {NO_RUST}", level="error")
        return 1
    print(f"{why}: building deadheat from source, which takes some minutes", flush=True)
    return 0 if installed(environment, ROOT) else 1


def installed(environment, *what):
    subprocess.run([sys.executable, "-m", "venv", environment], check=True)
    pip = [Path(environment, "bin", "python"), "-m", "pip", "--disable-pip-version-check"]
    return subprocess.run([*pip, "install", "--quiet", *what], check=False).returncode == 0


def released():
    """Returns the version of this revision if it is a release: then it is the changelog's latest, with a date.

    Between two releases, the version is that of a wheel with different code, or of one that does not exist yet.
    """
    version = re.search(r'^version = "(.+)"$', (ROOT / "Cargo.toml").read_text(encoding="utf-8"), re.MULTILINE)[1]
    latest = re.search(r"^## (.+)$", (ROOT / "CHANGELOG.md").read_text(encoding="utf-8"), re.MULTILINE)[1]
    return version if re.fullmatch(rf"{re.escape(version)} - \d{{4}}-\d\d-\d\d", latest) else None
