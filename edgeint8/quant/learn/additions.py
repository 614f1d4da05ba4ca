"""What a layer before an addition aims at: the sum, so that it repairs the other branch as well.

Equation (13) of docs/learned_codes.md.
"""

from dataclasses import dataclass
from typing import Any

import numpy as np
import onnx
from numpy.typing import NDArray
from onnx import shape_inference

from edgeint8.quant.graph import initializer_values


@dataclass(frozen=True)
class Addition:
    """What a layer is added to.

    sum: the float tensor s + y; other: the integer tensor s^, which means ``scale (other - zero)``.
    """

    sum: str
    other: str
    scale: float
    zero: int

    def aim(self, sums: NDArray[np.float32], other: NDArray[Any]) -> NDArray[np.float32]:
        """s + y - s^: what the layer has to put out for the sum to be right, (N, ...)."""
        return sums - np.float32(self.scale) * (other.astype(np.float32) - self.zero)


def addition_of(
    model: onnx.ModelProto, node: onnx.NodeProto, work: onnx.ModelProto, weights: str
) -> Addition | None:
    """What the layer `node` of the float `model`, with `weights` in the integer graph, is added to.

    None unless one Add alone reads it, both sides have one shape, and all that the other side is
    made of stands earlier in the graph: its codes are final when this layer is learned.
    """
    readers = [other for other in model.graph.node if node.output[0] in other.input]
    ends = [output.name for output in model.graph.output]
    if [r.op_type for r in readers] != ["Add"] or node.output[0] in ends:
        return None
    places = {name: at for at, made in enumerate(model.graph.node) for name in made.output}
    other = next((name for name in readers[0].input if name != node.output[0]), "")
    if not 0 <= places.get(other, -1) < places[node.output[0]]:
        return None  # a constant, the layer itself, or what is learned later
    shapes = _shapes(model)
    if shapes.get(other) is None or shapes[other] != shapes.get(node.output[0]):
        return None
    return _in_integers(work, weights, readers[0].output[0])


def _in_integers(work: onnx.ModelProto, weights: str, total: str) -> Addition | None:
    """The other side of the QLinearAdd behind the layer with these weights; None if it is float."""
    layer = next(node for node in work.graph.node if weights in node.input)
    readers = [node for node in work.graph.node if layer.output[0] in node.input]
    if [node.op_type for node in readers] != ["QLinearAdd"]:
        return None
    first, second = readers[0].input[:3], readers[0].input[3:6]
    tensor, scale, zero = second if first[0] == layer.output[0] else first
    values = initializer_values(work)
    return Addition(total, tensor, float(values[scale].item()), int(values[zero].item()))


def _shapes(model: onnx.ModelProto) -> dict[str, list[int | str]]:
    """Sizes of the tensors inside a graph, as far as they are known; the batch may be a name."""
    inner = shape_inference.infer_shapes(model).graph.value_info
    return {
        entry.name: [size.dim_value or size.dim_param for size in entry.type.tensor_type.shape.dim]
        for entry in inner
    }
