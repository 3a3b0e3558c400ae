"""Records the bank of raw replicates: `python bench/lab/record.py BANK [--quick]`.

It runs `deadheat compare` on a project of its own under three loads, a few replicates at a time. Existing records
stay: started again, it goes on where it stopped. BANK is a folder; each part is one JSON file with the log
ratios of head/base by benchmark, one for each replicate.
"""

import argparse
import contextlib
import json
import math
import os
import statistics
import subprocess
import sys
import tempfile
import time

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, HERE)
import bank  # noqa: E402
import project  # noqa: E402

COMPARE = [sys.executable, "-m", "deadheat", "compare", "HEAD^", "HEAD", "--all", "--json", "--samples", "--quiet"]

# Name, load (kind and whether it runs on the measuring core), benchmarks, replicates.
PARTS = [
    ("same", None, "same and not long", 100),
    ("same", None, "same and long", 20),
    ("planted", None, "not same and not long and not tiny", 40),
    # The smallest changes take longest to find.
    ("planted", None, "not long and (+1 or -1) and not (+10 or -10)", 80),
    ("planted", None, "long and (+3 or -3)", 40),
    ("same-neighbour", ("steady", False), "same and not long", 100),
    ("same-neighbour", ("steady", False), "same and long", 20),
    ("same-fitful", ("fitful", True), "same and not long", 100),
    ("same-fitful", ("fitful", True), "same and long", 20),
]
AT_A_TIME = 20
QUICK_SHARE = 10


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("bank")
    parser.add_argument("--quick", action="store_true")
    arguments = parser.parse_args()
    os.makedirs(arguments.bank, exist_ok=True)
    cores = sorted(os.sched_getaffinity(0))
    with tempfile.TemporaryDirectory(prefix="deadheat-lab-") as place:
        folder = os.path.join(place, "labwork")
        project.create(folder)
        # A part of every condition before more of any: an early end leaves a smaller bank, not a lopsided one.
        longest = max(replicates for _, _, _, replicates in PARTS)
        for begin in range(0, longest, AT_A_TIME):
            for number, (name, load, keyword, replicates) in enumerate(PARTS):
                wanted = min(replicates // (QUICK_SHARE if arguments.quick else 1), longest)
                count = min(AT_A_TIME, wanted - begin)
                if count > 1:
                    record(arguments.bank, folder, cores, f"{name}.{number}.{begin:04}", load, keyword, count)


def record(place, folder, cores, part, load, keyword, count):
    file = os.path.join(place, f"{part}.json")
    if os.path.exists(file):
        return
    measuring, other = cores[-1], cores[0]
    started = time.monotonic()
    with under(load, measuring if load and load[1] else other):
        command = [*COMPARE, "-k", keyword, "--replicates", str(count), "--cpu", str(measuring), "--timeout", "3600"]
        ran = subprocess.run(command, cwd=folder, stdout=subprocess.PIPE, text=True)
    if ran.returncode != 0:
        sys.exit(f"deadheat compare ended with {ran.returncode}")
    report = json.loads(ran.stdout)
    rows = {}
    for comparison in report["comparisons"]:
        name = comparison["benchmark"].partition("[")[2].rstrip("]")
        rows[name] = {
            "log_ratios": [log_ratio(replicate) for replicate in comparison["replicates"]],
            "rounds_seconds": statistics.median(rounds_seconds(replicate) for replicate in comparison["replicates"]),
        }
    about = {
        "part": part,
        "condition": part.partition(".")[0],
        "date": time.strftime("%Y-%m-%d", time.gmtime()),
        "seconds": time.monotonic() - started,
        "machine": report["machine"],
        "python": report["python"]["head"]["version"],
        "deadheat": report["tool_version"],
        "benchmarks": rows,
    }
    bank.write(file, about)
    print(f"{part}: {len(rows)} benchmarks, {count} replicates, {about['seconds']:.0f} s", flush=True)


def per_iteration(sample):
    return sample["elapsed_ns"] / sample["iterations"]


def log_ratio(replicate):
    """Returns a replicate's log ratio, reduced to one number as deadheat does it."""
    pairs = replicate["pairs"]
    return statistics.median(math.log(per_iteration(pair["head"]) / per_iteration(pair["base"])) for pair in pairs)


def rounds_seconds(replicate):
    return sum(pair[side]["elapsed_ns"] for pair in replicate["pairs"] for side in ("base", "head")) / 1e9


@contextlib.contextmanager
def under(load, core):
    if load is None:
        yield
        return
    process = subprocess.Popen([sys.executable, os.path.join(HERE, "load.py"), str(core), load[0]])
    try:
        yield
    finally:
        process.kill()
        process.wait()


if __name__ == "__main__":
    main()
