"""Inputs whose last window overhangs, followed cell by cell (docs/cost_model.md, equation 38).

SCALE-Sim rounds the number of outputs up, so the last window of a row or column may reach beyond
the input. The cells that lie outside are empty: they are neither fetched nor demanded, and the
ranks of all others close up. No closed rank holds then, so the ifmap's matrix is written out and
its demands are walked one by one. That is exact and takes time in proportion to the matrix.
"""

from collections.abc import Iterator
from typing import NamedTuple

import numpy as np

from edgeint8.arch.cost.systolic import Mapping
from edgeint8.arch.network.layers import LayerShape
from edgeint8.dataflow import layout_of
from edgeint8.scale_sim.replica.compiled import compiled
from edgeint8.scale_sim.replica.compute import PortLines
from edgeint8.scale_sim.replica.fetches import Fetches
from edgeint8.scale_sim.replica.misses import NO_MISSES, Misses
from edgeint8.scale_sim.replica.stack import Int64, Stack, operand_stack, used_width
from edgeint8.scale_sim.replica.window import Window, read_window, sets_ahead, slide, steps_to

EMPTY = -1


class Cells(NamedTuple):
    """The ifmap's stack, (rows of all blocks, width): addresses and ranks, `EMPTY` where none."""

    stack: Stack
    addresses: Int64
    ranks: Int64

    @property
    def filled(self) -> int:
        """Cells that hold an input."""
        return int((self.addresses != EMPTY).sum())


def overhang_cells(shape: LayerShape, mapping: Mapping) -> Cells:
    """The stack of a layer's ifmap with what lies outside left empty."""
    stack = operand_stack(mapping, layout_of(mapping.dataflow).read_roles[0])
    matrix = input_addresses(shape)  # (pixels, taps)
    along_across = matrix if mapping.dataflow == "ws" else matrix.T
    stacked = np.full((stack.blocks * stack.block_rows, stack.width), EMPTY, dtype=np.int64)
    for block in range(stack.blocks):
        part = along_across[:, block * stack.width : (block + 1) * stack.width]
        top = block * stack.block_rows
        stacked[top : top + stack.block_rows, : part.shape[1]] = part
    row, column = (axis.ravel() for axis in np.indices(stacked.shape))
    order = np.lexsort((column, row + column if stack.diagonal else row))
    filled = stacked.ravel()[order] != EMPTY
    ranks = np.full(stacked.size, EMPTY, dtype=np.int64)
    ranks[order[filled]] = np.arange(int(filled.sum()))
    return Cells(stack, stacked, ranks.reshape(stacked.shape))


def input_addresses(shape: LayerShape) -> Int64:
    """Address of every (pixel, tap), channels innermost; `EMPTY` beyond the input's edges."""
    pixel, tap = np.arange(shape.output_pixels)[:, None], np.arange(shape.window)[None, :]
    y, x = np.divmod(pixel, shape.output_w)
    r, rest = np.divmod(tap, shape.filter_w * shape.channels)
    s, channel = np.divmod(rest, shape.channels)
    row, column = y * shape.stride_h + r, x * shape.stride_w + s
    inside = (row < shape.ifmap_h) & (column < shape.ifmap_w)
    return np.where(inside, (row * shape.ifmap_w + column) * shape.channels + channel, EMPTY)


def demands(cells: Cells, mapping: Mapping) -> Iterator[tuple[Int64, Int64, Int64]]:
    """(lines, addresses, ranks) of every fold, in order of demand, empty cells left out."""
    held = layout_of(mapping.dataflow).read_roles[0] == "held"
    blocks = [_block(cells, block) for block in range(cells.stack.blocks)]
    for fold in range(mapping.folds):
        first = fold * mapping.fold_lines
        column_fold, row_fold = divmod(fold, mapping.row_folds)
        rows, columns, addresses, ranks = blocks[column_fold if held else row_fold]
        if held:  # the tile's rows enter bottom row first
            bottom = (row_fold + 1) * mapping.rows - 1
            inside = (rows <= bottom) & (rows > bottom - mapping.rows)
            lines, place = bottom - rows[inside], columns[inside]
            addresses, ranks = addresses[inside], ranks[inside]
        else:
            lines, place = mapping.preload_lines + rows + columns, columns
        order = np.lexsort((place, lines))
        yield first + lines[order], addresses[order], ranks[order]


