"""What explains the strategies' differences: ranges, unused levels, distributions of a network."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict

import numpy as np
import onnx
from numpy.typing import NDArray

from edgeint8.conventions import Row
from edgeint8.quant.calibrate.calibration import Calibration
from edgeint8.quant.calibrate.histogram import TensorHistogram
from edgeint8.quant.evidence.layer_traits import layer_traits, unused_levels
from edgeint8.quant.graph import weight_layers

SHOWN_BINS = 64


def trait_rows(model: onnx.ModelProto, seen: Mapping[str, TensorHistogram]) -> list[Row]:
    """One row a weight layer: `LayerTraits`."""
    return [asdict(traits) for traits in layer_traits(model, seen)]


def level_rows(model: onnx.ModelProto, calibrations: Sequence[Calibration]) -> list[Row]:
    """One row per (activation tensor, calibration): its range and the share of levels unused.

    `made_by` is the operator that writes the tensor, ``input`` for a graph input.
    """
    makers = {name: node.op_type for node in model.graph.node for name in node.output}
    return [
        {
            "tensor": tensor,
            "made_by": makers.get(tensor, "input"),
            "calibration": calibration.method,
            "low": entry.low,
            "high": entry.high,
            "limit": entry.limit,
            "minimum": entry.minimum,
            "maximum": entry.maximum,
            "unused_asymmetric": unused_levels(entry, symmetric=False),
            "unused_symmetric": unused_levels(entry, symmetric=True),
        }
        for calibration in calibrations
        for tensor, entry in calibration.ranges.items()
    ]


def histogram_rows(model: onnx.ModelProto, seen: Mapping[str, TensorHistogram]) -> list[Row]:
    """Distributions in `SHOWN_BINS` bins over [-t, t]: activations by tensor, weights by layer."""
    rows = []
    for tensor, histogram in seen.items():
        counts = histogram.counts.reshape(SHOWN_BINS, -1).sum(axis=1)
        rows += _bins("activation", tensor, counts, histogram.limit)
    for layer in weight_layers(model):
        limit = float(np.abs(layer.weights).max())
        counts, _ = np.histogram(layer.weights, SHOWN_BINS, range=(-limit, limit))
        rows += _bins("weight", layer.name, counts, limit)
    return rows


def _bins(kind: str, name: str, counts: NDArray[np.int64], limit: float) -> list[Row]:
    edges = np.linspace(-limit, limit, len(counts) + 1)
    total = max(int(counts.sum()), 1)
    return [
        {
            "kind": kind,
            "name": name,
            "low": float(low),
            "high": float(high),
            "count": int(count),
            "share": int(count) / total,
        }
        for low, high, count in zip(edges, edges[1:], counts, strict=False)
    ]
