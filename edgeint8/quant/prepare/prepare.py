"""Float graphs made ready for the quantiser: every known trap repaired before it is met.

1. Opsets below 13 lose per-channel weights or become invalid: converted to 13.
2. Weights in Constant nodes are taken for activations: made initializers.
3. BatchNormalization behind a Conv is folded into it by ONNX Runtime; behind a Gemm it is folded
   here; one that follows a ReLU cannot be, and would stay float: it becomes the 1x1 depthwise Conv
   that computes the same.
4. A stored tensor in several roles (weights along two axes, a shared bias, an embedding that is
   also the output layer) gets one integer form for all of them: each role gets a copy. A Gemm's
   bias of shape [1, N] becomes a vector.
5. A ReduceMean over the image, torch's newer way to write a global average, would stay float: it
   becomes a GlobalAveragePool.
6. Nodes without a name could not be listed or excluded: named after their operator.
7. Models of an IR version that ONNX Runtime does not read yet are marked with the newest it reads.
"""

import tempfile
from pathlib import Path

import onnx
from onnx import version_converter
from onnxruntime.quantization.quant_utils import add_pre_process_metadata

from edgeint8.errors import ModelError, model_error
from edgeint8.quant.graph import opset_of, reads_of
from edgeint8.quant.prepare.rewrites import rewrite_for_quantizer
from edgeint8.quant.prepare.roles import note_copies, separate_roles, straighten_biases
from edgeint8.quant.session import make_session

MINIMUM_OPSET = 13
OLDEST_IR = 4  # below it every initializer must be a graph input, which forbids folding
NEWEST_IR = 13  # what ONNX Runtime 1.31 reads; onnx 1.23 writes 14, which adds nothing used here


def prepare_model(model: onnx.ModelProto) -> onnx.ModelProto:
    """An equivalent float model on which ONNX Runtime's quantiser works; `model` is not changed.

    Float results move by rounding only (folding BatchNormalization, converting the opset): about
    1e-6 of the logits. Preparing twice changes nothing more.
    """
    prepared = onnx.ModelProto()
    prepared.CopyFrom(model)
    if opset_of(prepared) < MINIMUM_OPSET:
        prepared = with_raised_opset(prepared)
    _constants_to_initializers(prepared.graph)
    drop_initializers_from_inputs(prepared.graph)
    prepared = _fold(prepared)
    if rewrite_for_quantizer(prepared):
        prepared = _fold(prepared)
    name_nodes(prepared.graph)
    straighten_biases(prepared.graph)
    note_copies(prepared, separate_roles(prepared))
    _drop_unread(prepared.graph)
    add_pre_process_metadata(prepared)
    return prepared


def with_raised_opset(model: onnx.ModelProto) -> onnx.ModelProto:
    """The model converted to `MINIMUM_OPSET`, by onnx."""
    try:
        return version_converter.convert_version(model, MINIMUM_OPSET)
    except Exception as error:  # the converter raises RuntimeError and its own types
        raise model_error(
            error,
            f"opset {opset_of(model)} cannot be converted ({error})",
            where=f"graph {model.graph.name!r}",
            allowed=f"opset {MINIMUM_OPSET} or later",
        ) from error


def _constants_to_initializers(graph: onnx.GraphProto) -> None:
    constants = [
        node
        for node in graph.node
        if node.op_type == "Constant" and node.attribute[0].name == "value"
    ]
    for node in constants:
        tensor = onnx.TensorProto()
        tensor.CopyFrom(node.attribute[0].t)
        tensor.name = node.output[0]
        graph.initializer.append(tensor)
        graph.node.remove(node)


def drop_initializers_from_inputs(graph: onnx.GraphProto) -> None:
    """Old exporters list weights as graph inputs too, which forbids folding them."""
    stored = {tensor.name for tensor in graph.initializer}
    for value in [value for value in graph.input if value.name in stored]:
        graph.input.remove(value)


def _drop_unread(graph: onnx.GraphProto) -> None:
    """Forget stored tensors that the rewrites have left without a reader."""
    read = {name for node in graph.node for name in reads_of(node)}
    read |= {output.name for output in graph.output}
    for tensor in [tensor for tensor in graph.initializer if tensor.name not in read]:
        graph.initializer.remove(tensor)


def _fold(model: onnx.ModelProto) -> onnx.ModelProto:
    """ONNX Runtime's folding at the basic level, then shape inference.

    Not ``quant_pre_process``: it swallows the failure of its optimiser and goes on unfolded.
    """
    model.ir_version = min(max(model.ir_version, OLDEST_IR), NEWEST_IR)
    with tempfile.TemporaryDirectory() as directory:
        path = Path(directory) / "folded.onnx"
        make_session(model, optimization="basic", save_optimized=path)
        folded = onnx.load(path)
    try:
        folded = onnx.shape_inference.infer_shapes(folded)
    except onnx.shape_inference.InferenceError as error:
        raise ModelError(
            f"shapes cannot be inferred ({error})",
            where=f"graph {folded.graph.name!r}",
            allowed="shapes that fit one another",
        ) from error
    used = {node.domain for node in folded.graph.node} | {""}
    imports = [entry for entry in folded.opset_import if entry.domain in used]
    del folded.opset_import[:]
    folded.opset_import.extend(imports)
    return folded


def name_nodes(graph: onnx.GraphProto) -> None:
    """Give every node a name that no other node has, in place; a first bearer keeps its own."""
    given = {node.name for node in graph.node}
    taken: set[str] = set()
    for index, node in enumerate(graph.node):
        if not node.name or node.name in taken:
            name = f"{node.name or node.op_type}_{index}"
            while name in given | taken:
                name += "_"
            node.name = name
        taken.add(node.name)
