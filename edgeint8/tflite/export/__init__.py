"""From a quantised network of ours to a .tflite file."""
