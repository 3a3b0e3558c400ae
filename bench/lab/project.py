"""The project that the lab measures: workloads that differ between its two commits by planted changes of known size."""

import os
import subprocess

# The number of times a workload's loop runs. For a planted change, head runs it that many percent more often.
LENGTHS = {
    "arithmetic": 2_000,
    "dict_and_str": 700,
    "objects": 700,
    "c_heavy": 100,
    "tiny": 1,
    "long": 1_800_000,
}
# Copies in one process pair save start-ups; suites also have many benchmarks in one process.
COPIES = ["same-1", "same-2", "same-3"]
PLANTED = [1, 2, 3, 5, 10, -1, -2, -3, -5, -10]

# Also parts of other programs of the lab.
ARITHMETIC = """
def arithmetic(count):
    total = 0
    for index in range(count):
        total += index * index % 7
    return total
"""
POINT = """
class Point:
    def __init__(self, x, y):
        self.x = x
        self.y = y

    def moved(self, by):
        return Point(self.x + by, self.y - by)
"""
RECORD = """
RECORD = {"name": "deadheat", "values": list(range(20)), "nested": {"a": [1.5, 2.5], "b": None}}
"""
TINY = """
def tiny(count):
    return count
"""
WORK = f"""
import json

{ARITHMETIC}

def dict_and_str(count):
    words = {{}}
    for index in range(count):
        word = str(index & 63)
        words[word] = words.get(word, 0) + len(word)
    return words

{POINT}

def objects(count):
    point = Point(0, 0)
    trail = []
    for index in range(count):
        point = point.moved(index)
        if index % 8 == 0:
            trail.append(point)
    return trail

{RECORD}

def c_heavy(count):
    size = 0
    for _ in range(count):
        size += len(json.dumps(RECORD))
    return size

{TINY}

def long(count):
    return arithmetic(count)
"""

BENCHMARKS = """
import pytest

from labwork import sizes, work


@pytest.mark.parametrize("name", sizes.NAMES)
def test_work(benchmark, name):
    workload = name.partition(":")[0]
    benchmark(getattr(work, workload), sizes.LENGTHS[name])
"""


def names():
    """Returns the benchmarks as WORKLOAD:VARIANT; a variant is a copy or a planted percentage."""
    found = []
    for workload in LENGTHS:
        found += [f"{workload}:{copy}" for copy in (COPIES[:1] if workload == "long" else COPIES)]
        if workload != "tiny":
            found += [f"{workload}:{percent:+d}" for percent in PLANTED]
    return found


def planted(name):
    """Returns the true ratio head/base of a benchmark."""
    workload, _, variant = name.partition(":")
    if variant in COPIES:
        return 1.0
    return length(name, planting=True) / LENGTHS[workload]


def length(name, planting):
    workload, _, variant = name.partition(":")
    count = LENGTHS[workload]
    if planting and variant not in COPIES:
        count += round(count * int(variant) / 100)
    return count


def create(folder):
    """Creates a git repository with the two commits, HEAD^ and HEAD."""
    trees = []
    for planting in (False, True):
        lengths = {name: length(name, planting) for name in names()}
        trees.append(tree(WORK, lengths))
    commit(folder, *trees)


def tree(work, lengths):
    return {
        "pyproject.toml": '[project]\nname = "labwork"\nversion = "1"\n',
        "labwork/__init__.py": "",
        "labwork/work.py": work,
        "labwork/sizes.py": f"LENGTHS = {lengths!r}\nNAMES = {list(lengths)!r}\n",
        "benchmarks/test_work.py": BENCHMARKS,
    }


def commit(folder, *trees):
    """Creates a git repository with one commit for each tree, a dict of texts by path."""

    def git(*arguments):
        identity = ["-c", "user.name=lab", "-c", "user.email=lab@example.org", "-c", "commit.gpgsign=false"]
        subprocess.run(["git", *identity, *arguments], cwd=folder, check=True, stdout=subprocess.DEVNULL)

    os.makedirs(folder)
    git("init", "--quiet", "--initial-branch=main")
    for number, files in enumerate(trees):
        for path, text in files.items():
            path = os.path.join(folder, path)
            os.makedirs(os.path.dirname(path), exist_ok=True)
            with open(path, "w") as file:
                file.write(text)
        git("add", "--all", "--force")
        git("commit", "--quiet", "--no-verify", "--message", f"tree {number}")
