"""What watching functions costs, and how true the corrected times are. Prints one line a figure:

    NAME  VALUE  UNIT  PYTHON

`python bench/tracing.py PACKAGE` runs in the interpreter that is measured; `make bench` calls it for each one.
PACKAGE is the installed `deadheat` package.
"""

import itertools
import os
import platform
import statistics
import sys
import time

PACKAGE = sys.argv[1]
sys.path.insert(0, os.path.join(PACKAGE, "side"))
from deadheat_worker.rewriting import functions_in  # noqa: E402
from deadheat_worker.tracing import Tracing  # noqa: E402

HERE = os.path.dirname(os.path.abspath(__file__))
REPETITIONS = 15


def load(watched):
    """The module of the workloads with these functions watched, and the watch (None without)."""
    import ast
    import importlib

    source = os.path.join(HERE, "workloads.py")
    with open(source) as file:
        lines = {name: node.lineno for name, node in functions_in(ast.parse(file.read()))}
    targets = [{"path": "workloads.py", "qualname": name, "line": lines[name]} for name in watched]
    extension = next(name for name in os.listdir(PACKAGE) if name.startswith("_native") and name.endswith(".so"))
    tracing = Tracing(
        os.path.join(PACKAGE, extension),
        targets,
        lambda file: "workloads.py" if os.path.abspath(file) == source else None,
    )
    sys.path.insert(0, HERE)
    return importlib.import_module("workloads"), tracing


def time_of(function, *arguments):
    start = time.perf_counter_ns()
    function(*arguments)
    return time.perf_counter_ns() - start


def call_in_loop(function, count):
    for _ in itertools.repeat(None, count):
        function()


def figure(name, value, unit):
    print(f"{name:<52} {value:10.2f}  {unit:<9}  {platform.python_version()}", flush=True)


def in_turn(*functions):
    """The times of functions that are called in turn, as lists: neighbours feel the same machine."""
    times = [[] for _ in functions]
    for _ in range(REPETITIONS):
        for function, found in zip(functions, times):
            found.append(function())
    return times


def cost_of_calls(workloads, plain):
    calls = 20_000
    watched, not_watched = in_turn(
        lambda: time_of(call_in_loop, workloads.tiny, calls), lambda: time_of(call_in_loop, plain.tiny, calls)
    )
    differences = [(a - b) / calls for a, b in zip(watched, not_watched)]
    figure("one watched call, above the plain call", statistics.median(differences), "ns")


def cost_for_others(workloads, plain):
    """Functions that are no targets, in a process that watches others, beside functions that it knows nothing of."""
    calls = 20_000
    inside, outside = in_turn(
        lambda: time_of(call_in_loop, workloads.not_watched, calls),
        lambda: time_of(call_in_loop, plain.not_watched, calls),
    )
    figure(
        "a call of a function that is not watched, above",
        statistics.median(map(lambda a, b: (a - b) / calls, inside, outside)),
        "ns",
    )


def correction(workloads, plain, tracing, name, watched, *arguments):
    """The corrected total of a function in percent of the time that the same code takes where nothing is watched."""
    function, same = getattr(workloads, name), getattr(plain, name)
    ratios, calls, raw = [], 0, []
    for _ in range(REPETITIONS):
        untraced = time_of(same, *arguments)
        tracing.prepare()
        start = tracing.start()
        function(*arguments)
        elapsed = tracing.stop() - start
        record = tracing.reply(0, 1)
        untraced = (untraced + time_of(same, *arguments)) / 2
        row = next(row for row in record["functions"] if row["function"] == watched.index(name))
        ratios.append(row["total_ns"] / untraced * 100)
        raw.append(elapsed / untraced * 100)
        calls = row["calls"]
    figure(f"{name}{arguments}: corrected total / untraced", statistics.median(ratios), "%")
    figure(f"{name}{arguments}: uncorrected / untraced", statistics.median(raw), "%")
    figure(f"{name}{arguments}: calls", calls, "calls")


def main():
    watched = ["tiny", "many", "fib"]
    plain = {}
    with open(os.path.join(HERE, "workloads.py")) as file:
        exec(compile(file.read(), "plain", "exec"), plain)
    plain = type("plain", (), {name: staticmethod(value) for name, value in plain.items() if callable(value)})
    workloads, tracing = load(watched)
    for module in (workloads, plain):
        module.many(10)
        module.fib(5)
        module.not_watched()
        module.raise_and_catch(10)
    cost_of_calls(workloads, plain)
    cost_for_others(workloads, plain)
    correction(workloads, plain, tracing, "many", watched, 1000)
    correction(workloads, plain, tracing, "fib", watched, 15)


main()
