"""What an input that does not fit fetches in CALC mode (docs/cost_model.md, equation 34).

An input that does not fit is followed through its epochs, because overlapping windows demand it
more than once in an epoch; weights, which have no copies, are counted in `distinct`. Lines after
which the buffer cannot be full are taken together, in the order in which memory is fastest.
"""

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from edgeint8.arch.cost.systolic import Mapping
from edgeint8.arch.network.layers import LayerShape
from edgeint8.scale_sim.replica.compiled import compiled
from edgeint8.scale_sim.replica.fetches import Fetches
from edgeint8.scale_sim.replica.schedule import Passes, Tiles
from edgeint8.scale_sim.replica.stack import Int64, Stack, used_width

Int32 = NDArray[np.int32]


class Inputs(NamedTuple):
    """Addresses of the ifmap matrix: a pixel's corner plus a tap's place in the window.

    Tap t of filter row r is input ``corners[pixel] + r * row_bytes + t - r * row_taps``: taps of
    one filter row are side by side. With `pixels_across`, a block's columns are pixels.
    """

    corners: Int64
    row_taps: int
    row_bytes: int
    bytes: int
    pixels_across: bool


def ifmap_inputs(shape: LayerShape, mapping: Mapping) -> Inputs:
    """Channels innermost, rows outermost."""
    row_bytes = shape.ifmap_w * shape.channels
    y = np.arange(shape.output_h) * (shape.stride_h * row_bytes)
    x = np.arange(shape.output_w) * (shape.stride_w * shape.channels)
    return Inputs(
        (y[:, None] + x).ravel(),
        shape.filter_w * shape.channels,
        row_bytes,
        shape.ifmap_h * row_bytes,
        mapping.dataflow != "ws",
    )


# Progress through the epochs: one integer array, changed in place, with these places.
EPOCH = 0
"""Number of the present epoch, from 1."""
HELD = 1
"""Addresses fetched in it."""
READS = 2
"""Addresses fetched in all."""
FLUSH_LINE = 3
"""Line of the last flush."""


@compiled
def fetch(seen: Int32, epoch: int, first: int, end: int) -> int:
    """Demand addresses `first` to ``end - 1``; return how many are new in this epoch.

    `seen` holds the last epoch in which each address was fetched.
    """
    fetched = 0
    part = seen[first:end]
    for place in range(part.size):
        fetched += part[place] != epoch
        part[place] = epoch
    return fetched


@compiled
def fetch_pixel_column(
    inputs: Inputs, seen: Int32, epoch: int, pixel: int, first_tap: int, end_tap: int
) -> int:
    """Demand taps of one pixel, filter row by filter row."""
    fetched = 0
    tap = first_tap
    while tap < end_tap:
        row = tap // inputs.row_taps
        stop = min(end_tap, (row + 1) * inputs.row_taps)
        first = inputs.corners[pixel] + row * (inputs.row_bytes - inputs.row_taps) + tap
        fetched += fetch(seen, epoch, first, first + stop - tap)
        tap = stop
    return fetched


@compiled
def fetch_tap_columns(
    stack: Stack, inputs: Inputs, seen: Int32, epoch: int, block: int, diagonals: tuple[int, int]
) -> int:
    """Demand diagonals of a block whose columns are taps, filter row by filter row."""
    fetched = 0
    left, width = block * stack.width, used_width(stack, block)
    column = 0
    while column < width:
        row = (left + column) // inputs.row_taps
        stop = min(width, (row + 1) * inputs.row_taps - left)
        offset = row * (inputs.row_bytes - inputs.row_taps) + left
        first_pixel = max(0, diagonals[0] - stop + 1)
        for pixel in range(first_pixel, min(stack.block_rows, diagonals[1] - column)):
            corner = inputs.corners[pixel] + offset
            first = max(column, diagonals[0] - pixel)
            end = min(stop, diagonals[1] - pixel)
            fetched += fetch(seen, epoch, corner + first, corner + end)
        column = stop
    return fetched


@compiled
def fetch_lines(
    stack: Stack,
    inputs: Inputs,
    seen: Int32,
    epoch: int,
    block: int,
    rows: tuple[int, int],
    skew: int,
) -> int:
    """Demand lines of a block in which nothing is flushed, so that their order is free.

    Column c is demanded in rows ``rows[0] - c * skew`` to ``rows[1] - 1 - c * skew``, as far as
    the block has them. Returns how many addresses are new.
    """
    if not inputs.pixels_across:
        return fetch_tap_columns(stack, inputs, seen, epoch, block, rows)
    fetched = 0
    left = block * stack.width
    for column in range(used_width(stack, block)):
        first = max(0, rows[0] - column * skew)
        end = min(stack.block_rows, rows[1] - column * skew)
        fetched += fetch_pixel_column(inputs, seen, epoch, left + column, first, end)
    return fetched


