"""The closed forms against hand-derived numbers, brute force and other tools' published results."""

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from edgeint8.arch.cost.systolic import (
    Mapping,
    map_layer,
    mapping_efficiency_percent,
    overall_utilization_percent,
    serial_cycles,
    serial_cycles_grid,
    sram_accesses,
)
from edgeint8.arch.machine.hardware import uniform_hardware
from edgeint8.arch.network.layers import LayerShape
from edgeint8.dataflow import DATAFLOWS, Dataflow

EXAMPLE = LayerShape.from_output((32, 32), (3, 3), 16, 16)
small = st.integers(1, 40)
mappings = st.builds(Mapping, st.sampled_from(DATAFLOWS), small, small, small, small, small)


@pytest.mark.parametrize(
    ("dataflow", "folds", "fold_lines", "cycles"),
    [("ws", (9, 1), 1070, 9_629), ("os", (64, 1), 174, 11_135), ("is", (9, 64), 62, 35_711)],
)
def test_worked_example(
    dataflow: Dataflow, folds: tuple[int, int], fold_lines: int, cycles: int
) -> None:
    """3x3 convolution, 16 to 16 channels, 32x32 outputs, on 16x16."""
    mapping = map_layer(EXAMPLE, uniform_hardware(dataflow, 16, 16, 64))
    assert (mapping.row_folds, mapping.col_folds) == folds
    assert mapping.fold_lines == fold_lines
    assert serial_cycles(mapping) == cycles


def test_worked_example_against_timeloop() -> None:
    """Timeloop's SRAM accesses of the same layer with a fixed weight-stationary mapping."""
    mapping = map_layer(EXAMPLE, uniform_hardware("ws", 16, 16, 64))
    assert sram_accesses(mapping) == (147_456, 2_304, 147_456)
    assert mapping.macs == 2_359_296
    assert mapping_efficiency_percent(mapping) == 100.0
    assert math.isclose(overall_utilization_percent(mapping, 9_629), 100 * 9_216 / 9_629)


@settings(deadline=None)
@given(mappings)
def test_fold_lines_by_moving_data(mapping: Mapping) -> None:
    """Follow the last datum of a full tile: in at the top left, out at the bottom right."""
    line = 0
    if mapping.dataflow != "os":
        line += mapping.rows  # the tile is shifted in, one row a line
    line += mapping.temporal - 1  # the last step enters the first row
    line += mapping.rows - 1  # down to the last row
    line += mapping.cols - 1  # across to the last column
    assert mapping.fold_lines == line + 1


@settings(deadline=None)
@given(mappings)
def test_sram_accesses_fold_by_fold(mapping: Mapping) -> None:
    by_rows = by_cols = held = 0
    for top in range(0, mapping.spatial_rows, mapping.rows):
        for left in range(0, mapping.spatial_cols, mapping.cols):
            rows = min(mapping.rows, mapping.spatial_rows - top)
            cols = min(mapping.cols, mapping.spatial_cols - left)
            by_rows += rows * mapping.temporal
            by_cols += cols * mapping.temporal
            held += rows * cols
    expected = {
        "os": (by_rows, by_cols, held),
        "ws": (by_rows, held, by_cols),
        "is": (held, by_rows, by_cols),
    }
    assert sram_accesses(mapping) == expected[mapping.dataflow]


@settings(deadline=None)
@given(mappings)
def test_no_array_beats_its_cells(mapping: Mapping) -> None:
    assert mapping.lines * mapping.rows * mapping.cols >= mapping.macs
    assert 0 < mapping_efficiency_percent(mapping) <= 100


@settings(deadline=None)
@given(mappings, st.lists(small, min_size=1, max_size=4), st.lists(small, min_size=1, max_size=4))
def test_grid_is_the_closed_form(mapping: Mapping, rows: list[int], cols: list[int]) -> None:
    grid = serial_cycles_grid(mapping, np.array(rows), np.array(cols))
    for i, each_rows in enumerate(rows):
        for j, each_cols in enumerate(cols):
            array = Mapping(
                mapping.dataflow,
                mapping.spatial_rows,
                mapping.spatial_cols,
                mapping.temporal,
                each_rows,
                each_cols,
            )
            assert grid[i, j] == serial_cycles(array)
