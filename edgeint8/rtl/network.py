"""A quantised network as the machine in RTL sees it: array layers and pools, NHWC.

Only an integer graph runs from quantised input to quantised output: Quantize at the input and
Dequantize at the output are the host's. docs/rtl.md.
"""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import onnx

from edgeint8.arch.cost.loops import Loops
from edgeint8.conventions import Array
from edgeint8.errors import ModelError
from edgeint8.fixed_point.arithmetic.geometry import ConvGeometry
from edgeint8.fixed_point.arithmetic.graph import Graph, Node
from edgeint8.fixed_point.arithmetic.kernels import accumulate
from edgeint8.fixed_point.arithmetic.layers import OutputStage, has_output_stage, output_stage
from edgeint8.fixed_point.arithmetic.operands import Operands
from edgeint8.fixed_point.arithmetic.requantize import Scheme, combined_scale, quantize_multiplier
from edgeint8.fixed_point.executor import ALL_TENSORS, Executor

SAME_ELEMENTS = frozenset({"Flatten", "Reshape", "Squeeze", "Unsqueeze", "Identity"})
HOST = frozenset({"QuantizeLinear", "DequantizeLinear"})
AVERAGES = frozenset({"QLinearGlobalAveragePool", "QLinearAveragePool"})
SCHEMES = tuple(scheme for scheme in Scheme if scheme is not Scheme.FLOAT64)
"""What has a requantiser in RTL: a float64 product has none."""


@dataclass(frozen=True)
class Rescale:
    """S of equation (1) as the requantiser reads it, (channels,).

    `factor` holds the bits of a float32 for ONNX Runtime's rule, else multipliers; int32.
    """

    factor: Array
    shift: Array


def rescale_of(scheme: Scheme, scale: Array, channels: int) -> Rescale:
    """`scale` is of `combined_scale`, one number or (channels,)."""
    real = np.broadcast_to(np.asarray(scale).reshape(-1), (channels,))
    if scheme is Scheme.ORT_FLOAT32:
        bits = np.ascontiguousarray(real, np.float32).view(np.int32)
        return Rescale(bits, np.zeros(channels, np.int64))
    if scheme is Scheme.POWER_OF_TWO:
        shift = -np.rint(np.log2(real.astype(np.float64))).astype(np.int64)
        left = np.maximum(-shift, 0)
        return Rescale((1 << left).astype(np.int32), np.clip(shift, 0, 62))
    found = quantize_multiplier(real, 16 if scheme is Scheme.INT16_HALF_UP else 31)
    return Rescale(found.mantissa.astype(np.int32), found.shift)


@dataclass(frozen=True)
class RtlLayer:
    """One layer of the machine.

    `loops` are those of one group. Codes are NHWC: `weights` (groups, K, M) with K in the order
    kernel row, kernel column, channel; a pool has none. `source` and `result` name tensors of the
    graph; constants are one a filter of all
    groups.
    """

    name: str
    loops: Loops
    groups: int
    source: str
    result: str
    zero_in: int
    zero_out: int
    dtype: np.dtype
    weights: Array | None = None
    bias: Array | None = None
    rescale: Rescale | None = None

    @property
    def is_pool(self) -> bool:
        """Not on the array."""
        return self.weights is None

    @property
    def is_average(self) -> bool:
        """A pool that sums and requantises, with one scale; the other takes the largest."""
        return self.is_pool and self.rescale is not None


def as_nhwc(codes: Array) -> Array:
    """(C, *S) as (H, W, C); a vector is one pixel, one spatial axis has height 1."""
    if codes.ndim == 1:
        return codes[None, None, :]
    if codes.ndim == 2:
        return codes.T[None]
    if codes.ndim != 3:
        raise ModelError(f"a tensor of shape {codes.shape}", allowed="(C), (C, L) or (C, H, W)")
    return codes.transpose(1, 2, 0)


def rtl_layers(
    model: onnx.ModelProto, feeds: Mapping[str, Array], scheme: Scheme = Scheme.ORT_FLOAT32
) -> tuple[tuple[RtlLayer, ...], dict[str, Array]]:
    """Layers of an integer-only graph, and every tensor of the run on `feeds`.

    Raises `ModelError` naming the first node that the machine has not.
    """
    if scheme not in SCHEMES:
        raise ModelError(
            f"no requantiser for {scheme.value}", allowed=", ".join(s.value for s in SCHEMES)
        )
    met: dict[str, Operands] = {}

    def remember(node: Node, operands: Operands) -> Array:
        met[node.name] = operands
        return accumulate(operands)

    executor = Executor(model, scheme, accumulate=remember)
    tensors = {**feeds, **executor.run(feeds, ALL_TENSORS)}
    origin: dict[str, str] = {}
    layers = []
    for node in executor.graph.nodes:
        if node.op_type in SAME_ELEMENTS:
            origin[node.outputs[0]] = origin.get(node.inputs[0], node.inputs[0])
        elif node.op_type == "MaxPool":
            layers.append(_pool(node, tensors))
        elif node.name in met and has_output_stage(node):
            source = origin.get(node.inputs[0], node.inputs[0])
            stage = output_stage(executor.graph, node)
            layers.append(_array_layer(node, met[node.name], stage, scheme, source, tensors))
        elif node.op_type in AVERAGES:
            layers.append(_average(executor.graph, node, scheme, tensors))
        elif node.op_type not in HOST:
            raise ModelError(
                f"{node.op_type} is not in the machine",
                where=f"node {node.name}",
                allowed="QLinearConv, QGemm, QLinearMatMul, MaxPool, averages over whole images, "
                "and Quantize and Dequantize",
            )
    _check_chain(layers)
    return tuple(layers), tensors


