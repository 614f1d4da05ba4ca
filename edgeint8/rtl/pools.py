"""What is not on the array: maxima and averages of windows, means over images, additions of codes.

Averages and additions are ONNX Runtime's, or TFLite's as tflite-micro runs them.
"""

from collections.abc import Mapping

import numpy as np

from edgeint8.conventions import Array
from edgeint8.errors import ModelError
from edgeint8.fixed_point.arithmetic.geometry import ConvGeometry
from edgeint8.fixed_point.arithmetic.graph import Graph, Node
from edgeint8.fixed_point.arithmetic.requantize import Scheme, quantize_multiplier
from edgeint8.fixed_point.operators.elementwise import fused_multiply_add
from edgeint8.fixed_point.runtimes.averages import mean_multiplier
from edgeint8.fixed_point.runtimes.known import ORT
from edgeint8.fixed_point.runtimes.runtime import Runtime
from edgeint8.fixed_point.runtimes.sums import addition_scales
from edgeint8.rtl.layer import RtlLayer, Unit, rescale_of, window_loops

AVERAGES = frozenset({"QLinearGlobalAveragePool", "QLinearAveragePool"})
LEAST, LIMIT = 2.0**-37, 2.0**16
"""Between these integers hold what float32 does (rtl/add_ort.sv, rtl/average_ort.sv)."""


def max_pool(node: Node, tensors: Mapping[str, Array]) -> RtlLayer:
    """A MaxPool of int8 or uint8 codes, one window a position and channel."""
    x, y = tensors[node.inputs[0]][0], tensors[node.outputs[0]][0]
    if x.dtype not in (np.int8, np.uint8):
        raise ModelError(f"MaxPool of {x.dtype}", where=node.name, allowed="int8 or uint8")
    geometry = ConvGeometry.from_attributes(
        node.attributes, node.attributes["kernel_shape"], x.shape[1:]
    )
    loops = window_loops(geometry, x, y, 1)
    names = node.name, loops, 1, node.inputs[0], node.outputs[0]
    return RtlLayer(*names, 0, 0, x.dtype, unit=Unit.MAXIMUM)


def average(
    graph: Graph, node: Node, scheme: Scheme, runtime: Runtime, tensors: Mapping[str, Array]
) -> RtlLayer:
    """An average of windows; over the whole image the runtime may have another rule."""
    if node.attribute("channels_last", 0):
        raise ModelError(
            "an average with channels last", where=f"node {node.name}", allowed="channels first"
        )
    spatial = tensors[node.inputs[0]][0].shape[1:]
    whole = tuple(node.attribute("kernel_shape", spatial)) == spatial
    whole = whole and not any(node.attribute("pads", (0,)))
    if node.op_type == "QLinearGlobalAveragePool" or (whole and runtime is ORT):
        return _mean(graph, node, scheme, runtime, tensors)
    return _windows(graph, node, runtime, tensors)


def _mean(
    graph: Graph, node: Node, scheme: Scheme, runtime: Runtime, tensors: Mapping[str, Array]
) -> RtlLayer:
    """A sum of codes minus zero-points, requantised."""
    x, y = tensors[node.inputs[0]][0], tensors[node.outputs[0]][0]
    spatial = x.shape[1:]
    x_scale, x_zero, y_scale, y_zero = (graph.constants[n].reshape(()) for n in node.inputs[1:5])
    count = int(np.prod(spatial))
    if runtime is ORT:
        scale = np.asarray(x_scale / np.float32(y_scale * np.float32(count)), np.float32)
        rescale = rescale_of(scheme, scale, 1)
        constants = int(rescale.factor[0]), int(rescale.shift[0])
    else:
        multiplier = mean_multiplier(x_scale, y_scale, count)
        constants = int(multiplier.mantissa), _shift_right(multiplier.shift, node)
    geometry = ConvGeometry.from_attributes({}, spatial, spatial)
    head = node.name, window_loops(geometry, x, y, 1), 1, node.inputs[0], node.outputs[0]
    codes = int(x_zero), int(y_zero), x.dtype
    return RtlLayer(*head, *codes, unit=Unit.MEAN, constants=constants)


