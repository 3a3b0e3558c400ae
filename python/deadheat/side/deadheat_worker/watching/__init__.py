"""Clocks that also see which functions run, or what memory is used; verdicts come from processes without them."""
