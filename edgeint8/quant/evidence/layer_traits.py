"""What may explain a layer's sensitivity: weight spread, activation outliers, K, unused levels."""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import onnx

from edgeint8.errors import DataError
from edgeint8.quant.affine import IntegerGrid, parameters_from_range
from edgeint8.quant.calibrate.calibration import ASYMMETRIC, SYMMETRIC, TensorRange
from edgeint8.quant.calibrate.histogram import TensorHistogram
from edgeint8.quant.graph import weight_layers

BULK_PERCENT = 99.9  # the share of magnitudes that an outlier is compared with


@dataclass(frozen=True)
class LayerTraits:
    """Covariates of one layer.

    k
        Products summed for one output value.
    channels, dead_channels
        Output channels, and those whose weights are all zero.
    weight_range_ratio
        Largest over smallest |weight| maximum of the live channels: what one scale per tensor must
        cover, and one per channel need not. 2^b means that the weakest channel loses b bits.
    activation_outlier_ratio
        Largest magnitude of the layer's input over its 99.9 % quantile.
    """

    layer: str
    op_type: str
    k: int
    channels: int
    dead_channels: int
    weight_range_ratio: float
    activation_outlier_ratio: float


def layer_traits(
    model: onnx.ModelProto, seen: Mapping[str, TensorHistogram]
) -> tuple[LayerTraits, ...]:
    """Traits of every weight layer, in graph order; `seen` has counts (``observe(bins=...)``)."""
    inputs = {node.name: node.input[0] for node in model.graph.node}
    traits = []
    for layer in weight_layers(model):
        rows = np.abs(layer.channels_first)
        largest = rows.max(axis=1)
        live = largest[largest > 0]
        traits.append(
            LayerTraits(
                layer=layer.name,
                op_type=layer.op_type,
                k=rows.shape[1],
                channels=rows.shape[0],
                dead_channels=int(rows.shape[0] - live.size),
                weight_range_ratio=float(live.max() / live.min()) if live.size else 1.0,
                activation_outlier_ratio=outlier_ratio(seen[inputs[layer.name]]),
            )
        )
    return tuple(traits)


def outlier_ratio(histogram: TensorHistogram) -> float:
    """Largest magnitude over its 99.9 % quantile (upper edge of that bin), at least 1."""
    if not histogram.counts.sum():
        raise DataError("a histogram without counts", allowed="observe(bins=...)")
    if histogram.limit == 0:
        return 1.0
    half = histogram.counts.size // 2
    magnitudes = histogram.counts[half:] + histogram.counts[:half][::-1]
    share = np.cumsum(magnitudes) / magnitudes.sum()
    bin_above = int(np.searchsorted(share, BULK_PERCENT / 100)) + 1
    return max(1.0, half / bin_above)


def unused_levels(entry: TensorRange, *, symmetric: bool) -> float:
    """Share of the grid's levels below or above every observed value.

    With symmetric activations half of the levels after a ReLU.
    """
    grid: IntegerGrid = SYMMETRIC if symmetric else ASYMMETRIC
    low, high = entry.bounds(symmetric=symmetric)
    parameters = parameters_from_range(low, high, grid, symmetric=symmetric)
    scale, zero = float(parameters.scale), int(parameters.zero_point)
    ends = np.rint(np.asarray([entry.minimum, entry.maximum]) / scale) + zero
    first, last = np.clip(ends, grid.qmin, grid.qmax)
    levels = grid.qmax - grid.qmin + 1
    return float(1 - (last - first + 1) / levels)
