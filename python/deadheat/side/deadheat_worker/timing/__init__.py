"""The timed code, and the loops that time it."""
