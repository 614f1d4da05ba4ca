"""The study as configured and as it went."""
