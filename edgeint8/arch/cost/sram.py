"""What passes between the array and its SRAMs when a layer is computed tile by tile.

Each operand lacks one of the three loops around the array, and that loop brings it again: inputs
the filters, weights the pixels, sums the channels. It does so once for every tile of that loop and,
where the loop lies on rows or columns, once for every fold inside the tile.

An SRAM gives or takes a word a cycle, as wide as the side of the array that it serves; a fold that
leaves lanes idle moves whole words all the same. docs/physical_model.md, equations 26 and 54.
"""

import math
from dataclasses import dataclass
from functools import lru_cache
from typing import TypeVar

import numpy as np

from edgeint8.arch.cost.loops import Loops
from edgeint8.arch.cost.pieces import Counts, Pieces, cut, cut_pixels
from edgeint8.arch.cost.tile_space import TileSizes, TileSpace
from edgeint8.dataflow import DIMENSIONS, Dataflow, Dimension, Layout, Operand, layout_of

OPERANDS: tuple[Operand, Operand, Operand] = ("ifmap", "filter", "ofmap")
Lanes = TypeVar("Lanes", int, Counts)


@dataclass(frozen=True)
class Passes:
    """How often all inputs, all weights and all sums of one run pass: equation 26.

    Shapes broadcast to (rows, cols): a loop on the rows has one entry a row number, one on the
    columns one a column number, the one that streams a single entry.
    """

    ifmap: Counts
    filter: Counts
    sums: Counts


@dataclass(frozen=True)
class Elements:
    """Elements of one run that pass at least once: every window in full, with its padding."""

    ifmap: int
    filter: int
    sums: int


def elements_of(loops: Loops) -> Elements:
    """The product of P pixels, K = R S C and M filters that the array sees."""
    pixels, filters = loops.pixels, loops.filters
    window = loops.filter_h * loops.filter_w * loops.channels
    return Elements(pixels * window, window * filters, pixels * filters)


def passes(loops: Loops, tile: TileSizes, dataflow: Dataflow, rows: Counts, cols: Counts) -> Passes:
    """The passes on all arrays of `rows` (R,) and `cols` (C,) cut into such tiles."""
    times = _times(loops, tile, dataflow, rows, cols)
    return Passes(ifmap=times["m"], filter=times["p"], sums=times["k"])


@dataclass(frozen=True)
class Words:
    """Words that pass between the array and one SRAM, as `rows` (R, 1) times `cols` (1, C)."""

    rows: Counts
    cols: Counts


def port_words(
    loops: Loops, tile: TileSizes, dataflow: Dataflow, rows: Counts, cols: Counts
) -> tuple[Words, Words, Words]:
    """Words of one run between the array and its (ifmap, filter, ofmap) SRAM: equation 54.

    On all arrays of `rows` (R,) and `cols` (C,). Sums leave in them.
    """
    times, layout = _times(loops, tile, dataflow, rows, cols), layout_of(dataflow)
    one = np.ones((1, 1), np.int64)

    def words(operand: Operand) -> Words:
        steps, folded = _words(loops, layout, operand)
        factors = {loop: times[loop] for loop in folded}
        on_cols = factors.pop(layout.columns, one)
        return Words(math.prod(factors.values(), start=steps * one), on_cols)

    ifmap, filter_, sums = map(words, OPERANDS)
    return ifmap, filter_, sums


def port_lanes(dataflow: Dataflow, rows: Lanes, cols: Lanes) -> tuple[Lanes, Lanes, Lanes]:
    """Elements in a word of the (ifmap, filter, ofmap) SRAM: rows or columns of the array."""
    layout = layout_of(dataflow)
    ifmap, filter_, sums = (
        rows if layout.across(operand) == layout.rows else cols for operand in OPERANDS
    )
    return ifmap, filter_, sums


def tiled_accesses(
    loops: Loops, tile: TileSizes, dataflow: Dataflow, rows: int, cols: int
) -> tuple[int, int, int]:
    """Elements of one run: inputs and weights that the array reads, sums that leave it."""
    found = passes(loops, tile, dataflow, np.array([rows]), np.array([cols]))
    elements = elements_of(loops)
    return (
        elements.ifmap * int(found.ifmap.item()),
        elements.filter * int(found.filter.item()),
        elements.sums * int(found.sums.item()),
    )


