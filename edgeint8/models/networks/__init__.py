"""The built-in networks and those of published benchmarks."""
