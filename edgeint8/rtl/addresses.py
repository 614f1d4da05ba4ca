"""Where things lie: DRAM and buffer addresses of a tile program, as the words that RTL reads.

The program's blocks are those of `arch.cost.machine.walk`; this says at which bytes. Words are in
the order of `rtl/machine.sv`.
"""

from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from edgeint8.arch.cost.loops import Loops
from edgeint8.arch.cost.machine.program import Program
from edgeint8.arch.cost.machine.walk import (
    CHANNELS,
    CHUNK_BYTES,
    CONSTANTS,
    FILTER,
    FILTER_SLOT,
    FILTERS,
    FIRST,
    FRESH,
    FRESH_FROM,
    IFMAP,
    IFMAP_SLOT,
    KIND,
    LAST,
    OFMAP,
    OUTER,
    OUTPUTS,
    PIXELS,
    RUN,
    SLOT,
    SUM_SLOT,
    T_C,
    T_M,
    T_P,
    T_RUN,
    TILE,
    WAIT_INPUTS,
    WAIT_TILES,
    WAIT_WEIGHTS,
    WHOLE,
    C,
    Counts,
    M,
    Nest,
    P,
)

TRANSFER_WORDS, TILE_WORDS, LAYER_WORDS = 16, 32, 16
Words = NDArray[np.int64]


@dataclass(frozen=True)
class Bases:
    """DRAM addresses of a layer's input, weights, constants, output, and spilled sums.

    An addition has its second tensor where others have weights.
    """

    ifmap: int
    weights: int
    constants: int
    ofmap: int
    spills: int


