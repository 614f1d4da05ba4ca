"""What tflite-micro keeps in its arena while a file runs, operator after operator."""

from collections.abc import Iterator
from dataclasses import dataclass
from math import prod

from edgeint8.tflite.file.model import Operator, TFLiteModel

ACCUMULATOR_BYTES = 4
INDEX_BYTES = 16
"""A list of axes, of which four are aligned to 16 bytes."""


@dataclass(frozen=True)
class Buffer:
    """Bytes that are needed from one operator to another, by position."""

    name: str
    bytes: int
    first: int
    last: int


def buffers(source: TFLiteModel) -> tuple[Buffer, ...]:
    """Every tensor that is computed or enters, and what kernels ask for besides."""
    first = dict.fromkeys(source.inputs, 0)
    last: dict[int, int] = {}
    for place, operator in enumerate(source.operators):
        for index in (*operator.inputs, *operator.outputs):
            first.setdefault(index, place)
            last[index] = place
    last |= dict.fromkeys(source.outputs, len(source.operators) - 1)
    moving = [tensor for tensor in source.tensors if tensor.index in last and tensor.data is None]
    found = [Buffer(t.name, t.size_bytes, first[t.index], last[t.index]) for t in moving]
    for place, operator in enumerate(source.operators):
        found += [Buffer(operator.place, size, place, place) for size in _scratch(source, operator)]
    return tuple(found)


def _scratch(source: TFLiteModel, operator: Operator) -> Iterator[int]:
    """Sizes of an operator's buffers (tflite-micro ``transpose_conv.cc``, ``reduce_common.cc``)

    A sum of 32 bits for every code that it makes; MEAN also keeps an index and its axes. Weights of
    INT4 are unpacked before they are used (``conv_common.cc``).
    """
    for index in operator.inputs:
        if index >= 0 and source.tensors[index].packed:
            yield prod(source.tensors[index].shape)
    if operator.kind in ("MEAN", "TRANSPOSE_CONV"):
        yield ACCUMULATOR_BYTES * source.tensors[operator.outputs[0]].size_bytes
    if operator.kind == "MEAN":
        yield from (INDEX_BYTES, INDEX_BYTES)


def stored_bytes(source: TFLiteModel) -> int:
    """Bytes of all constants."""
    return sum(tensor.size_bytes for tensor in source.tensors if tensor.data is not None)
