"""A suite's settings for its benchmarks: markers, options and attributes of the fixture.

The names are those of pytest-benchmark 5 and pytest-codspeed 4 together (`plugin.py` of each).
"""

from __future__ import annotations

import functools
import importlib
import inspect
import types
import unittest

from deadheat_worker.suite import pytest_internals
from deadheat_worker.timing.loops import WallClock

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any

    import pytest

FIXTURES = ("benchmark", "codspeed_benchmark", "benchmark_weave")
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
    "precision",
    "confidence",
    "cprofile",
    "max_rounds",
}


class Settings:
    """The settings of one benchmark. `docs/compatibility.md` lists those that have an effect."""

    timer: Callable[[], float]
    warmup_iterations: Any
    min_rounds: Any
    min_time: Any
    max_time: Any
    calibration_precision: Any

    def __init__(self, node: pytest.Item) -> None:
        keywords = _keywords(node)
        option = node.config.getoption
        self.group = keywords.get("group")
        self.timer = keywords.get("timer") or _timer_of(option("benchmark_timer", None))
        self.disable_gc = keywords.get("disable_gc", option("benchmark_disable_gc", False))
        self.warmup = keywords.get("warmup", option("benchmark_warmup", None))
        for name in ("warmup_iterations", "min_rounds", "min_time", "max_time", "calibration_precision"):
            setattr(self, name, keywords.get(name, option(f"benchmark_{name}", None)))
        self.is_codspeed = bool(option("deadheat_codspeed", option("codspeed", False)))

    @property
    def is_warmed_up(self) -> bool:
        """Whether `warmup` is on; pytest-benchmark's values are off, on, and auto, which is off on CPython."""
        return self.warmup in (True, "on", "true", "yes", "1")


def _keywords(node: pytest.Item) -> dict[str, Any]:
    """Return the keywords of all markers on the function, its class and its module.

    The nearest wins, and codspeed's over the other.
    """
    found: dict[str, Any] = {}
    for name in MARKERS:
        for marker in reversed(list(node.iter_markers(name))):
            if marker.args:
                raise ValueError(f"{name} mark can't have positional arguments.")
            unknown = sorted(set(marker.kwargs) - KEYWORDS)
            if unknown:
                raise ValueError(f"{name} mark can't have {unknown[0]!r} keyword argument.")
            found.update(marker.kwargs)
    return found


def uses_fixture(item: pytest.Item) -> bool:
    """Whether a test takes the fixture under any of its names, itself or through other fixtures."""
    return any(name in getattr(item, "fixturenames", ()) for name in FIXTURES) or _asks_for_fixture(item)


def is_marker_only(item: pytest.Item) -> bool:
    """Whether a whole test is a benchmark by its marker, without the fixture."""
    return any(item.get_closest_marker(marker) is not None for marker in MARKERS) and not uses_fixture(item)


def is_unittest(item: pytest.Item) -> bool:
    """Whether a test is a method of a `unittest.TestCase`."""
    return issubclass(getattr(item, "cls", None) or object, unittest.TestCase)


def has_own_fixtures(item: pytest.Item) -> bool:
    """Whether pytest sets anything up for this test alone; a `unittest.TestCase` does it within the call."""
    if is_unittest(item):
        return False
    fixtures = pytest_internals.fixtures_of(item)
    return any(definitions and definitions[-1].scope == "function" for definitions in fixtures)


def _asks_for_fixture(item: pytest.Item) -> bool:
    """Whether the code of a test or of a fixture that it takes says `request.getfixturevalue("benchmark")`."""
    functions = [getattr(item, "function", None)]
    for definitions in pytest_internals.fixtures_of(item):
        functions += [definition.func for definition in definitions]
    return any(
        _names_fixture(getattr(inspect.unwrap(function), "__code__", None)) for function in functions if function
    )


@functools.cache
def _names_fixture(code: types.CodeType | None) -> bool:
    if code is None:
        return False
    if "getfixturevalue" in code.co_names and any(name in code.co_consts for name in FIXTURES):
        return True
    return any(_names_fixture(inner) for inner in code.co_consts if isinstance(inner, types.CodeType))


def _timer_of(name: Any) -> Any:
    """Return the timer that `--benchmark-timer` names, such as `time.process_time`."""
    if name is None:
        return WallClock.seconds
    if callable(name):
        return name
    module, _, attribute = str(name).rpartition(".")
    return getattr(importlib.import_module(module or "time"), attribute)
