"""Records comparisons of code that did not change in a program that did: `python bench/lab/neutral.py BANK [--quick]`.

Each comparison has a head of its own: the base with an edit that does not change any benchmark's behaviour but changes
the program's memory layout. They are whole runs of `deadheat compare --all` at its defaults, verdicts included; nothing
is replayed. Existing records stay. Some of the benchmarks are timed with a planted change, each under another layout.
"""

import json
import os
import random
import re
import subprocess
import sys
import tempfile
import time

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, HERE)
import bank  # noqa: E402
import project  # noqa: E402
from record import COMPARE, under  # noqa: E402

CONDITIONS = {"idle": None, "neighbour": ("steady", False), "fitful": ("fitful", True)}
EDITS = 30
PLANTED_EDITS = 24
# Percent by which head's loops are longer, in turn.
PLANTED = (3, -3, 5, -5)

BLOCKS = {
    "arithmetic": project.ARITHMETIC,
    "words": """
def words(count):
    found = {}
    for index in range(count):
        word = str(index & 63)
        found[word] = found.get(word, 0) + len(word)
    return found
""",
    "Point": project.POINT,
    "objects": """
def objects(count):
    point = Point(0, 0)
    trail = []
    for index in range(count):
        point = point.moved(index)
        if index % 8 == 0:
            trail.append(point)
    return len(trail)
""",
    "RECORD": project.RECORD,
    "encoding": """
def encoding(count):
    size = 0
    for _ in range(count):
        size += len(json.dumps(RECORD))
    return size
""",
    "balance": """
def balance(count):
    entries = [("account %d" % (index % 9), index) for index in range(count)]
    totals = {}
    for account, amount in entries:
        totals[account] = totals.get(account, 0) + amount
    return sum(totals.values())
""",
    "recursion": """
def recursion(count):
    return count if count < 2 else recursion(count - 1) + recursion(count - 2)
""",
    "sorting": """
def sorting(count):
    return sorted(range(count), key=lambda value: value * 7919 % count)[0]
""",
    "generator": """
def squares(count):
    for index in range(count):
        yield index * index


def generator(count):
    return sum(squares(count))
""",
    "matching": """
PATTERN = re.compile(r"(\\w+)=(\\d+);")


def matching(count):
    text = "".join(f"key{index}={index};" for index in range(count))
    return len(PATTERN.findall(text))
""",
    "exceptions": """
def exceptions(count):
    caught = 0
    for index in range(count):
        try:
            if index % 3 == 0:
                raise ValueError(index)
        except ValueError:
            caught += 1
    return caught
""",
    "matrix": """
def matrix(count):
    rows = [[row * column for column in range(count)] for row in range(count)]
    return sum(sum(row) for row in zip(*rows))
""",
    "tiny": project.TINY,
    "other": """
def other(count):
    return count
""",
}
WORKLOADS = {
    "arithmetic": 2_000,
    "words": 700,
    "objects": 400,
    "encoding": 40,
    "balance": 300,
    "recursion": 13,
    "sorting": 600,
    "generator": 2_000,
    "matching": 200,
    "exceptions": 600,
    "matrix": 40,
    "tiny": 1,
}
# The workloads whose time is proportional to the length of their loop.
PLANTABLE = ("arithmetic", "words", "objects", "generator", "exceptions")
IMPORTS = (
    "bisect",
    "calendar",
    "colorsys",
    "csv",
    "decimal",
    "fractions",
    "heapq",
    "html",
    "ipaddress",
    "shlex",
    "statistics",
)
BENCHMARKS = """
import pytest

from labwork import sizes, work


@pytest.mark.parametrize("name", sizes.LENGTHS)
def test_work(benchmark, name):
    benchmark(getattr(work, name), sizes.LENGTHS[name])
"""


def edits(drawn):
    """Returns an edit's kinds and the text of the module after it."""
    blocks = dict(BLOCKS)
    kinds = drawn.sample(KINDS, drawn.randint(1, 3))
    head = ["import json\nimport re\n"]
    for kind in kinds:
        kind(drawn, blocks, head)
    return [kind.__name__ for kind in kinds], "".join(head) + "\n" + "\n".join(blocks.values())


def comments(drawn, blocks, _head):
    for name in drawn.sample(sorted(blocks), drawn.randint(1, 6)):
        blocks[name] += "# " + "a note " * drawn.randint(1, 40) + "\n"


def docstrings(drawn, blocks, _head):
    for name in drawn.sample(sorted(WORKLOADS), drawn.randint(1, 6)):
        text = "What it does. " * drawn.randint(1, 30)
        blocks[name] = re.sub(rf"(def {name}\(count\):\n)", rf'\1    """{text}"""\n', blocks[name])


def unused_functions(drawn, blocks, _head):
    places = list(blocks)
    for number in range(drawn.randint(1, 20)):
        body = "".join(f"    value{line} = count + {line}\n" for line in range(drawn.randint(1, 30)))
        blocks[drawn.choice(places)] += f"\n\ndef unused{number}(count):\n{body}    return count\n"


