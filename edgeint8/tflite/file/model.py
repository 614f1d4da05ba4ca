"""A .tflite file as plain values: tensors, operators, what enters and what leaves."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from math import prod
from typing import Any

import numpy as np

from edgeint8.conventions import Array
from edgeint8.errors import ModelError
from edgeint8.tflite.file.schema import INT4, TYPE_NAMES

LARGEST_TENSOR = 1 << 28
"""Elements of one tensor; a file that declares more is cut off or altered."""


@dataclass(frozen=True)
class Quantization:
    """``real = scale * (code - zero_point)``: float32 and int64, one entry, or one per channel.

    Raises `ModelError` where a scale is no positive finite number or the lengths differ.
    """

    scale: Array
    zero_point: Array
    axis: int = 0

    def __post_init__(self) -> None:
        if self.scale.ndim != 1 or self.scale.size == 0:
            raise ModelError(f"scales of shape {self.scale.shape}", allowed="a list of numbers")
        if self.scale.shape != self.zero_point.shape:
            raise ModelError(f"{self.scale.size} scales beside {self.zero_point.size} zero-points")
        if not (np.isfinite(self.scale).all() and (self.scale > 0).all()):
            raise ModelError("a scale is zero, negative or not finite", allowed="positive numbers")

    @property
    def per_channel(self) -> bool:
        """Whether there are several scales."""
        return self.scale.size > 1


@dataclass(frozen=True)
class Tensor:
    """A tensor of a file: TFLite's shape (images are N, H, W, C), its codes if it is constant.

    Constants of INT4 are int8 here, `packed`: a file has two in a byte.
    """

    index: int
    name: str
    shape: tuple[int, ...]
    type_code: int
    dtype: np.dtype[Any] | None
    quantization: Quantization | None = None
    data: Array | None = None
    variable: bool = False

    def __post_init__(self) -> None:
        if any(size < 0 for size in self.shape) or prod(self.shape) > LARGEST_TENSOR:
            raise ModelError(
                f"shape {self.shape}",
                where=f"tensor {self.index}",
                allowed=f"at most {LARGEST_TENSOR} elements",
            )

    @property
    def type_name(self) -> str:
        """The schema's name of the type."""
        known = 0 <= self.type_code < len(TYPE_NAMES)
        return TYPE_NAMES[self.type_code] if known else f"type {self.type_code}"

    @property
    def packed(self) -> bool:
        """Whether it holds constants of four bits."""
        return self.type_code == INT4 and self.data is not None

    @property
    def size_bytes(self) -> int:
        """What its elements take; an unknown type counts as one of a byte."""
        if self.packed:
            return (prod(self.shape) + 1) // 2
        return prod(self.shape) * (1 if self.dtype is None else self.dtype.itemsize)

    def codes(self) -> tuple[Array, Array]:
        """Scale and zero-point: float32 and int64, both of one entry or of one a channel."""
        if self.quantization is None:
            raise ModelError("no scale", where=self.place, allowed="a quantised tensor")
        return self.quantization.scale, self.quantization.zero_point

    def same_parameters(self, other: "Tensor") -> bool:
        """Whether the codes of both mean the same numbers."""
        mine, theirs = self.codes(), other.codes()
        return all(np.array_equal(a, b) for a, b in zip(mine, theirs, strict=True))

    @property
    def place(self) -> str:
        """What a message calls it."""
        return f"tensor {self.index} {self.name!r}"


@dataclass(frozen=True)
class Operator:
    """One operation: the schema's name, tensor indices (-1 is an absent input), its options."""

    position: int
    kind: str
    inputs: tuple[int, ...]
    outputs: tuple[int, ...]
    options: Mapping[str, Any] = field(default_factory=dict)

    @property
    def place(self) -> str:
        """What a message calls it."""
        return f"operator {self.position} {self.kind}"


@dataclass(frozen=True)
class TFLiteModel:
    """The one subgraph of a file, operators in execution order; indices stay inside the lists."""

    tensors: tuple[Tensor, ...]
    operators: tuple[Operator, ...]
    inputs: tuple[int, ...]
    outputs: tuple[int, ...]

    def __post_init__(self) -> None:
        count = len(self.tensors)
        if not self.inputs or not self.outputs:
            raise ModelError("no inputs or no outputs", allowed="a network with both")
        made = {*self.inputs, *(t.index for t in self.tensors if t.data is not None)}
        for index in (*self.inputs, *self.outputs):
            _inside(index, 0, count, "the network")
        for operator in self.operators:
            for index in (*operator.inputs, *operator.outputs):
                _inside(index, -1, count, operator.place)
            for index in operator.inputs:
                if index >= 0 and index not in made:
                    raise ModelError(f"nobody computes tensor {index}", where=operator.place)
            made.update(operator.outputs)
        for index in self.outputs:
            if index not in made:
                raise ModelError(f"nobody computes output {index}", allowed="a whole network")


def _inside(index: int, low: int, count: int, where: str) -> None:
    if not low <= index < count:
        raise ModelError(f"tensor {index}", where=where, allowed=f"below {count}")
