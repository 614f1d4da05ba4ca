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
from onnx import helper, numpy_helper
from peer_child import Run, answer
from torch import Tensor, nn
from torch.nn import functional

LAYERS = {nn.Conv2d: qnn.QuantConv2d, nn.Linear: qnn.QuantLinear}
MODES = {("gptq", False): gptq_mode, ("gpfq", False): gpfq_mode}
MODES |= {("gptq", True): a2gptq_mode, ("gpfq", True): a2gpfq_mode}


class Network(nn.Module):
    """The float network in torch: convolutions, dense layers, Relu, pools, sums, Flatten."""

    def __init__(self, model: onnx.ModelProto) -> None:
        super().__init__()
        graph = model.graph
        self.nodes = list(graph.node)
        self.options = {
            node.output[0]: {a.name: helper.get_attribute_value(a) for a in node.attribute}
            for node in self.nodes
        }
        self.ends = graph.input[0].name, graph.output[0].name
        values = {t.name: torch.tensor(numpy_helper.to_array(t)) for t in graph.initializer}
        self.layers = nn.ModuleDict()  # in the order in which they run
        for node in self.nodes:
            if node.op_type in ("Conv", "Gemm"):
                parts = [values[name] for name in node.input[1:]]
                self.layers[key(node)] = layer_of(node, self.options[node.output[0]], *parts)

    def forward(self, images: Tensor) -> Tensor:
        found = {self.ends[0]: images}
        for node in self.nodes:
            inputs = [found[name] for name in node.input if name in found]
            found[node.output[0]] = self.result(node, self.options[node.output[0]], *inputs)
        return found[self.ends[1]]

    def result(self, node: onnx.NodeProto, options: dict[str, Any], *inputs: Tensor) -> Tensor:
        """What one node puts out."""
        x = inputs[0]
        if node.op_type == "Conv":
            top, left, bottom, right = options.get("pads", (0, 0, 0, 0))
            x = functional.pad(x, (left, right, top, bottom))
        if key(node) in self.layers:
            return self.layers[key(node)](x)
        if node.op_type == "MaxPool":
            return functional.max_pool2d(x, options["kernel_shape"], options["strides"])
        plain = {"Relu": torch.relu, "Flatten": nn.Flatten(), "Add": torch.add}
        plain["GlobalAveragePool"] = nn.AdaptiveAvgPool2d(1)
        return plain[node.op_type](*inputs)


def key(node: onnx.NodeProto) -> str:
    """A name that torch takes for a module."""
    return node.output[0].replace(".", "_")


def layer_of(
    node: onnx.NodeProto, options: dict[str, Any], weights: Tensor, bias: Tensor
) -> nn.Module:
    """A convolution without padding, or a dense layer."""
    if node.op_type == "Gemm":
        weights = weights if options.get("transB") else weights.T.contiguous()
        layer: nn.Module = nn.Linear(weights.shape[1], weights.shape[0])
    else:
        groups = options.get("group", 1)
        shape = (weights.shape[1] * groups, weights.shape[0], tuple(weights.shape[2:]))
        layer = nn.Conv2d(*shape, stride=options.get("strides", 1), groups=groups)
    layer.weight, layer.bias = nn.Parameter(weights), nn.Parameter(bias)
    return layer


def layered(request: dict[str, Any]) -> nn.Module:
    """The network with quantisers in its layers."""
    granularity = Int8WeightPerChannelFloat if request["per_channel"] else Int8WeightPerTensorFloat
    options = {
        "weight_quant": granularity.let(bit_width=request["weight_bits"]),
        "input_quant": ShiftedUint8ActPerTensorFloat,
        "bias_quant": None,
        "return_quant_tensor": False,
    }
    model = Network(onnx.load(request["network"])).eval()
    return layerwise_quantize(model, {old: (new, options) for old, new in LAYERS.items()})


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
        answer(quantised, ("brevitas", "torch"))
