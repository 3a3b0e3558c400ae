"""Runs real races of eight candidates, the best of which is 3 % ahead of the others, and counts the right answers:

    python bench/lab/real_races.py [--races 10] [--pairwise]

The candidates run the same loop 2000 times (the best) or 2060 times. Their functions differ in a constant that they do
not use, so that none has the code of another. `--pairwise` also compares all 28 pairs of the first race, and so counts
the process pairs that a race saves; that takes some ten minutes. Run it on a quiet machine, with the Python that
deadheat is installed in.
"""

import argparse
import itertools
import json
import os
import random
import subprocess
import sys
import tempfile
import time

CODE = """\
def work():
    name = "{name}"
    total = 0
    for i in range({rounds}):
        total += i * i % 7
    return 1
"""
BENCHMARK = """\
from pkg import work


def test_work(benchmark):
    benchmark(work)
"""
NAMES = [f"c{number}" for number in range(8)]
FAST, SLOW = 2000, 2060


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--races", type=int, default=10)
    parser.add_argument("--pairwise", action="store_true")
    arguments = parser.parse_args()
    right, all_pairs = 0, []
    for number in range(arguments.races):
        best = random.Random(number).choice(NAMES)
        with tempfile.TemporaryDirectory() as folder:
            make(folder, best)
            started = time.perf_counter()
            report = deadheat(folder, "race", *NAMES, "--seed", number, "--budget", 900, "--timeout", 1200)
            taken = time.perf_counter() - started
            pairs, answer = report["pairs"], report["answer"]
            is_right = answer["verdict"] == "winner" and answer["fastest"] == [best]
            right += is_right
            all_pairs.append(pairs)
            word = "right" if is_right else "WRONG"
            print(f"{word}: the best is {best}; {answer['sentence']} ({pairs} pairs, {taken:.0f} s)", flush=True)
            if arguments.pairwise and number == 0:
                compared = sum(compare(folder, *two) for two in itertools.combinations(NAMES, 2))
                print(f"all 28 comparisons took {compared} pairs: the race took {100 * pairs / compared:.0f} %")
    mean = sum(all_pairs) / len(all_pairs)
    print(f"{right} of {arguments.races} races were right, with {mean:.0f} process pairs on average")
    return right != arguments.races


def make(folder, best):
    """Makes a repository with a branch for each candidate."""

    def git(*words):
        identity = ["-c", "user.name=lab", "-c", "user.email=lab@localhost"]
        subprocess.run(["git", *identity, *words], cwd=folder, check=True, stdout=subprocess.DEVNULL)

    def write(path, text):
        path = os.path.join(folder, path)
        os.makedirs(os.path.dirname(path), exist_ok=True)
        with open(path, "w") as file:
            file.write(text)

    git("init", "--quiet", "--initial-branch=main")
    write("benchmarks/test_work.py", BENCHMARK)
    write("pkg/__init__.py", "")
    git("add", "--all")
    git("commit", "--quiet", "--message", "benchmarks")
    for name in NAMES:
        git("checkout", "--quiet", "-b", name, "main")
        write("pkg/__init__.py", CODE.format(name=name, rounds=FAST if name == best else SLOW))
        git("commit", "--quiet", "--all", "--message", name)


def compare(folder, base, head):
    """Returns the number of process pairs that an ordinary comparison takes."""
    report = deadheat(folder, "compare", base, head, "--samples", "--budget", 900, "--timeout", 1200)
    return len(report["comparisons"][0]["replicates"])


def deadheat(folder, *words):
    command = [sys.executable, "-m", "deadheat", *map(str, words), "--json", "--quiet"]
    ran = subprocess.run(command, cwd=folder, stdout=subprocess.PIPE, text=True, check=False)
    if ran.returncode != 0:
        sys.exit(f"{' '.join(command)} ended with {ran.returncode}")
    return json.loads(ran.stdout)


if __name__ == "__main__":
    sys.exit(main())
