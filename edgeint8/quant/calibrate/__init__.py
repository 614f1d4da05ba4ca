"""What calibration sees of a tensor, and the range that its levels shall cover."""
