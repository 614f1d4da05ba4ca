"""Integer kernels, requantisation, and the graph that they run on."""
