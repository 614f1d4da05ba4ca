"""Which demand lines miss, and how often (docs/cost_model.md, equations 18 to 22).

The answer depends on the layer, the array, the dataflow and the buffer's size; not on time and
not on bandwidth, so one answer serves a whole bandwidth sweep.
"""

from typing import NamedTuple

import numpy as np

from edgeint8.scale_sim.replica.compiled import compiled
from edgeint8.scale_sim.replica.copies import Im2col, Shift, steps_to_copy
from edgeint8.scale_sim.replica.schedule import Passes, Tiles
from edgeint8.scale_sim.replica.stack import Int64, Stack, cell_rank, line_rank, used_width
from edgeint8.scale_sim.replica.window import (
    Window,
    in_window,
    sets_ahead,
    slide,
    steps_to,
    window_end_rank,
)


class Misses(NamedTuple):
    """Demand lines with misses, ascending, and the misses of each."""

    lines: Int64
    counts: Int64

    @property
    def total(self) -> int:
        """Misses in all."""
        return int(self.counts.sum()) if len(self.counts) else 0


NO_MISSES = Misses(np.zeros(0, np.int64), np.zeros(0, np.int64))


@compiled
def no_integers() -> list[int]:
    """An empty list; compiled code takes the element's type from the one that is removed."""
    integers = [0]
    integers.pop()
    return integers


@compiled
def line_misses(
    stack: Stack,
    im2col: Im2col,
    window: Window,
    start: int,
    block: int,
    columns: tuple[int, int],
    along: int,
    skew: int,
    likely: Shift,
) -> tuple[int, int, Shift]:
    """Demand one line of a block: each of `columns` in row ``along - column * skew``.

    Returns the line's misses, the window's new start and the shift to try first next time.
    Equations 18 to 21.
    """
    misses = 0
    top = block * stack.block_rows
    column, end = columns
    while column < end:
        row = along - column * skew
        rank = cell_rank(stack, top + row, column)  # one more in each column that follows
        if in_window(window, start, rank):
            column += window_end_rank(window, start, rank) - rank
            continue
        steps, run = steps_to(window, sets_ahead(window, start, rank)), 1
        if im2col.overlapping:
            across = block * stack.width + column
            steps, run, likely = steps_to_copy(
                stack, im2col, window, start, across, row, skew, steps, likely
            )
        if steps:
            start = slide(window, start, steps)
            misses += steps
        column += run
    return misses, start, likely


@compiled
def next_line_outside(stack: Stack, window: Window, start: int, line: int, end: int) -> int:
    """The first line from `line` on that reaches outside the window, or `end`.

    Ranks rise from line to line, so lines stay inside until the window's end is passed.
    """
    rank = line_rank(stack, line)
    if sets_ahead(window, start, rank) >= window.active:
        return line
    limit = window_end_rank(window, start, rank)
    if line_rank(stack, end) <= limit:
        return end
    low, high = line, end
    while low < high:
        middle = (low + high) // 2
        if line_rank(stack, middle + 1) > limit:
            high = middle
        else:
            low = middle + 1
    return low


@compiled
def stream_block(
    stack: Stack,
    im2col: Im2col,
    window: Window,
    start: int,
    block: int,
    demand_line: int,
    lines: list[int],
    counts: list[int],
) -> int:
    """Stream one block; append its misses; return the window's new start.

    Anti-diagonal x of the block is demanded in line ``demand_line + x``.
    """
    top = block * stack.block_rows
    width = used_width(stack, block)
    end = stack.block_rows + width - 1
    likely = (1, 0)
    x = next_line_outside(stack, window, start, top, top + end) - top
    while x < end:
        columns = (max(0, x - stack.block_rows + 1), min(width, x + 1))
        count, start, likely = line_misses(
            stack, im2col, window, start, block, columns, x, 1, likely
        )
        if count:
            lines.append(demand_line + x)
            counts.append(count)
        x = next_line_outside(stack, window, start, top + x + 1, top + end) - top
    return start


@compiled
def stream_misses(stack: Stack, im2col: Im2col, window: Window, passes: Passes) -> Misses:
    """Misses of a streaming operand.

    A pass begins with nothing but the window's start to remember. As soon as a pass begins
    where an earlier one began, the passes between them repeat until the group ends.
    """
    lines, counts = no_integers(), no_integers()
    pass_lines = passes.span * passes.fold_lines
    start = 0
    for group in range(passes.groups):
        seen = np.full(window.sets, -1, np.int64)  # pass that began with the window here
        begins = np.zeros(passes.repeats + 1, np.int64)
        first_miss = np.zeros(passes.repeats + 1, np.int64)
        for turn in range(passes.repeats):
            begins[turn], first_miss[turn] = start, len(lines)
            earlier = seen[start]
            if earlier >= 0:
                period = turn - earlier
                repeat_passes(lines, counts, first_miss, earlier, turn, passes.repeats, pass_lines)
                start = begins[earlier + (passes.repeats - earlier) % period]
                break
            seen[start] = turn
            for member in range(passes.span):
                fold = (group * passes.repeats + turn) * passes.span + member
                demand_line = fold * passes.fold_lines + passes.first_line
                block = group * passes.span + member
                start = stream_block(
                    stack, im2col, window, start, block, demand_line, lines, counts
                )
    return Misses(np.array(lines), np.array(counts))


@compiled
def repeat_passes(
    lines: list[int],
    counts: list[int],
    first_miss: Int64,
    earlier: int,
    turn: int,
    repeats: int,
    pass_lines: int,
) -> None:
    """Append the misses of passes `turn` to the last, which repeat `earlier` to ``turn - 1``."""
    period = turn - earlier
    for later in range(turn, repeats):
        model = earlier + (later - earlier) % period
        for index in range(first_miss[model], first_miss[model + 1]):
            lines.append(lines[index] + (later - model) * pass_lines)
            counts.append(counts[index])


@compiled
def tile_misses(stack: Stack, im2col: Im2col, window: Window, tiles: Tiles) -> Misses:
    """Misses of a held operand: tiles top to bottom, each tile's rows bottom to top."""
    lines, counts = no_integers(), no_integers()
    start = 0
    likely = (1, 0)
    for block in range(stack.blocks):
        top = block * stack.block_rows
        for fold in range(tiles.row_folds):
            demand_line = (block * tiles.row_folds + fold) * tiles.fold_lines
            last = (fold + 1) * tiles.rows - 1
            for line in range(tiles.rows):
                along = last - line
                if along >= stack.block_rows:
                    continue
                row = top + along
                if next_line_outside(stack, window, start, row, row + 1) > row:
                    continue
                columns = (0, used_width(stack, block))
                count, start, likely = line_misses(
                    stack, im2col, window, start, block, columns, along, 0, likely
                )
                if count:
                    lines.append(demand_line + line)
                    counts.append(count)
    return Misses(np.array(lines), np.array(counts))
