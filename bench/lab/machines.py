"""Simulates runs on several machines with the recorded noise of the bank: `python bench/lab/machines.py [RUNS]` prints
the tables of `docs/statistics.md`.

The runs are `crates/deadheat-core/examples/machines.rs`; each has the noise of one recorded sequence of replicates.
"""

import os
import subprocess
import sys

HERE = os.path.dirname(os.path.abspath(__file__))
TOP = os.path.dirname(os.path.dirname(HERE))
sys.path.insert(0, HERE)
from evidence import of_unchanged_code  # noqa: E402


def main():
    command = ["cargo", "run", "--release", "--quiet", "--package", "deadheat-core", "--example", "machines", "--"]
    subprocess.run([*command, *sys.argv[1:]], cwd=TOP, input=of_unchanged_code(), text=True, check=True)


if __name__ == "__main__":
    main()
