"""Is every integer of a quantised network ONNX Runtime's?"""

from small_network import some_images, write_network

import edgeint8 as e8

images = some_images(8)
e8.quantize(write_network(), calibration=images).save("net.int8.onnx")

answer = e8.verify("net.int8.onnx", inputs=images)
print(f"{answer.comparison.elements:,} elements compared, {answer.mismatches} differ")
for tensor in answer.differing:
    print("differs:", tensor)
