"""Everything about a network that a sweep over designs can look up instead of computing.

Row folds depend on dataflow and rows, column folds on dataflow and columns, traffic on SRAM
alone. All figures are the ones that the full model (`physical`, `energy`) computes.
docs/physical_model.md, equations 30 to 33.
"""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from edgeint8.arch.cost.folds import pipelined_cycles, serial_cycles
from edgeint8.arch.cost.loops import layer_loops
from edgeint8.arch.cost.physical import layer_cost, transfer_cycles
from edgeint8.arch.cost.sram import Words, port_lanes, port_words
from edgeint8.arch.cost.systolic import map_layer
from edgeint8.arch.cost.tile_space import INT8, TileSizes
from edgeint8.arch.explore.design_space import DesignSpace, Sram
from edgeint8.arch.network.layers import Layer
from edgeint8.dataflow import Dataflow
from edgeint8.errors import HardwareError

Counts = NDArray[np.signedinteger]
_MOVED_BYTES = (INT8.ifmap, INT8.filter, 2 * INT8.accumulator)


@dataclass(frozen=True)
class Distinct:
    """Layers of a network that cost the same: one of them and how many there are."""

    layer: Layer
    count: int


@dataclass(frozen=True)
class Traffic:
    """DRAM bytes of the distinct layers with one SRAM; arrays of one entry a layer.

    `tiles` are those of the layers on the array. All zero, without tiles, and not `fits` when the
    smallest tile of some layer exceeds a buffer.
    """

    ifmap: Counts
    filter: Counts
    ofmap: Counts
    psum: Counts
    tiles: tuple[TileSizes, ...] = ()
    fits: bool = True

    def memory_cycles(self, space: DesignSpace, bandwidth_bpc: int | None) -> list[int]:
        """Transfer cycles of every layer at a bandwidth (equation 13 of docs/physical_model.md)."""
        hardware = space.machine("ws", 1, 1, space.sram_kb[0], bandwidth_bpc, False)
        return [
            transfer_cycles((int(i), int(f), int(o + p)), hardware)
            for i, f, o, p in zip(self.ifmap, self.filter, self.ofmap, self.psum, strict=True)
        ]


def distinct_layers(layers: Sequence[Layer]) -> tuple[Distinct, ...]:
    """Layers that differ only in name are computed once; array layers come first."""
    bare = Counter(_nameless(layer) for layer in layers)
    ordered = sorted(bare.items(), key=lambda item: item[0].shape is None)
    return tuple(Distinct(layer, count) for layer, count in ordered)


def _nameless(layer: Layer) -> Layer:
    return replace(layer, name="", source="", note="", reads=(), writes=(), stored_bytes=0)


def traffic_table(
    distinct: Sequence[Distinct], space: DesignSpace, sram_kb: Sram, unlimited: bool
) -> Traffic:
    """Traffic of every distinct layer; on separate ports it depends on whether they are limited."""
    hardware = space.machine("ws", 1, 1, sram_kb, None if unlimited else 1, False)
    try:
        costs = [layer_cost(entry.layer, hardware) for entry in distinct]
    except HardwareError:  # too small for some layer: every design with this SRAM is infeasible
        nothing = np.zeros(len(distinct), dtype=np.int64)
        return Traffic(nothing, nothing, nothing, nothing, fits=False)
    columns = ("ifmap_bytes", "filter_bytes", "ofmap_bytes", "psum_bytes")
    ifmap, filter_, ofmap, psum = (
        _whole([getattr(cost, column) for cost in costs]) for column in columns
    )
    tiles = tuple(cost.tile for cost in costs if cost.tile is not None)
    return Traffic(ifmap, filter_, ofmap, psum, tiles)


def _whole(values: Sequence[int]) -> Counts:
    """int64 where that holds all of them, else Python's integers."""
    kind = np.int64 if max(values, default=0) < 1 << 62 else object
    return np.array(values, dtype=kind)


@dataclass(frozen=True)
class Folding:
    """One layer under one dataflow, for arrays of any of the given rows and columns.

    `row_folds` has one entry a row number, `col_folds` one a column number.
    """

    dataflow: Dataflow
    repeats: int
    spatial_rows: int
    spatial_cols: int
    temporal: int
    row_folds: Counts
    col_folds: Counts


def fold_layer(layer: Layer, dataflow: Dataflow, rows: Counts, cols: Counts) -> Folding:
    """A layer over every number of rows and of columns under one dataflow (equation 30)."""
    assert layer.shape is not None
    sample = DesignSpace((1,), (1,), ((1, 1, 1),), (None,)).machine(
        dataflow, 1, 1, (1, 1, 1), None, False
    )
    mapping = map_layer(layer.shape, sample, layer.images)
    return Folding(
        dataflow,
        layer.runs,
        mapping.spatial_rows,
        mapping.spatial_cols,
        mapping.temporal,
        -(-mapping.spatial_rows // rows),
        -(-mapping.spatial_cols // cols),
    )


def fold_cycles(
    folding: Folding,
    folds: Counts,
    rows: Counts,
    cols: Counts,
    pipelined: bool,
) -> Counts:
    """Equations 2 and 3 for arrays of designs; `folds` are the row folds times column folds."""
    total = folds * folding.repeats
    skew = rows + cols - 2
    temporal = np.array(folding.temporal, dtype=rows.dtype)  # a plain int64 would widen
    if not pipelined:
        return serial_cycles(total, temporal, rows, skew)
    return pipelined_cycles(total, temporal, rows, skew, np.maximum(temporal, rows))


def whole_tile(layer: Layer) -> TileSizes:
    """A layer on the array as one tile."""
    loops = layer_loops(layer)
    return TileSizes(loops.output_h, loops.output_w, loops.channels, loops.filters, loops.images)


def array_traffic(
    layers: Sequence[Distinct],
    tiles: Sequence[TileSizes],
    dataflow: Dataflow,
    axes: tuple[Counts, Counts],
    wide: bool = False,
) -> tuple[Counts, Counts, Counts]:
    """Bytes between array and SRAM of a network, in whole words: of inputs, of weights, of sums.

    Sums count twice: every one that leaves the array is read again. Shapes broadcast to (rows,
    cols). Equations 27 and 54. `wide` networks are counted in Python's integers.
    """
    kind = object if wide else np.int64
    each = [
        port_words(layer_loops(entry.layer), tile, dataflow, *axes)
        for entry, tile in zip(layers, tiles, strict=True)
    ]
    runs = np.array([entry.layer.runs * entry.count for entry in layers], kind)
    lanes = port_lanes(dataflow, axes[0][:, None], axes[1][None, :])
    ifmap, filter_, sums = (
        _product_sum(runs, [words[place] for words in each]) * (wide_as * width)
        for place, (wide_as, width) in enumerate(zip(lanes, _MOVED_BYTES, strict=True))
    )
    return ifmap, filter_, sums


def _product_sum(runs: Counts, layers: Sequence[Words]) -> Counts:
    """All layers' words together: a product of rows by layers and layers by columns."""
    if not layers:
        return np.zeros((1, 1), runs.dtype)
    rows = np.stack([words.rows[:, 0] for words in layers], axis=1).astype(runs.dtype)  # (R, L)
    cols = np.stack([words.cols[0] for words in layers]).astype(runs.dtype)  # (L, C)
    return np.asarray((rows * runs) @ cols)
