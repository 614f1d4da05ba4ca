"""Which strategy, and why: logits, statistics, sensitivity, the recommendation."""
