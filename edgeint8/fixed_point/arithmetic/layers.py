"""The integer layers of a model: operands from its constants, scales and output type."""

from dataclasses import dataclass

import numpy as np

from edgeint8.conventions import Array
from edgeint8.errors import ModelError
from edgeint8.fixed_point.arithmetic.graph import Graph, Node

# positions of x_scale, w_scale, y_scale, y_zero_point among the inputs
_SCALE_INPUTS = {
    "QLinearConv": (1, 4, 6, 7),
    "QLinearMatMul": (1, 4, 6, 7),
    "QGemm": (1, 4, 7, 8),
}


@dataclass(frozen=True)
class OutputStage:
    """How a layer's accumulators become codes.

    x_scale and y_scale are scalars, w_scale is a scalar or (M,); all float32.
    """

    x_scale: Array
    w_scale: Array
    y_scale: Array
    zero_point: int
    dtype: np.dtype


def has_output_stage(node: Node) -> bool:
    """Whether the node accumulates products and requantises them."""
    positions = _SCALE_INPUTS.get(node.op_type)
    return positions is not None and len(node.inputs) > positions[-1]


def output_stage(graph: Graph, node: Node) -> OutputStage:
    """Scales and zero-point of a layer, which must be constants of the graph."""
    if not has_output_stage(node):
        raise ModelError(f"{node.op_type} has no requantisation", where=f"node {node.name}")
    names = [node.inputs[k] for k in _SCALE_INPUTS[node.op_type]]
    unknown = [name for name in names if name not in graph.constants]
    if unknown:
        raise ModelError(f"{unknown} are not constants", where=f"node {node.name}")
    x_scale, w_scale, y_scale, zero_point = (graph.constants[name] for name in names)
    alpha = np.float32(node.attribute("alpha", 1.0))
    return OutputStage(
        x_scale=alpha * x_scale.reshape(()),
        w_scale=w_scale,
        y_scale=y_scale.reshape(()),
        zero_point=int(zero_point.reshape(())),
        dtype=zero_point.dtype,
    )
