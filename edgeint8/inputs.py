"""What a caller gives, as types: a network from a file, arrays from memory or a file."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import onnx
from numpy.typing import NDArray

from edgeint8.arch.network.inputs import read_layers
from edgeint8.arch.network.layers import Layer
from edgeint8.arch.network.memory import Lifetime, Memory, arena_bytes, live_bytes, memory
from edgeint8.errors import DataError, ModelError
from edgeint8.fixed_point.runtimes.known import ORT
from edgeint8.fixed_point.runtimes.runtime import Runtime
from edgeint8.models.data.own_data import InputSpec, check_array, random_data, read_arrays
from edgeint8.quant.prequantized.detection import is_quantized
from edgeint8.quant.prequantized.executable import executable_graph
from edgeint8.quant.prequantized.own_network import input_specs, read_network, sort_nodes
from edgeint8.quant.strategy import Strategy
from edgeint8.tflite.buffers import buffers, stored_bytes
from edgeint8.tflite.convert.convert import convert
from edgeint8.tflite.feeds import feeds_of
from edgeint8.tflite.file.reader import load_tflite

Shape = Mapping[str, Sequence[int | None]]
Arrays = NDArray[Any] | Mapping[str, NDArray[Any]] | str | Path | None
"""One array for a network with one input, arrays by input name, an NPZ file, or None: random."""


def float_network(path: str | Path, shape: Shape | None = None, **reading: Any) -> onnx.ModelProto:
    """A network that has not been quantised yet; `reading` as for `read_network`."""
    model = read_network(path, shape or {}, **reading)
    if is_quantized(model):
        raise ModelError(
            "a network that came quantised", where=str(path), allowed="one in floating point"
        )
    return model


def is_tflite(path: str | Path) -> bool:
    """Whether a file is called .tflite."""
    return Path(path).suffix.lower() == ".tflite"


def refuse_shape(path: str | Path, shape: Shape | None) -> None:
    """Sizes for a .tflite file, which leaves none open, are a mistake."""
    if shape:
        raise DataError("a shape", where=str(path), allowed="none: the file has its sizes")


def network_layers(
    network: str | Path, shape: Shape | None = None, **reading: Any
) -> tuple[Layer, ...]:
    """The layers of an ONNX file, a topology or a .tflite file; a free batch is one image."""
    graph = convert(load_tflite(network)).model if is_tflite(network) else None
    return read_layers(network, shape or {}, graph=graph, **reading)


def network_memory(
    network: str | Path, layers: Sequence[Layer], batch: int | None = None
) -> Memory:
    """Arena and flash of `network_layers`; of a .tflite file those of its own buffers."""
    found = memory(layers)
    if not is_tflite(network):
        return found
    own = tflite_memory(network)
    return own if batch is None else replace(found, flash_bytes=own.flash_bytes)


def tflite_memory(path: str | Path) -> Memory:
    """What a .tflite file needs on a microcontroller: the arena of its run, and its constants."""
    source = load_tflite(path)
    lives = [Lifetime(b.name, b.bytes, b.first, b.last) for b in buffers(source)]
    return Memory(arena_bytes(lives), live_bytes(lives), stored_bytes(source))


def integer_network(
    path: str | Path, shape: Shape | None = None, runtime: Runtime = ORT
) -> onnx.ModelProto:
    """The graph that runs in integers of a quantised network, if `runtime` takes it.

    Of a QDQ file it is ONNX Runtime's own; a .tflite file is converted, codes and names kept.
    """
    if is_tflite(path):
        refuse_shape(path, shape)
        converted = convert(load_tflite(path))
        converted.refuse(runtime)
        return converted.model
    model = read_network(path, shape or {})
    if not is_quantized(model):
        raise ModelError(
            "no integer layer: the network is in floating point",
            where=str(path),
            allowed="a quantised network, QDQ or QOperator: see edgeint8.quantize",
        )
    sort_nodes(model.graph)
    return executable_graph(model)[0]


def arrays_of(
    model: onnx.ModelProto, given: Arrays, role: str = "inputs", most: int | None = None
) -> dict[str, NDArray[Any]]:
    """Arrays by input name, each of the network's type and shape; the first `most` rows.

    `role` is the name of the array in an NPZ file with one input, its prefix with several.
    """
    _refuse_none(most)
    specs = [InputSpec(name, *spec) for name, spec in input_specs(model).items()]
    if given is None:
        arrays = dict(random_data(specs, seed=0)["test"].inputs)
    elif isinstance(given, str | Path):
        arrays = _from_file(Path(given), specs, role)
    elif isinstance(given, Mapping):
        arrays = {name: np.asarray(value) for name, value in given.items()}
    else:
        arrays = {spec.name: np.asarray(given) for spec in specs[:1]}
    names = [spec.name for spec in specs]
    if sorted(arrays) != sorted(names):
        raise DataError(
            f"arrays for {', '.join(map(str, arrays)) or 'no input'}",
            where=role,
            allowed=f"one for each input: {', '.join(names)}",
        )
    fitted = {spec.name: _fitted(arrays[spec.name], spec, role) for spec in specs}
    return {name: array[: _whole(len(array), most, specs)] for name, array in fitted.items()}


def integer_feeds(
    network: str | Path, model: onnx.ModelProto, given: Arrays, most: int | None = None
) -> dict[str, NDArray[Any]]:
    """Arrays for the graph of `integer_network`; floats for a .tflite file become its codes."""
    if is_tflite(network):
        arrays = tflite_arrays(network, given, most)
        return feeds_of(convert(load_tflite(network)), arrays)
    return arrays_of(model, given, "inputs", most)


def tflite_arrays(
    path: str | Path, given: Arrays, most: int | None = None
) -> dict[str, NDArray[Any]]:
    """Arrays by input name in the layout and type of a .tflite file, or floats; None: random."""
    _refuse_none(most)
    source = load_tflite(path)
    tensors = [source.tensors[place] for place in source.inputs]
    specs = [InputSpec(t.name, np.dtype(t.dtype), (None, *t.shape[1:])) for t in tensors]
    if given is None:
        arrays = dict(random_data(specs, seed=0)["test"].inputs)
    elif isinstance(given, str | Path):
        arrays = _from_file(Path(given), specs, "inputs")
    elif isinstance(given, Mapping):
        arrays = {name: np.asarray(value) for name, value in given.items()}
    else:
        arrays = {spec.name: np.asarray(given) for spec in specs[:1]}
    batch = tensors[0].shape[0]
    rows = [len(array) for array in arrays.values()]
    kept = max(batch, min([*rows, most or max(rows, default=0)]) // batch * batch)
    return {name: array[:kept] for name, array in arrays.items()}


def _refuse_none(most: int | None) -> None:
    """No image at all is asked for by mistake; it must not mean all of them."""
    if most is not None and most < 1:
        raise DataError(f"{most} images", where="inputs", allowed="1 or more")


def _from_file(path: Path, specs: Sequence[InputSpec], role: str) -> dict[str, NDArray[Any]]:
    arrays = read_arrays(path)
    if len(specs) == 1 and role in arrays:
        return {specs[0].name: arrays[role]}
    prefix = f"{role}."
    return {
        name.removeprefix(prefix): array
        for name, array in arrays.items()
        if name.startswith(prefix)
    }


def _fitted(array: NDArray[Any], spec: InputSpec, role: str) -> NDArray[Any]:
    """Floats of another precision become the network's; anything else must be of its type."""
    if array.dtype.kind == "f" and spec.dtype.kind == "f":
        array = array.astype(spec.dtype, copy=False)
    check_array(f"{role}: {spec.name}", array, spec)
    return array


def _whole(rows: int, most: int | None, specs: Sequence[InputSpec]) -> int:
    """Rows that are used: at most `most`, and whole batches where the batch is fixed."""
    batch = specs[0].shape[0] or 1
    used = max(batch, min(rows, most or rows) // batch * batch)
    if rows < used:
        raise DataError(f"{rows} samples", where="inputs", allowed=f"{batch} or more: the batch")
    return used


def strategy_of(given: str | Mapping[str, Any] | Strategy) -> Strategy:
    """A strategy by its name, from options as a study file has them, or as it is."""
    if isinstance(given, Strategy):
        return given
    if not isinstance(given, Mapping):
        return Strategy.from_name(str(given))
    return Strategy.from_mapping("own", given)
