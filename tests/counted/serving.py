"""The worker's `serving.py` without pytest and without time: real imports and calls, lines instead of nanoseconds.

It starts in a tenth of a real one's time, and its results are known in advance. A suite's tests are functions
`test_*` that take `benchmark`, call it once and need no other fixture; `pytest.mark.parametrize` with one name,
`pytest.skip`, `conftest.py` files that are imported and `-k` with words and `or` are all that it supports of pytest.
"""

import importlib
import inspect
import os
import sys
import traceback
import types

from deadheat_worker.counter import LineClock
from deadheat_worker.timing.body import Body
from deadheat_worker.timing.loops import calls_of
from deadheat_worker.wire import protocol
from deadheat_worker.wire.holding import NOT_RUN, Holding


class Skipped(Exception):
    pass


def skip(reason=""):
    raise Skipped(reason)


def parametrize(name, values, ids=None):
    def mark(test):
        test.cases = [({name: value}, str(value) if ids is None else ids[n]) for n, value in enumerate(values)]
        return test

    return mark


# `script.py` has put an empty module in place of pytest.
sys.modules["pytest"].skip = skip
sys.modules["pytest"].mark = types.SimpleNamespace(parametrize=parametrize)


def preload():
    pass


class Worker(Holding):
    def __init__(self, channel, imports):
        super().__init__(channel, imports)
        self.reached = {}

    def take_reached(self, node, clock):
        if clock.reached:
            functions, timed = self.reached.get(node, (set(), False))
            self.reached[node] = functions | clock.reached, timed or clock.is_timed
        clock.reached, clock.is_timed = set(), False

    def benchmark(self, function, /, *args, **kwargs):
        return self.hold(Body(calls_of(function, args, kwargs)))

    def run(self, test, arguments):
        self._output = NOT_RUN
        problem = None
        try:
            test(benchmark=self.benchmark, **arguments)
        except Skipped as error:
            self.reply(protocol.skipped(str(error)))
            return
        except BaseException as error:
            problem = words_of(error)
        if self._unanswered is None:
            return
        foreign, own = self._imports.foreign_modules()
        if problem is not None:
            self.reply(protocol.failed("call", problem, foreign))
        elif self._unanswered == protocol.LEAVE:
            self.reply(protocol.left(foreign, own, self._output))
        else:
            self.reply(protocol.skipped("the test ended without calling the benchmark fixture"))


def serve(channel, imports):
    """Answers the driver until it says stop."""
    worker = Worker(channel, imports)
    request = worker.receive()
    clock, purpose = LineClock(), None
    if protocol.kind_of(request) == protocol.TRACE:
        purpose = request["purpose"]
        clock = LineClock(request["functions"], imports.path_in_worktree)
        worker.watch = clock
        worker.reply(protocol.tracing(None))
        request = worker.receive()
    clock.take_its_place()
    protocol.expect(request, protocol.COLLECT)
    sys.settrace(clock.trace if purpose == protocol.PURPOSE_REACH else None)
    tests, errors, skipped = collect(request["paths"], request["files"])
    sys.settrace(None)
    worker.take_reached("", clock)
    if tests is None:
        worker.reply(protocol.collection_failed(4))
        return
    if request["keyword"] is not None:
        words = request["keyword"].split(" or ")
        tests = {node: test for node, test in tests.items() if any(word in node for word in words)}
    foreign, _ = imports.foreign_modules()
    worker.reply(protocol.collected(list(tests), errors, skipped, 0, foreign))
    while True:
        request = worker.receive()
        kind = protocol.kind_of(request)
        if kind == protocol.STOP:
            worker.reply(protocol.stopped())
            return
        if kind == protocol.REACH:
            by = [
                {"node": node, "functions": sorted(functions), "processes": False, "timed": timed}
                for node, (functions, timed) in sorted(worker.reached.items())
            ]
            worker.reached = {}
            worker.reply(protocol.reached(by))
            continue
        if kind in (protocol.OBSERVE, protocol.READERS):
            worker.reply(worker.look_at_namespaces(request))
            continue
        protocol.expect(request, protocol.ENTER)
        node = request["benchmark"]
        # Everything that the test runs counts, not only the timed part.
        test, arguments = tests[node]
        if purpose == protocol.PURPOSE_REACH:
            sys.settrace(clock.trace)
        worker.run(test, arguments)
        sys.settrace(None)
        worker.take_reached(node, clock)


def collect(paths, files):
    """Returns `{node: (test, arguments)}`, files that cannot be imported and those that skip themselves, with reasons.

    The first is None where pytest itself would have ended.
    """
    tests, errors, skipped = {}, [], []
    for path in find(paths, files):
        folder, name = os.path.split(path)
        if folder not in sys.path:
            sys.path.insert(0, folder)
        try:
            module = importlib.import_module(name.removesuffix(".py"))
        except Skipped as reason:
            skipped.append((path, str(reason)))
            continue
        except BaseException as error:
            if name == "conftest.py":
                print(f"ImportError while loading conftest '{path}'.\n{words_of(error)}", file=sys.stderr)
                return None, errors, skipped
            errors.append((path, words_of(error)))
            continue
        for test_name, test in vars(module).items():
            if not test_name.startswith("test") or not inspect.isfunction(test):
                continue
            if "benchmark" not in inspect.signature(test).parameters:
                continue
            for arguments, case in getattr(test, "cases", [({}, None)]):
                tests[f"{path}::{test_name}" + (f"[{case}]" if case is not None else "")] = test, arguments
    return tests, errors, skipped


def find(paths, files):
    """Returns the project's files in the order of collection, `conftest.py` first."""
    found = {}
    for path in paths:
        if os.path.isfile(path):
            beside = os.path.join(os.path.dirname(path), "conftest.py")
            found.update(dict.fromkeys([beside, path] if os.path.isfile(beside) else [path]))
        for folder, folders, names in os.walk(path):
            folders.sort()
            for name in sorted(names, key=lambda name: (name != "conftest.py", name)):
                file = os.path.normpath(os.path.join(folder, name))
                if name == "conftest.py" or (name.startswith("test_") and name.endswith(".py")) or file in files:
                    found[file] = None
    return found


def words_of(error):
    """Returns the end of the traceback, as pytest prints it."""
    place = traceback.extract_tb(error.__traceback__)[-1]
    file = os.path.relpath(place.filename) if os.path.isabs(place.filename) else place.filename
    return f"{file}:{place.lineno}: in {place.name}\nE   {type(error).__name__}: {error}"
