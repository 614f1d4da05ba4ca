"""ONNX Runtime as a witness: a model run with every intermediate tensor as an output."""

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import onnx
import onnxruntime

from edgeint8.errors import DataError, ModelError

Array = npt.NDArray[Any]


def with_all_outputs(model: onnx.ModelProto) -> onnx.ModelProto:
    """A copy of the model whose outputs are the tensors of all nodes."""
    copy = onnx.ModelProto()
    copy.CopyFrom(model)
    known = {output.name for output in copy.graph.output}
    for node in copy.graph.node:
        for name in node.output:
            if name and name not in known:
                copy.graph.output.append(onnx.ValueInfoProto(name=name))
                known.add(name)
    return copy


def session(model: onnx.ModelProto) -> onnxruntime.InferenceSession:
    """A single-threaded CPU session, reference mode ``ORT_ENABLE_EXTENDED``.

    The mode matters only where a float GlobalAveragePool remains: up to EXTENDED its float32 sum
    runs in four lanes. ENABLE_ALL may move the node to another layout, whose sum is sequential, and
    decides that from the shapes it could infer, so it is no reproducible reference.
    """
    options = onnxruntime.SessionOptions()
    options.graph_optimization_level = onnxruntime.GraphOptimizationLevel.ORT_ENABLE_EXTENDED
    options.intra_op_num_threads = options.inter_op_num_threads = 1
    options.log_severity_level = 3
    try:
        return onnxruntime.InferenceSession(
            model.SerializeToString(), options, providers=["CPUExecutionProvider"]
        )
    except Exception as error:  # onnxruntime raises its own classes straight from Exception
        raise ModelError(f"ONNX Runtime refuses the model: {error}") from error


def batches(
    model: onnx.ModelProto, feeds: Mapping[str, Array], batch: int = 50
) -> Iterator[tuple[dict[str, Array], dict[str, Array]]]:
    """Pairs (feeds, all tensors) of `batch` images; memory holds one pair.

    A model whose input has a fixed batch size is fed in pieces of that size.
    """
    if len({len(value) for value in feeds.values()}) != 1:
        raise DataError("inputs have different numbers of images")
    runner = session(with_all_outputs(model))
    first = runner.get_inputs()[0].shape
    size = first[0] if first and isinstance(first[0], int) else batch
    names = [output.name for output in runner.get_outputs()]
    total = len(next(iter(feeds.values())))
    for start in range(0, total, size):
        part = {name: value[start : start + size] for name, value in feeds.items()}
        yield part, dict(zip(names, runner.run(names, part), strict=True))


def all_tensors(model: onnx.ModelProto, feeds: Mapping[str, Array]) -> dict[str, Array]:
    """Every tensor of the graph for all images at once; for long inputs use `batches`."""
    pieces = [tensors for _, tensors in batches(model, feeds)]
    return {name: np.concatenate([piece[name] for piece in pieces]) for name in pieces[0]}


def has_exact_int8(cpu_flags: str | None = None) -> bool:
    """Whether this CPU's uint8 x int8 kernels are exact: x86 with VNNI.

    Without VNNI, ORT uses ``vpmaddubsw``, whose 16-bit pair sums saturate at 2*255*127; ARM uses
    fixed-point arithmetic in QLinearAdd and pools.
    """
    if cpu_flags is None:
        info = Path("/proc/cpuinfo")
        cpu_flags = info.read_text(encoding="utf-8") if info.exists() else ""
    return "avx512_vnni" in cpu_flags or "avx_vnni" in cpu_flags
