"""What reaches a layer in the integer graph, beside what it puts out in the float graph."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import onnx
from numpy.typing import NDArray

from edgeint8.quant.graph import reads_of, replace_nodes
from edgeint8.quant.session import chunks, make_session, outputs_of

BATCH = 16  # images of one piece: what memory holds besides the sums


def up_to(model: onnx.ModelProto, *tensors: str) -> onnx.ModelProto:
    """A copy of the graph that computes these tensors, without what they do not need."""
    wanted, kept = set(tensors), []
    for node in reversed(model.graph.node):
        if wanted.intersection(node.output):
            kept.append(node)
            wanted |= reads_of(node)
    copy = onnx.ModelProto()
    copy.CopyFrom(model)
    replace_nodes(copy.graph, reversed(kept))
    for entries in (copy.graph.initializer, copy.graph.input):
        needed = [entry for entry in entries if entry.name in wanted]
        del entries[:]
        entries.extend(needed)
    del copy.graph.output[:]
    copy.graph.output.extend(onnx.ValueInfoProto(name=tensor) for tensor in tensors)
    return copy


def paired(
    integer: tuple[onnx.ModelProto, Sequence[str]],
    real: tuple[onnx.ModelProto, Sequence[str]],
    feeds: Mapping[str, NDArray[Any]],
    batch: int = BATCH,
) -> Iterator[list[dict[str, NDArray[Any]]]]:
    """Tensors of each of two (graph, tensors) by name, piece by piece over the same images.

    ``feeds`` are (N, ...) by input name; a graph with a fixed batch size dictates `batch`.
    """
    wanted = [(graph, list(dict.fromkeys(tensors))) for graph, tensors in (integer, real)]
    sessions = [make_session(up_to(graph, *names), optimization="all") for graph, names in wanted]
    pieces = zip(*(chunks(session, feeds, batch) for session in sessions), strict=True)
    for piece in pieces:
        yield [
            dict(zip(names, outputs_of(session, names, part), strict=True))
            for (_, names), session, part in zip(wanted, sessions, piece, strict=True)
        ]
