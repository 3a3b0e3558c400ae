"""A clock that counts the lines that run, instead of time: the same code takes the same, on every machine.

A line takes 30 microseconds, give or take what differs from one sample to the next in a real process (a part in a
thousand, drawn for each process from the seed of the run).
"""

import os
import random
import sys

from deadheat_worker import body, holding, protocol

NS_PER_LINE = 30_000
SPREAD = 0.001


class LineClock:
    """Stands in the place of the worker's clocks, and of its watch over functions.

    `functions` are those of a `trace` request; `path_of` gives a file relative to the worktree.
    """

    def __init__(self, functions=(), path_of=lambda file: None):
        self._path_of = path_of
        self._targets = {
            (function["path"], function["line"]): number for number, function in enumerate(functions) if function
        }
        self._numbers = {}
        # Its number in the run, and its side: the hash seed is that of several processes.
        log = os.path.basename(os.path.realpath("/proc/self/fd/2"))
        self._random = random.Random(os.environ.get("PYTHONHASHSEED", "") + log)
        self._total = 0
        self.reached = set()
        # Whether any of that was in a sample.
        self.is_timed = self._is_sampling = False
        self.prepare()

    def prepare(self):
        self._lines = 0
        self._stack = []
        # By number: calls, lines of the function and what it calls, lines of its own.
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
        """Python's trace function: one for calls, and inside of each for lines."""
        code = frame.f_code
        if code not in self._numbers:
            # A module's own code begins where its first function may begin.
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
        """From now on, whatever the worker times is counted."""
        body.WallClock = holding.WallClock = self
        holding.CLOCKS = {"wall": self, "processor": self}
