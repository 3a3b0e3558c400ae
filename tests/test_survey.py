"""The profiler's view of functions, in this process."""

import gc
import sys

import pytest

from conftest import PACKAGE

sys.path.append(str(PACKAGE / "side"))
from deadheat_worker.watching.survey import Survey


def make_garbage():
    for _ in range(gc.get_threshold()[0] + 10):
        cycle = []
        cycle.append(cycle)


@pytest.mark.parametrize("is_on", [True, False])
def test_no_collection_counts_for_the_function_that_sets_it_off(is_on):
    collections = []
    survey = Survey(lambda path: "here.py" if path == __file__ else None)
    was_on = gc.isenabled()
    gc.callbacks.append(lambda phase, info: collections.append(phase))
    try:
        gc.enable() if is_on else gc.disable()
        survey.start()
        make_garbage()
        inside = len(collections)
        survey.stop()
        assert gc.isenabled() == is_on
        make_garbage()
        assert (inside, len(collections) > inside) == (0, is_on)
    finally:
        gc.callbacks.pop()
        gc.enable() if was_on else gc.disable()
    assert [(row["name"], row["calls"]) for row in survey.functions()] == [("make_garbage", 1)]
