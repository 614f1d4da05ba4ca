"""A quantised network as the machine in RTL sees it: array layers and pools, NHWC.

Only an integer graph runs from quantised input to quantised output: Quantize at the input and
Dequantize at the output are the host's. docs/rtl.md.
"""

from collections.abc import Mapping

import numpy as np
import onnx

from edgeint8.arch.cost.loops import Loops
from edgeint8.conventions import Array
from edgeint8.errors import ModelError
from edgeint8.fixed_point.arithmetic.graph import Node
from edgeint8.fixed_point.arithmetic.kernels import accumulate
from edgeint8.fixed_point.arithmetic.layers import OutputStage, has_output_stage, output_stage
from edgeint8.fixed_point.arithmetic.operands import Operands
from edgeint8.fixed_point.arithmetic.requantize import Scheme, combined_scale
from edgeint8.fixed_point.executor import ALL_TENSORS, Executor
from edgeint8.fixed_point.runtimes.known import ORT
from edgeint8.fixed_point.runtimes.products import tflm_scale
from edgeint8.fixed_point.runtimes.runtime import Runtime
from edgeint8.rtl.layer import SCHEMES, RtlLayer, as_nhwc, rescale_of, window_loops
from edgeint8.rtl.pools import AVERAGES, addition, average, max_pool

SAME_ELEMENTS = frozenset({"Flatten", "Reshape", "Squeeze", "Unsqueeze", "Identity"})
HOST = frozenset({"QuantizeLinear", "DequantizeLinear"})


def rtl_layers(
    model: onnx.ModelProto,
    feeds: Mapping[str, Array],
    scheme: Scheme | None = None,
    runtime: Runtime = ORT,
) -> tuple[tuple[RtlLayer, ...], dict[str, Array]]:
    """Layers of an integer-only graph, and every tensor of the run on `feeds`.

    Sums are rounded as the runtime does, or as `scheme` says. Raises `ModelError` naming the first
    node that the machine has not.
    """
    scheme = scheme or runtime.scheme
    known = SCHEMES if runtime is ORT else (runtime.scheme,)
    if scheme not in known:
        raise ModelError(
            f"no requantiser for {scheme.value}", allowed=", ".join(s.value for s in known)
        )
    met: dict[str, Operands] = {}

    def remember(node: Node, operands: Operands) -> Array:
        met[node.name] = operands
        return accumulate(operands)

    executor = Executor(model, scheme, accumulate=remember, runtime=runtime)
    tensors = {**feeds, **executor.run(feeds, ALL_TENSORS)}
    origin: dict[str, str] = {}
    layers = []
    for node in executor.graph.nodes:
        if node.op_type in SAME_ELEMENTS:
            origin[node.outputs[0]] = origin.get(node.inputs[0], node.inputs[0])
        elif node.op_type == "MaxPool":
            layers.append(max_pool(node, tensors))
        elif node.op_type == "QLinearAdd":
            layers.append(addition(executor.graph, node, runtime, tensors))
        elif node.name in met and has_output_stage(node):
            source = origin.get(node.inputs[0], node.inputs[0])
            stage = output_stage(executor.graph, node)
            scale = _scale(node, stage, scheme, runtime)
            layers.append(_array_layer(node, met[node.name], stage, scale, scheme, source, tensors))
        elif node.op_type in AVERAGES:
            layers.append(average(executor.graph, node, scheme, runtime, tensors))
        elif node.op_type not in HOST:
            raise ModelError(
                f"{node.op_type} is not in the machine",
                where=f"node {node.name}",
                allowed="QLinearConv, QGemm, QLinearMatMul, MaxPool, averages of codes, "
                "QLinearAdd, Quantize and Dequantize",
            )
    _check_chain(layers)
    return tuple(layers), tensors


def _check_chain(layers: list[RtlLayer]) -> None:
    if not layers:
        raise ModelError("no layer runs in integers", allowed="at least one")
    made = {layers[0].source, *(layer.result for layer in layers)}
    for layer in layers:
        for source in filter(None, (layer.source, layer.second)):
            if source not in made:
                raise ModelError(
                    f"{source} is made outside the machine",
                    where=layer.name,
                    allowed="an integer graph without float nodes",
                )


def _scale(node: Node, stage: OutputStage, scheme: Scheme, runtime: Runtime) -> Array:
    """S of a layer as its runtime computes it."""
    scales = stage.x_scale, stage.w_scale, stage.y_scale
    if runtime is not ORT and node.op_type == "QGemm":
        return tflm_scale(*scales)
    return combined_scale(scheme, *scales)


def _array_layer(
    node: Node,
    operands: Operands,
    stage: OutputStage,
    scale: Array,
    scheme: Scheme,
    source: str,
    tensors: Mapping[str, Array],
) -> RtlLayer:
    x, y = tensors[source][0], tensors[node.outputs[0]][0]
    if operands.w_zero_point.any() or operands.w.dtype != np.int8:
        raise ModelError("weights with a zero-point", where=node.name, allowed="symmetric int8")
    if operands.geometry is None:
        m = operands.channels
        if operands.x.ndim != 2 or operands.w.ndim != 2:
            raise ModelError("a batched product", where=node.name, allowed="(N, K) x (K, M)")
        loops = Loops(
            1, 1, operands.depth, m, 1, 1, 1, 1, 1, 1, 0, 0, operands.depth, operands.w.size, m
        )
        weights = _as_stored(operands.w, x)[None]
        groups = 1
    else:
        groups = operands.geometry.groups
        loops = window_loops(operands.geometry, x, y, groups)
        w = operands.w.reshape(groups, loops.filters, loops.channels, -1)  # (G, M, C, R S)
        weights = w.transpose(0, 3, 2, 1).reshape(groups, -1, loops.filters)
    bias = operands.bias if operands.bias is not None else np.zeros(operands.channels, np.int64)
    return RtlLayer(
        node.name,
        loops,
        groups,
        source,
        node.outputs[0],
        operands.x_zero_point,
        stage.zero_point,
        operands.x.dtype,
        weights,
        np.broadcast_to(bias, (operands.channels,)),
        rescale_of(scheme, scale, operands.channels),
    )


def _as_stored(weights: Array, source: Array) -> Array:
    """(K, M) in the order of the NHWC tensor that a Flatten has hidden."""
    if source.ndim == 1:
        return weights
    order = as_nhwc(np.arange(source.size).reshape(source.shape)).reshape(-1)
    return weights[order]
