"""USER-mode misses if operands were prefetched in the order in which they are demanded.

One rung of the account: nothing that is needed can lie behind the window, so nothing comes back by
way of the whole operand. All else is SCALE-Sim's: cells of the im2col matrix, half a buffer a
miss, and a group of blocks that fits half of the buffer is not fetched again for its repeats.
docs/cost_model_account.md, equations 2 and 3.
"""

from typing import NamedTuple

import numpy as np

from edgeint8.arch.cost.systolic import Mapping
from edgeint8.dataflow import Role
from edgeint8.scale_sim.replica.misses import NO_MISSES, Misses
from edgeint8.scale_sim.replica.schedule import held_tiles, stream_passes
from edgeint8.scale_sim.replica.stack import Int64, Stack, operand_stack, used_width


class Fetched(NamedTuple):
    """The folds in which cells are fetched, in order: first demand line, cell rows, cell columns.

    With `skewed` a line demands one anti-diagonal of the rows x columns, otherwise one row.
    """

    skewed: bool
    begins: Int64
    rows: Int64
    cols: Int64

    @property
    def cells(self) -> int:
        """Cells fetched in all."""
        return int((self.rows * self.cols).sum())


def fetched(mapping: Mapping, role: Role, half_bytes: int) -> Fetched:
    """What an operand fetches when half of its buffer holds `half_bytes` cells."""
    stack = operand_stack(mapping, role)
    held = role == "held"
    folds = _tiles(mapping, stack) if held else _passes(mapping, role, stack, half_bytes)
    begins, rows, cols = np.array(folds, dtype=np.int64).T
    return Fetched(not held, begins, rows, cols)


def _tiles(mapping: Mapping, stack: Stack) -> list[tuple[int, int, int]]:
    """Every tile once; a short tile begins later, after its empty rows."""
    tiles = held_tiles(mapping)
    folds = []
    for block in range(stack.blocks):
        for tile in range(tiles.row_folds):
            rows = min(tiles.rows, stack.block_rows - tile * tiles.rows)
            line = (block * tiles.row_folds + tile) * tiles.fold_lines + tiles.rows - rows
            folds.append((line, rows, used_width(stack, block)))
    return folds


def _passes(
    mapping: Mapping, role: Role, stack: Stack, half_bytes: int
) -> list[tuple[int, int, int]]:
    """Every repeat of a group, or only the first one when the group fits."""
    passes = stream_passes(mapping, role)
    folds = []
    for group in range(passes.groups):
        widths = [used_width(stack, group * passes.span + i) for i in range(passes.span)]
        fits = stack.block_rows * sum(widths) <= half_bytes
        for turn in range(1 if fits else passes.repeats):
            first_fold = (group * passes.repeats + turn) * passes.span
            folds += [
                ((first_fold + i) * passes.fold_lines + passes.first_line, stack.block_rows, width)
                for i, width in enumerate(widths)
            ]
    return folds


def demand_order_misses(found: Fetched, half_bytes: int) -> Misses:
    """The lines of cells half, 2 half, 3 half, ...: each is the first of another half a buffer."""
    places = np.arange(half_bytes, found.cells, half_bytes)
    if not len(places):
        return NO_MISSES
    ends = np.cumsum(found.rows * found.cols)
    folds = np.searchsorted(ends, places, side="right")
    within = places - (ends - found.rows * found.cols)[folds]
    lines = np.empty(len(places), np.int64)
    for rows, cols in sorted(set(zip(found.rows[folds], found.cols[folds], strict=True))):
        same = (found.rows[folds] == rows) & (found.cols[folds] == cols)
        ends_of_lines = np.cumsum(_line_cells(int(rows), int(cols), found.skewed))
        reached = np.searchsorted(ends_of_lines, within[same], side="right")
        lines[same] = found.begins[folds[same]] + reached
    return Misses(*np.unique(lines, return_counts=True))


def _line_cells(rows: int, cols: int, skewed: bool) -> Int64:
    """Cells that each line of a fold demands."""
    if not skewed:
        return np.full(rows, cols)
    return np.minimum(
        np.minimum(np.arange(1, rows + cols), np.arange(rows + cols - 1, 0, -1)), min(rows, cols)
    )
