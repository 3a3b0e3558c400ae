"""What a suite says about its benchmarks: markers, options and attributes of the fixture.

The vocabulary is that of pytest-benchmark 5 and of pytest-codspeed 4 together (`plugin.py` of both).
"""

import importlib
import time

MARKERS = ("benchmark", "codspeed_benchmark")
KEYWORDS = {
    "max_time",
    "min_rounds",
    "min_time",
    "timer",
    "group",
    "disable_gc",
    "warmup",
    "warmup_iterations",
    "calibration_precision",
    "cprofile",
    "max_rounds",
}


class Settings:
    """What one benchmark is told. `docs/compatibility.md` says which of it has an effect."""

    def __init__(self, node):
        keywords = _keywords(node)
        option = node.config.getoption
        self.group = keywords.get("group")
        self.timer = keywords.get("timer") or _timer_of(_last(option("benchmark_timer", None)))
        self.disable_gc = keywords.get("disable_gc", option("benchmark_disable_gc", False))
        self.warmup = keywords.get("warmup", _last(option("benchmark_warmup", None)))
        self.warmup_iterations = keywords.get("warmup_iterations") or int(
            _last(option("benchmark_warmup_iterations", None)) or 100_000
        )
        self.min_rounds = keywords.get("min_rounds", 5)
        self.min_time = keywords.get("min_time", 0.000005)
        self.max_time = keywords.get("max_time", 1.0)
        self.calibration_precision = keywords.get("calibration_precision", 10)
        self.is_codspeed = bool(option("codspeed", False))

    @property
    def is_warmed_up(self):
        """pytest-benchmark's words: off, on, or auto, which is off on CPython."""
        return self.warmup in (True, "on", "true", "yes", "1")


def _keywords(node):
    """Of all markers on the function, its class and its module; the nearest wins, and codspeed's before the other."""
    found = {}
    for name in MARKERS:
        for marker in reversed(list(node.iter_markers(name))):
            if marker.args:
                raise ValueError(f"{name} mark can't have positional arguments.")
            unknown = sorted(set(marker.kwargs) - KEYWORDS)
            if unknown:
                raise ValueError(f"{name} mark can't have {unknown[0]!r} keyword argument.")
            found.update(marker.kwargs)
    return found


def _last(values):
    """Options may be given several times; the last one counts."""
    return values[-1] if values else None


def _timer_of(name):
    """`time.process_time` and the like, as `--benchmark-timer` has it."""
    if name is None:
        return time.perf_counter
    module, _, attribute = str(name).rpartition(".")
    return getattr(importlib.import_module(module or "time"), attribute)
