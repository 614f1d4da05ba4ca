"""Part D: layers on systolic arrays: cycles, traffic, energy, and what limits them."""
