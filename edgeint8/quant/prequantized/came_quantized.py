"""Whether a network came quantised: a look at its operators, quick enough for planning a study."""

from collections.abc import Iterator
from pathlib import Path

import onnx

from edgeint8.files import mentions

OPERATORS = frozenset(
    {"QuantizeLinear", "DequantizeLinear", "DynamicQuantizeLinear", "ConvInteger", "MatMulInteger"}
    | {"QLinearConv", "QLinearMatMul", "QGemm", "DynamicQuantizeMatMul", "MatMulIntegerToFloat"}
    | {"MatMulNBits", "QAttention", "QEmbedLayerNormalization"}
)

WORDS = tuple(sorted(name.encode() for name in OPERATORS))


def is_quantized(model: onnx.ModelProto) -> bool:
    """Whether any node, in subgraphs too, computes on integer codes or converts to them."""
    return any(node.op_type in OPERATORS for node in _nodes(model.graph))


def came_quantized(path: str | Path) -> bool:
    """The same of a file; False where it cannot be read, which its own job will say.

    A file that has no such word anywhere is not parsed: every job of a cluster asks.
    """
    try:
        return mentions(path, WORDS) and is_quantized(onnx.load(path, load_external_data=False))
    except Exception:  # protobuf raises its own types, and any of them means: not readable
        return False


def _nodes(graph: onnx.GraphProto) -> Iterator[onnx.NodeProto]:
    for node in graph.node:
        yield node
        for entry in node.attribute:
            for inner in [entry.g] if entry.HasField("g") else entry.graphs:
                yield from _nodes(inner)