@compiled
def fetch_cells(
    stack: Stack,
    inputs: Inputs,
    seen: Int32,
    capacity: int,
    progress: Int64,
    block: int,
    row: int,
    skew: int,
    line: int,
) -> int:
    """Demand one line cell by cell, because it may flush; return the column that did, or -1."""
    left, width = block * stack.width, used_width(stack, block)
    flushed = -1
    for column in range(width):
        along = row - column * skew
        if not 0 <= along < stack.block_rows:
            continue
        pixel, tap = (left + column, along) if inputs.pixels_across else (along, left + column)
        fetched = fetch_pixel_column(inputs, seen, progress[EPOCH], pixel, tap, tap + 1)
        progress[HELD] += fetched
        progress[READS] += fetched
        if progress[HELD] == capacity:
            progress[EPOCH] += 1
            progress[HELD] = 0
            progress[FLUSH_LINE] = line
            flushed = column
    return flushed


@compiled
def advance(
    stack: Stack,
    inputs: Inputs,
    seen: Int32,
    capacity: int,
    progress: Int64,
    block: int,
    x: int,
    end: int,
    last_row: int,
    skew: int,
    line: int,
) -> tuple[int, int]:
    """Demand lines x and on of a block, up to a flush or `end`.

    Skewed, line x demands diagonal x; otherwise row ``last_row - x``. `line` is that of x = 0.
    Returns the next x and the column that flushed, or -1.
    """
    quiet = (capacity - progress[HELD] - 1) // stack.width
    if quiet:
        stop = min(end, x + quiet)
        rows = (x, stop) if skew else (last_row - stop + 1, last_row - x + 1)
        fetched = fetch_lines(stack, inputs, seen, progress[EPOCH], block, rows, skew)
        progress[HELD] += fetched
        progress[READS] += fetched
        return stop, -1
    row = x if skew else last_row - x
    column = fetch_cells(stack, inputs, seen, capacity, progress, block, row, skew, line + x)
    return x + 1, column


@compiled
def stream_pass(
    stack: Stack,
    inputs: Inputs,
    seen: Int32,
    capacity: int,
    progress: Int64,
    passes: Passes,
    turn: int,
) -> tuple[int, int]:
    """Demand all blocks once; return the pass's first flush: its place, and the reads up to it.

    The place is -1 in a pass without a flush.
    """
    place = reads = -1
    for block in range(passes.span):
        fold = turn * passes.span + block
        line = fold * passes.fold_lines + passes.first_line
        end = stack.block_rows + used_width(stack, block) - 1
        x = 0
        while x < end:
            x, column = advance(stack, inputs, seen, capacity, progress, block, x, end, 0, 1, line)
            if column >= 0 and place < 0:
                place = (block * passes.fold_lines + x) * stack.width + column
                reads = progress[READS]
    return place, reads


@compiled
def stream_epochs(stack: Stack, inputs: Inputs, passes: Passes, capacity: int) -> Fetches:
    """Fetches of an input that streams: all blocks, `repeats` times over. Equation 34.

    A flush leaves nothing to remember. When a pass's first flush comes where an earlier pass
    had its first, whole periods of passes are alike and are added without walking through them.
    """
    progress = np.array([1, 0, 0, 0])
    seen = np.zeros(inputs.bytes, np.int32)
    places = np.full(passes.repeats, -1)
    reads = np.zeros(passes.repeats, np.int64)
    pass_lines = passes.span * passes.fold_lines
    turn = walked = 0
    while turn < passes.repeats:
        places[walked], reads[walked] = stream_pass(
            stack, inputs, seen, capacity, progress, passes, turn
        )
        earlier = walked - 1
        while earlier >= 0 and places[earlier] != places[walked]:
            earlier -= 1
        if earlier >= 0 and places[walked] >= 0 and turn == walked:
            period = walked - earlier
            skipped = (passes.repeats - 1 - turn) // period
            progress[READS] += skipped * (reads[walked] - reads[earlier])
            progress[FLUSH_LINE] += skipped * period * pass_lines
            turn += skipped * period
        turn += 1
        walked += 1
    return Fetches(progress[READS], progress[FLUSH_LINE])


@compiled
def tile_epochs(stack: Stack, inputs: Inputs, tiles: Tiles, capacity: int) -> Fetches:
    """Fetches of an input that is held: every tile once, its rows bottom to top. Equation 34."""
    progress = np.array([1, 0, 0, 0])
    seen = np.zeros(inputs.bytes, np.int32)
    for fold in range(stack.blocks * tiles.row_folds):
        block = fold // tiles.row_folds
        last_row = (fold % tiles.row_folds + 1) * tiles.rows - 1
        x = max(0, last_row - stack.block_rows + 1)
        while x < tiles.rows:
            x, _ = advance(
                stack,
                inputs,
                seen,
                capacity,
                progress,
                block,
                x,
                tiles.rows,
                last_row,
                0,
                fold * tiles.fold_lines,
            )
    return Fetches(progress[READS], progress[FLUSH_LINE])
