"""One's own ONNX file: read with care, its free sizes fixed, made ready for the study.

A float network goes through `prepare_model`; one that came quantised (QDQ or QOperator, from
whatever tool) keeps its arithmetic, and runs as ONNX Runtime's integer graph of it.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import onnx.inliner
from numpy.typing import NDArray
from onnx import helper

from edgeint8.errors import DataError, ModelError, model_error
from edgeint8.quant.affine import sqnr_db
from edgeint8.quant.calibrate.histogram import observe
from edgeint8.quant.graph import reads_of, replace_nodes, weight_layers
from edgeint8.quant.prepare.prepare import (
    NEWEST_IR,
    OLDEST_IR,
    drop_initializers_from_inputs,
    name_nodes,
    prepare_model,
)
from edgeint8.quant.prequantized.detection import is_quantized, refuse_other_codes
from edgeint8.quant.prequantized.external_data import load_external_data, tensors_of
from edgeint8.quant.prequantized.samples_first import (
    BatchAxis,
    Constants,
    axis_of,
    bind_constants,
    put_samples_first,
)
from edgeint8.quant.session import DEFAULT_BATCH, run_onnx

Feeds = Mapping[str, NDArray[Any]]
ALLOWED_FILE = "a whole file in ONNX format"
NO_CONSTANTS: Constants = {}
LARGEST_BYTES = 2**31 - 1  # of a protobuf message
FAITHFUL_DB = 60.0  # preparing moves float results by rounding: 1e-3 of the signal is far more


def read_network(
    path: str | Path,
    shapes: Mapping[str, Sequence[int | None]],
    constants: Constants = NO_CONSTANTS,
    batch_axis: BatchAxis = 0,
) -> onnx.ModelProto:
    """The network of an ONNX file with its external data inside and its free sizes fixed.

    `shapes` gives inputs by name; None keeps what the file says. Only the batch of an input may
    stay free; from `batch_axis` it comes to the front. `constants` are inputs that are settings.
    Raises `ModelError` in one line.
    """
    model = _load(Path(path))
    load_external_data(model, Path(path))
    if model.ByteSize() > LARGEST_BYTES:
        raise ModelError(f"{model.ByteSize():,} bytes", where=str(path), allowed="below 2 GiB")
    model = _inlined(model, str(path))
    model.ir_version = min(max(model.ir_version, OLDEST_IR), NEWEST_IR)
    drop_initializers_from_inputs(model.graph)
    name_nodes(model.graph)
    if not model.graph.node or not model.graph.output:
        raise ModelError(
            "a graph without nodes or outputs", where=str(path), allowed="at least one of each"
        )
    if not model.graph.input:
        raise ModelError(
            "a graph without inputs, whose answer is always the same",
            where=str(path),
            allowed="at least one input, (N, ...)",
        )
    bind_constants(model.graph, constants, str(path))
    _fix_shapes(model.graph, shapes, batch_axis, str(path))
    if batch_axis != 0:
        put_samples_first(model, batch_axis, str(path))
    return model


def _inlined(model: onnx.ModelProto, where: str) -> onnx.ModelProto:
    """The network with the bodies of its own functions in the place of their calls."""
    if not model.functions:
        return model
    try:
        return onnx.inliner.inline_local_functions(model)
    except Exception as error:  # the inliner raises its own types
        raise model_error(
            error, f"functions cannot be inlined ({error})", where=where, allowed=ALLOWED_FILE
        ) from None


def input_specs(model: onnx.ModelProto) -> dict[str, tuple[np.dtype[Any], tuple[int | None, ...]]]:
    """NumPy type and shape of every input; None for a free batch."""
    specs = {}
    for value in model.graph.input:
        tensor = value.type.tensor_type
        if not tensor.elem_type:
            raise ModelError("no type", where=f"input {value.name}", allowed="a tensor of numbers")
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
        refuse_other_codes(model)
        prepared = onnx.ModelProto()
        prepared.CopyFrom(model)
        sort_nodes(prepared.graph)
    else:
        check_weights(model)
        prepared = prepare_model(model)
        check_weights(prepared)
        if not weight_layers(prepared):
            raise ModelError(
                "no layer to quantise",
                where=f"graph {model.graph.name!r}",
                allowed="a Conv, Gemm or MatMul with constant weights",
            )
    name = model.graph.output[0].name
    before, after = (answers(network, feeds)[name] for network in (model, prepared))
    if before.shape != after.shape or sqnr_db(before, after) < FAITHFUL_DB:
        raise ModelError(
            "preparing the network changed what it computes",
            where=f"output {name}",
            allowed=f"{FAITHFUL_DB:.0f} dB or more between the two",
        )
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


def _load(path: Path) -> onnx.ModelProto:
    try:
        model = onnx.load(path, load_external_data=False)
    except FileNotFoundError:
        raise ModelError("file does not exist", where=str(path)) from None
    except Exception as error:  # protobuf raises its own types
        raise model_error(
            error, f"not a readable ONNX file ({error})", where=str(path), allowed=ALLOWED_FILE
        ) from None
    if not model.HasField("graph"):
        raise ModelError(
            "not a readable ONNX file (no graph)", where=str(path), allowed=ALLOWED_FILE
        )
    return model


def _fix_shapes(
    graph: onnx.GraphProto,
    shapes: Mapping[str, Sequence[int | None]],
    batch_axis: BatchAxis,
    where: str,
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
            raise ModelError(
                "no shape, or a scalar", where=place, allowed="(N, ...), or a value in constants"
            )
        batch = axis_of(batch_axis, name)
        _fix_shape(value.type.tensor_type.shape.dim, shapes.get(name), batch, place)


def _fix_shape(
    sizes: Any, given: Sequence[int | None] | None, batch: int | None, where: str
) -> None:
    for size in sizes:
        if size.dim_value < 1:  # some exporters' words for a free size: -1 and 0
            size.ClearField("dim_value")
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
        if axis != batch and size.dim_value < 1
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
        if value.type.HasField("tensor_type"):
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


def check_weights(model: onnx.ModelProto) -> None:
    """ONNX Runtime's quantiser knows float32 weights only; others become no constants of INT8."""
    for layer in weight_layers(model):
        if layer.weights.dtype != np.float32:
            raise ModelError(
                f"{layer.weights.dtype} weights", where=f"node {layer.name}", allowed="float32"
            )


def sort_nodes(graph: onnx.GraphProto) -> None:
    """Each node behind those it reads from, as ONNX asks and some quantisers do not do."""
    made = {name for node in graph.node for name in node.output if name}
    waiting, ordered = list(graph.node), []
    while waiting:
        ready = [made.isdisjoint(reads_of(node)) for node in waiting]
        if not any(ready):
            raise ModelError(
                "the graph has a cycle", where=f"node {waiting[0].name}", allowed="none"
            )
        now = [node for node, free in zip(waiting, ready, strict=True) if free]
        ordered += now
        made.difference_update(name for node in now for name in node.output)
        waiting = [node for node, free in zip(waiting, ready, strict=True) if not free]
    replace_nodes(graph, ordered)


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
    except ValueError as error:  # NumPy's, of pieces that do not fit together
        raise ModelError(
            f"batches of different answers ({error})",
            where=f"output {name}",
            allowed="one row a sample",
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
