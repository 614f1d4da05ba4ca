"""Float graphs made ready for the quantiser: every known trap repaired before it is met.

1. Opsets below 13 lose per-channel weights or become invalid: converted to 13.
2. Weights in Constant nodes are taken for activations: made initializers.
3. BatchNormalization after a Conv is folded into it by ONNX Runtime; one that follows a ReLU cannot
   be, and would stay float: it becomes the 1x1 depthwise Conv that computes the same.
4. Nodes without a name could not be listed or excluded: named after their operator.
"""

import tempfile
from pathlib import Path

import numpy as np
import onnx
from onnx import helper, numpy_helper, version_converter
from onnxruntime.quantization.shape_inference import quant_pre_process

from edgeint8.errors import ModelError
from edgeint8.quant.graph import attribute, initializer_values, opset_of

MINIMUM_OPSET = 13


def prepare_model(model: onnx.ModelProto) -> onnx.ModelProto:
    """An equivalent float model on which ONNX Runtime's quantiser works; `model` is not changed.

    Float results move by rounding only (folding BatchNormalization, converting the opset): about
    1e-6 of the logits. Preparing twice changes nothing more.
    """
    prepared = onnx.ModelProto()
    prepared.CopyFrom(model)
    if opset_of(prepared) < MINIMUM_OPSET:
        prepared = _convert_opset(prepared)
    _constants_to_initializers(prepared.graph)
    _drop_initializers_from_inputs(prepared.graph)
    prepared = _pre_process(prepared)
    if _rewrite_batch_normalization(prepared):
        prepared = _pre_process(prepared)
    _name_nodes(prepared.graph)
    return prepared


def _convert_opset(model: onnx.ModelProto) -> onnx.ModelProto:
    try:
        return version_converter.convert_version(model, MINIMUM_OPSET)
    except Exception as error:  # the converter raises RuntimeError and its own types
        raise ModelError(
            f"opset {opset_of(model)} cannot be converted ({error})",
            allowed=f"opset {MINIMUM_OPSET} or later",
        ) from error


def _constants_to_initializers(graph: onnx.GraphProto) -> None:
    constants = [
        n for n in graph.node if n.op_type == "Constant" and n.attribute[0].name == "value"
    ]
    for node in constants:
        tensor = onnx.TensorProto()
        tensor.CopyFrom(node.attribute[0].t)
        tensor.name = node.output[0]
        graph.initializer.append(tensor)
        graph.node.remove(node)


def _drop_initializers_from_inputs(graph: onnx.GraphProto) -> None:
    """Old exporters list weights as graph inputs too, which forbids folding them."""
    stored = {tensor.name for tensor in graph.initializer}
    for value in [value for value in graph.input if value.name in stored]:
        graph.input.remove(value)


def _pre_process(model: onnx.ModelProto) -> onnx.ModelProto:
    """ONNX Runtime's own preparation: folding at the basic level, then shape inference."""
    model.ir_version = max(model.ir_version, 4)  # below 4 every initializer must be an input
    with tempfile.TemporaryDirectory() as directory:
        source, target = Path(directory) / "model.onnx", Path(directory) / "prepared.onnx"
        onnx.save(model, source)
        try:
            quant_pre_process(str(source), str(target), skip_symbolic_shape=True)
            prepared = onnx.load(target)
        except Exception as error:  # every failure here means that the graph is not usable
            raise ModelError(f"the graph cannot be prepared ({error})") from error
    used = {node.domain for node in prepared.graph.node} | {""}
    imports = [entry for entry in prepared.opset_import if entry.domain in used]
    del prepared.opset_import[:]
    prepared.opset_import.extend(imports)
    return prepared


def _rewrite_batch_normalization(model: onnx.ModelProto) -> int:
    """Turn each BatchNormalization of a (N, C, spatial...) tensor into a 1x1 depthwise Conv.

    y = gamma (x - mean) / sqrt(var + eps) + beta = w x + b per channel: a Conv with C groups,
    weight w of shape (C, 1, 1...) and bias b. Returns how many were rewritten.
    """
    ranks = {
        v.name: len(v.type.tensor_type.shape.dim)
        for v in (*model.graph.value_info, *model.graph.input)
    }
    values = initializer_values(model)
    rewritten = 0
    for index, node in enumerate(model.graph.node):
        rank = ranks.get(node.input[0], 0)
        constant = all(name in values for name in node.input[1:])
        if node.op_type != "BatchNormalization" or rank < 3 or not constant:
            continue
        gamma, beta, mean, variance = (values[name].astype(np.float64) for name in node.input[1:])
        epsilon = attribute(node, "epsilon", 1e-5)
        weight = gamma / np.sqrt(variance + epsilon)
        bias = beta - mean * weight
        prefix = node.output[0]
        shaped = weight.reshape(-1, *[1] * (rank - 1)).astype(np.float32)
        model.graph.initializer.extend(
            [
                numpy_helper.from_array(shaped, f"{prefix}_weight"),
                numpy_helper.from_array(bias.astype(np.float32), f"{prefix}_bias"),
            ]
        )
        conv = helper.make_node(
            "Conv",
            [node.input[0], f"{prefix}_weight", f"{prefix}_bias"],
            [node.output[0]],
            name=node.name,
            group=weight.size,
            kernel_shape=[1] * (rank - 2),
        )
        model.graph.node[index].CopyFrom(conv)
        rewritten += 1
    return rewritten


def _name_nodes(graph: onnx.GraphProto) -> None:
    taken = {node.name for node in graph.node}
    for index, node in enumerate(graph.node):
        if not node.name:
            name = f"{node.op_type}_{index}"
            while name in taken:
                name += "_"
            node.name = name
            taken.add(name)
