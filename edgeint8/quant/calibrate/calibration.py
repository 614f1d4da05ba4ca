"""Calibration: from what was observed of a tensor to the range that its levels shall cover.

minmax      the observed extremes.
percentile  the narrowest run of bins that leaves (100 - p) / 2 percent outside on either side.
entropy     the range whose quantised histogram loses the least information (KL divergence),
            searched over all central stretches of the histogram.
mse         the range with the least expected squared error: rounding inside, clipping outside.

The first three give one range that serves asymmetric and symmetric activations alike; the MSE
depends on the grid, so both optima are kept.
"""

from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass, replace
from typing import Any

import numpy as np
import onnx
from numpy.typing import NDArray

from edgeint8.errors import ConfigError, DataError
from edgeint8.extensions import CALIBRATIONS
from edgeint8.quant.affine import IntegerGrid
from edgeint8.quant.calibrate.histogram import TensorHistogram, observe
from edgeint8.quant.prepare.masks import clampable, with_clamped
from edgeint8.quant.strategy import DEFAULT_BINS, DEFAULT_PERCENTILE, calibration_methods

# Levels that the entropy search merges its bins into: those of 8 bits. Set before any result.
QUANTIZED_BINS = 256
# Fractions of the observed extreme that the MSE search tries for either end of the range.
FRACTIONS = np.arange(1, 101) / 100
ASYMMETRIC = IntegerGrid(8, signed=False)
SYMMETRIC = IntegerGrid(8, signed=True, restricted=True)


@dataclass(frozen=True)
class TensorRange:
    """[low, high] for asymmetric activations and [-limit, limit] for symmetric ones.

    minimum and maximum are what was observed, so that clipping can be seen from the range alone.
    """

    low: float
    high: float
    limit: float
    minimum: float
    maximum: float

    def __post_init__(self) -> None:
        if not (
            np.isfinite([self.low, self.high, self.limit, self.minimum, self.maximum]).all()
            and self.low <= self.high
        ):
            raise DataError(f"range {self}", allowed="finite numbers, low <= high")
        if self.limit < 0:
            raise DataError(f"limit {self.limit}", allowed="0 or more")

    def bounds(self, *, symmetric: bool) -> tuple[float, float]:
        """The range that a strategy's activations use."""
        return (-self.limit, self.limit) if symmetric else (self.low, self.high)

    def is_full(self, *, symmetric: bool) -> bool:
        """Whether nothing that was observed is clipped, so that minmax would do the same."""
        low, high = self.bounds(symmetric=symmetric)
        return low <= min(self.minimum, 0.0) and high >= max(self.maximum, 0.0)


@dataclass(frozen=True)
class Calibration:
    """The ranges of every tensor, and where they came from: computed once, used by many strategies.

    bins and quantized_bins are None where the method has none; clamped: the stored masks that were
    limited to -100 before anything was observed, and must be when these ranges are used; equalized:
    ranges of the network after cross-layer equalisation.
    """

    method: str
    images: int
    ranges: Mapping[str, TensorRange]
    bins: int | None = None
    quantized_bins: int | None = None
    percentile: float | None = None
    clamped: tuple[str, ...] = ()
    equalized: bool = False

    def __post_init__(self) -> None:
        if self.method not in calibration_methods():
            raise ConfigError(
                f"calibration {self.method}", allowed=", ".join(calibration_methods())
            )

    def full_ranges(self, *, symmetric: bool) -> tuple[str, ...]:
        """Tensors whose range is that of minmax calibration."""
        return tuple(n for n, entry in self.ranges.items() if entry.is_full(symmetric=symmetric))

    def to_json(self) -> dict[str, Any]:
        """A JSON value; floats are written so that they read back exactly."""
        return asdict(self)

    @classmethod
    def from_json(cls, value: Mapping[str, Any]) -> "Calibration":
        """The inverse of `to_json`; a malformed value is a `DataError`."""
        try:
            ranges = {name: TensorRange(**entry) for name, entry in value["ranges"].items()}
            return cls(**{**value, "ranges": ranges, "clamped": tuple(value.get("clamped", ()))})
        except (KeyError, TypeError, AttributeError) as error:
            raise DataError(f"not a calibration ({error})") from error


