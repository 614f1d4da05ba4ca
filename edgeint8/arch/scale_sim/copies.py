"""Copies of an input in the im2col matrix (docs/cost_model.md, equation 21).

Overlapping windows read the same input. SCALE-Sim's prefetch order lists each reading as a cell
of its own, and a demand is served by any copy that lies in the window.
"""

from typing import NamedTuple

from numba import njit

from edgeint8.arch.layers import LayerShape
from edgeint8.arch.scale_sim.stack import Stack, cell_rank
from edgeint8.arch.scale_sim.window import Window, sets_ahead, steps_to


class Im2col(NamedTuple):
    """How a cell (pixel, tap) of the ifmap matrix is an input, and where the stack holds it.

    `pixels_across`: a block's columns are output pixels and its rows taps; otherwise the
    reverse. An operand without copies has ``overlapping`` False.
    """

    overlapping: bool
    pixels_across: bool
    output_h: int
    output_w: int
    filter_h: int
    filter_w: int
    channels: int
    stride_h: int
    stride_w: int


def ifmap_im2col(shape: LayerShape, pixels_across: bool) -> Im2col:
    """The ifmap's copies: a stride shorter than the filter makes windows overlap."""
    overlapping = (shape.filter_h > shape.stride_h and shape.output_h > 1) or (
        shape.filter_w > shape.stride_w and shape.output_w > 1
    )
    return Im2col(
        overlapping,
        pixels_across,
        shape.output_h,
        shape.output_w,
        shape.filter_h,
        shape.filter_w,
        shape.channels,
        shape.stride_h,
        shape.stride_w,
    )


NO_COPIES = Im2col(False, False, 1, 1, 1, 1, 1, 1, 1)
"""For the filter: every weight has one cell."""


@njit(cache=True)
def matrix_cell_rank(stack: Stack, im2col: Im2col, pixel: int, tap: int) -> int:
    """Rank of cell (pixel, tap)."""
    across, along = (pixel, tap) if im2col.pixels_across else (tap, pixel)
    block = across // stack.width
    return cell_rank(stack, block * stack.block_rows + along, across - block * stack.width)


@njit(cache=True)
def steps_to_copy(
    stack: Stack,
    im2col: Im2col,
    window: Window,
    start: int,
    across: int,
    along: int,
    own_steps: int,
) -> int:
    """Misses until the window reaches the nearest copy of a cell, at most `own_steps`.

    The copies of tap (r, s) of pixel (y, x) are taps (r + a * stride_h, s + b * stride_w) of
    pixels (y - a, x - b), for all a and b that stay inside filter and output.
    """
    pixel, tap = (across, along) if im2col.pixels_across else (along, across)
    y = pixel // im2col.output_w
    x = pixel - y * im2col.output_w
    r = tap // (im2col.filter_w * im2col.channels)
    s = tap // im2col.channels - r * im2col.filter_w
    tap_down = im2col.stride_h * im2col.filter_w * im2col.channels
    tap_right = im2col.stride_w * im2col.channels
    a_first = -min(r // im2col.stride_h, im2col.output_h - 1 - y)
    a_last = min((im2col.filter_h - 1 - r) // im2col.stride_h, y)
    b_first = -min(s // im2col.stride_w, im2col.output_w - 1 - x)
    b_last = min((im2col.filter_w - 1 - s) // im2col.stride_w, x)
    fewest = own_steps
    for a in range(a_first, a_last + 1):
        for b in range(b_first, b_last + 1):
            rank = matrix_cell_rank(
                stack, im2col, pixel - a * im2col.output_w - b, tap + a * tap_down + b * tap_right
            )
            fewest = min(fewest, steps_to(window, sets_ahead(window, start, rank)))
            if fewest == 0:
                return 0
    return fewest
