"""ONNX Runtime sessions: the one place where models are run, all settings that matter fixed."""

import os
import sys
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import onnxruntime as ort
from numpy.typing import NDArray
from tqdm import tqdm

from edgeint8.errors import DataError, model_error

# INT8 dot products that do not saturate in 16 bits on the way (see `has_exact_u8s8`).
EXACT_U8S8_FLAGS = frozenset({"avx512_vnni", "avx_vnni", "amx_int8", "avx_vnni_int8"})
LEVELS = {
    "disable": ort.GraphOptimizationLevel.ORT_DISABLE_ALL,
    "basic": ort.GraphOptimizationLevel.ORT_ENABLE_BASIC,
    "extended": ort.GraphOptimizationLevel.ORT_ENABLE_EXTENDED,
    "all": ort.GraphOptimizationLevel.ORT_ENABLE_ALL,
}
GAP_FILLER = "WeightBiasQuantization"  # the optimiser's name
PATIENCE_S = 1.0  # what takes less gets no progress bar
DEFAULT_BATCH = 32


def make_session(
    model: onnx.ModelProto | str | Path,
    *,
    threads: int = 1,
    optimization: str = "all",
    save_optimized: str | Path | None = None,
    fill_gaps: bool = False,
) -> ort.InferenceSession:
    """A CPU session with `threads` threads, quiet, on which int8 QDQ graphs become integer graphs.

    ONNX Runtime keeps residual networks of signed QDQ activations partly float on x86 unless
    ``session.qdqisint8allowed`` is set. `save_optimized` receives the graph after optimisation.
    Float weights and biases stay float as the file has them; `fill_gaps` lets ONNX Runtime quantise
    those between DequantizeLinear and QuantizeLinear, as it does by default: networks that came
    quantised with float biases need it, but a layer that was kept float would not be.
    """
    options = ort.SessionOptions()
    options.intra_op_num_threads = threads
    options.inter_op_num_threads = 1
    options.log_severity_level = 3
    options.graph_optimization_level = LEVELS[optimization]
    options.add_session_config_entry("session.qdqisint8allowed", "1")
    if save_optimized is not None:
        options.optimized_model_filepath = str(save_optimized)
    source = model.SerializeToString() if isinstance(model, onnx.ModelProto) else str(model)
    try:
        return ort.InferenceSession(
            source,
            options,
            providers=["CPUExecutionProvider"],
            disabled_optimizers=None if fill_gaps else [GAP_FILLER],
        )
    except Exception as error:  # the pybind layer raises its own unexported exception types
        raise model_error(
            error,
            f"ONNX Runtime cannot load the model ({error})",
            where=f"graph {model.graph.name!r}"
            if isinstance(model, onnx.ModelProto)
            else str(model),
            allowed="operators that ONNX Runtime has for this opset on a CPU",
        ) from error


def outputs_of(
    session: ort.InferenceSession, names: Sequence[str] | None, feeds: Mapping[str, NDArray]
) -> list[Any]:
    """The named outputs, or all; what ONNX Runtime loads and cannot run is a `ModelError`."""
    try:
        found: list[Any] = session.run(names, feeds)
        return found
    except Exception as error:  # the pybind layer raises its own unexported exception types
        raise model_error(
            error,
            f"ONNX Runtime cannot run the model ({error})",
            where=f"output {session.get_outputs()[0].name}",
            allowed="what ONNX Runtime runs on a CPU",
        ) from error


def run_onnx(
    model: onnx.ModelProto | str | Path | ort.InferenceSession,
    inputs: Mapping[str, NDArray],
    *,
    threads: int = 1,
    batch: int = DEFAULT_BATCH,
    optimization: str = "extended",
) -> dict[str, NDArray]:
    """Outputs of the model, by name, for `inputs` of shape (N, ...), run `batch` at a time.

    Besides the first output, only those that have one row a sample.

    Static models give the same outputs for every batch and thread count; dynamically quantised
    ones take their scales from the whole batch and belong at ``batch=1``. The extended level is the
    reference of every number: above it the layout, and with it the order of a float sum, may depend
    on what shapes ONNX Runtime could infer. Latency is measured at ``all``.
    """
    session = (
        model
        if isinstance(model, ort.InferenceSession)
        else make_session(model, threads=threads, optimization=optimization)
    )
    names = [output.name for output in session.get_outputs()]
    rows, pieces = [], []
    for chunk in chunks(session, inputs, batch):
        rows.append(len(next(iter(chunk.values()))))
        pieces.append(outputs_of(session, names, chunk))
    return {
        name: np.concatenate(parts)
        for name, parts in zip(names, zip(*pieces, strict=True), strict=True)
        if name == names[0] or _has_rows(parts, rows)
    }


def _has_rows(parts: Sequence[Any], rows: Sequence[int]) -> bool:
    """Whether an output's pieces are arrays of one shape a sample, `rows` samples each."""
    if not all(isinstance(part, np.ndarray) for part in parts):
        return False
    sizes = [part.shape[:1] for part in parts]
    return sizes == [(count,) for count in rows] and len({part.shape[1:] for part in parts}) == 1


def chunks(
    session: ort.InferenceSession, inputs: Mapping[str, NDArray], batch: int
) -> Iterator[dict[str, NDArray]]:
    """Cut the inputs along their first axis; a model with a fixed batch size dictates `batch`."""
    arguments = session.get_inputs()
    if missing := [argument.name for argument in arguments if argument.name not in inputs]:
        raise DataError(f"no data for input {missing[0]}", allowed=f"{sorted(inputs)}")
    counts = {len(inputs[argument.name]) for argument in arguments}
    if len(counts) != 1 or 0 in counts:
        raise DataError(f"inputs with {sorted(counts)} rows", allowed="one common number above 0")
    count = counts.pop()
    fixed = {a.shape[0] for a in arguments if a.shape and isinstance(a.shape[0], int)}
    if fixed:
        batch = min(fixed)
        if count % batch:
            raise DataError(f"{count} rows for a batch size of {batch}", allowed="a multiple")
    if batch < 1:
        raise DataError(f"batch {batch}", allowed="1 or more")
    starts = tqdm(
        range(0, count, batch),
        desc=f"{count} samples",
        file=sys.__stderr__,
        disable="EDGEINT8_NO_BARS" in os.environ or None,  # None: off where nobody watches
        leave=False,
        delay=PATIENCE_S,
    )
    for start in starts:
        yield {a.name: inputs[a.name][start : start + batch] for a in arguments}


def cpu_flags(path: str | Path = "/proc/cpuinfo") -> frozenset[str]:
    """Feature flags of this machine's processor; empty where the system does not list them."""
    try:
        lines = Path(path).read_text(encoding="utf-8").splitlines()
    except OSError:
        return frozenset()
    for line in lines:
        key, _, value = line.partition(":")
        if key.strip() in ("flags", "Features"):
            return frozenset(value.split())
    return frozenset()


def has_exact_u8s8(flags: frozenset[str]) -> bool:
    """Whether unsigned-by-signed INT8 products are exact on an x86 processor with these flags.

    Without VNNI the kernels use ``vpmaddubsw``, which adds two products in 16 bits and saturates:
    2 * 255 * 127 > 32767. Processors whose flags are not known count as inexact.
    """
    return bool(flags & EXACT_U8S8_FLAGS)
