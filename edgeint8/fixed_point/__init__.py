"""Part C: what the integer hardware computes, bit by bit, and how wide it must be."""
