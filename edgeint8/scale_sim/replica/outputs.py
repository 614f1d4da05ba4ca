"""Where and when outputs leave the array (docs/cost_model.md, equation 12).

In each fold they come out as a skewed rectangle, so a line carries one anti-diagonal of it.
"""

from typing import NamedTuple

import numpy as np

from edgeint8.arch.cost.systolic import Mapping
from edgeint8.scale_sim.replica.compiled import compiled
from edgeint8.scale_sim.replica.stack import Int64, diagonal_cells
from edgeint8.scale_sim.replica.write_buffer import (
    DRAIN_END,
    ShortRows,
    WritePort,
    quiet_outputs,
    store,
    write_line,
)


class Outputs(NamedTuple):
    """In each fold, rows x cols outputs from `first_line` on; the last folds have fewer.

    Output-stationary (`shifted_down`) the rows are tile rows, and the fewer there are the later
    the first output comes out; otherwise they are the temporal steps.
    """

    fold_lines: int
    row_folds: int
    col_folds: int
    first_line: int
    rows: int
    last_rows: int
    cols: int
    last_cols: int
    shifted_down: bool


def output_schedule(mapping: Mapping) -> Outputs:
    """Equation 12."""
    shifted_down = mapping.holds_outputs
    return Outputs(
        mapping.fold_lines,
        mapping.row_folds,
        mapping.col_folds,
        mapping.temporal - 1 + mapping.rows if shifted_down else 2 * mapping.rows - 1,
        mapping.rows if shifted_down else mapping.temporal,
        mapping.last_tile_rows if shifted_down else mapping.temporal,
        mapping.cols,
        mapping.last_tile_cols,
        shifted_down,
    )


Stalls = list[tuple[int, int, int]]
"""(line, its stall cycles, the output port's own stall cycles), ascending."""

# The next output line: one integer array, changed in place, with these places.
FOLD = 0
BEGIN = 1
"""Line of the fold's first output."""
ROWS = 2
COLS = 3
DIAGONAL = 4
"""The fold's next anti-diagonal."""


@compiled
def first_output(outputs: Outputs) -> Int64:
    """The cursor before the first output."""
    cursor = np.zeros(5, np.int64)
    enter_fold(outputs, cursor, 0)
    return cursor


@compiled
def enter_fold(outputs: Outputs, cursor: Int64, fold: int) -> None:
    """Put the cursor before a fold's first output; row folds come before column folds."""
    row_fold = fold % outputs.row_folds
    col_fold = fold // outputs.row_folds
    cursor[FOLD] = fold
    cursor[ROWS] = outputs.last_rows if row_fold == outputs.row_folds - 1 else outputs.rows
    cursor[COLS] = outputs.last_cols if col_fold == outputs.col_folds - 1 else outputs.cols
    cursor[BEGIN] = fold * outputs.fold_lines + outputs.first_line
    if outputs.shifted_down:
        cursor[BEGIN] -= cursor[ROWS]
    cursor[DIAGONAL] = 0


@compiled
def next_output_line(cursor: Int64) -> int:
    """The line in which the next anti-diagonal of outputs leaves the array."""
    return cursor[BEGIN] + cursor[DIAGONAL]


@compiled
def advance(outputs: Outputs, cursor: Int64, diagonal: int) -> int:
    """Move the cursor to `diagonal`; return the outputs passed over."""
    rows, cols = cursor[ROWS], cursor[COLS]
    passed = diagonal_cells(diagonal, rows, cols) - diagonal_cells(cursor[DIAGONAL], rows, cols)
    cursor[DIAGONAL] = diagonal
    if diagonal == rows + cols - 1:
        enter_fold(outputs, cursor, cursor[FOLD] + 1)
    return passed


@compiled
def quiet_diagonals(port: WritePort, buffer: Int64, cursor: Int64, end: int, now: int) -> int:
    """The diagonal, at most `end`, up to which outputs can be taken with nothing happening."""
    rows, cols = cursor[ROWS], cursor[COLS]
    if now < buffer[DRAIN_END]:
        end = min(end, cursor[DIAGONAL] + buffer[DRAIN_END] - now)
    limit = diagonal_cells(cursor[DIAGONAL], rows, cols) + quiet_outputs(port, buffer, now)
    if diagonal_cells(end, rows, cols) <= limit:
        return end
    low, high = cursor[DIAGONAL], end
    while low < high:
        middle = (low + high + 1) // 2
        if diagonal_cells(middle, rows, cols) <= limit:
            low = middle
        else:
            high = middle - 1
    return low


@compiled
def take_line(
    outputs: Outputs,
    port: WritePort,
    buffer: Int64,
    short_rows: ShortRows,
    cursor: Int64,
    now: int,
) -> int:
    """Take the next output line in cycle `now`; return the cycles for which it stalls."""
    count = advance(outputs, cursor, cursor[DIAGONAL] + 1)
    return write_line(port, buffer, short_rows, count, now) - now


@compiled
def take_lines(
    outputs: Outputs,
    port: WritePort,
    buffer: Int64,
    short_rows: ShortRows,
    cursor: Int64,
    until: int,
    stall: int,
    stalls: Stalls,
) -> int:
    """Take all output lines before line `until`; return the stall cycles so far.

    These lines have no read misses, so they stall for the output port alone.
    """
    folds = outputs.row_folds * outputs.col_folds
    while cursor[FOLD] < folds and next_output_line(cursor) < until:
        line = next_output_line(cursor)
        end = min(cursor[ROWS] + cursor[COLS] - 1, until - cursor[BEGIN])
        quiet = quiet_diagonals(port, buffer, cursor, end, line + stall)
        if quiet > cursor[DIAGONAL]:
            store(port, buffer, advance(outputs, cursor, quiet))
            continue
        wait = take_line(outputs, port, buffer, short_rows, cursor, line + stall)
        if wait:
            stalls.append((line, wait, wait))
            stall += wait
    return stall
