"""What is not on the array: largest elements, means over images, additions of codes."""

from collections.abc import Mapping

import numpy as np

from edgeint8.conventions import Array
from edgeint8.errors import ModelError
from edgeint8.fixed_point.arithmetic.geometry import ConvGeometry
from edgeint8.fixed_point.arithmetic.graph import Graph, Node
from edgeint8.fixed_point.arithmetic.requantize import Scheme
from edgeint8.fixed_point.operators.elementwise import fused_multiply_add
from edgeint8.rtl.layer import RtlLayer, Unit, rescale_of, window_loops

AVERAGES = frozenset({"QLinearGlobalAveragePool", "QLinearAveragePool"})
LEAST, LIMIT = 2.0**-37, 2.0**16
"""Between these the adder's 96 bits hold what float32 does (rtl/add_ort.sv)."""


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


def average(graph: Graph, node: Node, scheme: Scheme, tensors: Mapping[str, Array]) -> RtlLayer:
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
        window_loops(geometry, x, y, 1),
        1,
        node.inputs[0],
        node.outputs[0],
        int(x_zero),
        int(y_zero),
        x.dtype,
        rescale=rescale_of(scheme, scale, 1),
        unit=Unit.AVERAGE,
    )


def addition(graph: Graph, node: Node, tensors: Mapping[str, Array]) -> RtlLayer:
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
    constants = addition_constants(
        a_scale, b_scale, c_scale, int(a_zero), int(b_zero), int(c_zero), f"node {node.name}"
    )
    pixel = (1,) * (a.ndim - 1)
    loops = window_loops(ConvGeometry.from_attributes({}, pixel, a.shape[1:]), a, a, 1)
    head = node.name, loops, 1, names[0], node.outputs[0], 0, int(c_zero), a.dtype
    return RtlLayer(*head, unit=Unit.ADDITION, second=names[1], addition=constants)


def addition_constants(
    a_scale: Array,
    b_scale: Array,
    c_scale: Array,
    a_zero: int,
    b_zero: int,
    c_zero: int,
    where: str = "",
) -> tuple[int, int, int]:
    """Bits of scale_a, scale_b and offset of ``fma(a, scale_a, fma(b, scale_b, offset))``.

    The zero-points are folded into the offset, rounded as ONNX Runtime does.
    """
    single = np.float32
    ratio_a, ratio_b = single(a_scale / c_scale), single(b_scale / c_scale)
    folded = fused_multiply_add(ratio_a, single(a_zero), single(ratio_b * single(b_zero)))
    offset = single(single(c_zero) - folded)
    for value in (ratio_a, ratio_b, offset):
        if value and not LEAST <= abs(value) < LIMIT:
            raise ModelError(
                f"a constant of an addition is {value}", where=where, allowed="0, 2^-37 to 2^16"
            )
    first, second, third = np.array([ratio_a, ratio_b, offset], single).view(np.int32)
    return int(first), int(second), int(third)
