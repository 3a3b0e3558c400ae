"""The timed loops: what they themselves take is in no result."""

import asyncio
import importlib
import sys

import pytest

from conftest import PACKAGE

pytestmark = pytest.mark.quick

LOOP_NS, READING_NS, CALL_NS = 10, 50, 100


class Clock:
    """Goes on by what the calls take, and by what a loop or a reading of the clock would."""

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
    timing = importlib.import_module("deadheat_worker.timing")
    monkeypatch.setattr(timing, "_empty_iteration_ns", lambda: LOOP_NS)
    monkeypatch.setattr(timing, "_reading_ns", lambda: READING_NS)
    yield timing
    for name in [name for name in sys.modules if name.partition(".")[0] == "deadheat_worker"]:
        del sys.modules[name]


@pytest.fixture
def wall(timing, monkeypatch):
    """Put a clock in the place of the wall clock, which alone has anything subtracted."""

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
