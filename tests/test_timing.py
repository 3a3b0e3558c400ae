"""The timed loops: their own time is in no result."""

import asyncio
import importlib
import itertools
import sys
import time

import pytest

from conftest import PACKAGE

pytestmark = pytest.mark.quick

LOOP_NS, READING_NS, CALL_NS = 10, 50, 100


class Clock:
    """A clock that advances by what the calls take, and by what a loop or a reading of the clock would."""

    def __init__(self, extra_ns):
        self.now = 0
        self.extra_ns = extra_ns

    def start(self):
        return self.now

    def stop(self):
        self.now += self.extra_ns
        return self.now

    def call(self, *_):
        self.now += CALL_NS

    async def awaited(self):
        self.now += CALL_NS


@pytest.fixture
def timing(monkeypatch):
    monkeypatch.syspath_prepend(PACKAGE / "side")
    timing = importlib.import_module("deadheat_worker.timing.loops")
    timing.measured = {"turn of a loop": timing._empty_iteration_ns, "reading": timing._reading_ns}
    monkeypatch.setattr(timing, "_empty_iteration_ns", lambda: LOOP_NS)
    monkeypatch.setattr(timing, "_reading_ns", lambda: READING_NS)
    yield timing
    for name in [name for name in sys.modules if name.partition(".")[0] == "deadheat_worker"]:
        del sys.modules[name]


@pytest.fixture
def wall(timing, monkeypatch):
    """Replaces the wall clock, the only clock from whose times anything is subtracted."""

    def put(extra_ns):
        clock = Clock(extra_ns)
        monkeypatch.setattr(timing, "WallClock", clock)
        return clock

    return put


def nothing():
    return (), {}


def test_calls_are_timed_without_the_loop(timing, wall):
    clock = wall(extra_ns=99 * LOOP_NS)
    assert timing.calls_of(clock.call, (1,), {})(100, 0, clock)[0] == 100 * CALL_NS
    awaits = timing.time_awaits(clock.awaited, (), {}, 100, 0, clock)
    assert asyncio.run(awaits)[0] == 100 * CALL_NS


def test_prepared_calls_are_timed_without_the_readings_of_the_clock(timing, wall):
    clock = wall(extra_ns=READING_NS)
    assert timing.time_prepared_calls(clock.call, nothing, None, 10, clock)[0] == 10 * CALL_NS
    awaits = timing.time_prepared_awaits(clock.awaited, nothing, None, 10, clock)
    assert asyncio.run(awaits)[0] == 10 * CALL_NS


def test_what_cannot_be_told_from_the_loop_counts_as_the_resolution(timing, wall):
    clock = wall(extra_ns=0)
    assert timing.calls_of(len, ((),), {})(100, 0, clock)[0] == 100 * timing.RESOLUTION_NS


def test_a_single_call_and_another_clock_are_taken_as_they_are(timing, wall):
    assert timing.calls_of(len, ((),), {})(1, 0, wall(extra_ns=7))[0] == 7
    other = Clock(extra_ns=7)
    assert timing.calls_of(len, ((),), {})(100, 0, other)[0] == 7


@pytest.mark.parametrize("measured", ["turn of a loop", "reading"])
def test_what_is_subtracted_is_measured_by_the_clock_that_nobody_has_replaced(timing, monkeypatch, measured):
    jumps = itertools.count(10**12, -(10**6))
    for name in ("perf_counter", "perf_counter_ns", "monotonic", "monotonic_ns"):
        monkeypatch.setattr(time, name, lambda: next(jumps))
    assert timing.measured[measured]() > 0
