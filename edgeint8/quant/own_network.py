"""One's own ONNX file: read with care, its free sizes fixed, made ready for the study.

A float network goes through `prepare_model`; one that came quantised (QDQ or QOperator, from
whatever tool) keeps its arithmetic, and runs as ONNX Runtime's integer graph of it.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Any

import numpy as np
import onnx
from numpy.typing import NDArray
from onnx import external_data_helper, helper

from edgeint8.errors import DataError, ModelError
from edgeint8.quant.affine import sqnr_db
from edgeint8.quant.came_quantized import is_quantized
from edgeint8.quant.graph import float_nodes, weight_layers
from edgeint8.quant.histogram import observe
from edgeint8.quant.ort_quantizer import optimised_graph
from edgeint8.quant.prepare import (
    NEWEST_IR,
    OLDEST_IR,
    drop_initializers_from_inputs,
    name_nodes,
    prepare_model,
)
from edgeint8.quant.session import DEFAULT_BATCH, EXACT_U8S8_FLAGS, cpu_flags, run_onnx

Feeds = Mapping[str, NDArray[Any]]
ALLOWED_FILE = "a whole file in ONNX format"
LARGEST_BYTES = 2**31 - 1  # of a protobuf message
FAITHFUL_DB = 60.0  # preparing moves float results by rounding: 1e-3 of the signal is far more


def read_network(path: str | Path, shapes: Mapping[str, Sequence[int | None]]) -> onnx.ModelProto:
    """The network of an ONNX file with its external data inside and its free sizes fixed.

    `shapes` gives inputs by name; None keeps what the file says. Only the first dimension of an
    input, the batch, may stay free. Raises `ModelError` in one line.
    """
    model = _load(Path(path))
    _load_external_data(model, Path(path))
    if model.ByteSize() > LARGEST_BYTES:
        raise ModelError(f"{model.ByteSize():,} bytes", where=str(path), allowed="below 2 GiB")
    model.ir_version = min(max(model.ir_version, OLDEST_IR), NEWEST_IR)
    drop_initializers_from_inputs(model.graph)
    if not model.graph.node or not model.graph.output:
        raise ModelError(
            "a graph without nodes or outputs", where=str(path), allowed="at least one of each"
        )
    _fix_shapes(model.graph, shapes, str(path))
    return model


def input_specs(model: onnx.ModelProto) -> dict[str, tuple[np.dtype[Any], tuple[int | None, ...]]]:
    """NumPy type and shape of every input; None for a free batch."""
    specs = {}
    for value in model.graph.input:
        tensor = value.type.tensor_type
        sizes = tuple(d.dim_value if d.dim_value > 0 else None for d in tensor.shape.dim)
        specs[value.name] = (helper.tensor_dtype_to_np_dtype(tensor.elem_type), sizes)
    return specs


@dataclass(frozen=True)
class Prepared:
    """A network as the study uses it.

    moved: largest difference of its first output to that of the file as it came, on a few samples;
    output_shape: of one sample's first output.
    """

    model: onnx.ModelProto
    moved: float
    output_shape: tuple[int, ...]


def prepared_network(model: onnx.ModelProto, feeds: Feeds) -> Prepared:
    """The network made ready; `feeds` are a few samples on which it must answer as before.

    A batch that is called free but is not is fixed at 1. Raises `ModelError` if the network does
    not run, does not answer every sample, or does not stay the same.
    """
    model = _with_working_batch(model, feeds)
    if is_quantized(model):
        prepared = onnx.ModelProto()
        prepared.CopyFrom(model)
        name_nodes(prepared.graph)
        _sort_nodes(prepared.graph)
    else:
        _check_weights(model)
        prepared = prepare_model(model)
        _check_weights(prepared)
        if not weight_layers(prepared):
            raise ModelError(
                "no layer to quantise", allowed="a Conv, Gemm or MatMul with constant weights"
            )
    name = model.graph.output[0].name
    before, after = (answers(network, feeds)[name] for network in (model, prepared))
    if before.shape != after.shape or sqnr_db(before, after) < FAITHFUL_DB:
        raise ModelError("preparing the network changed what it computes", where=f"output {name}")
    moved = float(np.abs(before.astype(np.float64) - after).max(initial=0))
    return Prepared(prepared, moved, before.shape[1:])


def check_runs(model: onnx.ModelProto, feeds: Feeds, *, watched: bool) -> None:
    """Run all samples; refuse NaN and infinity in an output, or, if watched, in any tensor."""
    if watched:
        try:
            observe(model, feeds)
        except DataError as error:
            raise ModelError(str(error)) from None
    answers(model, feeds, batch=DEFAULT_BATCH)


def parameter_count(model: onnx.ModelProto) -> int:
    """Stored values of floating type or of 8 bits and less: weights and biases, not shapes."""
    kinds = {onnx.TensorProto.INT64, onnx.TensorProto.BOOL, onnx.TensorProto.STRING}
    stored = [t for t in tensors_of(model.graph) if t.data_type not in kinds]
    return sum(int(np.prod(tensor.dims, dtype=np.int64)) for tensor in stored)


def adopt(model: onnx.ModelProto) -> tuple[onnx.ModelProto, dict[str, Any]]:
    """The graph that runs of a network that came quantised, and what its tables say of it."""
    kinds = {node.op_type for node in model.graph.node}
    integer = any(k.startswith("QLinear") or k.endswith("Integer") or k == "QGemm" for k in kinds)
    executable = model if integer else optimised_graph(model, fill_gaps=True)
    dynamic = "DynamicQuantizeLinear" in kinds
    facts = {
        "symmetry": "given",
        "granularity": "given",
        "calibration": "dynamic" if dynamic else "given",
        "bins": None,
        "format": "qoperator" if integer else "qdq",
        "size_bytes": model.ByteSize(),
        "float_nodes": list(float_nodes(executable)),
        "note": "came quantised",
        "batch": 1 if dynamic else DEFAULT_BATCH,
        "calibration_samples": None,
        "percentile": None,
        "bias_bits": None,
        "power_of_two": None,
        "cpu_int8_flags": " ".join(sorted(EXACT_U8S8_FLAGS & cpu_flags())) or "none",
        "hardware_cost": None,
        "hardware_cost_reasons": [],
    }
    return executable, facts


def _load(path: Path) -> onnx.ModelProto:
    try:
        model = onnx.load(path, load_external_data=False)
    except FileNotFoundError:
        raise ModelError("file does not exist", where=str(path)) from None
    except Exception as error:  # protobuf raises its own types
        raise ModelError(
            f"not a readable ONNX file ({error})", where=str(path), allowed=ALLOWED_FILE
        ) from None
    if not model.HasField("graph"):
        raise ModelError(
            "not a readable ONNX file (no graph)", where=str(path), allowed=ALLOWED_FILE
        )
    return model


def tensors_of(graph: onnx.GraphProto) -> Iterator[onnx.TensorProto]:
    """Every stored tensor of a graph, in attributes and subgraphs too."""
    yield from graph.initializer
    for node in graph.node:
        for entry in node.attribute:
            yield from [entry.t] if entry.HasField("t") else entry.tensors
            for inner in [entry.g] if entry.HasField("g") else entry.graphs:
                yield from tensors_of(inner)


def _load_external_data(model: onnx.ModelProto, path: Path) -> None:
    """Read tensors kept in other files, which must be plain files inside the network's folder."""
    folder = path.parent.resolve()
    found = False
    for tensor in tensors_of(model.graph):
        if not external_data_helper.uses_external_data(tensor):
            continue
        found = True
        entries = {entry.key: entry.value for entry in tensor.external_data}
        location = entries.get("location", "")
        place = folder / location
        inside = not PurePosixPath(location).is_absolute() and place.resolve().is_relative_to(
            folder
        )
        if not location or not inside or place.is_symlink() or "\\" in location:
            raise ModelError(
                f"external data in {location!r}",
                where=f"{path}: tensor {tensor.name}",
                allowed="a file inside the network's folder",
            )
        if not place.is_file():
            raise ModelError(
                f"no file {location!r}",
                where=f"{path}: tensor {tensor.name}",
                allowed="the external data beside the network",
            )
    if found:
        try:
            external_data_helper.load_external_data_for_model(model, str(folder))
        except Exception as error:  # onnx raises its checker's own types
            raise ModelError(f"external data cannot be read ({error})", where=str(path)) from None


