"""A network as layers: what each asks of an array."""
