"""Datasets and users' own arrays, as the objects that calibrate, choose and report."""
