"""How wide an accumulator must be, and what happens when it is narrower."""
