"""Brevitas's side of ptq_peers.py, run by the Python of Brevitas's own environment.

    python benchmarks/peer_brevitas.py < request.json

Convolutions and dense layers get Brevitas's quantisers, inputs of eight bits with a zero-point,
layer by layer; additions, pools and biases stay float. Where a width of the sums is asked for, GPTQ
and GPFQ are AXE's (Colbert et al., TMLR 2025): it bounds the products of every output, without the
bias. Bias correction follows, as in Brevitas's own script for image classifiers.
"""

from contextlib import AbstractContextManager
from typing import Any

import numpy as np
import onnx
import torch
from brevitas import nn as qnn
from brevitas.graph.calibrate import bias_correction_mode, calibration_mode
from brevitas.graph.gpfq import gpfq_mode
from brevitas.graph.gptq import gptq_mode
from brevitas.graph.quantize import layerwise_quantize
from brevitas.quant.scaled_int import Int8WeightPerChannelFloat, Int8WeightPerTensorFloat
from brevitas.quant.shifted_scaled_int import ShiftedUint8ActPerTensorFloat
from brevitas_examples.common.axe import a2gpfq_mode, a2gptq_mode
from onnx2torch import convert
from peer_child import Run, answer
from torch import Tensor, nn

MODES = {("gptq", False): gptq_mode, ("gpfq", False): gpfq_mode}
MODES |= {("gptq", True): a2gptq_mode, ("gpfq", True): a2gpfq_mode}


def layered(request: dict[str, Any]) -> nn.Module:
    """The network with quantisers in its layers."""
    granularity = Int8WeightPerChannelFloat if request["per_channel"] else Int8WeightPerTensorFloat
    options = {
        "weight_quant": granularity.let(bit_width=request["weight_bits"]),
        "input_quant": ShiftedUint8ActPerTensorFloat,
        "bias_quant": None,
        "return_quant_tensor": False,
    }
    layers = {nn.Conv1d: qnn.QuantConv1d, nn.Conv2d: qnn.QuantConv2d, nn.Linear: qnn.QuantLinear}
    model = convert(onnx.load(request["network"])).eval()
    return layerwise_quantize(model, {old: (new, options) for old, new in layers.items()})


def learning(step: str, model: nn.Module, request: dict[str, Any]) -> AbstractContextManager[Any]:
    """The context in which Brevitas optimises layer after layer."""
    bits = request["accumulator_bits"]
    bound = {} if bits is None else {"max_accumulator_bit_width": bits}
    mode = MODES[step, bits is not None]
    return mode(model, use_quant_activations=True, act_order=True, **bound)


def quantised(request: dict[str, Any], batches: list[np.ndarray]) -> Run:
    """The network after the steps that are asked for, as Brevitas simulates it."""
    images = [torch.from_numpy(batch) for batch in batches]
    model = layered(request)

    def see(run: nn.Module) -> None:
        for batch in images:
            run(batch)

    model(images[0])  # scales of weights are made by a first run
    with calibration_mode(model):
        see(model)
    for step in request["steps"]:
        with learning(step, model, request) as optimiser:
            for _ in range(optimiser.num_layers):
                see(optimiser.model)
                optimiser.update()
    with bias_correction_mode(model):
        see(model)

    def run(batch: np.ndarray) -> np.ndarray:
        scores: Tensor = model(torch.from_numpy(batch))
        return scores.numpy()

    return run


if __name__ == "__main__":
    torch.set_num_threads(1)
    torch.manual_seed(0)
    with torch.no_grad():
        answer(quantised, ("brevitas", "torch", "onnx2torch"))
