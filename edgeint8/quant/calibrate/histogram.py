"""What calibration sees of a tensor: extremes and a histogram of fixed size, filled by streaming.

Two passes over the images. The first finds the exact minimum and maximum of every tensor; the
second counts values in `bins` equal bins over [-t, t], t = max(|min|, |max|). Because the edges are
known before the counting begins, counts of chunks simply add up: the result does not depend on how
the images are cut, and memory holds one chunk of activations and one histogram a tensor, however
many images there are.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import onnx
from numpy.typing import NDArray

from edgeint8.errors import DataError
from edgeint8.quant.session import DEFAULT_BATCH, chunks, make_session, outputs_of

SMALLEST, LARGEST = 2.0**-100, float(np.finfo(np.float32).max) / 2  # of limits in float32
CHUNK_BYTES = 256 * 1024 * 1024  # activations held at a time


@dataclass(frozen=True)
class TensorHistogram:
    """Extremes of a tensor and its counts.

    minimum, maximum: float32 values held as Python floats; counts: int64, (bins,), over
    [-limit, limit]; empty when only the extremes were asked for; zeros: how many of the counted
    values are exactly 0.
    """

    minimum: float
    maximum: float
    counts: NDArray[np.int64]
    zeros: int = 0

    def __post_init__(self) -> None:
        if not self.minimum <= self.maximum:  # also refuses NaN
            raise DataError(f"range [{self.minimum}, {self.maximum}]", allowed="minimum <= maximum")

    @property
    def limit(self) -> float:
        """Largest absolute value, t."""
        return max(abs(self.minimum), abs(self.maximum))

    @property
    def edges(self) -> NDArray[np.float32]:
        """Bin edges, (bins + 1,), float32 as NumPy makes them for float32 data."""
        return np.histogram_bin_edges(
            np.empty(0, np.float32), self.counts.size, range=_range(self.limit)
        ).astype(np.float32)


def observe(
    model: onnx.ModelProto,
    inputs: Mapping[str, NDArray],
    *,
    bins: int = 0,
    batch: int | None = None,
) -> dict[str, TensorHistogram]:
    """Observe every float activation of `model`, graph inputs included, over `inputs` (N, ...).

    `bins` = 0 takes one pass and leaves the counts empty. `batch` images are run at a time; None
    chooses as many as fit `CHUNK_BYTES`, at most 32. Values that are not finite are refused.
    """
    lows: dict[str, float] = {}
    highs: dict[str, float] = {}
    batch = batch or _affordable_batch(model, inputs)
    names, activations = _activations(model, inputs, batch)
    for name, values in activations:
        if values.size == 0:
            continue
        low, high = float(values.min()), float(values.max())
        if not (np.isfinite(low) and np.isfinite(high)):
            raise DataError("NaN or infinity during calibration", where=f"tensor {name}")
        lows[name] = min(low, lows.get(name, low))
        highs[name] = max(high, highs.get(name, high))
    counts = {name: np.zeros(bins, np.int64) for name in lows}
    zeros = dict.fromkeys(lows, 0)
    if bins:
        limits = {name: max(abs(lows[name]), abs(highs[name])) for name in lows}
        for name, values in _activations(model, inputs, batch)[1]:
            if values.size:
                counts[name] += count(values, limits[name], bins)
                zeros[name] += values.size - int(np.count_nonzero(values))
    seen = [name for name in names if name in lows]
    return {n: TensorHistogram(lows[n], highs[n], counts[n], zeros[n]) for n in seen}


def count(values: NDArray[np.float32], limit: float, bins: int) -> NDArray[np.int64]:
    """Counts of `values` in `bins` equal bins over [-limit, limit], by NumPy's rule at edges."""
    ends = _range(limit)
    values = values.ravel().astype(type(ends[0]), copy=False)
    return np.histogram(values, bins, range=ends)[0].astype(np.int64)


def _range(limit: float) -> tuple[Any, Any]:
    """Bounds as float32 scalars: NumPy then computes the edges in float32, not only stores them.

    Where the width of the range overflows float32 (a mask of its smallest number), or a bin would
    be narrower than its normal numbers, they are float64.
    """
    kind = np.float32 if SMALLEST <= limit <= LARGEST else np.float64
    return kind(-limit), kind(limit)


def _affordable_batch(model: onnx.ModelProto, inputs: Mapping[str, NDArray]) -> int:
    """How many images' activations fit `CHUNK_BYTES`, judged by the first image."""
    first = {name: array[:1] for name, array in inputs.items()}
    if any(dim.dim_value > 1 for dim in _batch_dimensions(model)):
        return DEFAULT_BATCH  # a fixed batch size overrules the choice
    image_bytes = sum(values.nbytes for _, values in _activations(model, first, 1)[1])
    return max(1, min(DEFAULT_BATCH, CHUNK_BYTES // max(1, image_bytes)))


def _batch_dimensions(model: onnx.ModelProto) -> list[onnx.TensorShapeProto.Dimension]:
    shapes = [value.type.tensor_type.shape.dim for value in model.graph.input]
    return [shape[0] for shape in shapes if shape]


def _activations(
    model: onnx.ModelProto, inputs: Mapping[str, NDArray], batch: int
) -> tuple[list[str], Iterator[tuple[str, NDArray[np.float32]]]]:
    """Names of all float activations in graph order, and a stream of (name, values of a chunk)."""
    watched = onnx.ModelProto()
    watched.CopyFrom(model)
    constant = {tensor.name for tensor in model.graph.initializer}
    given = [value.name for value in model.graph.input if value.name not in constant]
    made = [name for node in model.graph.node for name in node.output if name]
    del watched.graph.output[:]
    watched.graph.output.extend(onnx.ValueInfoProto(name=name) for name in made)
    session = make_session(watched, optimization="disable")
    floats = {
        v.name for v in (*session.get_inputs(), *session.get_outputs()) if v.type == "tensor(float)"
    }
    given, made = ([n for n in names if n in floats] for names in (given, made))

    def stream() -> Iterator[tuple[str, NDArray[np.float32]]]:
        for chunk in chunks(session, inputs, batch):
            for name in given:
                yield name, chunk[name]
            yield from zip(made, outputs_of(session, made, chunk), strict=True)

    return [*given, *made], stream()
