"""The space of designs, its exact front, and the design that is recommended."""