def _windows(graph: Graph, node: Node, runtime: Runtime, tensors: Mapping[str, Array]) -> RtlLayer:
    """In float32 as ONNX Runtime, with one scale in and one out; or raw codes over their number."""
    x, y = tensors[node.inputs[0]][0], tensors[node.outputs[0]][0]
    geometry = ConvGeometry.from_attributes(
        node.attributes, node.attributes["kernel_shape"], x.shape[1:]
    )
    head = node.name, window_loops(geometry, x, y, 1), 1, node.inputs[0], node.outputs[0]
    counts_pads = int(node.attribute("count_include_pad", 0))
    if runtime is not ORT:
        if counts_pads:
            raise ModelError(
                f"an average of {runtime.name} that counts its padding",
                where=f"node {node.name}",
                allowed="count_include_pad 0",
            )
        return RtlLayer(*head, 0, 0, x.dtype, unit=Unit.AVERAGE)
    x_scale, x_zero, y_scale, y_zero = (graph.constants[n].reshape(()) for n in node.inputs[1:5])
    scales = float_bits("an average", node.name, x_scale, y_scale)
    codes = int(x_zero), int(y_zero), x.dtype
    return RtlLayer(*head, *codes, unit=Unit.AVERAGE, constants=(*scales, counts_pads))


def addition(graph: Graph, node: Node, runtime: Runtime, tensors: Mapping[str, Array]) -> RtlLayer:
    """Two tensors of one shape; scales and zero-points are constants of the graph."""
    names = node.inputs[0], node.inputs[3]
    a, b = (tensors[name][0] if name in tensors else np.zeros(0) for name in names)
    if a.shape != b.shape:
        raise ModelError(
            f"an addition of shapes {a.shape} and {b.shape}",
            where=f"node {node.name}",
            allowed="two tensors of one shape",
        )
    a_scale, a_zero, b_scale, b_zero, c_scale, c_zero = (
        graph.constants[node.inputs[k]].reshape(()) for k in (1, 2, 4, 5, 6, 7)
    )
    scales, zeros = (a_scale, b_scale, c_scale), (int(a_zero), int(b_zero), int(c_zero))
    constants: tuple[int, ...]
    if runtime is ORT:
        zero_in, constants = 0, addition_constants(*scales, *zeros, node.name)
    elif a.dtype == np.int8:
        zero_in, constants = zeros[0], (*gemmlowp_constants(*scales, node), zeros[1])
    else:
        raise ModelError(
            f"{runtime.name} adds {a.dtype}", where=f"node {node.name}", allowed="int8"
        )
    pixel = (1,) * (a.ndim - 1)
    loops = window_loops(ConvGeometry.from_attributes({}, pixel, a.shape[1:]), a, a, 1)
    head = node.name, loops, 1, names[0], node.outputs[0], zero_in, zeros[2], a.dtype
    return RtlLayer(*head, unit=Unit.ADDITION, second=names[1], constants=constants)


def addition_constants(
    a_scale: Array,
    b_scale: Array,
    c_scale: Array,
    a_zero: int,
    b_zero: int,
    c_zero: int,
    where: str = "",
) -> tuple[int, ...]:
    """Bits of scale_a, scale_b and offset of ``fma(a, scale_a, fma(b, scale_b, offset))``.

    The zero-points are folded into the offset, rounded as ONNX Runtime does.
    """
    single = np.float32
    ratio_a, ratio_b = single(a_scale / c_scale), single(b_scale / c_scale)
    folded = fused_multiply_add(ratio_a, single(a_zero), single(ratio_b * single(b_zero)))
    offset = single(single(c_zero) - folded)
    return float_bits("an addition", where, ratio_a, ratio_b, offset)


def float_bits(what: str, node: str, *values: Array | np.float32) -> tuple[int, ...]:
    """Bits of float32 numbers; `ModelError` for one that the units' integers do not hold."""
    for value in values:
        if value and not LEAST <= abs(float(value)) < LIMIT:
            raise ModelError(
                f"a constant of {what} is {value}",
                where=f"node {node}",
                allowed="0, 2^-37 to 2^16",
            )
    return tuple(int(bits) for bits in np.array(values, np.float32).view(np.int32))


def gemmlowp_constants(
    a_scale: Array, b_scale: Array, c_scale: Array, node: Node
) -> tuple[int, int, int, int]:
    """Multipliers of both addends and of the sum, and their shifts, eight bits each."""
    found = [quantize_multiplier(np.asarray(s)) for s in addition_scales(a_scale, b_scale, c_scale)]
    shifts = [_shift_right(multiplier.shift, node) << 8 * k for k, multiplier in enumerate(found)]
    first, second, both = (int(multiplier.mantissa) for multiplier in found)
    return first, second, both, sum(shifts)


def _shift_right(shift: Array, node: Node) -> int:
    if shift < 31:
        raise ModelError(
            f"a multiplier of 2^{31 - int(shift)}", where=f"node {node.name}", allowed="below 1"
        )
    return int(shift)