def calibrate(
    model: onnx.ModelProto,
    inputs: Mapping[str, NDArray],
    method: str,
    *,
    bins: int = DEFAULT_BINS,
    percentile: float = DEFAULT_PERCENTILE,
    quantized_bins: int = QUANTIZED_BINS,
    batch: int | None = None,
    clamp_masks: bool = True,
) -> Calibration:
    """Run the float `model` over `inputs` (N, ...) and choose a range for every activation."""
    clamped = clampable(model, inputs) if clamp_masks else ()
    model = with_clamped(model, clamped)
    seen = observe(model, inputs, bins=0 if method == "minmax" else bins, batch=batch)
    images = len(next(iter(inputs.values())))
    found = calibrate_from(
        seen, method, images=images, percentile=percentile, quantized_bins=quantized_bins
    )
    return replace(found, clamped=clamped)


def calibrate_from(
    seen: Mapping[str, TensorHistogram],
    method: str,
    *,
    images: int,
    percentile: float = DEFAULT_PERCENTILE,
    quantized_bins: int = QUANTIZED_BINS,
    equalized: bool = False,
) -> Calibration:
    """Choose ranges from histograms already collected: one observation serves every method."""
    choose: dict[str, Callable[[TensorHistogram], TensorRange]] = {
        "minmax": minmax_range,
        "percentile": lambda histogram: percentile_range(histogram, percentile),
        "entropy": lambda histogram: entropy_range(histogram, quantized_bins),
        "mse": mse_range,
        **{name: _own(function) for name, function in CALIBRATIONS.items()},
    }
    if method not in choose:
        raise ConfigError(f"calibration {method}", allowed=", ".join(calibration_methods()))
    return Calibration(
        method=method,
        images=images,
        ranges={name: choose[method](histogram) for name, histogram in seen.items()},
        bins=None if method == "minmax" else next(iter(seen.values())).counts.size,
        quantized_bins=quantized_bins if method == "entropy" else None,
        percentile=percentile if method == "percentile" else None,
        equalized=equalized,
    )


def _own(
    function: Callable[[TensorHistogram], tuple[float, float]],
) -> Callable[[TensorHistogram], TensorRange]:
    """A method of a user's own: its range, cut to what was observed."""
    return lambda histogram: _inside(histogram, *function(histogram))


def minmax_range(histogram: TensorHistogram) -> TensorRange:
    """The observed extremes."""
    return _range(histogram, histogram.minimum, histogram.maximum, histogram.limit)


def percentile_range(histogram: TensorHistogram, percentile: float) -> TensorRange:
    """Cut (100 - percentile) / 2 percent of the values off either side.

    Each end is the lower edge of the bin in which the cumulated share reaches its target, and never
    lies outside the observed extremes: the rule of ONNX Runtime's asymmetric percentile calibrator.
    """
    if histogram.limit == 0:
        return minmax_range(histogram)
    share = np.cumsum(histogram.counts / histogram.counts.sum())
    cut = (100.0 - percentile) / 200.0
    edges = histogram.edges
    return _inside(
        histogram, edges[np.searchsorted(share, cut)], edges[np.searchsorted(share, 1.0 - cut)]
    )


def entropy_range(histogram: TensorHistogram, quantized_bins: int = QUANTIZED_BINS) -> TensorRange:
    """The central stretch of bins with the least KL divergence; the first one among equals."""
    if 2 * quantized_bins > histogram.counts.size:
        raise ConfigError(
            f"{histogram.counts.size} bins for {quantized_bins} quantised bins",
            where="entropy calibration",
            allowed=f"{2 * quantized_bins} bins or more, or there is nothing to search",
        )
    if histogram.limit == 0:
        return minmax_range(histogram)
    divergence = entropy_divergences(histogram.counts, quantized_bins)
    middle = histogram.counts.size // 2
    half = quantized_bins // 2 + int(np.argmin(divergence))
    edges = histogram.edges
    return _inside(histogram, edges[middle - half], edges[min(middle + half + 1, edges.size - 1)])


