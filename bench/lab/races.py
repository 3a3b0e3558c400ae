"""Simulates races with the recorded noise of the bank: `python bench/lab/races.py [RACES]` prints the table of
`docs/statistics.md`.

The races are `crates/deadheat-core/examples/race.rs`; each has the noise of one recorded sequence of replicates.
"""

import gzip
import json
import os
import subprocess
import sys

HERE = os.path.dirname(os.path.abspath(__file__))
TOP = os.path.dirname(os.path.dirname(HERE))
sys.path.insert(0, HERE)
from evidence import sequences  # noqa: E402


def main():
    with gzip.open(os.path.join(TOP, "docs", "evidence-bank.json.gz")) as file:
        found = sequences(json.load(file)["parts"])
    same = [row["log_ratios"] for row in found if row["truth"] == 1]
    centred = [[value - sum(row) / len(row) for value in row] for row in same]
    command = ["cargo", "run", "--release", "--quiet", "--package", "deadheat-core", "--example", "race", "--"]
    subprocess.run([*command, *sys.argv[1:]], cwd=TOP, input=json.dumps(centred), text=True, check=True)


if __name__ == "__main__":
    main()
