"""Where an integer layer keeps its operands: QLinearConv, QGemm and QLinearMatMul alike."""

from dataclasses import dataclass

import numpy as np
import onnx
from numpy.typing import NDArray

from edgeint8.quant.graph import QUANTIZED_SUFFIX


@dataclass(frozen=True)
class IntegerNode:
    """Tensor names of one integer layer with constant weights; `bias` is empty without one."""

    op_type: str
    input: str
    input_scale: str
    input_zero: str
    weights: str
    weight_scale: str
    bias: str


def integer_nodes(executable: onnx.ModelProto) -> dict[str, IntegerNode]:
    """Every integer layer of a quantised graph by the name of its float weights."""
    constants = {tensor.name for tensor in executable.graph.initializer}
    found = {}
    for node in executable.graph.node:
        places = {"QLinearConv": 8, "QGemm": 6, "QLinearMatMul": None}
        if node.op_type not in places or node.input[3] not in constants:
            continue
        place = places[node.op_type]
        bias = node.input[place] if place is not None and len(node.input) > place else ""
        key = node.input[3].removesuffix(QUANTIZED_SUFFIX)
        x, x_scale, x_zero, w, w_scale = node.input[:5]
        found[key] = IntegerNode(node.op_type, x, x_scale, x_zero, w, w_scale, bias)
    return found


def activation_levels(zero_point: NDArray[np.integer]) -> tuple[int, int]:
    """Smallest and largest centred code, q - z, that the type of a zero-point allows."""
    info = np.iinfo(zero_point.dtype)
    zero = int(zero_point.item())
    return int(info.min) - zero, int(info.max) - zero
