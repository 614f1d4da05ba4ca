"""Whether a network came quantised: a look at its operators, quick enough for planning a study."""

from collections.abc import Iterable, Iterator
from pathlib import Path

import onnx

from edgeint8.errors import ModelError
from edgeint8.files import mentions

OPERATORS = frozenset(
    {"QuantizeLinear", "DequantizeLinear", "DynamicQuantizeLinear", "ConvInteger", "MatMulInteger"}
    | {"QLinearConv", "QLinearMatMul", "QGemm", "DynamicQuantizeMatMul", "MatMulIntegerToFloat"}
    | {"MatMulNBits", "QAttention", "QEmbedLayerNormalization"}
)

WORDS = tuple(sorted(name.encode() for name in OPERATORS))


CODES = {onnx.TensorProto.DataType.Value(name) for name in ("INT8", "UINT8", "INT16", "UINT16")}
CODES.add(onnx.TensorProto.INT32)  # biases


def is_quantized(model: onnx.ModelProto) -> bool:
    """Whether any node, of subgraphs and functions too, computes on codes or converts to them."""
    inside = (node for function in model.functions for node in _nodes(function.node))
    return any(node.op_type in OPERATORS for node in (*_nodes(model.graph.node), *inside))


def refuse_other_codes(model: onnx.ModelProto) -> None:
    """`ModelError` that names the node whose codes or scales nothing here computes with."""
    kinds = {tensor.name: tensor.data_type for tensor in model.graph.initializer}
    for node in _nodes(model.graph.node):
        if node.op_type == "MatMulNBits":
            raise ModelError(
                "weights of a few bits in MatMulNBits",
                where=f"node {node.name}",
                allowed="codes of 8 bits behind DequantizeLinear",
            )
        if node.op_type not in ("QuantizeLinear", "DequantizeLinear"):
            continue
        scale = kinds.get(node.input[1], onnx.TensorProto.FLOAT)
        codes = [kinds[name] for name in (node.input[0], *node.input[2:3]) if name in kinds]
        others = [kind for kind in codes if kind not in CODES and kind != scale]
        if scale != onnx.TensorProto.FLOAT or others:
            kind = onnx.TensorProto.DataType.Name(others[0] if others else scale).lower()
            raise ModelError(
                f"{node.op_type} with {kind} {'codes' if others else 'scales'}",
                where=f"node {node.name}",
                allowed="float32 scales and codes of 8 or 16 bits",
            )


def is_quantized_file(path: str | Path) -> bool:
    """The same of a file; False where it cannot be read, which its own job will say.

    A file that has no such word anywhere is not parsed: every job of a cluster asks.
    """
    try:
        return mentions(path, WORDS) and is_quantized(onnx.load(path, load_external_data=False))
    except Exception:  # protobuf raises its own types, and any of them means: not readable
        return False


def _nodes(nodes: Iterable[onnx.NodeProto]) -> Iterator[onnx.NodeProto]:
    for node in nodes:
        yield node
        for entry in node.attribute:
            for inner in [entry.g] if entry.HasField("g") else entry.graphs:
                yield from _nodes(inner.node)
