"""The watch over what a benchmark runs, held against clocks that say what the test wants."""

import sys

import pytest

from conftest import PACKAGE

sys.path.append(str(PACKAGE / "side"))
from deadheat_worker import tracing


class Nothing:
    """Watches functions of which one has always run."""

    def take_reached(self):
        return {0}


@pytest.mark.parametrize(
    ("wall_ms", "processor_ms", "is_parallel"), [(20, 20, False), (20, 38, True), (20, 25, False), (2, 4, False)]
)
def test_a_sample_that_uses_more_than_one_core_is_noticed(monkeypatch, wall_ms, processor_ms, is_parallel):
    # An audit hook would stay in this process for good.
    monkeypatch.setattr(sys, "addaudithook", lambda hook: None)
    monkeypatch.setattr(tracing, "_tell_of_spawning", lambda note: None)
    for clock, length_ms in ((tracing.WallClock, wall_ms), (tracing.ProcessorClock, processor_ms)):
        readings = iter([1_000, 1_000 + length_ms * 1_000_000])
        monkeypatch.setattr(clock, "start", lambda readings=readings: next(readings))
    reach = tracing.Reach(Nothing())
    with reach.on_account_of("test_a.py::test_a"), reach.in_sample():
        pass
    assert [(row["node"], row["parallel"]) for row in reach.take() if row["node"]] == [
        ("test_a.py::test_a", is_parallel)
    ]
