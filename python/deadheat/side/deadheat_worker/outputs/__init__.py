"""Return values of benchmarks and the values in modules, in forms that another process can compare."""
