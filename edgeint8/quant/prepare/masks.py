"""Masks: constants that a Softmax takes for minus infinity, and that a scale must not cover.

exp(x - max) of float32 is 0 below about -104, so a mask of -1e9 or of float32's smallest number
does what -100 does; but a range of 1e9 leaves no level for the scores beside it.
"""

from collections.abc import Mapping

import numpy as np
import onnx
from numpy.typing import NDArray
from onnx import numpy_helper

from edgeint8.quant.affine import sqnr_db
from edgeint8.quant.graph import reads_of
from edgeint8.quant.session import run_onnx

LOWEST = -100.0
FAITHFUL_DB = 60.0  # what clamping may change: rounding
JUDGED = 8  # samples on which both networks must answer alike
# Where a mask passes on its way to the Softmax without becoming anything else.
PATH = frozenset(
    {"Add", "Sub", "Mul", "Where", "Cast", "Expand", "Reshape", "Unsqueeze", "Squeeze", "Slice"}
    | {"Transpose", "Identity", "Concat", "Gather"}
)


def masks_of(model: onnx.ModelProto) -> tuple[str, ...]:
    """Names of stored tensors with values below -100 that reach nothing but a Softmax."""
    readers: dict[str, list[onnx.NodeProto]] = {}
    for node in model.graph.node:
        for name in reads_of(node):
            readers.setdefault(name, []).append(node)
    outputs = {output.name for output in model.graph.output}

    def only_softmax(name: str) -> bool:
        behind = readers.get(name, [])
        return (
            bool(behind)
            and name not in outputs
            and all(
                node.op_type == "Softmax"
                or (
                    (node.op_type in PATH or _is_bias(node, name))
                    and all(only_softmax(made) for made in node.output)
                )
                for node in behind
            )
        )

    return tuple(
        tensor.name
        for tensor in model.graph.initializer
        if tensor.data_type == onnx.TensorProto.FLOAT
        and (values := numpy_helper.to_array(tensor)).size
        and values.min() < LOWEST
        and only_softmax(tensor.name)
    )


def _is_bias(node: onnx.NodeProto, name: str) -> bool:
    """Whether a tensor is the bias of a Gemm, which a fused sum has made of a mask."""
    return node.op_type == "Gemm" and list(node.input).index(name) == 2


def with_clamped(model: onnx.ModelProto, names: tuple[str, ...]) -> onnx.ModelProto:
    """`model` itself, or a copy in which no value of these tensors is below -100."""
    if not names:
        return model
    clamped = onnx.ModelProto()
    clamped.CopyFrom(model)
    for tensor in clamped.graph.initializer:
        if tensor.name in names:
            values = np.maximum(numpy_helper.to_array(tensor), np.float32(LOWEST))
            tensor.CopyFrom(numpy_helper.from_array(values, tensor.name))
    return clamped


def clampable(model: onnx.ModelProto, inputs: Mapping[str, NDArray]) -> tuple[str, ...]:
    """The masks whose clamping leaves the network's answers to the first `inputs` as they were."""
    names = masks_of(model)
    if not names:
        return ()
    fixed = model.graph.input[0].type.tensor_type.shape.dim[:1]
    rows = max([JUDGED, *(size.dim_value for size in fixed)])
    first = {name: array[:rows] for name, array in inputs.items()}
    output = model.graph.output[0].name
    before, after = (run_onnx(m, first)[output] for m in (model, with_clamped(model, names)))
    return names if sqnr_db(before, after) >= FAITHFUL_DB else ()
