"""Times statements of some ten ns by micro, timeit and pyperf: `python bench/lab/statements.py BANK [--quick]`.

`deadheat micro`, timeit and pyperf time the same pairs of statements in turn. `BANK/statements/N.json` is one round;
existing rounds are not repeated.
"""

import json
import os
import subprocess
import sys
import tempfile

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, HERE)
import bank  # noqa: E402
from peers import environment  # noqa: E402

ROUNDS = 2
# A third of pyperf's usual processes.
PYPERF = ["--quiet", "--processes", "7"]
SETUP = "x = 5; y = 7; s = 'a,b'; d = {'k': 1}; xs = list(range(20)); t = (3, 1, 2)"
PAIRS = [
    ("x * y + x", "x + y"),
    ("d.get('k')", "d['k']"),
    ("xs.__len__()", "len(xs)"),
    ("list((x, y))", "[x, y]"),
    ("s.upper().lower()", "s.upper()"),
    ("sorted(t)", "max(t)"),
    ("str(x)", "f'{x}'"),
    ("dict(k=1)", "{'k': 1}"),
]
TIMEIT = """
import sys, timeit
*statements, setup = sys.argv[1:]
timers = [timeit.Timer(statement, setup) for statement in statements]
times = [[] for _ in timers]
for _ in range(15):
    for timer, found in zip(timers, times):
        found.append(timer.timeit(400_000) / 400_000)
print(*(min(found) * 1e9 for found in times))
"""


def runs(folder):
    """Returns the recorded rounds."""
    return bank.read(os.path.join(folder, "statements"))


def main():
    arguments, folder = bank.asked_for("statements")
    pyperf = environment(f"{os.path.abspath(arguments.bank)}-pyperf", ["pyperf"])
    for number in range(1 if arguments.quick else ROUNDS):
        file = os.path.join(folder, f"{number}.json")
        if not os.path.exists(file):
            bank.write(file, [about(pair, pyperf) for pair in PAIRS])


def about(pair, pyperf):
    """Returns the statements and their results: timeit's and pyperf's nanoseconds are without their empty loops."""
    core = str(max(os.sched_getaffinity(0)))
    found = run(["taskset", "--cpu-list", core, sys.executable, "-c", TIMEIT, *pair, "pass", SETUP])
    by_timeit = [float(word) for word in found.split()]
    variants = ["-a", pair[0], "-b", pair[1], "--setup", SETUP, "--worth", "5", "--timeout", "20"]
    micro = json.loads(run([sys.executable, "-m", "deadheat", "micro", *variants, "--json"]))
    by_pyperf = [of_pyperf(pyperf, core, statement) for statement in (*pair, "pass")]
    interval = micro["estimate"]["confidence_interval"]
    return {
        "pair": pair,
        "timeit_ns": without_the_last(by_timeit),
        "pyperf_ns": without_the_last(by_pyperf),
        "micro": [interval["lower_bound"], micro["estimate"]["point_estimate"], interval["upper_bound"]],
    }


def without_the_last(times):
    return [time - times[-1] for time in times[:-1]]


def of_pyperf(python, core, statement):
    with tempfile.TemporaryDirectory() as place:
        file = os.path.join(place, "out.json")
        run([python, "-m", "pyperf", "timeit", *PYPERF, "--affinity", core, "--setup", SETUP, "-o", file, statement])
        with open(file) as text:
            runs = json.load(text)["benchmarks"][0]["runs"]
    values = sorted(value for one in runs for value in one.get("values", ()))
    return values[len(values) // 2] * 1e9


def run(command):
    return subprocess.run(command, stdout=subprocess.PIPE, text=True, check=True).stdout


if __name__ == "__main__":
    main()
