"""What the tests of quantising share."""

import onnx
from float_networks import classifier, images

from edgeint8.quant.affine import sqnr_db
from edgeint8.quant.calibrate.calibration import Calibration
from edgeint8.quant.ptq import (
    QuantizedModel,
    Strategy,
    calibrate,
    prepare_model,
    quantize,
    run_onnx,
)


def prepared_classifier() -> onnx.ModelProto:
    return prepare_model(classifier())


def minmax_ranges(network: onnx.ModelProto) -> Calibration:
    return calibrate(network, images(64), "minmax")


def fidelity(model: onnx.ModelProto, quantized: QuantizedModel, count: int = 64) -> float:
    """SQNR of the first output against the float network on fresh images."""
    inputs = images(count, seed=9)
    name = model.graph.output[0].name
    outputs = run_onnx(quantized.executable, inputs, batch=quantized.batch)
    return sqnr_db(run_onnx(model, inputs)[name], outputs[name])


def quantized_by(model: onnx.ModelProto, **options: object) -> QuantizedModel:
    prepared = prepare_model(model)
    strategy = Strategy("s", **options)
    ranges = calibrate(prepared, images(64), strategy.calibration)
    return quantize(prepared, ranges, strategy)
