"""Float operators rewritten into equal ones that ONNX Runtime's quantiser knows."""

from collections import Counter
from collections.abc import Mapping

import numpy as np
import onnx
from numpy.typing import NDArray
from onnx import helper, numpy_helper

from edgeint8.quant.graph import attribute, initializer_values, reads_of, replace_nodes

BATCH_NORM = "BatchNormalization"


def rewrite_for_quantizer(model: onnx.ModelProto) -> int:
    """Apply all rewrites in place; returns how many nodes changed. Shapes must be known."""
    values = initializer_values(model)
    known = (*model.graph.value_info, *model.graph.input, *model.graph.output)
    ranks = {value.name: len(value.type.tensor_type.shape.dim) for value in known}
    nodes: list[onnx.NodeProto] = []
    changed = 0
    for node in model.graph.node:
        rank = ranks.get(node.input[0], 0) if node.input else 0
        replacement: list[onnx.NodeProto] = []
        if node.op_type == BATCH_NORM and rank >= 3:
            replacement = _depthwise_conv(model.graph, node, rank, values)
        elif node.op_type == "ReduceMean" and rank >= 3:
            replacement = _global_average(node, rank, values)
        changed += bool(replacement)
        nodes += replacement or [node]
    if changed:
        replace_nodes(model.graph, nodes)
    return changed + _fold_behind_gemm(model.graph, values)


def _fold_behind_gemm(graph: onnx.GraphProto, values: Mapping[str, NDArray]) -> int:
    """BatchNormalization behind a Gemm that nothing else reads becomes part of it, in place."""
    makers = {name: node for node in graph.node for name in node.output}
    reads = Counter(name for node in graph.node for name in reads_of(node))
    reads.update(output.name for output in graph.output)
    folded: set[str] = set()
    for node in graph.node:
        gemm = makers.get(node.input[0]) if node.op_type == BATCH_NORM else None
        if gemm is None or gemm.op_type != "Gemm" or reads[gemm.output[0]] > 1:
            continue
        if all(name in values for name in [*gemm.input[1:], *node.input[1:]] if name):
            _fold_into(graph, gemm, node, values)
            folded.add(node.output[0])
    if folded:
        left = [n for n in graph.node if n.op_type != BATCH_NORM or n.output[0] not in folded]
        replace_nodes(graph, left)
    return len(folded)


def _fold_into(
    graph: onnx.GraphProto,
    gemm: onnx.NodeProto,
    node: onnx.NodeProto,
    values: Mapping[str, NDArray],
) -> None:
    """w (alpha A W + beta C) + b = alpha A (W w) + (beta C w + b), both computed in float64."""
    weight, shift = _affine(node, values)
    matrix = values[gemm.input[1]].astype(np.float64)
    matrix = matrix * (weight[:, None] if attribute(gemm, "transB", 0) else weight)
    if len(gemm.input) > 2 and gemm.input[2]:
        bias = values[gemm.input[2]].astype(np.float64)
        shift = attribute(gemm, "beta", 1.0) * bias * weight + shift
    names = [f"{node.output[0]}_weight", f"{node.output[0]}_bias"]
    for array, name in zip((matrix, shift), names, strict=True):
        graph.initializer.append(numpy_helper.from_array(array.astype(np.float32), name))
    gemm.input[:] = [gemm.input[0], *names]
    gemm.output[0] = node.output[0]
    for entry in gemm.attribute:
        if entry.name == "beta":
            entry.f = 1.0


def _affine(
    node: onnx.NodeProto, values: Mapping[str, NDArray]
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """BatchNormalization as w x + b per channel, in float64: gamma / sqrt(var + epsilon)."""
    gamma, beta, mean, variance = (values[name].astype(np.float64) for name in node.input[1:])
    weight = gamma / np.sqrt(variance + attribute(node, "epsilon", 1e-5))
    return weight, beta - mean * weight


def _depthwise_conv(
    graph: onnx.GraphProto, node: onnx.NodeProto, rank: int, values: Mapping[str, NDArray]
) -> list[onnx.NodeProto]:
    """BatchNormalization of (N, C, spatial...) as a 1x1 Conv of C groups; adds its initializers.

    y = gamma (x - mean) / sqrt(var + epsilon) + beta = w x + b per channel, with weights w of shape
    (C, 1, 1...) and bias b, computed in float64.
    """
    if not all(name in values for name in node.input[1:]):
        return []
    weight, bias = _affine(node, values)
    names = [f"{node.output[0]}_weight", f"{node.output[0]}_bias"]
    arrays = [weight.reshape(-1, *[1] * (rank - 1)), bias]
    graph.initializer.extend(
        numpy_helper.from_array(array.astype(np.float32), name)
        for array, name in zip(arrays, names, strict=True)
    )
    conv = helper.make_node(
        "Conv",
        [node.input[0], *names],
        [node.output[0]],
        name=node.name,
        group=weight.size,
        kernel_shape=[1] * (rank - 2),
    )
    return [conv]


def _global_average(
    node: onnx.NodeProto, rank: int, values: Mapping[str, NDArray]
) -> list[onnx.NodeProto]:
    """ReduceMean over all spatial axes as a GlobalAveragePool, flattened if axes were dropped."""
    if len(node.input) > 1 and node.input[1]:
        axes = values[node.input[1]].tolist() if node.input[1] in values else []
    else:
        axes = next((list(entry.ints) for entry in node.attribute if entry.name == "axes"), [])
    if sorted(axis % rank for axis in axes) != list(range(2, rank)):
        return []
    if attribute(node, "keepdims", 1):
        return [
            helper.make_node("GlobalAveragePool", [node.input[0]], [node.output[0]], name=node.name)
        ]
    pooled = f"{node.output[0]}_pooled"
    return [
        helper.make_node("GlobalAveragePool", [node.input[0]], [pooled], name=node.name),
        helper.make_node(
            "Flatten", [pooled], [node.output[0]], name=f"{node.name}_flatten", axis=1
        ),
    ]
