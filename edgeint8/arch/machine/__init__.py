"""A machine: array, buffers, DRAM, and what its parts cost."""
