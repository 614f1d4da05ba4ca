"""Which strategy keeps a network's outputs best? Signal-to-noise ratio of each, on fresh images."""

import onnx
from small_network import some_images, write_network

import edgeint8 as e8
from edgeint8.quant.affine import sqnr_db
from edgeint8.quant.session import run_onnx

network, calibration, images = write_network(), some_images(32), some_images(64, seed=2)
wanted = run_onnx(onnx.load(network), {"x": images})["y"]

noise = {}
for strategy in ("asym_channel_minmax", "sym_channel_minmax", "asym_tensor_mse"):
    quantised = e8.quantize(network, calibration=calibration, strategy=strategy)
    noise[strategy] = sqnr_db(wanted, run_onnx(quantised.model, {"x": images})["y"])
for strategy in sorted(noise, key=noise.__getitem__, reverse=True):
    print(f"{strategy}: {noise[strategy]:.1f} dB")
