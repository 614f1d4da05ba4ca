"""Small quantised networks for the oracle tests: torch -> ONNX -> ORT's static quantiser."""

import functools
import io
import logging
import tempfile
import warnings
from pathlib import Path

import numpy as np
import onnx
import onnxruntime
import torch
from cpu import EXACT_U8S8
from onnxruntime.quantization import (
    CalibrationDataReader,
    QuantFormat,
    QuantType,
    quantize_static,
)
from onnxruntime.quantization.shape_inference import quant_pre_process

STRATEGIES = {
    "asym_channel": {"symmetric": False, "per_channel": True},
    "asym_tensor": {"symmetric": False, "per_channel": False},
    "sym_channel": {"symmetric": True, "per_channel": True},
    "sym_tensor": {"symmetric": True, "per_channel": False},
}


class Batches(CalibrationDataReader):
    """Feeds a list of dictionaries to ORT's calibrator."""

    def __init__(self, feeds):
        self.feeds = iter(feeds)

    def get_next(self):
        """The next feed, or None."""
        return next(self.feeds, None)


def export(module, shape):
    """ONNX model (opset 17, free batch size) of a torch module for inputs (N, *shape)."""
    buffer = io.BytesIO()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        torch.onnx.export(
            module.eval(),
            torch.zeros(1, *shape),
            buffer,
            opset_version=17,
            input_names=["input"],
            output_names=["logits"],
            dynamic_axes={"input": {0: "n"}, "logits": {0: "n"}},
            dynamo=False,
        )
    return onnx.load_from_string(buffer.getvalue())


def randomise_statistics(module, seed=0):
    """Give every BatchNorm statistics that are not the trivial 0 and 1."""
    generator = torch.Generator().manual_seed(seed)
    for layer in module.modules():
        if isinstance(layer, torch.nn.modules.batchnorm._BatchNorm):
            layer.running_mean.normal_(0, 0.3, generator=generator)
            layer.running_var.uniform_(0.5, 1.5, generator=generator)
    return module


def quantize(model, calibration, symmetric, per_channel, qdq=False, weights=QuantType.QInt8):
    """Static quantisation by ORT; QDQ models come back as the graph ORT's optimiser makes."""
    name = model.graph.input[0].name
    activations = QuantType.QInt8 if symmetric else QuantType.QUInt8
    narrow = not (EXACT_U8S8 or symmetric) and weights == QuantType.QInt8
    logging.getLogger().setLevel(logging.ERROR)
    with tempfile.TemporaryDirectory() as folder:
        source, prepared, target = (str(Path(folder) / f) for f in ("a.onnx", "b.onnx", "c.onnx"))
        onnx.save(model, source)
        quant_pre_process(source, prepared)
        quantize_static(
            prepared,
            target,
            Batches([{name: calibration[k : k + 1]} for k in range(len(calibration))]),
            quant_format=QuantFormat.QDQ if qdq else QuantFormat.QOperator,
            activation_type=activations,
            weight_type=weights,
            per_channel=per_channel,
            reduce_range=narrow,
            extra_options={"ActivationSymmetric": symmetric, "WeightSymmetric": True},
        )
        if qdq:
            target = optimised(target, str(Path(folder) / "d.onnx"))
        return onnx.load(target)


def optimised(source, target):
    """Save the graph that ORT runs for a QDQ model."""
    options = onnxruntime.SessionOptions()
    options.graph_optimization_level = onnxruntime.GraphOptimizationLevel.ORT_ENABLE_EXTENDED
    options.optimized_model_filepath = target
    options.add_session_config_entry("session.qdqisint8allowed", "1")
    options.log_severity_level = 3
    onnxruntime.InferenceSession(source, options, providers=["CPUExecutionProvider"])
    return target


@functools.cache
def network(build, shape, strategy, qdq=False, seed=0):
    """A quantised random network and 16 random images for it."""
    torch.manual_seed(seed)
    module = randomise_statistics(build(), seed)
    generator = np.random.default_rng(seed)
    images = generator.normal(size=(16, *shape)).astype(np.float32)
    return quantize(export(module, shape), images, qdq=qdq, **STRATEGIES[strategy]), images
