"""A clock that counts the lines that run instead of time, so that code takes the same on every machine.

A line takes 30 microseconds, with the variation between the samples of a real process (a part in a thousand, drawn for
each process from the seed of the run).
"""

import os
import random
import sys

from deadheat_worker.timing import body
from deadheat_worker.wire import holding, protocol

NS_PER_LINE = 30_000
SPREAD = 0.001


class LineClock:
    """Replaces the worker's clocks and its watch over functions.

    `functions` are those of a `trace` request; `path_of` gives a file relative to the worktree.
    """

    def __init__(self, functions=(), path_of=lambda file: None):
        self._path_of = path_of
        self._targets = {
            (function["path"], function["line"]): number for number, function in enumerate(functions) if function
        }
        self._numbers = {}
        # The log's name has the process's number in the run and its side: several processes share the hash seed.
        log = os.path.basename(os.path.realpath("/proc/self/fd/2"))
        self._random = random.Random(os.environ.get("PYTHONHASHSEED", "") + log)
        self._total = 0
        self.reached = set()
        # Whether any function was reached in a sample.
        self.is_timed = self._is_sampling = False
        self.prepare()

    def prepare(self):
        self._lines = 0
        self._stack = []
        # By the function's number: calls, lines including those of its callees, its own lines.
        self._counts = {}

    def start(self):
        self._lines = 0
        self._is_sampling = True
        sys.settrace(self.trace)
        return self._total

    def stop(self):
        sys.settrace(None)
        self._is_sampling = False
        self._total += round(self._lines * NS_PER_LINE * self._random.gauss(1, SPREAD))
        return self._total

    def trace(self, frame, event, _argument):
        """Serves as Python's trace function, for calls and for the lines in each."""
        code = frame.f_code
        if code not in self._numbers:
            # A module's own code may begin on the same line as its first function.
            place = self._path_of(code.co_filename), code.co_firstlineno
            self._numbers[code] = None if code.co_name == "<module>" else self._targets.get(place)
        number = self._numbers[code]
        if event == "call":
            self._stack.append(number)
            if number is not None:
                self.reached.add(number)
                self.is_timed |= self._is_sampling
                self._counts.setdefault(number, [0, 0, 0])[0] += 1
        elif event == "line":
            self._lines += 1
            for running in set(self._stack) - {None}:
                self._counts[running][1] += 1
            if self._stack and number is not None:
                self._counts[number][2] += 1
        elif event == "return" and self._stack:
            self._stack.pop()
        return self.trace

    def reply(self, elapsed_ns, iterations):
        functions = [
            {
                "function": number,
                "calls": calls,
                "total_ns": total * NS_PER_LINE,
                "total_probe_ns": 0.0,
                "self_ns": own * NS_PER_LINE,
                "self_probe_ns": 0.0,
            }
            for number, (calls, total, own) in sorted(self._counts.items())
        ]
        record = {"length_ns": elapsed_ns, "probe_ns": 0.0, "unbalanced": 0, "functions": functions}
        return protocol.profiled(elapsed_ns, iterations, record)

    def take_its_place(self):
        """Makes the worker count lines wherever it would time, from now on."""
        body.WallClock = holding.WallClock = self
        holding.CLOCKS = {"wall": self, "processor": self}
