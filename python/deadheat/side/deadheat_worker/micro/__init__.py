"""A single piece of code as a benchmark, without pytest."""
