"""Compute cycles of a systolic array, as closed forms (docs/cost_model.md, equations 1 to 12).

A layer is the product of P windows of K inputs with M filters. The dataflow says which two of
the three dimensions lie on the array's rows and columns; the third streams through in time. What
does not fit is cut into folds, and SCALE-Sim runs them one after another.
"""

import math
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from edgeint8.arch.machine.hardware import Hardware, parse_hardware_id
from edgeint8.arch.network.layers import LayerShape
from edgeint8.dataflow import DATAFLOWS, DIMENSIONS, Dataflow, Role, layout_of

Int64 = NDArray[np.int64]


@dataclass(frozen=True)
class Mapping:
    """One layer laid out on one array.

    Parameters
    ----------
    spatial_rows, spatial_cols
        What the dataflow lays on the array's rows and columns, before cutting.
    temporal
        What streams.
    rows, cols
        The array.
    """

    dataflow: Dataflow
    spatial_rows: int
    spatial_cols: int
    temporal: int
    rows: int
    cols: int

    def __post_init__(self) -> None:
        layout_of(self.dataflow)

    @cached_property
    def holds_outputs(self) -> bool:
        """Sums stay in the array until they are finished; nothing is loaded before a fold."""
        return layout_of(self.dataflow).held == "ofmap"

    @cached_property
    def row_folds(self) -> int:
        """Equation 2."""
        return -(-self.spatial_rows // self.rows)

    @cached_property
    def col_folds(self) -> int:
        """Equation 2."""
        return -(-self.spatial_cols // self.cols)

    @cached_property
    def folds(self) -> int:
        """Number of folds (equation 2 of docs/cost_model.md)."""
        return self.row_folds * self.col_folds

    @cached_property
    def preload_lines(self) -> int:
        """Lines in which a fold's stationary tile is shifted in; none for os."""
        return 0 if self.holds_outputs else self.rows

    @cached_property
    def fold_lines(self) -> int:
        """Lines (one demand a cycle) of one fold: preload, stream, fill and drain. Equation 3."""
        return self.preload_lines + self.temporal + self.rows + self.cols - 2

    @cached_property
    def lines(self) -> int:
        """Lines of the layer: the folds are serial. Equation 4."""
        return self.folds * self.fold_lines

    @cached_property
    def macs(self) -> int:
        """Multiply-accumulates of the mapped product."""
        return self.spatial_rows * self.spatial_cols * self.temporal

    @cached_property
    def last_tile_rows(self) -> int:
        """Rows in use in the last row fold."""
        return self.spatial_rows - (self.row_folds - 1) * self.rows

    @cached_property
    def last_tile_cols(self) -> int:
        """Columns in use in the last column fold."""
        return self.spatial_cols - (self.col_folds - 1) * self.cols


def map_layer(shape: LayerShape, hardware: Hardware, images: int = 1) -> Mapping:
    """Lay `shape` out on the array of `hardware`, the pixels of all images together. Equation 1.

    >>> from edgeint8.arch.machine.hardware import parse_hardware_id
    >>> from edgeint8.arch.network.layers import parse_shape_id
    >>> shape = parse_shape_id("h34w34_r3s3_c16_m16_u1v1")
    >>> mapping = map_layer(shape, parse_hardware_id("ws_16x16_64kB_unlimited"))
    >>> mapping.folds, mapping.fold_lines, serial_cycles(mapping)
    (9, 1070, 9629)
    """
    size = {"p": images * shape.output_pixels, "k": shape.window, "m": shape.filters}
    layout = layout_of(hardware.dataflow)
    return Mapping(
        hardware.dataflow,
        size[layout.rows],
        size[layout.columns],
        size[layout.streams],
        hardware.rows,
        hardware.cols,
    )


def serial_cycles(mapping: Mapping) -> int:
    """Cycles as SCALE-Sim counts them without stalls: one less than the lines. Equation 5."""
    return mapping.lines - 1


def serial_cycles_grid(mapping: Mapping, rows: Int64, cols: Int64) -> Int64:
    """`serial_cycles` of a mapping's layer and dataflow on all arrays rows x cols at once.

    `rows` (R,) and `cols` (C,) are array sizes; the result is (R, C). Row folds depend on rows
    alone and column folds on columns alone, so a cell costs two products.
    """
    row_folds = -(-mapping.spatial_rows // rows)
    col_folds = -(-mapping.spatial_cols // cols)
    passes = 1 if mapping.holds_outputs else 2  # preload, then fill
    by_rows = row_folds * (mapping.temporal + passes * rows - 2)
    cycles = np.multiply.outer(by_rows, col_folds)
    cycles += np.multiply.outer(row_folds, col_folds * cols)
    cycles -= 1
    return cycles


def mapping_efficiency_percent(mapping: Mapping) -> float:
    """Share of the array's cells that hold work, over all folds. Equation 7."""
    held = mapping.spatial_rows * mapping.spatial_cols
    return 100 * held / (mapping.folds * mapping.rows * mapping.cols)


def overall_utilization_percent(mapping: Mapping, total_cycles: int) -> float:
    """Share of the MACs that the array could have done in `total_cycles`. Equation 6.

    NaN for 0 cycles (one MAC on a 1x1 array, as equation 5 counts), where SCALE-Sim itself stops.
    """
    if total_cycles == 0:
        return math.nan
    return 100 * mapping.macs / (total_cycles * mapping.rows * mapping.cols)


def sram_accesses(mapping: Mapping) -> tuple[int, int, int]:
    """SRAM (ifmap reads, filter reads, ofmap writes) in bytes, as physics has them. Equation 9.

    A streaming operand passes once for every fold of the dimension that it does not have; a
    stationary operand is loaded once. Partial sums of every row fold leave the array, except
    output-stationary, where each output leaves once.
    """
    accesses: dict[Role, int] = {
        "rows": mapping.col_folds * mapping.spatial_rows * mapping.temporal,
        "columns": mapping.row_folds * mapping.temporal * mapping.spatial_cols,
        "held": mapping.spatial_rows * mapping.spatial_cols,
    }
    layout = layout_of(mapping.dataflow)
    ifmap, filter_, ofmap = (accesses[layout.role(operand)] for operand in DIMENSIONS)
    return ifmap, filter_, ofmap


def _demonstration() -> None:
    shape = LayerShape.from_output((32, 32), (3, 3), 16, 16)
    print(f"conv 3x3, 16 -> 16 channels, 32x32 outputs: {shape.macs:,} MACs")
    print(f"ideal on 16x16: {shape.macs // 256:,} cycles")
    for dataflow in DATAFLOWS:
        mapping = map_layer(shape, parse_hardware_id(f"{dataflow}_16x16_64kB_unlimited"))
        cycles = serial_cycles(mapping)
        print(
            f"{dataflow}: {mapping.row_folds} x {mapping.col_folds} folds of "
            f"{mapping.fold_lines:,} lines = {cycles:,} cycles, "
            f"utilisation {overall_utilization_percent(mapping, cycles):.2f} %"
        )


if __name__ == "__main__":
    _demonstration()