def entropy_divergences(counts: NDArray[np.int64], quantized_bins: int) -> NDArray[np.float32]:
    """KL divergence of every central stretch, from `quantized_bins` wide to the whole histogram.

    Szymon Migacz, *8-bit inference with TensorRT* (GTC 2017), in the form that MXNet and ONNX
    Runtime gave it: outliers are added to the end bins of the reference, the candidate merges the
    stretch into `quantized_bins` levels and spreads each evenly over its non-empty bins.
    """
    middle = counts.size // 2
    result = []
    for half in range(quantized_bins // 2, middle + 1):
        start, end = middle - half, min(middle + half + 1, counts.size)
        inside = counts[start:end]
        reference = inside.copy()
        reference[0] += counts[:start].sum()
        reference[-1] += counts[end:].sum()
        result.append(_divergence(reference, _merged(inside, reference != 0, quantized_bins)))
    return np.asarray(result, np.float32)


def _merged(
    inside: NDArray[np.int64], occupied: NDArray[np.bool_], quantized_bins: int
) -> NDArray[np.int64]:
    """Counts of the stretch after merging into levels and spreading back, in whole counts.

    Bins that the level width leaves over at the end join the last level's sum and stay empty.
    """
    width = inside.size // quantized_bins
    kept = width * quantized_bins
    sums = inside[:kept].reshape(quantized_bins, width).sum(axis=1)
    sums[-1] += inside[kept:].sum()
    holders = occupied[:kept].reshape(quantized_bins, width).sum(axis=1)
    spread = np.zeros(inside.size, np.int64)
    spread[:kept] = np.repeat(np.where(holders > 0, sums // np.maximum(holders, 1), 0), width)
    return spread


def _divergence(reference: NDArray[np.int64], candidate: NDArray[np.int64]) -> np.float32:
    """KL(reference || candidate) of the two smoothed, normalised histograms, in float32."""
    p, q = _smoothed(reference), _smoothed(candidate)
    if p is None or q is None:
        return np.float32(np.inf)
    p, q = p / p.sum(), q / q.sum()
    return np.float32((p * np.log(p / q)).sum())


def _smoothed(counts: NDArray[np.int64], epsilon: float = 1e-4) -> NDArray[np.float32] | None:
    """Empty bins get `epsilon` counts, taken evenly from the others; None if they have none."""
    occupied = counts != 0
    holders = int(occupied.sum())
    if holders == 0 or (taken := epsilon * (counts.size - holders) / holders) >= 1:
        return None
    change = np.where(occupied, -taken, epsilon).astype(np.float32)
    return counts.astype(np.float32) + change


def mse_range(histogram: TensorHistogram) -> TensorRange:
    """The ranges with the least expected squared error, of the asymmetric and the symmetric grid.

    Either end is a fraction of the observed extreme, and all pairs of ends are compared. A value
    inside costs s^2 / 12 (equation 6), a value outside its squared distance to the end, taken at
    the centre of its bin; exact zeros, half of what a ReLU puts out, cost nothing on any grid.
    """
    if histogram.limit == 0:
        return minmax_range(histogram)
    edges = histogram.edges.astype(np.float64)
    centres = (edges[:-1] + edges[1:]) / 2
    counts = histogram.counts.astype(np.float64)
    inside = counts.sum() - histogram.zeros

    lows, highs = (
        np.unique(end * FRACTIONS) for end in (min(histogram.minimum, 0), max(histogram.maximum, 0))
    )
    lost_below, cost_below = _clipped(-centres, counts, -lows)
    lost_above, cost_above = _clipped(centres, counts, highs)
    steps = (highs - lows[:, None]) / (ASYMMETRIC.qmax - ASYMMETRIC.qmin)
    rounded = (inside - lost_below[:, None] - lost_above) * np.square(steps) / 12
    error = rounded + cost_below[:, None] + cost_above
    low, high = np.unravel_index(int(np.argmin(error)), error.shape)

    limits = histogram.limit * FRACTIONS
    lost, cost = _clipped(np.abs(centres), counts, limits)
    error = (inside - lost) * np.square(limits / SYMMETRIC.qmax) / 12 + cost
    return _range(histogram, lows[low], highs[high], limits[int(np.argmin(error))])


def _clipped(
    distances: NDArray[np.float64], counts: NDArray[np.float64], ends: NDArray[np.float64]
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """For each end: how many values lie beyond it, and the sum of their squared distances to it."""
    excess = np.maximum(distances - ends[:, None], 0.0)  # (ends, bins)
    return (excess > 0) @ counts, np.square(excess) @ counts


def _inside(histogram: TensorHistogram, low: Any, high: Any) -> TensorRange:
    """Clip a range to the observed extremes."""
    low = max(_single(low), histogram.minimum)
    high = max(min(_single(high), histogram.maximum), low)
    return _range(histogram, low, high, max(abs(low), abs(high)))


def _range(histogram: TensorHistogram, low: float, high: float, limit: float) -> TensorRange:
    ends = (_single(low), _single(high), _single(limit))
    return TensorRange(*ends, histogram.minimum, histogram.maximum)


def _single(value: Any) -> float:
    """Round to float32, the precision that ranges are used in."""
    return float(np.float32(value))
