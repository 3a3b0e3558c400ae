"""Measures the cost of watching functions and the accuracy of the corrected times. Prints one line per figure:

    NAME  VALUE  UNIT  PYTHON

It runs in the interpreter that is measured: `python bench/tracing.py PACKAGE`, where PACKAGE is the installed package
`deadheat`. `make bench` runs it on every supported Python that is found. The compared functions are called in turn, so
that both sides see the same machine, and the median of the differences or ratios is printed.
"""

import ast
import cProfile
import importlib
import itertools
import os
import platform
import statistics
import sys
import time
import types

HERE = os.path.dirname(os.path.abspath(__file__))
SOURCE = os.path.join(HERE, "workloads.py")
PACKAGE = sys.argv[1]
sys.path.insert(0, os.path.join(PACKAGE, "side"))
from deadheat_worker.watching.rewriting import functions_in  # noqa: E402
from deadheat_worker.watching.tracing import Tracing  # noqa: E402

REPETITIONS = 201
CALLS = 2000
WATCHED = ["tiny", "many", "fib"]


def load_plain():
    """Loads the workloads again, from a file of another name, so that none of them is watched."""
    module = types.ModuleType("plain")
    with open(SOURCE) as file:
        # Not in an instance's `__dict__`: CPython looks names up more slowly there.
        exec(compile(file.read(), "plain", "exec"), module.__dict__)
    return module


def load_watched():
    """Returns the module of the workloads and the watch over some of its functions."""
    with open(SOURCE) as file:
        lines = {name: node.lineno for name, node in functions_in(ast.parse(file.read()))}
    targets = [{"path": "workloads.py", "qualname": name, "line": lines[name]} for name in WATCHED]
    extension = next(name for name in os.listdir(PACKAGE) if name.startswith("_native") and name.endswith(".so"))
    tracing = Tracing(
        os.path.join(PACKAGE, extension),
        targets,
        lambda file: "workloads.py" if os.path.abspath(file) == SOURCE else None,
    )
    sys.path.insert(0, HERE)
    return importlib.import_module("workloads"), tracing


def time_of(function, *arguments):
    start = time.perf_counter_ns()
    function(*arguments)
    return time.perf_counter_ns() - start


def loop_over(function):
    """Returns a loop with code of its own, because CPython specializes code for what it calls."""
    namespace = {"function": function, "repeat": itertools.repeat}
    exec("def loop(count):\n    for _ in repeat(None, count):\n        function()", namespace)
    return namespace["loop"]


def figure(name, value, unit):
    print(f"{name:<52} {value:10.2f}  {unit:<9}  {platform.python_version()}", flush=True)


def above(name, watched, plain, calls):
    """Prints and returns how much longer a call takes in `watched` than in `plain`, in nanoseconds."""
    found = []
    for _ in range(REPETITIONS):
        before, during, after = time_of(plain, calls), time_of(watched, calls), time_of(plain, calls)
        found.append((during - (before + after) / 2) / calls)
    figure(name, statistics.median(found), "ns")
    return statistics.median(found)


def under_cprofile(function):
    def run(count):
        profiler = cProfile.Profile()
        profiler.enable()
        function(count)
        profiler.disable()

    return run


def correction(workloads, plain, tracing, name, argument):
    """Prints a function's corrected total in percent of the time that the same code takes if nothing is watched."""
    function, same = getattr(workloads, name), getattr(plain, name)
    corrected, uncorrected, inner = [], [], []
    for _ in range(REPETITIONS):
        # Both are warm when they are timed, as the calibration is.
        same(argument)
        before = time_of(same, argument)
        tracing.prepare()
        function(argument)
        start = tracing.start()
        function(argument)
        elapsed = tracing.stop() - start
        rows = {WATCHED[row["function"]]: row for row in tracing.reply(0, 1)["functions"]}
        same(argument)
        untraced = (before + time_of(same, argument)) / 2
        corrected.append(rows[name]["total_ns"] / untraced * 100)
        uncorrected.append(elapsed / untraced * 100)
        if "tiny" in rows:
            inner.append(rows["tiny"]["total_ns"] / rows[name]["total_ns"] * 100)
    figure(f"{name}({argument}): corrected total of untraced", statistics.median(corrected), "%")
    figure(f"{name}({argument}): not corrected", statistics.median(uncorrected), "%")
    figure(f"{name}({argument}): calls", rows[name]["calls"], "calls")
    if inner:
        figure(f"{name}({argument}): tiny in it", statistics.median(inner), "%")
        figure(f"{name}({argument}): calls of tiny", rows["tiny"]["calls"], "calls")


def main():
    plain = load_plain()
    workloads, tracing = load_watched()
    for module in (workloads, plain):
        module.many(10)
        module.fib(5)
        module.not_watched()
        module.raise_and_catch(10)
    watched = above("a watched call, above the plain one", loop_over(workloads.tiny), loop_over(plain.tiny), CALLS)
    profiled = above(
        "a call under cProfile, above the plain one",
        under_cprofile(loop_over(plain.tiny)),
        loop_over(plain.tiny),
        CALLS,
    )
    # The slow hours of a shared machine do not change this.
    figure("a watched call, of one under cProfile", watched / profiled * 100, "%")
    above("a call that is not watched, above", loop_over(workloads.not_watched), loop_over(plain.not_watched), CALLS)
    correction(workloads, plain, tracing, "many", 1000)
    correction(workloads, plain, tracing, "fib", 15)


def exceptions():
    """Runs in a process of its own, because exceptions are watched everywhere or nowhere."""
    plain = load_plain()
    times = [time_of(plain.raise_and_catch, 500) / 500 for _ in range(REPETITIONS)]
    load_watched()
    plain.raise_and_catch(500)
    watched = [time_of(plain.raise_and_catch, 500) / 500 for _ in range(REPETITIONS)]
    difference = statistics.median(watched) - statistics.median(times)
    figure("an exception that leaves an unwatched function", difference, "ns")
    figure("the same, without any watch", statistics.median(times), "ns")


if sys.argv[2:] == ["exceptions"]:
    exceptions()
else:
    main()
