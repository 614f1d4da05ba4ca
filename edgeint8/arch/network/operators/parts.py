"""What one node asks of the array: a `Part` for each product, before names and edges are known."""

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace

import onnx

from edgeint8.arch.network.graph import Known
from edgeint8.arch.network.layers import LayerShape, Operator
from edgeint8.arch.network.run_dims import Dims
from edgeint8.errors import ModelError


class UnknownSizeError(Exception):
    """A tensor whose dimensions a product needs has none; its name is the message."""


@dataclass(frozen=True)
class Part:
    """One product of a node, or, without a shape, a product that has no mapping.

    `reads` names the node's data inputs (the one that streams in first); `scratch` is what a part
    hands to the next one of the same node, in elements. Other fields as those of `Layer`.
    """

    operator: Operator
    shape: LayerShape | None
    ifmap_bytes: int
    filter_bytes: int
    ofmap_bytes: int
    reads: tuple[str, ...]
    repeats: int = 1
    images: int = 1
    steps: int = 1
    input_hw: tuple[int, int] | None = None
    pads: tuple[int, int, int, int] = (0, 0, 0, 0)
    dilation: tuple[int, int] = (1, 1)
    unmapped_macs: int = 0
    reason: str = ""
    note: str = ""
    suffix: str = ""
    scratch: int = 0
    added_bytes: int = 0


class Node:
    """An operator with the dimensions of what it reads and writes."""

    def __init__(self, proto: onnx.NodeProto, known: Known) -> None:
        self.proto, self.known = proto, known
        self._attributes = {attribute.name: attribute for attribute in proto.attribute}

    @property
    def kind(self) -> str:
        """The operator's name."""
        return self.proto.op_type

    def has(self, place: int) -> bool:
        """Whether the optional input at `place` is there."""
        return place < len(self.proto.input) and bool(self.proto.input[place])

    def name(self, place: int) -> str:
        """Name of an input."""
        return self.proto.input[place]

    def constant(self, place: int) -> bool:
        """Whether an input is the same in every run."""
        return self.name(place) in self.known.constants

    def dims(self, place: int) -> Dims:
        """Dimensions of an input."""
        return self._dims(self.name(place))

    def output(self, place: int = 0) -> Dims:
        """Dimensions of an output."""
        return self._dims(self.proto.output[place])

    def _dims(self, name: str) -> Dims:
        if name not in self.known.dims:
            raise UnknownSizeError(name)
        return self.known.dims[name]

    def integer(self, name: str, default: int = 0) -> int:
        """An attribute of one whole number."""
        return self._attributes[name].i if name in self._attributes else default

    def integers(self, name: str, default: Sequence[int] = ()) -> Dims:
        """An attribute of whole numbers."""
        return tuple(self._attributes[name].ints if name in self._attributes else default)

    def text(self, name: str, default: str = "") -> str:
        """An attribute of characters."""
        return self._attributes[name].s.decode() if name in self._attributes else default

    def moving(self, *places: int) -> tuple[str, ...]:
        """Names of the inputs at `places` that are data, not constants."""
        return tuple(self.name(i) for i in places if self.has(i) and not self.constant(i))


def product(
    operator: Operator,
    rows: int,
    filters: int,
    depth: int,
    reads: tuple[str, ...],
    repeats: int = 1,
) -> Part:
    """(rows, depth) x (depth, filters), `repeats` times with operands of their own."""
    sizes = (rows * depth * repeats, depth * filters * repeats, rows * filters * repeats)
    if 0 in (rows, filters, depth, repeats):
        return Part(operator, None, *sizes, reads, reason="an empty product")
    part = Part(operator, None, *sizes, reads, repeats)
    return mapped(part, (rows, 1), (1, 1), depth, filters)


def mapped(
    part: Part,
    output_hw: tuple[int, int],
    filter_hw: tuple[int, int],
    channels: int,
    filters: int,
    strides: tuple[int, int] = (1, 1),
) -> Part:
    """`part` with its shape, or counted where an extent is beyond what a shape holds."""
    try:
        shape = LayerShape.from_output(output_hw, filter_hw, channels, filters, strides)
    except ModelError as error:
        per_run = math.prod(output_hw) * math.prod(filter_hw) * channels * filters
        macs = per_run * part.repeats * part.images * part.steps
        return replace(part, unmapped_macs=macs, reason=f"no mapping: {error}")
    return replace(part, shape=shape)
