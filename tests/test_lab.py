"""The evidence page agrees exactly with its bank."""

import subprocess
import sys

from conftest import ROOT


def test_the_same_bank_gives_the_same_page(tmp_path):
    command = [sys.executable, ROOT / "bench" / "lab" / "evidence.py", ROOT / "docs" / "evidence-bank.json.gz"]
    # The dev profile builds nothing that `cargo test` has not built.
    subprocess.run([*command, "--out", tmp_path, "--profile", "dev"], cwd=ROOT, check=True, stdout=subprocess.DEVNULL)
    for name in ("evidence.md", "evidence.svg", "evidence-bank.json.gz"):
        assert (tmp_path / name).read_bytes() == (ROOT / "docs" / name).read_bytes()
