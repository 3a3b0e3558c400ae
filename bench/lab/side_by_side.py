"""Measures the same 24 benchmarks on one core and on several at once, and compares the times and the intervals:

    python bench/lab/side_by_side.py [--cores 1 2] [--runs 5] [--replicates 14]

Each run measures unchanged code with a fixed number of replicates, so that the numbers of cores have the same work, in
an order that changes from run to run. `here` is a run without `--on`, whose imports run on another core meanwhile. The
width of an interval is that of head/base; it is compared for each benchmark, and the median of the ratios to `here` is
shown. Run it on a quiet machine, with the Python that deadheat is installed in.
"""

import argparse
import json
import os
import platform
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

CODE = """\
def work(n):
    total = 0
    for i in range(n):
        total += i * i % 7
    return total
"""
BENCHMARKS = """\
import pytest

from pkg import work


@pytest.mark.parametrize("n", range(1, 25))
def test_work(benchmark, n):
    benchmark(work, n * 100)
"""
HERE = "here"


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--cores", type=int, nargs="+", default=[1, 2])
    parser.add_argument("--runs", type=int, default=5)
    parser.add_argument("--replicates", type=int, default=14)
    arguments = parser.parse_args()
    places = [HERE, *(f"local:{count}" for count in arguments.cores)]
    seconds = {place: [] for place in places}
    widths = {place: [] for place in places}
    with tempfile.TemporaryDirectory() as folder:
        make(folder)
        for number in range(arguments.runs):
            for place in places[number % len(places) :] + places[: number % len(places)]:
                taken, intervals = measure(folder, place, number, arguments.replicates)
                seconds[place].append(taken)
                widths[place].append(intervals)
    print(f"{platform.processor() or platform.machine()}, {os.cpu_count()} cores, Python {platform.python_version()}")
    for place in places:
        ratios = [
            width / widths[HERE][number][benchmark]
            for number, intervals in enumerate(widths[place])
            for benchmark, width in intervals.items()
        ]
        print(
            f"{place:10} {statistics.median(seconds[place]):6.1f} s for measuring, width of the intervals "
            f"{statistics.median(ratios):.2f} of that of `{HERE}`"
        )


def make(folder):
    folder = Path(folder)
    (folder / "pkg").mkdir()
    (folder / "pkg" / "__init__.py").write_text(CODE)
    (folder / "benchmarks").mkdir()
    (folder / "benchmarks" / "test_work.py").write_text(BENCHMARKS)
    git = ["git", "-c", "user.name=lab", "-c", "user.email=lab@localhost"]
    for words in (["init", "--quiet"], ["add", "--all"], ["commit", "--quiet", "--message", "work"]):
        subprocess.run([*git, *words], cwd=folder, check=True)


def measure(folder, place, seed, replicates):
    """Returns the seconds for measuring, and the width of each benchmark's interval."""
    on = [] if place == HERE else ["--on", place]
    words = ["compare", "HEAD", "HEAD", "--all", "--replicates", replicates, "--seed", seed, "--progress-json", *on]
    command = [sys.executable, "-m", "deadheat", *map(str, words), "-o", "report.json"]
    began = None
    with subprocess.Popen(command, cwd=folder, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True) as run:
        for line in run.stderr:
            if "measuring" in line and began is None:
                began = time.perf_counter()
    # Nothing follows the measuring of unchanged code.
    ended = time.perf_counter()
    if run.returncode != 0 or began is None:
        sys.exit(f"{' '.join(command)} ended with {run.returncode}")
    report = json.loads((Path(folder) / "report.json").read_text())
    intervals = {}
    for row in report["comparisons"]:
        interval = row["estimate"]["confidence_interval"]
        intervals[row["benchmark"]] = interval["upper_bound"] - interval["lower_bound"]
    return ended - began, intervals


if __name__ == "__main__":
    main()