def tiled_words(
    loops: Loops, tile: TileSizes, dataflow: Dataflow, rows: int, cols: int
) -> tuple[int, int, int]:
    """Elements of the same in whole words: lanes that a fold leaves idle count as well."""
    words = port_words(loops, tile, dataflow, np.array([rows]), np.array([cols]))
    lanes = port_lanes(dataflow, rows, cols)
    ifmap, filter_, sums = (
        n.rows.item() * n.cols.item() * wide for n, wide in zip(words, lanes, strict=True)
    )
    return ifmap, filter_, sums


def words_of_tilings(
    space: TileSpace, layout: Layout, rows: int, cols: int
) -> tuple[Counts, Counts, Counts]:
    """Elements in whole words of one run, of every tiling: each broadcasts to `space.grid`."""
    loops = space.loops
    sizes = (space.tile_h, space.tile_w, space.tile_images)
    cuts = _cut_loops(loops, sizes, space.tile_c, space.tile_m)
    lanes = {layout.rows: rows, layout.columns: cols}
    axes: dict[Dimension, tuple[slice | None, ...]] = {
        "p": (slice(None), None, None),
        "k": (None, slice(None), None),
        "m": (None, None, slice(None)),
    }
    times = {
        loop: (pieces.folds(width, lanes[loop]) if loop in lanes else pieces.pieces)[axes[loop]]
        for loop, (pieces, width) in cuts.items()
    }

    def elements(operand: Operand) -> Counts:
        steps, folded = _words(loops, layout, operand)
        wide = np.full((1, 1, 1), steps * lanes[layout.across(operand)], np.int64)
        return math.prod((times[loop] for loop in folded), start=wide)

    ifmap, filter_, sums = map(elements, OPERANDS)
    return ifmap, filter_, sums


def _words(loops: Loops, layout: Layout, operand: Operand) -> tuple[int, tuple[Dimension, ...]]:
    """Words of an operand: elements of the dimension along them, and the loops that multiply them.

    These are the dimension across a word, in folds, and the loop that brings the operand again.
    """
    window = loops.filter_h * loops.filter_w * loops.channels
    sizes: dict[Dimension, int] = {"p": loops.pixels, "k": window, "m": loops.filters}
    across = layout.across(operand)
    (along,) = DIMENSIONS[operand] - {across}
    (lacking,) = sizes.keys() - DIMENSIONS[operand]
    return sizes[along], (across, lacking)


def _times(
    loops: Loops, tile: TileSizes, dataflow: Dataflow, rows: Counts, cols: Counts
) -> dict[Dimension, Counts]:
    """How often each loop brings what lacks it: its folds on rows or columns, else its tiles."""
    layout = layout_of(dataflow)
    times: dict[Dimension, Counts] = {}
    for loop, (pieces, width) in _cuts(loops, tile).items():
        if loop == layout.rows:
            times[loop] = pieces.folds(width, rows[:, None])[:, None]
        elif loop == layout.columns:
            times[loop] = pieces.folds(width, cols[:, None])[None, :]
        else:
            times[loop] = pieces.pieces[:, None]
    return times


@lru_cache(maxsize=65536)
def _cuts(loops: Loops, tile: TileSizes) -> dict[Dimension, tuple[Pieces, int]]:
    """The pieces of each loop of one tile."""
    height, width, images, channels, filters = (
        np.array([size])
        for size in (tile.height, tile.width, tile.images, tile.channels, tile.filters)
    )
    return _cut_loops(loops, (height, width, images), channels, filters)


def _cut_loops(
    loops: Loops, pixels: tuple[Counts, Counts, Counts], channels: Counts, filters: Counts
) -> dict[Dimension, tuple[Pieces, int]]:
    """The pieces of each loop, and the lanes that one of its steps takes on the array."""
    return {
        "p": (cut_pixels(loops, *pixels), 1),
        "k": (cut(loops.channels, channels), loops.filter_h * loops.filter_w),
        "m": (cut(loops.filters, filters), 1),
    }
