"""Clocks that also record functions or memory use; verdicts come from processes without them."""
