"""What benchmarks returned and what modules hold, in forms that another process can compare."""
