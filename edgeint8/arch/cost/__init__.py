"""What a layer costs on a machine: cycles, bytes, energy, and what binds it."""
