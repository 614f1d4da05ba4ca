"""The machine of arch/cost/machine in RTL: programs, builds, runs and comparisons."""