@dataclass(frozen=True)
class Addresses:
    """One layer's program at its addresses."""

    loops: Loops
    nest: Nest
    program: Program
    bases: Bases
    constant_bytes: int

    @cached_property
    def pixel_offsets(self) -> Counts:
        """Output pixels before each pixel tile, in the order of tiles."""
        sizes = np.multiply.outer(self.nest.rows[:, OUTPUTS], self.nest.cols[:, OUTPUTS]).ravel()
        return np.concatenate([[0], np.cumsum(sizes)])

    @cached_property
    def slot_sizes(self) -> tuple[int, int, int]:
        """Bytes of an ifmap and a filter slot, words of a sum slot."""
        nest, loops = self.nest, self.loops
        heights, widths = (axis[:, LAST] - axis[:, FIRST] for axis in (nest.rows, nest.cols))
        window = int(heights.max() * widths.max())
        plane, pixels = loops.input_h * loops.input_w, loops.output_h * loops.output_w
        tile = int(nest.rows[:, OUTPUTS].max() * nest.cols[:, OUTPUTS].max())
        m, c, p = nest.order
        outer = (
            window * nest.channels if p < c else plane * nest.tile_c,
            nest.window * (nest.tile_m * nest.channels if m < c else nest.tile_c * nest.filters),
            pixels * nest.tile_m if m < p else tile * nest.filters,
        )
        whole = (
            plane * nest.channels,
            nest.window * nest.channels * nest.filters,
            pixels * nest.filters,
        )
        one = (window * nest.tile_c, nest.window * nest.tile_c * nest.tile_m, tile * nest.tile_m)
        i, f, o = (
            {WHOLE: whole, TILE: one, OUTER: outer}[level][operand]
            for operand, level in enumerate(nest.levels)
        )
        return int(i), int(f), int(o)

    @property
    def _keeps_plane(self) -> bool:
        """The ifmap buffer holds all pixels, so windows lie at their places in the input."""
        level, (_, c, p) = self.nest.levels[0], self.nest.order
        return level == WHOLE or (level == OUTER and c < p)

    @property
    def _keeps_channels(self) -> bool:
        level, (_, c, p) = self.nest.levels[0], self.nest.order
        return level == WHOLE or (level == OUTER and p < c)

    def _ifmap(self, slot: int, p: int, c: int, channels: int) -> tuple[int, int, int, int, int]:
        """(address, row pitch, pixel pitch, first row, first column) of what a tile reads."""
        row, col = divmod(p, len(self.nest.cols))
        depth = self.nest.channels if self._keeps_channels else channels
        base = slot * self.slot_sizes[0] + (c * self.nest.tile_c if self._keeps_channels else 0)
        if self._keeps_plane:
            return base, self.loops.input_w * depth, depth, 0, 0
        first_row, first_col = int(self.nest.rows[row, FIRST]), int(self.nest.cols[col, FIRST])
        width = int(self.nest.cols[col, LAST]) - first_col
        return base, width * depth, depth, first_row, first_col

    def _filter(self, slot: int, c: int, m: int, channels: int, filters: int) -> int:
        """Where a tile's weights lie in their buffer."""
        nest = self.nest
        base = slot * self.slot_sizes[1]
        if nest.levels[1] == TILE:
            return base
        by_channel = nest.window * c * nest.tile_c * filters
        if nest.levels[1] == WHOLE:
            return base + nest.window * m * nest.tile_m * nest.channels + by_channel
        if nest.order[0] < nest.order[1]:
            return base + by_channel
        return base + nest.window * m * nest.tile_m * channels

    def _sums(self, slot: int, p: int, m: int, filters: int) -> tuple[int, int]:
        """(word, words from one pixel to the next) of a tile's sums."""
        nest = self.nest
        base, before = slot * self.slot_sizes[2], int(self.pixel_offsets[p])
        pixels = int(self.pixel_offsets[p + 1]) - before
        if nest.levels[2] == WHOLE:
            return base + before * nest.filters + m * nest.tile_m, nest.filters
        if nest.levels[2] == TILE:
            return base, filters
        if nest.order[0] < nest.order[2]:
            return base + before * filters, filters
        return base + pixels * m * nest.tile_m, filters

    def transfer_words(self) -> Words:
        """(transfers, 16)."""
        words = np.zeros((len(self.program.transfers), TRANSFER_WORDS), np.int64)
        for at, transfer in enumerate(self.program.transfers):
            kind = int(transfer[KIND])
            words[at, 0], words[at, 1] = kind, transfer[WAIT_TILES]
            words[at, 2:11] = (
                self._input(transfer, self.bases.ifmap if kind == IFMAP else self.bases.weights)
                if kind == IFMAP or (kind == FILTER and not self.nest.weighted)
                else self._output(transfer)
                if kind == OFMAP
                else self._straight(transfer, kind)
            )
        return words

    def _straight(self, transfer: Counts, kind: int) -> tuple[int, ...]:
        """Weights, constants and spilled sums lie in DRAM as they are needed: one piece."""
        nest, bytes_ = self.nest, int(transfer[CHUNK_BYTES])
        run, p, c, m, slot = (int(transfer[k]) for k in (T_RUN, T_P, T_C, T_M, SLOT))
        filters = min(nest.tile_m, nest.filters - m * nest.tile_m)
        channels = min(nest.tile_c, nest.channels - c * nest.tile_c)
        if kind == CONSTANTS:
            place = self.constant_bytes * (run * nest.filters + m * nest.tile_m)
            return self.bases.constants + place, 1, 1, bytes_, 0, 0, place, 0, 0
        if kind == FILTER:
            before = run * nest.channels * nest.filters + m * nest.tile_m * nest.channels
            dram = self.bases.weights + nest.window * (before + c * nest.tile_c * filters)
            sram = self._filter(slot, c, m, channels, filters)
            return dram, 1, 1, bytes_, 0, 0, sram, 0, 0
        before, after = (int(self.pixel_offsets[k]) for k in (p, p + 1))
        total = int(self.pixel_offsets[-1])
        place = (run * total + before) * nest.filters + (after - before) * m * nest.tile_m
        sram, _ = self._sums(slot, p, m, filters)
        return self.bases.spills + 4 * place, 1, 1, bytes_, 0, 0, sram, 0, 0

    def _input(self, transfer: Counts, tensor: int) -> tuple[int, ...]:
        nest, loops, pitch = self.nest, self.loops, self.nest.input_pitch
        run, p, c, slot = (int(transfer[k]) for k in (T_RUN, T_P, T_C, SLOT))
        row, col = divmod(p, len(nest.cols))
        begin = FRESH_FROM if transfer[FRESH] else FIRST
        y, z = int(nest.rows[row, begin]), int(nest.cols[col, begin])
        height, width = int(nest.rows[row, LAST]) - y, int(nest.cols[col, LAST]) - z
        channels = min(nest.tile_c, nest.channels - c * nest.tile_c)
        base, row_pitch, pixel_pitch, top, left = self._ifmap(slot, p, c, channels)
        sram = base + (y - top) * row_pitch + (z - left) * pixel_pitch
        first = run * nest.channels + c * nest.tile_c
        dram = tensor + (y * loops.input_w + z) * pitch + first
        shape = _pieces(height, width, channels, loops.input_w, pitch)
        return dram, *shape, loops.input_w * pitch, pitch, sram, row_pitch, pixel_pitch

    def _output(self, transfer: Counts) -> tuple[int, ...]:
        nest, loops, pitch = self.nest, self.loops, self.nest.output_pitch
        run, p, m, slot = (int(transfer[k]) for k in (T_RUN, T_P, T_M, SLOT))
        row, col = divmod(p, len(nest.cols))
        y, z = int(nest.rows[:row, OUTPUTS].sum()), int(nest.cols[:col, OUTPUTS].sum())
        height, width = int(nest.rows[row, OUTPUTS]), int(nest.cols[col, OUTPUTS])
        filters = min(nest.tile_m, nest.filters - m * nest.tile_m)
        sram, sum_pitch = self._sums(slot, p, m, filters)
        first = run * nest.filters + m * nest.tile_m
        dram = self.bases.ofmap + (y * loops.output_w + z) * pitch + first
        shape = _pieces(height, width, filters, loops.output_w, pitch)
        return dram, *shape, loops.output_w * pitch, pitch, sram, width * sum_pitch, sum_pitch

    def tile_words(self) -> Words:
        """(tiles, 32)."""
        nest, loops = self.nest, self.loops
        words = np.zeros((len(self.program.tiles), TILE_WORDS), np.int64)
        last_c = -(-nest.channels // nest.tile_c) - 1
        for at, tile in enumerate(self.program.tiles):
            run, p, c, m = (int(tile[k]) for k in (RUN, P, C, M))
            row, col = divmod(p, len(nest.cols))
            channels, filters = int(tile[CHANNELS]), int(tile[FILTERS])
            ifmap, row_pitch, pixel_pitch, top, left = self._ifmap(
                int(tile[IFMAP_SLOT]), p, c, channels
            )
            height, width = loops.input_h, loops.input_w
            if not self._keeps_plane:
                height, width = int(nest.rows[row, LAST]) - top, int(nest.cols[col, LAST]) - left
            y, z = int(nest.rows[:row, OUTPUTS].sum()), int(nest.cols[:col, OUTPUTS].sum())
            sums, sum_pitch = self._sums(int(tile[SUM_SLOT]), p, m, filters)
            words[at, :26] = (
                *(tile[WAIT_WEIGHTS], tile[WAIT_INPUTS]),
                *(nest.rows[row, OUTPUTS], nest.cols[col, OUTPUTS], channels, filters),
                *(loops.filter_h, loops.filter_w, loops.stride_h, loops.stride_w),
                *(loops.dilation_h, loops.dilation_w),
                *(
                    y * loops.stride_h - loops.pad_top - top,
                    z * loops.stride_w - loops.pad_left - left,
                ),
                *(height, width, ifmap, row_pitch, pixel_pitch),
                *(self._filter(int(tile[FILTER_SLOT]), c, m, channels, filters), filters),
                *(sums, sum_pitch, c == 0, c == last_c, run * nest.filters + m * nest.tile_m),
            )
            assert tile[PIXELS] == words[at, 2] * words[at, 3]
        return words


def _pieces(height: int, width: int, depth: int, full: int, pitch: int) -> tuple[int, int, int]:
    """(planes, lines, bytes) of a block of pixels; contiguous ones are one piece."""
    if depth < pitch:
        return height, width, depth
    if width < full:
        return height, 1, width * depth
    return 1, 1, height * width * depth
