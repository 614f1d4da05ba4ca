"""ONNX Runtime as a witness: a model run with every intermediate tensor as an output."""

from collections.abc import Iterator, Mapping

import numpy as np
import onnx

from edgeint8.conventions import IMAGES_AT_ONCE, Array
from edgeint8.errors import DataError
from edgeint8.quant.session import make_session, outputs_of

REFERENCE_MODE = "extended"
"""The optimisation level of the reference. It matters only where a float GlobalAveragePool remains:
up to EXTENDED its float32 sum runs in four lanes. ENABLE_ALL may move the node to another layout,
whose sum is sequential, and decides that from the shapes it could infer."""

PAIR_BYTES = 64 << 20


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


def batches(
    model: onnx.ModelProto, feeds: Mapping[str, Array], batch: int | None = None
) -> Iterator[tuple[dict[str, Array], dict[str, Array]]]:
    """Pairs (feeds, all tensors) of `batch` images; memory holds one pair.

    Without `batch` there are as many images in a pair as fit `PAIR_BYTES`, at most 50. A model
    whose input has a fixed batch size is fed in pieces of that size. Dynamically quantised models
    depend on the batch: give 1.
    """
    if len({len(value) for value in feeds.values()}) != 1:
        raise DataError("inputs have different numbers of images")
    runner = make_session(with_all_outputs(model), optimization=REFERENCE_MODE)
    names = [output.name for output in runner.get_outputs()]

    def run(part: dict[str, Array]) -> dict[str, Array]:
        return dict(zip(names, outputs_of(runner, names, part), strict=True))

    first = runner.get_inputs()[0].shape
    if first and isinstance(first[0], int):
        size = first[0]
    else:
        size = batch or _images_that_fit(run({k: v[:1] for k, v in feeds.items()}))
    for start in range(0, len(next(iter(feeds.values()))), size):
        part = {name: value[start : start + size] for name, value in feeds.items()}
        yield part, run(part)


def _images_that_fit(tensors: Mapping[str, Array]) -> int:
    """How many images a pair may hold, given the tensors of one."""
    one = sum(value.nbytes for value in tensors.values())
    return max(1, min(IMAGES_AT_ONCE, PAIR_BYTES // max(one, 1)))


def all_tensors(model: onnx.ModelProto, feeds: Mapping[str, Array]) -> dict[str, Array]:
    """Every tensor of the graph for all images at once; for long inputs use `batches`."""
    pieces = [tensors for _, tensors in batches(model, feeds)]
    if len(pieces) == 1:
        return pieces[0]
    return {name: np.concatenate([piece[name] for piece in pieces]) for name in pieces[0]}
