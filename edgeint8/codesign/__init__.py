"""What a choice of number format costs in hardware."""
