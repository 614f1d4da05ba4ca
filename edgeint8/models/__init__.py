"""Part A: datasets, networks, training and export."""
