"""Bits per layer: what a budget is spent on."""
