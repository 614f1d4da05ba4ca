"""What the array itself needs: compute cycles with serial or pipelined folds, and where they go.

Serial folds fill and drain alone, as SCALE-Sim has them (which forgets that the sums of an
output-stationary fold leave row by row). A pipelined array loads the next
stationary tile (or drains the last outputs) while the present fold streams, as TPU and Gemmini
do. docs/physical_model.md, equations 1 to 4.
"""

from dataclasses import dataclass
from typing import TypeVar

import numpy as np
from numpy.typing import NDArray

from edgeint8.arch.cost.systolic import Mapping, map_layer
from edgeint8.arch.machine.hardware import Hardware
from edgeint8.arch.network.layers import Layer

Count = TypeVar("Count", int, NDArray[np.signedinteger])


@dataclass(frozen=True)
class ComputeCycles:
    """Cycles of one layer on the array; the three parts add up to the total.

    Parameters
    ----------
    ideal
        MACs over processing elements; a fraction where the last cycle is not full.
    fold_edges
        Streaming cycles in which part of the array holds nothing, because a fold is not full.
    fill_drain
        Cycles that stream nothing new: tile preload or drain, skew in, skew out.
    """

    ideal: float
    fold_edges: float
    fill_drain: int

    @property
    def total(self) -> int:
        """Cycles of computing: the parts of equation 4 added up."""
        return round(self.ideal + self.fold_edges) + self.fill_drain


def serial_cycles(folds: Count, temporal: Count, rows: Count, skew: Count) -> Count:
    """Equation 2: every fold loads, streams and drains alone. Scalars or int64 arrays.

    `rows` cycles go into shifting the held operand in (ws, is) or the finished sums out (os).
    """
    return folds * (rows + temporal + skew)


def pipelined_cycles(
    folds: Count, temporal: Count, rows: Count, skew: Count, interval: Count
) -> Count:
    """Equation 3: folds start `interval` cycles apart; the first load (ws, is) or the last drain
    (os) and one skew are exposed."""
    return rows + (folds - 1) * interval + temporal + skew


def array_cycles(mapping: Mapping, repeats: int, pipelined: bool) -> int:
    """Cycles of `repeats` equal runs of one mapping; the runs follow each other as folds do."""
    folds, skew = mapping.folds * repeats, mapping.rows + mapping.cols - 2
    if not pipelined:
        return serial_cycles(folds, mapping.temporal, mapping.rows, skew)
    interval = max(mapping.temporal, mapping.rows)
    return pipelined_cycles(folds, mapping.temporal, mapping.rows, skew, interval)


def compute_cycles(layer: Layer, hardware: Hardware) -> ComputeCycles:
    """Equation 4. A layer that is not on the array costs the array nothing."""
    if layer.shape is None:
        return ComputeCycles(0.0, 0.0, 0)
    mapping = map_layer(layer.shape, hardware, layer.images)
    total = array_cycles(mapping, layer.runs, hardware.pipelined_folds)
    streaming = mapping.folds * layer.runs * mapping.temporal
    ideal = layer.mapped_macs / hardware.processing_elements
    return ComputeCycles(ideal, streaming - ideal, total - streaming)
