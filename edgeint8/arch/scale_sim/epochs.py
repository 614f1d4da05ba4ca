"""What a read buffer fetches in CALC mode (docs/cost_model.md, equations 28 to 31).

With as much bandwidth as it wants, SCALE-Sim fetches each address when it is first demanded.
When half of the buffer is full it forgets everything it holds, and a new epoch begins.
"""

from typing import NamedTuple

import numpy as np
from numba import njit
from numpy.typing import NDArray

from edgeint8.arch.layers import LayerShape
from edgeint8.arch.scale_sim.misses import Passes, Tiles, used_width
from edgeint8.arch.scale_sim.read_port import Reads
from edgeint8.arch.scale_sim.stack import Int64, Stack

Int32 = NDArray[np.int32]

_SETS_PER_BUFFER = 100
_ACTIVE_SETS = 50
_FIRST_FETCH_BYTES_PER_CYCLE = 10
"""SCALE-Sim's own guess for the fetch before the first demand."""


class Addresses(NamedTuple):
    """Address of a stack's cell: `across` of its column in the operand plus `along` of its row.

    `extent` is one more than the largest address.
    """

    across: Int64
    along: Int64
    extent: int


def ifmap_addresses(shape: LayerShape, pixels_across: bool) -> Addresses:
    """Input (y, x, channel) of tap (r, s, channel) of an output pixel, channels innermost."""
    row_bytes = shape.ifmap_w * shape.channels
    y = np.arange(shape.output_h) * (shape.stride_h * row_bytes)
    x = np.arange(shape.output_w) * (shape.stride_w * shape.channels)
    pixels = (y[:, None] + x).ravel()  # (P,)
    r = np.arange(shape.filter_h) * row_bytes
    s = np.arange(shape.filter_w * shape.channels)
    taps = (r[:, None] + s).ravel()  # (K,)
    extent = shape.ifmap_h * row_bytes
    return Addresses(pixels, taps, extent) if pixels_across else Addresses(taps, pixels, extent)


def filter_addresses(shape: LayerShape, filters_across: bool) -> Addresses:
    """Weight (filter, tap), taps innermost."""
    filters = np.arange(shape.filters) * shape.window
    taps = np.arange(shape.window)
    extent = shape.filters * shape.window
    return Addresses(filters, taps, extent) if filters_across else Addresses(taps, filters, extent)


def ifmap_bytes_touched(shape: LayerShape) -> int:
    """Inputs that some window reads, padding included. Equation 28."""
    rows = min(shape.ifmap_h, shape.output_h * shape.filter_h)
    cols = min(shape.ifmap_w, shape.output_w * shape.filter_w)
    return rows * cols * shape.channels


def epoch_capacity_bytes(buffer_bytes: int) -> int:
    """Addresses after which everything is forgotten. Equation 29."""
    return _ACTIVE_SETS * (buffer_bytes // _SETS_PER_BUFFER)


def single_fetch(addresses: int, buffer_bytes: int) -> Reads:
    """An operand that fits is fetched once, before the first demand. Equation 30."""
    set_bytes = buffer_bytes // _SETS_PER_BUFFER
    fetched = -(-addresses // set_bytes) * set_bytes
    return Reads(-fetched // _FIRST_FETCH_BYTES_PER_CYCLE, -1, addresses)  # floor(-x) = -ceil(x)


def repeated_fetch(first_line: int, flush_line: int, reads: int, capacity_bytes: int) -> Reads:
    """An operand that does not fit: the first epoch before its first demand, then as it goes.

    The report's last cycle is the one after the last flush. Equation 31.
    """
    return Reads(
        first_line - -(-capacity_bytes // _FIRST_FETCH_BYTES_PER_CYCLE), flush_line + 1, reads
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


@njit(cache=True)
def demand_line(
    addresses: Addresses,
    capacity: int,
    progress: Int64,
    seen: Int32,
    line: int,
    left: int,
    columns: tuple[int, int],
    along: int,
    skew: int,
) -> None:
    """Demand one line of the block that begins at `left`: column c with row ``along - c * skew``.

    `seen` holds the last epoch in which each address was fetched.
    """
    for column in range(columns[0], columns[1]):
        address = addresses.across[left + column] + addresses.along[along - column * skew]
        if seen[address] != progress[EPOCH]:
            seen[address] = progress[EPOCH]
            progress[HELD] += 1
            progress[READS] += 1
            if progress[HELD] == capacity:
                progress[EPOCH] += 1
                progress[HELD] = 0
                progress[FLUSH_LINE] = line


@njit(cache=True)
def stream_epochs(
    stack: Stack, addresses: Addresses, passes: Passes, capacity: int
) -> tuple[int, int]:
    """(reads, line of the last flush) of a streaming operand; its lines are skewed."""
    progress = np.array([1, 0, 0, 0])
    seen = np.zeros(addresses.extent, np.int32)
    for fold in range(passes.groups * passes.repeats * passes.span):
        group = fold // (passes.repeats * passes.span)
        block = group * passes.span + fold % passes.span
        width = used_width(stack, block)
        line = fold * passes.fold_lines + passes.first_line
        for x in range(stack.block_rows + width - 1):
            columns = (max(0, x - stack.block_rows + 1), min(width, x + 1))
            demand_line(
                addresses, capacity, progress, seen, line + x, block * stack.width, columns, x, 1
            )
    return progress[READS], progress[FLUSH_LINE]


@njit(cache=True)
def tile_epochs(stack: Stack, addresses: Addresses, tiles: Tiles, capacity: int) -> tuple[int, int]:
    """(reads, line of the last flush) of a stationary operand; rows of a tile bottom to top."""
    progress = np.array([1, 0, 0, 0])
    seen = np.zeros(addresses.extent, np.int32)
    for fold in range(stack.blocks * tiles.row_folds):
        block = fold // tiles.row_folds
        columns = (0, used_width(stack, block))
        last = (fold % tiles.row_folds + 1) * tiles.rows - 1
        line = fold * tiles.fold_lines
        for offset in range(max(0, last - stack.block_rows + 1), tiles.rows):
            demand_line(
                addresses,
                capacity,
                progress,
                seen,
                line + offset,
                block * stack.width,
                columns,
                last - offset,
                0,
            )
    return progress[READS], progress[FLUSH_LINE]
