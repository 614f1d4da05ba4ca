"""Stored tensors that play several roles, one copy for each: weights along two axes, biases.

ONNX Runtime's quantiser keeps one integer form of a stored tensor, that of the node which it meets
first. A tied autoencoder reads one matrix along both axes; an embedding is looked up in and is the
output layer's weights; a bias may be an operand of something else. Whoever comes second would get
scales along the wrong axis, without a word, or a type that it cannot read.
"""

from collections.abc import Iterator

import numpy as np
import onnx
from onnx import helper, numpy_helper

from edgeint8.quant.graph import attribute, initializer_values, replace_nodes, weight_layers

WITH_BIAS = frozenset({"Conv", "ConvTranspose", "Gemm"})
OPERAND = "operand"
COPIED = "edgeint8_copies"
"""Key in a model's metadata: how many copies were made, for the note of its strategies."""


def separate_roles(model: onnx.ModelProto) -> int:
    """Give every role of a stored float tensor a tensor of its own, in place; returns how many.

    Layers that read the same weights along the same axis go on sharing them; every layer that
    shares its bias gets its own. What a subgraph reads keeps its name. Nodes must have names.
    """
    graph = model.graph
    stored = {t.name: t for t in graph.initializer if t.data_type == onnx.TensorProto.FLOAT}
    roles: dict[str, dict[str, str]] = {}  # of each tensor: role -> name of its copy
    made = 0
    for node, place, role in _readings(graph):
        name = node.input[place]
        if name not in stored:
            continue
        names = roles.setdefault(name, {})
        if role not in names:
            names[role] = name if not names else f"{name}_as_{len(names)}"
            if names[role] != name:
                copy = graph.initializer.add()
                copy.CopyFrom(stored[name])
                copy.name = names[role]
                made += 1
        node.input[place] = names[role]
    return made


def _readings(graph: onnx.GraphProto) -> Iterator[tuple[onnx.NodeProto, int, str]]:
    """Every input of every node with its role: weights by axis, each bias for itself, operands."""
    layers = {layer.name: layer for layer in weight_layers(onnx.ModelProto(graph=graph))}
    for position, node in enumerate(graph.node):
        layer = layers.get(node.name)
        for place in range(len(node.input)):
            role = OPERAND
            if layer is not None and place == 1:
                role = "weights of one scale" if layer.one_scale else f"weights along {layer.axis}"
            elif node.op_type in WITH_BIAS and place == 2:
                role = f"bias of {position}"
            yield node, place, role


def note_copies(model: onnx.ModelProto, made: int) -> None:
    """Remember in the model's metadata that copies were made, with those of earlier times."""
    total = made + copies_of(model)
    if total:
        others = {e.key: e.value for e in model.metadata_props if e.key != COPIED}
        helper.set_model_props(model, others | {COPIED: str(total)})


def copies_of(model: onnx.ModelProto) -> int:
    """How many copies of stored tensors were made for a prepared model."""
    return next((int(e.value) for e in model.metadata_props if e.key == COPIED), 0)


def straighten_biases(graph: onnx.GraphProto) -> int:
    """Give every Gemm a bias (N,) or none, in place; returns how many changed.

    The quantiser takes a bias of shape [1, N] for a matrix and fails per channel. What has a value
    a row, or is computed, becomes a sum behind the product.
    """
    values, changed = initializer_values(onnx.ModelProto(graph=graph)), 0
    nodes: list[onnx.NodeProto] = []
    for node in graph.node:
        nodes.append(node)
        if node.op_type != "Gemm" or len(node.input) < 3 or node.input[1] not in values:
            continue
        bias, width = values.get(node.input[2]), _width(node, values[node.input[1]].shape)
        if bias is not None and bias.shape == (width,):
            continue
        beta, name = np.float32(attribute(node, "beta", 1.0)), f"{node.output[0]}_bias"
        if bias is None:
            if not node.input[2] or beta != 1:
                continue
            name = node.input[2]  # computed: a sum has an integer form, such a bias has none
        elif bias.size in (1, width) and bias.shape[-1:] in ((), (1,), (width,)):
            vector = np.ascontiguousarray(np.broadcast_to(bias.reshape(-1), (width,)))
            graph.initializer.append(numpy_helper.from_array(vector, name))
            node.input[2] = name
            changed += 1
            continue
        else:
            graph.initializer.append(numpy_helper.from_array(beta * bias, name))
        nodes.append(_sum_behind(node, name))
        changed += 1
    if changed:
        replace_nodes(graph, nodes)
    return changed


def _sum_behind(gemm: onnx.NodeProto, bias: str) -> onnx.NodeProto:
    """Take the bias from a Gemm; returns the Add that joins it behind the product."""
    product = f"{gemm.output[0]}_product"
    total = helper.make_node("Add", [product, bias], [gemm.output[0]], f"{gemm.name}_bias")
    del gemm.input[2]
    gemm.output[0] = product
    return total


def _width(node: onnx.NodeProto, shape: tuple[int, ...]) -> int:
    """Columns of a Gemm's result."""
    return shape[0] if attribute(node, "transB", 0) else shape[1]
