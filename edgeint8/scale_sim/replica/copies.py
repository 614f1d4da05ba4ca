"""Copies of an input in the im2col matrix (docs/cost_model.md, equation 21).

Overlapping windows read the same input. SCALE-Sim's prefetch order lists each reading as a cell
of its own, and a demand is served by any copy that lies in the window. The copies of tap (r, s)
of pixel (y, x) are taps (r + a * stride_h, s + b * stride_w) of pixels (y - a, x - b), for all
shifts (a, b) that stay inside filter and output.
"""

from typing import NamedTuple

from edgeint8.arch.cost.systolic import Mapping
from edgeint8.arch.network.layers import LayerShape
from edgeint8.scale_sim.replica.compiled import compiled
from edgeint8.scale_sim.replica.stack import Stack, cell_rank
from edgeint8.scale_sim.replica.window import (
    Window,
    in_window,
    sets_ahead,
    steps_to,
    window_end_rank,
)


class Im2col(NamedTuple):
    """How a cell (pixel, tap) of the ifmap matrix is an input.

    With `pixels_across`, a block's columns are output pixels and its rows taps; otherwise the
    reverse. `tap_down` and `tap_right` are the tap distances of a shift by one.
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
    tap_down: int
    tap_right: int


NO_COPIES = Im2col(False, False, 1, 1, 1, 1, 1, 1, 1, 0, 0)
"""For the filter: every weight has one cell."""


def ifmap_im2col(shape: LayerShape, mapping: Mapping) -> Im2col:
    """The ifmap's copies: a stride shorter than the filter makes windows overlap."""
    overlapping = (shape.filter_h > shape.stride_h and shape.output_h > 1) or (
        shape.filter_w > shape.stride_w and shape.output_w > 1
    )
    return Im2col(
        overlapping,
        mapping.dataflow != "ws",
        shape.output_h,
        shape.output_w,
        shape.filter_h,
        shape.filter_w,
        shape.channels,
        shape.stride_h,
        shape.stride_w,
        shape.stride_h * shape.filter_w * shape.channels,
        shape.stride_w * shape.channels,
    )


_UNLIMITED = 1 << 62

Shift = tuple[int, int]
"""(a, b): the copy a pixels further down in the filter and b further right."""


@compiled
def copy_of(im2col: Im2col, pixel: int, tap: int, shift: Shift) -> tuple[int, int]:
    """(pixel, tap) of a copy, or (-1, -1) where the shift leaves filter or output."""
    a, b = shift
    y = pixel // im2col.output_w
    x = pixel - y * im2col.output_w - b
    position = tap // im2col.channels
    r = position // im2col.filter_w
    s = position - r * im2col.filter_w + b * im2col.stride_w
    y, r = y - a, r + a * im2col.stride_h
    in_output = 0 <= y < im2col.output_h and 0 <= x < im2col.output_w
    if not (in_output and 0 <= r < im2col.filter_h and 0 <= s < im2col.filter_w):
        return -1, -1
    return (
        pixel - a * im2col.output_w - b,
        tap + a * im2col.tap_down + b * im2col.tap_right,
    )


@compiled
def copy_place(stack: Stack, im2col: Im2col, pixel: int, tap: int) -> tuple[int, int]:
    """(row, column) of a cell in the stack."""
    across, along = (pixel, tap) if im2col.pixels_across else (tap, pixel)
    block = across // stack.width
    return block * stack.block_rows + along, across - block * stack.width


@compiled
def tandem(first: int, second: int, length: int, step: int) -> int:
    """For how many steps two indices stay in [0, length) together, the present place included."""
    if step == 0:
        return _UNLIMITED
    return length - max(first, second) if step > 0 else min(first, second) + 1


@compiled
def copy_run(
    im2col: Im2col,
    pixel: int,
    tap: int,
    copied_pixel: int,
    copied_tap: int,
    shift: Shift,
    skew: int,
) -> int:
    """How many cells of a demand line, from this one on, have copies of this shift side by side.

    Along the line one of pixel and tap grows and, skewed, the other shrinks. A sideways shift
    ends where a pixel or a tap changes rows.
    """
    pixel_step, tap_step = (1, -skew) if im2col.pixels_across else (-skew, 1)
    pixels = im2col.output_h * im2col.output_w
    taps = im2col.filter_h * im2col.filter_w * im2col.channels
    if shift[1] != 0:
        pixels, taps = im2col.output_w, im2col.filter_w * im2col.channels
        pixel, copied_pixel = pixel % pixels, copied_pixel % pixels
        tap, copied_tap = tap % taps, copied_tap % taps
    return min(
        tandem(pixel, copied_pixel, pixels, pixel_step), tandem(tap, copied_tap, taps, tap_step)
    )


@compiled
def served_by(
    stack: Stack,
    im2col: Im2col,
    window: Window,
    start: int,
    pixel: int,
    tap: int,
    skew: int,
    shift: Shift,
) -> int:
    """For how many cells of the line, from this one on, the copies of a shift are in the window."""
    copied_pixel, copied_tap = copy_of(im2col, pixel, tap, shift)
    if copied_pixel < 0:
        return 0
    row, column = copy_place(stack, im2col, copied_pixel, copied_tap)
    rank = cell_rank(stack, row, column)
    if not in_window(window, start, rank):
        return 0
    run = copy_run(im2col, pixel, tap, copied_pixel, copied_tap, shift, skew)
    return min(run, stack.width - column, window_end_rank(window, start, rank) - rank)


@compiled
def steps_to_copy(
    stack: Stack,
    im2col: Im2col,
    window: Window,
    start: int,
    across: int,
    along: int,
    skew: int,
    own_steps: int,
    likely: Shift,
) -> tuple[int, int, Shift]:
    """Misses until the window reaches the nearest copy of a cell, at most `own_steps`.

    Also returned: when there are none, for how many cells of the demand line, from this one on,
    that copy's neighbours serve; and the shift to try first next time.
    """
    pixel, tap = (across, along) if im2col.pixels_across else (along, across)
    served = served_by(stack, im2col, window, start, pixel, tap, skew, likely)
    if served:
        return 0, served, likely
    reach_h = (im2col.filter_h - 1) // im2col.stride_h
    reach_w = (im2col.filter_w - 1) // im2col.stride_w
    fewest = own_steps
    for a in range(-reach_h, reach_h + 1):
        for b in range(-reach_w, reach_w + 1):
            copied_pixel, copied_tap = copy_of(im2col, pixel, tap, (a, b))
            if copied_pixel < 0:
                continue
            row, column = copy_place(stack, im2col, copied_pixel, copied_tap)
            rank = cell_rank(stack, row, column)
            if in_window(window, start, rank):
                served = served_by(stack, im2col, window, start, pixel, tap, skew, (a, b))
                return 0, served, (a, b)
            fewest = min(fewest, steps_to(window, sets_ahead(window, start, rank)))
    return fewest, 1, likely