def _fix_shapes(
    graph: onnx.GraphProto, shapes: Mapping[str, Sequence[int | None]], where: str
) -> None:
    """Write the given sizes into the graph's inputs; refuse contradictions and free sizes."""
    inputs = {value.name: value for value in graph.input}
    if unknown := sorted(set(shapes) - set(inputs)):
        raise ModelError(
            f"no input {unknown[0]!r}", where=f"{where}: shape", allowed=", ".join(inputs) or "none"
        )
    for name, value in inputs.items():
        place = f"{where}: input {name}"
        if not value.type.HasField("tensor_type"):
            raise ModelError("not a tensor", where=place, allowed="a tensor")
        if not value.type.tensor_type.shape.dim:
            raise ModelError("no shape, or a scalar", where=place, allowed="(N, ...)")
        _fix_shape(value.type.tensor_type.shape.dim, shapes.get(name), place)


def _fix_shape(sizes: Any, given: Sequence[int | None] | None, where: str) -> None:
    described = ", ".join(str(d.dim_value or d.dim_param or "?") for d in sizes)
    if given is not None and len(given) != len(sizes):
        raise ModelError(f"shape {list(given)}", where=where, allowed=f"as many as ({described})")
    for size, number in zip(sizes, given or [None] * len(sizes), strict=True):
        if number is None:
            continue
        if size.dim_value not in (0, number):
            raise ModelError(f"shape {list(given or [])}", where=where, allowed=f"({described})")
        size.dim_value = number
    free = [
        f"{axis} ({size.dim_param or '?'})"
        for axis, size in enumerate(sizes)
        if axis and size.dim_value < 1
    ]
    if free:
        raise ModelError(
            f"dimension {', '.join(free)} of ({described}) is free",
            where=where,
            allowed="fix it by a shape: in the study file, null keeps the batch free",
        )


