"""From a .tflite network to the graph that Part C runs."""
