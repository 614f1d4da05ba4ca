"""Channels of the tensors that ONNX Runtime keeps in blocks (nchwc), without the padding.

A blocked tensor has its channels rounded up to whole blocks, and so have the weights beside it.
`ReorderOutput` says how many are real; a convolution that only others of its kind read has to be
asked by its weights, whose padding is zero.
"""

from collections.abc import Mapping

import numpy as np
import onnx
from onnx import numpy_helper

from edgeint8.arch.network.run_dims import Dims

DOMAIN = "com.microsoft.nchwc"
_KEEP_CHANNELS = frozenset({"MaxPool", "AveragePool", "GlobalMaxPool", "GlobalAveragePool"})


def true_channels(graph: onnx.GraphProto, dims: Mapping[str, Dims]) -> dict[str, int]:
    """Real channels of every blocked tensor, by name."""
    if not any(node.domain == DOMAIN for node in graph.node):
        return {}
    weights = {tensor.name: tensor for tensor in graph.initializer}
    wanted = _wanted(graph)
    found: dict[str, int] = {}
    for node in graph.node:
        source = next((found[name] for name in node.input if name in found), None)
        if node.op_type == "ReorderOutput":
            continue
        if node.op_type == "ReorderInput":
            found[node.output[0]] = _reordered(node, dims)
        elif node.domain == DOMAIN and node.op_type == "Conv":
            name = node.output[0]
            found[name] = wanted.get(name) or _from_weights(node, weights, dims)
        elif node.op_type == "Concat" and source is not None:
            found[node.output[0]] = sum(found.get(n) or dims[n][1] for n in node.input)
        elif source is not None and (node.domain == DOMAIN or len(node.input) >= 1):
            found.update(dict.fromkeys(node.output, source))
    return found


def _wanted(graph: onnx.GraphProto) -> dict[str, int]:
    """Channels that `ReorderOutput` states, followed back to the convolution."""
    wanted: dict[str, int] = {}
    for node in reversed(graph.node):
        if node.op_type == "ReorderOutput":
            channels = next(a.i for a in node.attribute if a.name == "channels")
            wanted[node.input[0]] = channels
        elif node.output and node.output[0] in wanted and node.op_type not in ("Conv", "Concat"):
            for name in node.input:
                wanted.setdefault(name, wanted[node.output[0]])
    return wanted


def _reordered(node: onnx.NodeProto, dims: Mapping[str, Dims]) -> int:
    last = any(a.name == "channels_last" and a.i for a in node.attribute)
    return dims[node.input[0]][-1 if last else 1]


def _from_weights(
    node: onnx.NodeProto, weights: Mapping[str, onnx.TensorProto], dims: Mapping[str, Dims]
) -> int:
    """Output channels up to the last one that has a weight which is not zero.

    Blocks of output channels lie outermost and single channels innermost, in (O/b, ..., b).
    """
    padded = dims[node.output[0]][1]
    tensor = weights.get(node.input[1])
    if tensor is None:
        return padded
    array = numpy_helper.to_array(tensor)
    block = next(size for size in (16, 8, 4, 1) if padded % size == 0)
    per_channel = array.reshape(padded // block, -1, block)
    used = np.flatnonzero(np.any(per_channel != 0, axis=1).reshape(-1))
    return int(used[-1]) + 1 if len(used) else padded