def _with_working_batch(model: onnx.ModelProto, feeds: Feeds) -> onnx.ModelProto:
    """`model`, or a copy with its batch fixed at 1 where two samples do not give two answers."""
    for value in model.graph.output:  # a stale size of the file would contradict the inputs
        value.type.tensor_type.ClearField("shape")
    del model.graph.value_info[:]
    free = any(size[1][0] is None for size in input_specs(model).values())
    if not free:
        answers(model, feeds)
        return model
    try:
        answers(model, {name: array[:2] for name, array in feeds.items()})
        return model
    except ModelError as error:
        fixed = onnx.ModelProto()
        fixed.CopyFrom(model)
        for value in fixed.graph.input:
            value.type.tensor_type.shape.dim[0].dim_value = 1
        try:
            answers(fixed, feeds)
        except ModelError:
            raise error from None
        return fixed


def _check_weights(model: onnx.ModelProto) -> None:
    """ONNX Runtime's quantiser knows float32 weights only."""
    for layer in weight_layers(model):
        if layer.weights.dtype != np.float32:
            raise ModelError(
                f"{layer.weights.dtype} weights", where=f"node {layer.name}", allowed="float32"
            )


def _sort_nodes(graph: onnx.GraphProto) -> None:
    """Each node behind those it reads from, as ONNX asks and some quantisers do not do."""
    made = {name for node in graph.node for name in node.output if name}
    waiting, ordered = list(graph.node), []
    while waiting:
        ready = [node for node in waiting if not made.intersection(node.input)]
        if not ready:
            raise ModelError("the graph has a cycle", where=f"node {waiting[0].name}")
        ordered += ready
        made.difference_update(name for node in ready for name in node.output)
        names = {node.name for node in ready}
        waiting = [node for node in waiting if node.name not in names]
    kept = [onnx.NodeProto.FromString(node.SerializeToString()) for node in ordered]
    del graph.node[:]
    graph.node.extend(kept)


def answers(
    model: onnx.ModelProto, feeds: Feeds, batch: int | None = None
) -> dict[str, NDArray[Any]]:
    """The outputs for some samples; the first must be finite and have one row for each."""
    rows = len(next(iter(feeds.values())))
    name = model.graph.output[0].name
    try:
        outputs = run_onnx(model, feeds, batch=batch or rows, optimization="basic")
    except ModelError:
        raise
    except Exception as error:  # ONNX Runtime's own types, and NumPy's for odd outputs
        raise ModelError(
            f"the network does not run ({error})",
            where=f"output {name}",
            allowed="what ONNX Runtime runs on a CPU",
        ) from error
    found = outputs[name]
    if found.ndim == 0 or len(found) != rows or not found.size:
        raise ModelError(
            f"shape {found.shape} for {rows} samples",
            where=f"output {name}",
            allowed="one row a sample",
        )
    if found.dtype.kind not in "fiu":
        raise ModelError(f"{found.dtype} values", where=f"output {name}", allowed="numbers")
    if not np.isfinite(found).all():
        raise ModelError("NaN or infinity", where=f"output {name}", allowed="finite numbers")
    return outputs
