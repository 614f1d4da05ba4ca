"""The order in which SCALE-Sim prefetches an operand (docs/cost_model.md, equations 13 to 16).

SCALE-Sim cuts an operand's matrix into blocks as wide as the array and stacks them. A streaming
operand is prefetched along the anti-diagonals of the whole stack, because the array demands it
with one line of skew between neighbours; a stationary operand row by row. The last block may be
narrower; the cells that it lacks take no part. A cell's rank is its place in that order.

    two blocks of 3 x 4, the last 2 wide       their ranks along the anti-diagonals
        a b c d                                     0  2  5  9
        e f g h                                     1  4  8 13
        i j k l                                     3  7 12 16
        m n . .                                     6 11  .  .
        o p . .                                    10 15  .  .
        q r . .                                    14 17  .  .
"""

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from edgeint8.arch.cost.systolic import Mapping
from edgeint8.dataflow import Role
from edgeint8.scale_sim.replica.compiled import compiled

Int64 = NDArray[np.int64]


class Stack(NamedTuple):
    """Blocks of `block_rows` x `width` cells; the last one has `last_width` columns in use."""

    diagonal: bool
    blocks: int
    block_rows: int
    width: int
    last_width: int

    @property
    def padded_cells(self) -> int:
        """Cells with those that the last block lacks."""
        return self.blocks * self.block_rows * self.width

    @property
    def cells(self) -> int:
        """Cells in use."""
        return self.padded_cells - self.block_rows * (self.width - self.last_width)


def operand_stack(mapping: Mapping, role: Role) -> Stack:
    """The blocks of an operand with this role: row folds for a stream into the rows, column folds
    otherwise.
    """
    if role == "rows":
        return Stack(
            True, mapping.row_folds, mapping.temporal, mapping.rows, mapping.last_tile_rows
        )
    depth = mapping.spatial_rows if role == "held" else mapping.temporal
    return Stack(role == "columns", mapping.col_folds, depth, mapping.cols, mapping.last_tile_cols)


@compiled
def used_width(stack: Stack, block: int) -> int:
    """Columns of a block in use."""
    return stack.last_width if block == stack.blocks - 1 else stack.width


@compiled
def diagonal_cells(diagonals: int, rows: int, width: int) -> int:
    """Cells in the first anti-diagonals of a rows x width rectangle. Equation 13."""
    count = rows + width - 1
    if diagonals <= 0:
        return 0
    if diagonals >= count:
        return rows * width
    short = min(rows, width)
    if diagonals <= short:
        return diagonals * (diagonals + 1) // 2
    if diagonals <= count - short:
        return short * (short + 1) // 2 + (diagonals - short) * short
    rest = count - diagonals
    return rows * width - rest * (rest + 1) // 2


@compiled
def line_rank(stack: Stack, line: int) -> int:
    """Rank of the first cell of an anti-diagonal (or, stationary, of a row). Equation 14."""
    last_block_row = (stack.blocks - 1) * stack.block_rows
    missing_width = stack.width - stack.last_width
    if not stack.diagonal:
        beyond = max(0, line - last_block_row)
        return line * stack.width - beyond * missing_width
    cells = diagonal_cells(line, stack.blocks * stack.block_rows, stack.width)
    if missing_width:
        first_missing = last_block_row + stack.last_width
        cells -= diagonal_cells(line - first_missing, stack.block_rows, missing_width)
    return cells


@compiled
def cell_rank(stack: Stack, row: int, column: int) -> int:
    """Rank of a cell in use. Equations 15 and 16."""
    if not stack.diagonal:
        return line_rank(stack, row) + column
    line = row + column
    last_block_row = (stack.blocks - 1) * stack.block_rows
    first_column = max(0, line - stack.blocks * stack.block_rows + 1)
    rank = line_rank(stack, line) + column - first_column
    if row < last_block_row and column > stack.last_width:
        # to the left on this diagonal lie cells that the last block lacks
        missing = line - last_block_row - max(stack.last_width, first_column) + 1
        rank -= max(0, missing)
    return rank
