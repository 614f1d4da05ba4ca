"""What real runtimes compute, bit by bit: a runtime is a value, one short function an operator."""
