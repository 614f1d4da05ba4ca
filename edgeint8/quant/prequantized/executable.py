"""A network that came quantised: the graph that runs of it, and what its tables say.

Tools that quantise a layer together with what follows it write QDQ graphs in which Relu or MaxPool
stands between the layer and QuantizeLinear. ONNX Runtime makes an integer operator of a layer only
where QuantizeLinear follows it, and would run these in floating point. So they get the same
quantisation in front of them as well, which is exact (decision 0007).
"""

from collections.abc import Mapping, Sequence
from typing import Any

import onnx

from edgeint8.quant.graph import float_nodes, opset_of, reads_of, replace_nodes
from edgeint8.quant.ort.ort_quantizer import optimised_graph
from edgeint8.quant.prepare.prepare import with_raised_opset
from edgeint8.quant.prequantized.own_network import sort_nodes
from edgeint8.quant.session import DEFAULT_BATCH, EXACT_U8S8_FLAGS, cpu_flags

# What ONNX Runtime has in integers, between DequantizeLinear and QuantizeLinear.
LAYERS = frozenset(
    {"Conv", "ConvTranspose", "Gemm", "MatMul", "Add", "Mul", "Concat", "Softmax", "Sigmoid"}
    | {"LeakyRelu", "AveragePool", "GlobalAveragePool", "ReduceMean"}
)
# Each output element is one of the inputs, or a limit that it passed; monotone in every input.
SELECTIONS = frozenset({"Relu", "Clip", "MaxPool", "Flatten", "Reshape", "Transpose", "Identity"})
OLDEST_FILLED = 11  # below it ONNX Runtime quantises biases with a Round that is not there yet
Readers = Mapping[str, Sequence[onnx.NodeProto]]


def executable_graph(model: onnx.ModelProto) -> tuple[onnx.ModelProto, dict[str, Any]]:
    """The graph that runs of a network that came quantised, and what its tables say of it."""
    kinds = {node.op_type for node in model.graph.node}
    dynamic = "DynamicQuantizeLinear" in kinds
    executable, note, pairs = model, "came quantised", is_qdq(model)
    if pairs and "QuantizeLinear" not in kinds:
        note += "; weights only, every layer computes in floating point"
    elif pairs:
        if opset_of(model) < OLDEST_FILLED:
            model = with_raised_opset(model)
        moved, quantized = quantized_in_front(model)
        executable = optimised_graph(quantized, fill_gaps=True)
        note += f"; layers quantised in front of what follows them: {moved}" if moved else ""
    facts = {
        "symmetry": "given",
        "granularity": "given",
        "calibration": "dynamic" if dynamic else "given",
        "bins": None,
        "format": "qdq" if pairs else "qoperator",
        "size_bytes": model.ByteSize(),
        "float_nodes": list(float_nodes(executable)),
        "note": note,
        "batch": 1 if dynamic else DEFAULT_BATCH,
        "calibration_samples": None,
        "percentile": None,
        "bias_bits": None,
        "power_of_two": None,
        "cpu_int8_flags": " ".join(sorted(EXACT_U8S8_FLAGS & cpu_flags())) or "none",
        "hardware_cost": None,
        "hardware_cost_reasons": [],
    }
    return executable, facts


def is_qdq(model: onnx.ModelProto) -> bool:
    """Whether a float layer reads dequantised codes: then ONNX Runtime has to make the integers."""
    dequantized = {
        name
        for node in model.graph.node
        if node.op_type == "DequantizeLinear"
        for name in node.output
    }
    layers = (node for node in model.graph.node if node.op_type in LAYERS)
    return any(not dequantized.isdisjoint(node.input) for node in layers)


def quantized_in_front(model: onnx.ModelProto) -> tuple[int, onnx.ModelProto]:
    """How many layers got the quantisation of what follows them, and the graph.

    Q(s(x)) = Q(s(D(Q(x)))) for every x, where s is a chain of selections: s and Q are monotone, and
    D(Q(x)) lies on the same side of a limit as x or is quantised to the same level as that limit.
    """
    changed = onnx.ModelProto()
    changed.CopyFrom(model)
    graph = changed.graph
    scalars = {tensor.name for tensor in graph.initializer if not any(d > 1 for d in tensor.dims)}
    readers: dict[str, list[onnx.NodeProto]] = {}
    for node in graph.node:
        for name in reads_of(node):
            readers.setdefault(name, []).append(node)
    outputs = {output.name for output in graph.output}
    names = {name for node in graph.node for name in (node.name, *node.input, *node.output)}
    added: list[onnx.NodeProto] = []
    for layer in [node for node in graph.node if node.op_type in LAYERS]:
        tensor = layer.output[0]
        behind = readers.get(tensor, [])
        if len(behind) != 1 or tensor in outputs or not _selects_from(behind[0], tensor):
            continue
        quantizer = _quantizer_behind(behind[0], readers, outputs)
        if quantizer is not None and scalars.issuperset(quantizer.input[1:]):
            added += _pair(layer, quantizer, _unused(f"{tensor}_in_front", names))
            behind[0].input[0] = added[-1].output[0]
    replace_nodes(graph, [*graph.node, *added])
    sort_nodes(graph)
    return len(added) // 2, changed


def _quantizer_behind(
    selection: onnx.NodeProto, readers: Readers, outputs: set[str]
) -> onnx.NodeProto | None:
    """The one quantisation that all that `selection` gives passes, or None."""
    tensor = selection.output[0]
    behind = readers.get(tensor, [])
    if not behind or tensor in outputs or len([name for name in selection.output if name]) > 1:
        return None
    if all(_quantizes_alike(node, behind[0]) for node in behind):
        return behind[0]
    if len(behind) == 1 and _selects_from(behind[0], tensor):
        return _quantizer_behind(behind[0], readers, outputs)
    return None


def _selects_from(node: onnx.NodeProto, tensor: str) -> bool:
    """Whether a node gives elements of `tensor`, which is none of its limits."""
    places = [place for place, name in enumerate(node.input) if name == tensor]
    return node.op_type in SELECTIONS and places == [0]


def _quantizes_alike(node: onnx.NodeProto, other: onnx.NodeProto) -> bool:
    """Whether both are QuantizeLinear with the same scale, zero-point and attributes."""
    same_inputs = list(node.input[1:]) == list(other.input[1:])
    same_attributes = {a.name: a for a in node.attribute} == {a.name: a for a in other.attribute}
    return node.op_type == other.op_type == "QuantizeLinear" and same_inputs and same_attributes


def _pair(
    layer: onnx.NodeProto, quantizer: onnx.NodeProto, prefix: str
) -> tuple[onnx.NodeProto, onnx.NodeProto]:
    """QuantizeLinear like `quantizer` and DequantizeLinear of what `layer` gives."""
    quantize, dequantize = onnx.NodeProto(), onnx.NodeProto()
    quantize.CopyFrom(quantizer)
    quantize.name, quantize.input[0] = f"{prefix}_quantize", layer.output[0]
    quantize.output[0] = f"{prefix}_codes"
    dequantize.op_type, dequantize.domain = "DequantizeLinear", quantizer.domain
    dequantize.name = f"{prefix}_dequantize"
    dequantize.input.extend([quantize.output[0], *quantizer.input[1:]])
    dequantize.output.append(prefix)
    return quantize, dequantize


def _unused(name: str, taken: set[str]) -> str:
    """`name`, longer until no other begins like it."""
    while any(other.startswith(name) for other in taken):
        name += "_"
    return name
