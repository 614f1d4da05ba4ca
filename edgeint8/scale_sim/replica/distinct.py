"""CALC-mode fetches of an operand without copies, counted (docs/cost_model.md, equations 35 to 37).

A weight has one address, so in one pass over the operand every demand is new, and the epochs
need not be walked through.
"""

from edgeint8.scale_sim.replica.fetches import Fetches
from edgeint8.scale_sim.replica.schedule import Passes, Tiles
from edgeint8.scale_sim.replica.stack import Stack, diagonal_cells, used_width


def tile_fetches(stack: Stack, tiles: Tiles, capacity: int) -> Fetches:
    """A held operand is demanded once: every demand is new. Equation 35."""
    flushes = stack.cells // capacity
    return Fetches(stack.cells, _tile_line(stack, tiles, flushes * capacity - 1))


def stream_fetches(stack: Stack, passes: Passes, capacity: int) -> Fetches:
    """A streaming operand, group after group of blocks that are repeated. Equations 36 and 37."""
    held = reads = flush_line = 0
    for group in range(passes.groups):
        unique = sum(
            stack.block_rows * used_width(stack, group * passes.span + member)
            for member in range(passes.span)
        )
        # As many different addresses as fill an epoch: no epoch meets one twice. Fewer: at
        # most one flush, and what was fetched before it is fetched once more.
        if unique >= capacity:
            fetched = unique * passes.repeats
        else:
            before_flush = capacity - held
            again = before_flush if unique >= before_flush and passes.repeats > 1 else 0
            fetched = unique + again
        flushes, held_after = divmod(held + fetched, capacity)
        if flushes:
            demand = flushes * capacity - held - 1
            flush_line = _stream_line(stack, passes, group, unique, demand)
        held, reads = held_after, reads + fetched
    return Fetches(reads, flush_line)


def _stream_line(stack: Stack, passes: Passes, group: int, unique: int, demand: int) -> int:
    """The line of a group's n-th demand, from 0."""
    repeat, within = divmod(demand, unique)
    member, cell = divmod(within, stack.block_rows * stack.width)
    fold = (group * passes.repeats + repeat) * passes.span + member
    width = used_width(stack, group * passes.span + member)
    low, high = 0, stack.block_rows + width - 2
    while low < high:  # the diagonal that holds the cell
        middle = (low + high) // 2
        if diagonal_cells(middle + 1, stack.block_rows, width) > cell:
            high = middle
        else:
            low = middle + 1
    return fold * passes.fold_lines + passes.first_line + low


def _tile_line(stack: Stack, tiles: Tiles, demand: int) -> int:
    """The line of a held operand's n-th demand, from 0; empty rows of a short tile come first."""
    block, cell = divmod(demand, stack.block_rows * stack.width)
    width = used_width(stack, block)
    tile, within = divmod(cell, tiles.rows * width)
    empty_rows = max(0, (tile + 1) * tiles.rows - stack.block_rows)
    fold = block * tiles.row_folds + tile
    return fold * tiles.fold_lines + empty_rows + within // width
