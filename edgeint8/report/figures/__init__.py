"""Figures, each drawn from the tables beside it."""
