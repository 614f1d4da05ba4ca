"""Cross-layer equalisation: weight ranges of neighbouring layers levelled, no float bit changed.

Where the outputs of one layer reach one other layer only, through operators that commute with a
positive factor per channel, those factors can move from one to the other (Nagel et al., Data-free
quantization, ICCV 2019):

    W1[c] / f_c,  b1[c] / f_c,  W2[:, c] * f_c,    f_c = sqrt(range1_c / range2_c)

A power of two moves through float32 without any rounding, so f_c is the nearest one: the equalised
network computes the same bits, at most a factor of 1.42 from the even ranges. Clip (ReLU6) does not
commute and ends a chain; so does everything that is not in `COMMUTE`.
"""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import onnx
from numpy.typing import NDArray
from onnx import numpy_helper

from edgeint8.quant.graph import attribute, initializer_values, reads_of

COMMUTE = frozenset(
    {"Relu", "LeakyRelu", "MaxPool", "AveragePool", "GlobalAveragePool", "Flatten", "Identity"}
)
ROUNDS = 20
MOST_DOUBLINGS = 24  # of one factor: dead channels have no range to level
Values = dict[str, NDArray]


@dataclass(frozen=True)
class Pair:
    """Two layers whose channels can be scaled against each other."""

    first: onnx.NodeProto
    second: onnx.NodeProto


def equalize(model: onnx.ModelProto) -> onnx.ModelProto:
    """A copy of a prepared float model with level weight ranges; its outputs are the same bits."""
    copy = onnx.ModelProto()
    copy.CopyFrom(model)
    values = initializer_values(copy)
    found = pairs(copy, values)
    changed: set[str] = set()
    for _ in range(ROUNDS):
        moved = set().union(*(_level(pair, values) for pair in found))
        changed |= moved
        if not moved:
            break
    for tensor in copy.graph.initializer:
        if tensor.name in changed:
            tensor.CopyFrom(numpy_helper.from_array(values[tensor.name], tensor.name))
    return copy


def pairs(model: onnx.ModelProto, values: Values) -> list[Pair]:
    """The pairs of a graph, in graph order."""
    readers: dict[str, list[onnx.NodeProto]] = {}
    for node in model.graph.node:
        for name in reads_of(node):
            readers.setdefault(name, []).append(node)
    outputs = {output.name for output in model.graph.output}
    alone = {name for name, nodes in readers.items() if len(nodes) == 1} - outputs
    found = []
    for node in model.graph.node:
        if _is_layer(node, values, alone):
            second = next(_next_layer(node, readers, alone), None)
            if second is not None and _is_layer(second, values, alone):
                found.append(Pair(node, second))
    return [pair for pair in found if _fit(pair, values)]


def _next_layer(
    node: onnx.NodeProto, readers: dict[str, list[onnx.NodeProto]], alone: set[str]
) -> Iterator[onnx.NodeProto]:
    """The layer that alone reads what `node` puts out, through operators that commute."""
    tensor = node.output[0]
    while tensor in alone:
        reader = readers[tensor][0]
        flattens = reader.op_type == "Flatten" and attribute(reader, "axis", 1) != 1
        if reader.op_type not in COMMUTE or flattens:
            if reader.op_type in ("Conv", "Gemm") and reader.input[0] == tensor:
                yield reader
            return
        tensor = reader.output[0]


def _is_layer(node: onnx.NodeProto, values: Values, alone: set[str]) -> bool:
    """Whether a node is a Conv or plain Gemm with weights and bias that nothing else reads."""
    if node.op_type not in ("Conv", "Gemm"):
        return False
    own = [name for name in node.input[1:] if name]
    plain = [attribute(node, name, 1.0) == 1.0 for name in ("alpha", "beta")]
    return (
        all(plain)
        and not attribute(node, "transA", 0)
        and all(name in values and name in alone for name in own)
        and all(values[name].dtype == np.float32 for name in own)
    )


def _fit(pair: Pair, values: Values) -> bool:
    """Whether the second layer's inputs are the first one's channels, each some times in a row."""
    channels = len(_output_ranges(pair.first, values))
    bias = pair.first.input[2] if len(pair.first.input) > 2 else ""
    inputs = len(_input_ranges(pair.second, values))
    return inputs % channels == 0 and (not bias or values[bias].shape == (channels,))


def _output_ranges(node: onnx.NodeProto, values: Values) -> NDArray[np.float64]:
    """Largest absolute weight of every output channel, (M,)."""
    size = np.abs(values[node.input[1]].astype(np.float64))
    if node.op_type == "Gemm":
        return size.max(axis=1 if attribute(node, "transB", 0) else 0)
    return size.max(axis=tuple(range(1, size.ndim)))


def _input_ranges(node: onnx.NodeProto, values: Values) -> NDArray[np.float64]:
    """Largest absolute weight of every input channel, (C,), groups one after the other."""
    size = np.abs(values[node.input[1]].astype(np.float64))
    if node.op_type == "Gemm":
        return size.max(axis=0 if attribute(node, "transB", 0) else 1)
    split = size.reshape(int(attribute(node, "group", 1)), -1, *size.shape[1:])
    return split.max(axis=(1, *range(3, split.ndim))).reshape(-1)


def _level(pair: Pair, values: Values) -> set[str]:
    """One step of one pair: names of the tensors that changed."""
    first, second = pair.first.input[1], pair.second.input[1]
    own = _output_ranges(pair.first, values)
    other = _input_ranges(pair.second, values).reshape(len(own), -1).max(axis=1)
    alive = (own > 0) & (other > 0)
    ratio = np.where(alive, own, 1.0) / np.where(alive, other, 1.0)
    doublings = np.clip(np.rint(np.log2(ratio) / 2), -MOST_DOUBLINGS, MOST_DOUBLINGS)
    if not doublings.any():
        return set()
    values[first] = _scaled(pair.first, values[first], -doublings, along_outputs=True)
    values[second] = _scaled(pair.second, values[second], doublings, along_outputs=False)
    changed = {first, second}
    if len(pair.first.input) > 2 and pair.first.input[2]:
        bias = pair.first.input[2]
        values[bias] = np.ldexp(values[bias], -doublings.astype(int))
        changed.add(bias)
    return changed


def _scaled(
    node: onnx.NodeProto, weights: NDArray, doublings: NDArray, *, along_outputs: bool
) -> NDArray:
    """Weights times two to the power of `doublings`, one a channel of outputs or of inputs."""
    power = doublings.astype(int)
    if node.op_type == "Gemm":
        axis = 0 if bool(attribute(node, "transB", 0)) == along_outputs else 1
        power = np.repeat(power, weights.shape[axis] // len(power))
        shape = [-1 if i == axis else 1 for i in range(2)]
        return np.ldexp(weights, power.reshape(shape))
    ones = (1,) * (weights.ndim - 2)
    if along_outputs:
        return np.ldexp(weights, power.reshape(-1, 1, *ones))
    groups = int(attribute(node, "group", 1))
    split = weights.reshape(groups, -1, *weights.shape[1:])
    return np.ldexp(split, power.reshape(groups, 1, -1, *ones)).reshape(weights.shape)
