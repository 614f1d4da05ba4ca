"""What the converter writes into: nodes, constants, and each tensor in the layout of ONNX.

A tensor of four axes is (N, H, W, C) in a file and (N, C, H, W) in the graph, under its own name.
Only what enters and leaves keeps the file's layout, and is transposed once inside.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import onnx
from onnx import helper, numpy_helper

from edgeint8.conventions import OWN_DOMAIN, Array
from edgeint8.errors import ModelError
from edgeint8.fixed_point.arithmetic.requantize import code_range
from edgeint8.tflite.convert.bodies import OPSET, bodies
from edgeint8.tflite.file.model import Operator, Tensor, TFLiteModel

TO_NCHW, TO_NHWC = (0, 3, 1, 2), (0, 2, 3, 1)
MICROSOFT = "com.microsoft"


@dataclass(frozen=True)
class View:
    """Where a tensor of the file stands in the graph, and whether channels come second there."""

    name: str
    channels_second: bool

    def as_file(self, value: Array) -> Array:
        """`value` of the graph in the file's layout."""
        return np.transpose(value, TO_NHWC) if self.channels_second else value


def axis_in_graph(axis: int, rank: int) -> int:
    """Axis of a tensor of the graph that is `axis` in the file."""
    return TO_NCHW.index(axis % rank) if rank == 4 else axis % rank


def in_graph(value: Array) -> Array:
    """A constant in the layout of the graph."""
    return np.ascontiguousarray(np.transpose(value, TO_NCHW)) if value.ndim == 4 else value