def _check_chain(layers: list[RtlLayer]) -> None:
    if not layers:
        raise ModelError("no layer runs in integers", allowed="at least one")
    made = {layers[0].source, *(layer.result for layer in layers)}
    for layer in layers:
        if layer.source not in made:
            raise ModelError(
                f"{layer.source} is made outside the machine",
                where=layer.name,
                allowed="an integer graph without float nodes",
            )


def _loops(geometry: ConvGeometry, x: Array, y: Array, groups: int) -> Loops:
    """Loops of one group of a window operator on one image, (C, *S) both."""
    (input_h, input_w, channels), (output_h, output_w, filters) = as_nhwc(x).shape, as_nhwc(y).shape
    both = (1,) if x.ndim == 2 else ()
    none = (0,) if x.ndim == 2 else ()
    kernel_h, kernel_w = both + geometry.kernel
    stride_h, stride_w = both + geometry.strides
    dilation_h, dilation_w = both + geometry.dilations
    top, left = none + geometry.pads_begin
    channels, filters = channels // groups, filters // groups
    return Loops(
        output_h,
        output_w,
        channels,
        filters,
        kernel_h,
        kernel_w,
        stride_h,
        stride_w,
        input_h,
        input_w,
        top,
        left,
        input_h * input_w * channels,
        kernel_h * kernel_w * channels * filters,
        output_h * output_w * filters,
        dilation_h=dilation_h,
        dilation_w=dilation_w,
    )


def _array_layer(
    node: Node,
    operands: Operands,
    stage: OutputStage,
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
        loops = _loops(operands.geometry, x, y, groups)
        w = operands.w.reshape(groups, loops.filters, loops.channels, -1)  # (G, M, C, R S)
        weights = w.transpose(0, 3, 2, 1).reshape(groups, -1, loops.filters)
    bias = operands.bias if operands.bias is not None else np.zeros(operands.channels, np.int64)
    scale = combined_scale(scheme, stage.x_scale, stage.w_scale, stage.y_scale)
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


def _pool(node: Node, tensors: Mapping[str, Array]) -> RtlLayer:
    x, y = tensors[node.inputs[0]][0], tensors[node.outputs[0]][0]
    if x.dtype not in (np.int8, np.uint8):
        raise ModelError(f"MaxPool of {x.dtype}", where=node.name, allowed="int8 or uint8")
    geometry = ConvGeometry.from_attributes(
        node.attributes, node.attributes["kernel_shape"], x.shape[1:]
    )
    loops = _loops(geometry, x, y, 1)
    return RtlLayer(
        node.name, loops, 1, node.inputs[0], node.outputs[0], 0, 0, x.dtype
    )  # fmt: skip


def _average(graph: Graph, node: Node, scheme: Scheme, tensors: Mapping[str, Array]) -> RtlLayer:
    """A mean over the whole image: a sum of codes minus zero-points, requantised."""
    x, y = tensors[node.inputs[0]][0], tensors[node.outputs[0]][0]
    spatial = x.shape[1:]
    whole = tuple(node.attribute("kernel_shape", spatial)) == spatial
    if not whole or any(node.attribute("pads", (0,))) or node.attribute("channels_last", 0):
        raise ModelError(
            "an average of windows is in float32 in ONNX Runtime",
            where=f"node {node.name}",
            allowed="averages over whole images, channels first",
        )
    x_scale, x_zero, y_scale, y_zero = (graph.constants[n].reshape(()) for n in node.inputs[1:5])
    count = np.float32(np.prod(spatial))
    scale = np.asarray(x_scale / np.float32(y_scale * count), np.float32)
    geometry = ConvGeometry.from_attributes({}, spatial, spatial)
    return RtlLayer(
        node.name,
        _loops(geometry, x, y, 1),
        1,
        node.inputs[0],
        node.outputs[0],
        int(x_zero),
        int(y_zero),
        x.dtype,
        rescale=rescale_of(scheme, scale, 1),
    )
