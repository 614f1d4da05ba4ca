"""The witness: SCALE-Sim 3.0.0, its adapter and the exact replica of what it reports."""
