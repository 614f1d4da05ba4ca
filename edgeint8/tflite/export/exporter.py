"""What the export writes into: tensors of a file by the names of the ONNX graph."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from edgeint8.conventions import Array
from edgeint8.errors import ModelError
from edgeint8.fixed_point.arithmetic.graph import Graph, Node
from edgeint8.tflite.file import schema
from edgeint8.tflite.file.model import Operator, Quantization, Tensor, TFLiteModel

UINT8_OFFSET = 128
TYPE_CODES = {np.dtype(kind): code for code, kind in schema.DTYPES.items()}


class Exporter:
    """Collects the file of one graph; `values` holds an example of every tensor, for its shape."""

    def __init__(self, graph: Graph, values: Mapping[str, Array], int4: bool = True) -> None:
        self.graph, self.values, self.int4 = graph, values, int4
        self.notes: list[str] = []
        self._tensors: list[Tensor] = []
        self._operators: list[Operator] = []
        self._places: dict[str, int] = {}
        self._inputs: list[int] = []

    def constant(self, node: Node, position: int) -> Array:
        """A constant input of a node."""
        name = node.inputs[position] if position < len(node.inputs) else ""
        if name not in self.graph.constants:
            raise ModelError(f"input {position} is computed", allowed="a constant")
        return np.asarray(self.graph.constants[name])

    def parameters(self, node: Node, position: int) -> Quantization:
        """Scale and zero-point at `position` and behind it, for int8 codes."""
        scale, zero = self.constant(node, position), self.constant(node, position + 1)
        if scale.size != 1:
            raise ModelError(f"{scale.size} scales of an activation", allowed="one")
        return Quantization(
            scale.reshape(1).astype(np.float32), as_int8(zero.reshape(1)).astype(np.int64)
        )

    def place(self, name: str) -> int:
        """Index of a tensor that has been made."""
        if name not in self._places:
            raise ModelError(f"tensor {name} is float or unknown", allowed="codes of eight bits")
        return self._places[name]

    def tensor(self, place: int) -> Tensor:
        """Tensor of the file."""
        return self._tensors[place]

    def shape(self, name: str) -> tuple[int, ...]:
        """Shape of a tensor in the file's layout."""
        return file_shape(self.values[name].shape)

    def add(
        self,
        name: str,
        shape: Sequence[int],
        quantization: Quantization | None = None,
        data: Array | None = None,
        packed: bool = False,
    ) -> int:
        """A new tensor: int8 codes, or whatever `data` is; `packed` makes int8 constants INT4."""
        dtype = np.dtype(np.int8) if data is None else data.dtype
        code = schema.INT4 if packed else TYPE_CODES[dtype]
        index = len(self._tensors)
        self._tensors.append(Tensor(index, name, tuple(shape), code, dtype, quantization, data))
        return index

    def weights(self, name: str, kind: str, codes: Array, scales: Quantization) -> int:
        """Weights of an operator, INT4 where all codes fit and LiteRT and tflite-micro run them."""
        narrow = self.int4 and codes.size > 0 and codes.min() >= -8 and codes.max() <= 7
        both = not (kind == "FULLY_CONNECTED" and scales.per_channel)
        if narrow and both:
            self.notes.append(f"{name}: INT4, which LiteRT's default kernels round their own way")
        elif narrow:
            self.notes.append(
                f"{name}: codes of four bits stay INT8, for tflite-micro takes INT4 of {kind} with "
                "one scale alone; they gain on custom silicon only"
            )
        return self.add(name, codes.shape, scales, codes, packed=narrow and both)

    def made(
        self, name: str, quantization: Quantization, shape: Sequence[int] | None = None
    ) -> int:
        """A new tensor of codes that stands for `name` from now on."""
        index = self.add(name, self.shape(name) if shape is None else shape, quantization)
        self._places[name] = index
        return index

    def enters(self, name: str, quantization: Quantization) -> None:
        """`name` is an input of the file."""
        self._inputs.append(self.made(name, quantization))

    def alias(self, name: str, place: int) -> None:
        """`name` is another word for a tensor that is there."""
        self._places[name] = place

    def emit(self, kind: str, inputs: Sequence[int], output: int, **options: Any) -> None:
        """Append an operator; options that are not given have the schema's default."""
        known = schema.OPTIONS.get(kind)
        defaults = {} if known is None else {n: f.default for n, f in known.fields.items()}
        self._operators.append(
            Operator(len(self._operators), kind, tuple(inputs), (output,), {**defaults, **options})
        )

    def integers(self, name: str, values: Sequence[int] | Array) -> int:
        """A constant of int32, such as axes."""
        data = np.asarray(values, np.int32)
        return self.add(name, data.shape, data=data)

    def finish(self) -> TFLiteModel:
        """The whole network."""
        outputs = tuple(self.place(name) for name in self.graph.outputs)
        return TFLiteModel(
            tuple(self._tensors), tuple(self._operators), tuple(self._inputs), outputs
        )


def as_int8(codes: Array) -> Array:
    """Codes as int8: uint8 codes 128 lower."""
    if codes.dtype == np.uint8:
        return (codes.astype(np.int16) - UINT8_OFFSET).astype(np.int8)
    if codes.dtype != np.int8:
        raise ModelError(f"codes of type {codes.dtype}", allowed="int8 or uint8")
    return codes


def file_shape(shape: Sequence[int]) -> tuple[int, ...]:
    """(N, C, H, W) as (N, H, W, C), (N, C, L) as (N, 1, L, C), all else as it is."""
    if len(shape) == 4:
        return (shape[0], shape[2], shape[3], shape[1])
    if len(shape) == 3:
        return (shape[0], 1, shape[2], shape[1])
    return tuple(shape)