def constants(drawn, blocks, _head):
    places = list(blocks)
    for number in range(drawn.randint(1, 20)):
        values = [drawn.choice([drawn.random(), drawn.randrange(10**9), f"text {drawn.random()}"]) for _ in range(30)]
        blocks[drawn.choice(places)] += f"\n\nTABLE{number} = {values[: drawn.randint(1, 30)]!r}\n"


def imports(drawn, _blocks, head):
    head[:0] = [f"import {name}\n" for name in drawn.sample(IMPORTS, drawn.randint(1, 5))]


def renamed_locals(drawn, blocks, _head):
    for name in drawn.sample(sorted(WORKLOADS), drawn.randint(1, 4)):
        new = "a_rather_long_name_of_a_variable_" * drawn.randint(1, 3)
        for local in ("index", "total", "found", "caught", "rows"):
            blocks[name] = re.sub(rf"\b{local}\b", new + local, blocks[name])


def reordered(drawn, blocks, _head):
    order = list(blocks)
    drawn.shuffle(order)
    # A class and a constant are looked up when a function runs, not when it is defined.
    moved = {name: blocks[name] for name in order}
    blocks.clear()
    blocks.update(moved)


def others_changed(drawn, blocks, _head):
    body = "".join(f"    count += {line} * len(str(count))\n" for line in range(drawn.randint(1, 40)))
    blocks["other"] = f"\ndef other(count):\n{body}    return count\n"


KINDS = [comments, docstrings, unused_functions, constants, imports, renamed_locals, reordered, others_changed]


def runs(folder):
    """Returns the recorded runs."""
    return bank.read(os.path.join(folder, "neutral"))


def main():
    arguments, folder = bank.asked_for("neutral")
    share = 10 if arguments.quick else 1
    cores = sorted(os.sched_getaffinity(0))
    # Some of every condition before more of any: an early end leaves a smaller bank, not a lopsided one.
    for number in range(EDITS // share):
        for place, (condition, load) in enumerate(CONDITIONS.items()):
            record(folder, cores, condition, load, number * len(CONDITIONS) + place, None)
        if number < PLANTED_EDITS // share:
            record(folder, cores, "planted", None, 10_000 + number, PLANTED[number % len(PLANTED)])


def rows_of(report):
    """Returns the recorded fields of each comparison, by benchmark."""
    return {
        comparison["benchmark"]: {
            "verdict": comparison["verdict"],
            "is_control": comparison["is_control"],
            "ratio": comparison["estimate"]["point_estimate"],
            "bounds": [comparison["estimate"]["confidence_interval"][f"{end}_bound"] for end in ("lower", "upper")],
            "replicates": len(comparison["replicates"]),
        }
        for comparison in report["comparisons"]
        if comparison["estimate"] is not None
    }


def trees(text, lengths, changed):
    """Returns base and head, with `text` as head's module and the lengths of the loops on each."""
    base = "import json\nimport re\n\n" + "\n".join(BLOCKS.values())
    both = [project.tree(base, lengths), project.tree(text, changed)]
    for tree in both:
        tree["benchmarks/test_work.py"] = BENCHMARKS
    return both


def record(folder, cores, condition, load, seed, planted):
    file = os.path.join(folder, f"{condition}.{seed:05}.json")
    if os.path.exists(file):
        return
    kinds, text = edits(random.Random(seed))
    lengths = WORKLOADS if planted is None else {name: WORKLOADS[name] for name in PLANTABLE}
    changed = {name: count + round(count * (planted or 0) / 100) for name, count in lengths.items()}
    with tempfile.TemporaryDirectory(prefix="deadheat-lab-") as place:
        repository = os.path.join(place, "labwork")
        project.commit(repository, *trees(text, lengths, changed))
        with under(load, cores[-1] if load and load[1] else cores[0]):
            started = time.monotonic()
            command = [*COMPARE, *(["--cpu", str(cores[-1])] if load else [])]
            ran = subprocess.run(command, cwd=repository, stdout=subprocess.PIPE, text=True)
            seconds = time.monotonic() - started
    if ran.returncode != 0:
        sys.exit(f"deadheat compare ended with {ran.returncode}")
    report = json.loads(ran.stdout)
    rows = {name.partition("[")[2].rstrip("]"): row for name, row in rows_of(report).items()}
    about = {
        "condition": condition,
        "kinds": kinds,
        "truth": {name: changed[name] / lengths[name] for name in rows},
        "date": time.strftime("%Y-%m-%d", time.gmtime()),
        "seconds": seconds,
        "rows": rows,
    }
    bank.write(file, about)
    counts = ", ".join(f"{count} {verdict}" for verdict, count in report["summary"]["counts"].items() if count)
    print(f"{condition} {seed}: {', '.join(kinds)}: {counts}; {seconds:.0f} s", flush=True)


if __name__ == "__main__":
    main()