def _block(cells: Cells, block: int) -> tuple[Int64, Int64, Int64, Int64]:
    """(rows, columns, addresses, ranks) of the filled cells of one block."""
    stack, top = cells.stack, block * cells.stack.block_rows
    part = slice(top, top + stack.block_rows), slice(0, used_width(stack, block))
    addresses, ranks = cells.addresses[part], cells.ranks[part]
    rows, columns = np.nonzero(addresses != EMPTY)
    return rows, columns, addresses[rows, columns], ranks[rows, columns]


def overhang_lines(cells: Cells, mapping: Mapping) -> PortLines:
    """The first and the last line that demand an input; the number of demands counts empty ones."""
    used = [lines for lines, _, _ in demands(cells, mapping) if len(lines)]
    return PortLines(int(used[0][0]), int(used[-1][-1]))


def overhang_misses(cells: Cells, mapping: Mapping, buffer_bytes: int) -> Misses:
    """USER mode: every demand is held against the window, through each cell of its address."""
    window = read_window(buffer_bytes, cells.filled)
    if not window.step:
        return NO_MISSES
    filled = cells.addresses != EMPTY
    addresses, ranks = cells.addresses[filled], cells.ranks[filled]
    order = np.lexsort((ranks, addresses))
    copies = ranks[order]
    begins = np.searchsorted(addresses[order], np.arange(int(addresses.max()) + 2))
    start, found_lines, found_counts = 0, [], []
    for lines, demanded, own in demands(cells, mapping):
        counts, start = _misses_of_fold(window, start, demanded, own, begins, copies)
        missing = np.flatnonzero(counts)
        line, inverse = np.unique(lines[missing], return_inverse=True)
        found_lines.append(line)
        found_counts.append(
            np.bincount(inverse, weights=counts[missing], minlength=len(line)).astype(np.int64)
        )
    return Misses(np.concatenate(found_lines), np.concatenate(found_counts))


@compiled
def _misses_of_fold(
    window: Window, start: int, addresses: Int64, ranks: Int64, begins: Int64, copies: Int64
) -> tuple[Int64, int]:
    """Misses of each demand of a fold, and the window's start after it."""
    counts = np.zeros(len(addresses), np.int64)
    for place in range(len(addresses)):
        steps = steps_to(window, sets_ahead(window, start, ranks[place]))
        copy, end = begins[addresses[place]], begins[addresses[place] + 1]
        while steps and copy < end:
            steps = min(steps, steps_to(window, sets_ahead(window, start, copies[copy])))
            copy += 1
        if steps:
            start = slide(window, start, steps)
            counts[place] = steps
    return counts, start


def overhang_epochs(cells: Cells, mapping: Mapping, capacity: int) -> Fetches:
    """CALC mode: an address is fetched once in an epoch; `capacity` of them end it."""
    seen = np.zeros(int(cells.addresses.max()) + 1, np.int64)
    progress = np.array([1, 0, 0, 0], np.int64)
    for lines, addresses, _ in demands(cells, mapping):
        _epochs_of_fold(seen, progress, lines, addresses, capacity)
    return Fetches(int(progress[2]), int(progress[3]))


@compiled
def _epochs_of_fold(
    seen: Int64, progress: Int64, lines: Int64, addresses: Int64, capacity: int
) -> None:
    """`progress` is (epoch, addresses held, addresses fetched, line of the last flush)."""
    for place in range(len(addresses)):
        if seen[addresses[place]] == progress[0]:
            continue
        seen[addresses[place]] = progress[0]
        progress[1] += 1
        progress[2] += 1
        if progress[1] == capacity:
            progress[0] += 1
            progress[1] = 0
            progress[3] = lines[place]
