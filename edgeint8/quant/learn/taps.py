"""What reaches a layer in the integer graph, beside what it puts out in the float graph."""

from collections.abc import Iterator, Mapping
from typing import Any

import onnx
from numpy.typing import NDArray

from edgeint8.quant.graph import reads_of, replace_nodes
from edgeint8.quant.session import chunks, make_session, outputs_of

BATCH = 16  # images of one piece: what memory holds besides the sums


def up_to(model: onnx.ModelProto, tensor: str) -> onnx.ModelProto:
    """A copy of the graph that computes one tensor, without what that does not need."""
    wanted, kept = {tensor}, []
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
    copy.graph.output.append(onnx.ValueInfoProto(name=tensor))
    return copy


def paired(
    integer: tuple[onnx.ModelProto, str],
    real: tuple[onnx.ModelProto, str],
    feeds: Mapping[str, NDArray[Any]],
    batch: int = BATCH,
) -> Iterator[tuple[NDArray[Any], NDArray[Any]]]:
    """One tensor of each of two (graph, tensor), piece by piece over the same images.

    ``feeds`` are (N, ...) by input name; a graph with a fixed batch size dictates `batch`.
    """
    sessions = [make_session(up_to(*source), optimization="all") for source in (integer, real)]
    pieces = zip(*(chunks(session, feeds, batch) for session in sessions), strict=True)
    for piece in pieces:
        first, second = (
            outputs_of(session, None, part)[0]
            for session, part in zip(sessions, piece, strict=True)
        )
        yield first, second
