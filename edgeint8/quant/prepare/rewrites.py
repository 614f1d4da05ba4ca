"""Float operators rewritten into equal ones that ONNX Runtime's quantiser knows."""

from collections import Counter
from collections.abc import Mapping

import numpy as np
import onnx
from numpy.typing import NDArray
from onnx import helper, numpy_helper

from edgeint8.quant.graph import attribute, initializer_values, replace_nodes

WITH_BIAS = frozenset({"Conv", "ConvTranspose", "Gemm"})


def rewrite_for_quantizer(model: onnx.ModelProto) -> int:
    """Apply both rewrites in place; returns how many nodes changed. Shapes must be known."""
    values = initializer_values(model)
    known = (*model.graph.value_info, *model.graph.input, *model.graph.output)
    ranks = {value.name: len(value.type.tensor_type.shape.dim) for value in known}
    nodes: list[onnx.NodeProto] = []
    changed = 0
    for node in model.graph.node:
        rank = ranks.get(node.input[0], 0) if node.input else 0
        replacement: list[onnx.NodeProto] = []
        if node.op_type == "BatchNormalization" and rank >= 3:
            replacement = _depthwise_conv(model.graph, node, rank, values)
        elif node.op_type == "ReduceMean" and rank >= 3:
            replacement = _global_average(node, rank, values)
        changed += bool(replacement)
        nodes += replacement or [node]
    if changed:
        replace_nodes(model.graph, nodes)
    return changed


def unshare_biases(graph: onnx.GraphProto) -> int:
    """Copy every stored bias that another node reads too, in place; returns how many."""
    stored = {tensor.name: tensor for tensor in graph.initializer}
    reads = Counter(name for node in graph.node for name in node.input)
    biases = [
        node
        for node in graph.node
        if node.op_type in WITH_BIAS and len(node.input) > 2 and node.input[2] in stored
    ]
    shared = [node for node in biases if reads[node.input[2]] > 1]
    for index, node in enumerate(shared):
        copy = graph.initializer.add()
        copy.CopyFrom(stored[node.input[2]])
        copy.name = node.input[2] = f"{node.input[2]}_of_layer_{index}"
    return len(shared)


def _depthwise_conv(
    graph: onnx.GraphProto, node: onnx.NodeProto, rank: int, values: Mapping[str, NDArray]
) -> list[onnx.NodeProto]:
    """BatchNormalization of (N, C, spatial...) as a 1x1 Conv of C groups; adds its initializers.

    y = gamma (x - mean) / sqrt(var + epsilon) + beta = w x + b per channel, with weights w of shape
    (C, 1, 1...) and bias b, computed in float64.
    """
    if not all(name in values for name in node.input[1:]):
        return []
    gamma, beta, mean, variance = (values[name].astype(np.float64) for name in node.input[1:])
    weight = gamma / np.sqrt(variance + attribute(node, "epsilon", 1e-5))
    bias = beta - mean * weight
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
