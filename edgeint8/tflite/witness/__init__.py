"""The real runtimes, in child processes."""
