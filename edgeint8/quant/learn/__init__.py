"""Weight codes learned from integer activations, under a proven accumulator width."""