class Builder:
    """Collects the graph of one file; `batched` says whether the first axis counts images."""

    def __init__(self, model: TFLiteModel, batched: bool) -> None:
        self.model, self.batched = model, batched
        self.names = unique_names(model)
        self._edges = {*model.inputs, *model.outputs}
        self._nodes: list[onnx.NodeProto] = []
        self._constants: dict[str, onnx.TensorProto] = {}
        self._plain: dict[int, str] = {}

    def tensor(self, index: int) -> Tensor:
        """Tensor of the file."""
        return self.model.tensors[index]

    def inside(self, index: int) -> str:
        """Name of a tensor in the graph's layout; a constant becomes one of the graph."""
        tensor = self.tensor(index)
        if tensor.data is not None:
            return self.constant(self.names[index], in_graph(tensor.data))
        four = len(tensor.shape) == 4
        return f"{self.names[index]}:nchw" if four and index in self._edges else self.names[index]

    def plain(self, index: int) -> str:
        """Name of a tensor in the file's layout."""
        tensor = self.tensor(index)
        if len(tensor.shape) != 4:
            return self.inside(index)
        if tensor.data is not None:
            return self.constant(f"{self.names[index]}:nhwc", tensor.data)
        if index in self.model.inputs:
            return self.names[index]
        if index not in self._plain:
            self._plain[index] = f"{self.names[index]}:nhwc"
            self.emit("Transpose", [self.inside(index)], self._plain[index], perm=TO_NHWC)
        return self._plain[index]

    def emit_plain(self, kind: str, inputs: Sequence[str], index: int, **attributes: Any) -> None:
        """A node whose result is tensor `index` in the file's layout."""
        if len(self.tensor(index).shape) != 4:
            self.emit(kind, inputs, self.inside(index), **attributes)
            return
        source = f"{self.names[index]}:made"
        self.emit(kind, inputs, source, **attributes)
        self.emit("Transpose", [source], self.inside(index), perm=TO_NCHW)

    def reshaped(self, index: int, source: str) -> None:
        """Tensor `index` from the elements of `source`, which has the file's layout."""
        shape = self.shape(self.tensor(index).shape)
        self.emit_plain(
            "Reshape", [source, self.constant(f"{self.names[index]}:shape", shape)], index
        )

    def shape(self, shape: Sequence[int]) -> Array:
        """A shape for Reshape, the number of images left open."""
        return np.array([-1, *shape[1:]] if self.batched else shape, np.int64)

    def emit(
        self,
        kind: str,
        inputs: Sequence[str],
        outputs: str | Sequence[str],
        domain: str = "",
        **attributes: Any,
    ) -> None:
        """Append a node; '' is an absent input."""
        name, made = (
            f"{kind}_{len(self._nodes)}",
            [outputs] if isinstance(outputs, str) else outputs,
        )
        self._nodes.append(
            helper.make_node(kind, list(inputs), made, name=name, domain=domain, **attributes)
        )

    def constant(self, name: str, value: Array) -> str:
        """A constant of the graph, once."""
        if name not in self._constants:
            self._constants[name] = numpy_helper.from_array(np.asarray(value, order="C"), name)
        return name

    def wide(self, index: int) -> bool:
        """Whether a tensor has codes of 16 bits."""
        return self.tensor(index).dtype == np.int16

    def parameters(self, index: int, wide: bool = False) -> list[str]:
        """Names of a tensor's scale and zero-point, one of each; those of int16 codes are 0.

        Only what asks `wide` first has operators for int16.
        """
        tensor = self.tensor(index)
        scale, zero = tensor.codes()
        if tensor.dtype not in (np.int8, *([np.int16] if wide else [])):
            raise ModelError(
                f"codes of type {tensor.type_name}", where=tensor.place, allowed="INT8"
            )
        if scale.size != 1:
            raise ModelError(f"{scale.size} scales", where=tensor.place, allowed="one scale")
        low, high = (0, 0) if self.wide(index) else code_range(np.int8)
        if not low <= zero[0] <= high:
            raise ModelError(
                f"zero-point {zero[0]}", where=tensor.place, allowed=f"{low} to {high}"
            )
        name = self.names[index]
        return [
            self.constant(f"{name}:scale", scale.reshape(())),
            self.constant(f"{name}:zero_point", zero.astype(tensor.dtype).reshape(())),
        ]

    def integers(self, operator: Operator, place: int) -> Array:
        """A constant input of integers, such as axes or a border."""
        index = operator.inputs[place] if place < len(operator.inputs) else -1
        data = self.tensor(index).data if index >= 0 else None
        if data is None or data.dtype.kind != "i":
            raise ModelError(f"input {place} is computed", allowed="a constant of integers")
        return data.astype(np.int64)

    def finish(self) -> onnx.ModelProto:
        """The whole model."""
        for index in self.model.outputs:
            if self.inside(index) != self.names[index]:
                self.emit("Transpose", [self.inside(index)], self.names[index], perm=TO_NHWC)
        graph = helper.make_graph(
            [*self._transposed_inputs(), *self._nodes],
            "tflite",
            [self._declared(index) for index in self.model.inputs],
            [self._declared(index) for index in self.model.outputs],
            list(self._constants.values()),
            value_info=self._known_shapes(),
        )
        used = {node.op_type for node in self._nodes if node.domain == OWN_DOMAIN}
        opsets = [("", OPSET), (MICROSOFT, 1), (OWN_DOMAIN, 1)]
        return helper.make_model(
            graph,
            opset_imports=[helper.make_opsetid(*each) for each in opsets],
            functions=[body for name, body in bodies().items() if name in used],
            ir_version=9,
            producer_name="edgeint8",
        )

    def view(self, index: int) -> View:
        """Where a computed tensor stands."""
        four = len(self.tensor(index).shape) == 4
        return View(self.names[index], four and index not in self._edges)

    def _transposed_inputs(self) -> list[onnx.NodeProto]:
        return [
            helper.make_node("Transpose", [self.names[k]], [self.inside(k)], perm=TO_NCHW)
            for k in self.model.inputs
            if self.inside(k) != self.names[k]
        ]

    def _declared(self, index: int) -> onnx.ValueInfoProto:
        return self._info(self.names[index], self.tensor(index), self.tensor(index).shape)

    def _known_shapes(self) -> list[onnx.ValueInfoProto]:
        made = {k for operator in self.model.operators for k in operator.outputs} - self._edges
        return [
            self._info(
                self.names[k], self.tensor(k), in_graph(np.empty(self.tensor(k).shape)).shape
            )
            for k in sorted(made)
            if self.tensor(k).dtype is not None
        ]

    def _info(self, name: str, tensor: Tensor, shape: Sequence[int]) -> onnx.ValueInfoProto:
        sizes: list[int | str] = ["N", *shape[1:]] if self.batched else [*shape]
        kind = helper.np_dtype_to_tensor_dtype(tensor.dtype)
        return helper.make_tensor_value_info(name, kind, sizes)


def unique_names(model: TFLiteModel) -> list[str]:
    """The file's names; one that is empty or stands twice gets its index behind it."""
    counts: dict[str, int] = {}
    for tensor in model.tensors:
        counts[tensor.name] = counts.get(tensor.name, 0) + 1
    return [
        t.name if t.name and counts[t.name] == 1 else f"{t.name or 'tensor'}#{t.index}"
        for t in model.tensors
    ]
