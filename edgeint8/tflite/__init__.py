"""A .tflite file as a graph of Part C, and the runtimes that it was made for as its witnesses."""
