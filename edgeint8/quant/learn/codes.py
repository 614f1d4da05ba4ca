"""Learned weight codes: what is stored with a model, and how ONNX Runtime is brought to them."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any
from zipfile import BadZipFile

import numpy as np
import onnx
from numpy.typing import NDArray
from onnx import numpy_helper

from edgeint8.errors import DataError, ModelError
from edgeint8.files import atomic_path
from edgeint8.quant.graph import initializer_values
from edgeint8.quant.learn.integer_nodes import integer_nodes


@dataclass(frozen=True)
class LearnedLayer:
    """The codes of one layer, and what learning them did.

    codes: int8, in the shape of the weights, output channels on `axis`; scale: float32, () or
    (C,); bias: int32 codes (C,), or None. k, channels: products an output, outputs. error_before,
    error_after: objective (3) over the variance of the layer's output, with the nearest codes and
    with these. codes_changed: how many differ from the nearest. bits_guaranteed: of any partial
    sum, bias included; bits_tile: of `tile_rows` products without it. windows: rows that were
    learned from.
    """

    name: str
    weight_name: str
    axis: int
    codes: NDArray[np.int8]
    scale: NDArray[np.float32]
    bias: NDArray[np.int32] | None
    input_scale: float
    k: int
    channels: int
    error_before: float
    error_after: float
    codes_changed: int
    bits_guaranteed: int
    bits_tile: int
    tile_rows: int
    weight_bits: int
    windows: int

    @property
    def step(self) -> NDArray[np.float32]:
        """What one unit of the sum is worth: s_x s_w, in float32 as ONNX Runtime has it."""
        return np.asarray(np.float32(self.input_scale) * self.scale, np.float32)

    def row(self) -> dict[str, Any]:
        """The layer's row of ``learning.csv``, without workload and strategy."""
        names = (
            *("k", "channels", "error_before", "error_after", "codes_changed"),
            *("bits_guaranteed", "bits_tile", "tile_rows", "weight_bits", "windows"),
        )
        return {"layer": self.name} | {name: getattr(self, name) for name in names}


@dataclass(frozen=True)
class LearnedCodes:
    """The learned layers of a network, in graph order, and why others were left at the nearest."""

    layers: tuple[LearnedLayer, ...]
    left: Mapping[str, str]

    @property
    def scales(self) -> dict[str, NDArray[np.float64]]:
        """The imposed scales by weight name, as ``weight_overrides`` takes them."""
        return {layer.weight_name: layer.scale.astype(np.float64) for layer in self.layers}

    def only(self, weights: Iterable[str]) -> "LearnedCodes":
        """The layers with these weights, by name."""
        wanted = set(weights)
        chosen = tuple(layer for layer in self.layers if layer.weight_name in wanted)
        return LearnedCodes(chosen, self.left)

    def on_grid(self, model: onnx.ModelProto) -> onnx.ModelProto:
        """A copy of the float `model` whose weights are code times scale, biases too."""
        copy = onnx.ModelProto()
        copy.CopyFrom(model)
        nodes = {node.name: node for node in copy.graph.node}
        tensors = {tensor.name: tensor for tensor in copy.graph.initializer}
        for layer in self.layers:
            scale = _along_axis(layer, layer.codes.ndim)
            real = (layer.codes.astype(np.float64) * scale).astype(np.float32)
            tensors[layer.weight_name].CopyFrom(numpy_helper.from_array(real, layer.weight_name))
            if layer.bias is not None:
                name = nodes[layer.name].input[2]
                real = (layer.bias * layer.step.astype(np.float64)).astype(np.float32)
                tensors[name].CopyFrom(numpy_helper.from_array(real, name))
        return copy

    def check(self, executable: onnx.ModelProto) -> None:
        """Refuse a graph whose weight, scale or bias is not ours: compared in every element."""
        values, nodes = initializer_values(executable), integer_nodes(executable)
        for layer in self.layers:
            node = nodes[layer.weight_name]
            ours: dict[str, NDArray[Any]] = {node.weights: layer.codes}
            ours[node.weight_scale] = layer.scale
            if layer.bias is not None:
                ours[node.bias] = layer.bias
            for name, wanted in ours.items():
                found = values[name].reshape(wanted.shape)
                if different := int((found != wanted).sum()):
                    raise ModelError(
                        f"{different} of {wanted.size} values of {name} differ from those learned",
                        where=layer.name,
                        allowed="none",
                    )


def _along_axis(layer: LearnedLayer, rank: int) -> NDArray[np.float64]:
    """The scale, shaped to broadcast over weights of this rank."""
    scale = layer.scale.astype(np.float64)
    if scale.ndim == 0:
        return scale
    return scale.reshape([-1 if axis == layer.axis else 1 for axis in range(rank)])


def save_codes(path: str | Path, learned: LearnedCodes) -> None:
    """Write codes and facts as one ``.npz``."""
    arrays: dict[str, Any] = {
        f"{index}/{field.name}": getattr(layer, field.name)
        for index, layer in enumerate(learned.layers)
        for field in fields(layer)
        if getattr(layer, field.name) is not None
    }
    arrays |= {"layers": len(learned.layers), "left": [*learned.left.items()]}
    with atomic_path(path) as temporary:
        np.savez_compressed(temporary, allow_pickle=False, **arrays)


def load_codes(path: str | Path) -> LearnedCodes:
    """The inverse of `save_codes`; a missing or broken file is a `DataError`."""
    try:
        with np.load(path, allow_pickle=False) as file:
            layers = tuple(_layer(file, index) for index in range(int(file["layers"])))
            left = {str(name): str(reason) for name, reason in file["left"].reshape(-1, 2)}
    except (OSError, KeyError, ValueError, EOFError, BadZipFile) as error:
        raise DataError(f"no learned codes ({error})", where=str(path)) from None
    return LearnedCodes(layers, left)


def _layer(file: Mapping[str, NDArray[Any]], index: int) -> LearnedLayer:
    """One layer of a file; numbers and names come back as Python's own."""
    arrays = ("codes", "scale", "bias")
    found: dict[str, Any] = {"bias": None}
    for field in fields(LearnedLayer):
        if (name := f"{index}/{field.name}") in file:
            value = file[name]
            found[field.name] = value if field.name in arrays else value.item()
    return LearnedLayer(**found)
