"""What SCALE-Sim will report, without running it."""
