"""A user's arrays as the codes that a .tflite network reads."""

from collections.abc import Iterator, Mapping

import numpy as np

from edgeint8.conventions import Array
from edgeint8.errors import DataError
from edgeint8.tflite.convert.convert import Converted
from edgeint8.tflite.file.model import Tensor

Inputs = Array | Mapping[str, Array]
PIECE_BYTES = 32 << 20
LARGEST_PIECE = 16


def as_codes(tensor: Tensor, values: Array) -> Array:
    """`values` (n, ...) in the tensor's type; floats for an int8 input become codes, ties to even.

    Raises `DataError` where shape or type do not fit.
    """
    values = np.asarray(values)
    if values.ndim != len(tensor.shape) or values.shape[1:] != tensor.shape[1:]:
        raise DataError(
            f"array {values.shape}", where=tensor.place, allowed=f"(n, {_words(tensor.shape[1:])})"
        )
    if len(values) == 0 or len(values) % tensor.shape[0]:
        raise DataError(
            f"{len(values)} images", where=tensor.place, allowed=f"{tensor.shape[0]} x n"
        )
    if values.dtype == tensor.dtype:
        return np.ascontiguousarray(values)
    if values.dtype.kind == "f" and tensor.dtype == np.float32:
        return values.astype(np.float32)
    if values.dtype.kind == "f" and tensor.dtype == np.int8 and np.isfinite(values).all():
        scale, zero = tensor.codes()
        level = np.rint(values.astype(np.float32) / scale[0]).astype(np.float64) + float(zero[0])
        return np.clip(level, -128, 127).astype(np.int8)
    raise DataError(
        f"array of {values.dtype}", where=tensor.place, allowed=f"{tensor.dtype}, or finite floats"
    )


def feeds_of(converted: Converted, inputs: Inputs) -> dict[str, Array]:
    """Codes by name of the graph's inputs; all have as many images."""
    source = converted.source
    names = [each.name for each in converted.model.graph.input]
    if not isinstance(inputs, Mapping):
        if len(names) != 1:
            raise DataError("one array", allowed=f"arrays for {', '.join(names)}")
        inputs = {names[0]: inputs}
    missing = [name for name in names if name not in inputs]
    if missing:
        raise DataError(f"no array for {', '.join(missing)}", allowed=f"{', '.join(names)}")
    tensors = [source.tensors[index] for index in source.inputs]
    feeds = {n: as_codes(t, inputs[n]) for n, t in zip(names, tensors, strict=True)}
    counts = {len(feeds[n]) // t.shape[0] for n, t in zip(names, tensors, strict=True)}
    if len(counts) != 1:
        raise DataError("inputs have different numbers of images", allowed="equal ones")
    return feeds


def pieces(converted: Converted, feeds: Mapping[str, Array]) -> Iterator[dict[str, Array]]:
    """Feeds cut into a few inferences each; into one each where a network mixes its first axis."""
    sizes = [converted.source.tensors[k].shape[0] for k in converted.source.inputs]
    at_once = piece_size(converted)
    count = len(next(iter(feeds.values()))) // sizes[0]
    for start in range(0, count, at_once):
        yield {
            name: values[start * size : (start + at_once) * size]
            for size, (name, values) in zip(sizes, feeds.items(), strict=True)
        }


def piece_size(converted: Converted) -> int:
    """Inferences that run at once."""
    if not converted.batched:
        return 1
    made = [converted.source.tensors[index].shape for index in converted.views]
    elements = sum(int(np.prod(shape)) for shape in made)
    return max(1, min(LARGEST_PIECE, PIECE_BYTES // max(elements, 1)))


def _words(shape: tuple[int, ...]) -> str:
    return ", ".join(map(str, shape))
