"""How many bits must the accumulators have? Bounds that hold for any input, and what was seen."""

from small_network import some_images, write_network

import edgeint8 as e8

images = some_images(8)
e8.quantize(write_network(), calibration=images).save("net.int8.onnx")

widths = e8.accumulator_widths("net.int8.onnx", inputs=images)
print(f"guaranteed for any input: {widths.guaranteed} bits; seen: {widths.observed} bits")
print(widths.to_frame()[["layer", "k", "bits_exact_with_bias", "bits_observed"]].to_string())
