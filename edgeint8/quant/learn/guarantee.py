"""The proof of a width: every integer layer of a finished graph, from its constants alone."""

import numpy as np
import onnx
from numpy.typing import NDArray

from edgeint8.errors import ModelError
from edgeint8.quant.affine import sum_reach, tile_width, with_bias
from edgeint8.quant.graph import attribute, initializer_values
from edgeint8.quant.learn.integer_nodes import activation_levels, integer_nodes
from edgeint8.quant.strategy import Strategy

ACCUMULATE = ("QLinearConv", "QGemm", "QLinearMatMul", "ConvInteger", "MatMulInteger")
UNBOUNDED = 32
"""Bits of sums that no constants bound: what every runtime has."""


def refuse_wider(executable: onnx.ModelProto, strategy: Strategy) -> None:
    """Raise a `ModelError` that names the first layer whose sums or tiles can leave their bits.

    A product of two activations has no constants to bound it by, and is refused as well.
    """
    if not strategy.bounded:
        return
    where = f"strategy {strategy.name}"
    values = initializer_values(executable)
    for node in executable.graph.node:
        if node.op_type in ACCUMULATE and not _is_constant(node, values):
            raise ModelError(
                f"{node.name} multiplies two activations: no weights bound its sums",
                where=where,
                allowed="layers with constant weights, or exclude it",
            )
    layers = {node.weights: node for node in integer_nodes(executable).values()}
    for node in executable.graph.node:
        if node.op_type not in ACCUMULATE:
            continue
        layer = layers[node.input[3]]
        matrix = depth_first(node, values[layer.weights])
        levels = activation_levels(values[layer.input_zero])
        bits = with_bias(sum_reach(matrix, levels), values.get(layer.bias)).width
        _refuse(node.name, where, "sums", bits, strategy.accumulator_bits)
        if strategy.tile_rows is not None:
            bits = tile_width(matrix, levels, strategy.tile_rows)
            _refuse(node.name, where, "tiles", bits, strategy.tile_bits)


def sums_bits(executable: onnx.ModelProto) -> int:
    """Bits that no input makes any sum of the layers leave, whose zero-points sit in the biases.

    Raw codes are multiplied, the bias comes first; `UNBOUNDED` where two activations are.
    """
    values = initializer_values(executable)
    layers = {node.weights: node for node in integer_nodes(executable).values()}
    widest = 1
    for node in executable.graph.node:
        if node.op_type not in ACCUMULATE:
            continue
        if not _is_constant(node, values):
            return UNBOUNDED
        layer = layers[node.input[3]]
        matrix, zero = depth_first(node, values[layer.weights]), values[layer.input_zero]
        reach = sum_reach(matrix, activation_levels(np.zeros_like(zero)))
        folded = -int(zero.item()) * matrix.sum(axis=-2).reshape(-1)
        bias = values.get(layer.bias)
        widest = max(widest, with_bias(reach, folded if bias is None else bias + folded).width)
    return widest


def depth_first(node: onnx.NodeProto, codes: NDArray[np.integer]) -> NDArray[np.int64]:
    """Weight codes as (..., K, M), K in the machine's order: kernel row, kernel column, channel."""
    wide = codes.astype(np.int64)
    if wide.ndim == 2 or node.op_type == "QLinearMatMul":
        return wide.T if attribute(node, "transB", 0) else wide
    return np.moveaxis(wide, 1, -1).reshape(wide.shape[0], -1).T


def _is_constant(node: onnx.NodeProto, values: dict[str, NDArray]) -> bool:
    place = 1 if node.op_type.endswith("Integer") else 3
    return node.input[place] in values and place == 3 and values[node.input[3]].ndim != 1


def _refuse(layer: str, where: str, what: str, bits: int, allowed: int | None) -> None:
    if allowed is not None and bits > allowed:
        raise ModelError(
            f"{what} of {layer} can need {bits} bits", where=where, allowed=f"{allowed} bits"
        )
