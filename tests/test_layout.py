"""The blocks and frames that give each process another memory layout."""

import sys

from conftest import PACKAGE

sys.path.append(str(PACKAGE / "side"))
from deadheat_worker.timing import layout


def test_blocks_stay_for_what_the_imports_allocate():
    drawn = layout.Layout()
    before = sys.getallocatedblocks()
    drawn.draw_for_imports()
    # About half of the 200 or more blocks are kept.
    assert sys.getallocatedblocks() - before >= 50


def test_a_call_goes_through_a_frame_that_is_drawn_for_it():
    drawn = layout.Layout()
    frames = {drawn.draw_for_sample().__code__.co_stacksize for _ in range(200)}
    assert len(frames) > 5
    assert drawn.draw_for_sample()(max, 2, 3) == 3
