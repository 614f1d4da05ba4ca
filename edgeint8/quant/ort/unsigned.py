"""The same integers, 128 higher: a faster and bit-identical way to run symmetric networks on x86.

VNNI multiplies unsigned by signed bytes, and ONNX Runtime runs int8 activations several times
slower than uint8 ones. Adding 128 to every activation level and to every activation zero-point z
changes no difference q - z, and accumulators, requantisation and saturation see only differences:

    clip(rint(v), -128 - z, 127 - z)  =  clip(rint(v), 0 - (z + 128), 255 - (z + 128)).

That holds for convolutions, matrix products, global averages, pooling, Q and DQ. It does not hold
bit for bit where a float expression contains the zero-point itself (QLinearAdd, QLinearMul, ...).
Where a product reads stored levels on its left, or levels of activations on its right (attention,
computed weights), both sides would have to be shifted: such networks have no twin.
"""

from collections.abc import Mapping

import numpy as np
import onnx
from numpy.typing import NDArray
from onnx import numpy_helper

from edgeint8.quant.graph import initializer_values, reads_of

SHIFT = 128
# Where activation zero-points stand among the inputs of operators that see differences only.
ZERO_POINT_INPUTS: dict[str, tuple[int, ...]] = {
    "QuantizeLinear": (2,),
    "DequantizeLinear": (2,),
    "QLinearConv": (2, 7),
    "QLinearMatMul": (2, 7),
    "QGemm": (2, 8),
    "QLinearGlobalAveragePool": (2, 4),
}
# Move or compare levels without looking at their zero-point.
WEIGHTS = {"QLinearConv": 3, "QLinearMatMul": 3, "QGemm": 3}  # where they stand
TRANSPARENT = frozenset({"MaxPool", "Flatten", "Reshape", "Transpose", "Squeeze", "Unsqueeze"})


def unsigned_twin(model: onnx.ModelProto) -> onnx.ModelProto | None:
    """`model` with uint8 activations and the same outputs; None where that would not be exact.

    None as well for models without int8 activations, which have nothing to gain.
    """
    values = initializer_values(model)
    twin = onnx.ModelProto()
    twin.CopyFrom(model)
    integer: set[str] = set()
    shifted: dict[str, str] = {}
    for node in twin.graph.node:
        reads_levels = bool(integer.intersection(reads_of(node)))
        if node.op_type in WEIGHTS and not _shifts_left_side_only(node, integer, values):
            return None
        if node.op_type in ZERO_POINT_INPUTS and (reads_levels or node.op_type == "QuantizeLinear"):
            for index in ZERO_POINT_INPUTS[node.op_type]:
                name = node.input[index] if index < len(node.input) else ""
                if name not in values or values[name].dtype != np.int8:
                    return None
                shifted[name] = node.input[index] = f"{name}_plus_{SHIFT}"
            if node.op_type != "DequantizeLinear":
                integer.update(node.output)
        elif reads_levels and node.op_type in TRANSPARENT:
            integer.update(node.output)
        elif reads_levels:
            return None
    if not shifted or integer.intersection(value.name for value in twin.graph.output):
        return None
    twin.graph.initializer.extend(
        numpy_helper.from_array(_plus_shift(values[name]), new) for name, new in shifted.items()
    )
    del twin.graph.value_info[:]  # it states the old types
    return twin


def _shifts_left_side_only(
    node: onnx.NodeProto, integer: set[str], values: Mapping[str, NDArray]
) -> bool:
    """Whether a product reads activations on its left and stored weights on its right."""
    return node.input[0] in integer and node.input[WEIGHTS[node.op_type]] in values


def _plus_shift(zero_point: NDArray[np.int8]) -> NDArray[np.uint8]:
    return (zero_point.astype(np.int16) + SHIFT).astype(np.uint8)
