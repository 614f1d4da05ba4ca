"""All tiles of one layer: how much each buffer level holds and how often it is refilled.

Arrays have the axes (p, c, m): spatial tile, channel tile, filter tile; an axis of length 1
broadcasts. Equations 5 to 10 of docs/physical_model.md.
"""

from dataclasses import dataclass
from functools import cached_property, lru_cache

import numpy as np
from numpy.typing import NDArray

from edgeint8.arch.cost.loops import Loops

Counts = NDArray[np.int64]

NEVER = 1 << 58
"""Bytes of what does not fit; three of these still fit int64."""


@dataclass(frozen=True)
class ElementBytes:
    """Bytes of one element of each operand; the default is INT8 with 32-bit partial sums."""

    ifmap: int = 1
    filter: int = 1
    ofmap: int = 1
    accumulator: int = 4


INT8 = ElementBytes()
FP32 = ElementBytes(4, 4, 4, 4)


@dataclass(frozen=True)
class TileSizes:
    """One tile: output rows and columns, channels, filters; several images only if whole."""

    height: int
    width: int
    channels: int
    filters: int
    images: int = 1


@dataclass(frozen=True)
class Buffer:
    """One level at which an operand can be kept.

    Parameters
    ----------
    need_bytes
        What it holds at once.
    dram_bytes
        What is moved in the whole layer when the operand is kept here.
    replaced
        Its content changes during the layer, so a double buffer needs it twice.
    """

    need_bytes: Counts
    dram_bytes: Counts
    replaced: bool


@dataclass(frozen=True)
class TileSpace:
    """The tiles of `loops`: `tile_h` and `tile_w` along p, `tile_c` along c, `tile_m` along m.

    A spatial tile is a part of one image or, where `tile_images` is more, several whole images.
    `window_elements` is the largest input window of a spatial tile and `sweep_elements` what one
    pass over all spatial tiles fetches, both per channel and without padding.
    """

    loops: Loops
    element_bytes: ElementBytes
    tile_images: Counts
    tile_h: Counts
    tile_w: Counts
    tile_c: Counts
    tile_m: Counts
    window_elements: Counts
    sweep_elements: Counts

    @property
    def grid(self) -> tuple[int, int, int]:
        """Numbers of tile sizes over (pixels, channels, filters)."""
        return len(self.tile_h), len(self.tile_c), len(self.tile_m)

    @property
    def final_bytes(self) -> int:
        """Outputs, written once."""
        return self.loops.ofmap_elements * self.element_bytes.ofmap

    def sizes(self, cell: tuple[int, int, int]) -> TileSizes:
        """The tile at the place `cell` of the grid."""
        p, c, m = cell
        return TileSizes(
            int(self.tile_h[p]),
            int(self.tile_w[p]),
            int(self.tile_c[c]),
            int(self.tile_m[m]),
            int(self.tile_images[p]),
        )

    @cached_property
    def trips_c(self) -> Counts:
        """Trips of the channel loop, (1, channel tiles, 1)."""
        return _trips(self.loops.channels, self.tile_c)[None, :, None]

    @cached_property
    def trips_m(self) -> Counts:
        """Trips of the filter loop, (1, 1, filter tiles)."""
        return _trips(self.loops.filters, self.tile_m)[None, None, :]

    @cached_property
    def trips_p(self) -> Counts:
        """Trips of the pixel loop, (pixel tiles, 1, 1)."""
        rows = _trips(self.loops.output_h, self.tile_h)
        images = _trips(self.loops.images, self.tile_images)
        return (images * rows * _trips(self.loops.output_w, self.tile_w))[:, None, None]

    @cached_property
    def pixels(self) -> Counts:
        """Outputs of one filter in a spatial tile, (pixel tiles,)."""
        return self.tile_images * self.tile_h * self.tile_w

    @cached_property
    def tile_sram_bytes(self) -> NDArray[np.float64]:
        """SRAM bytes of every tiling when each tile is one fold; shape (p, c, m). Equation 12.

        Every operand passes once a trip of the loop that it lacks, sums twice: in and out.
        """
        loops, size = self.loops, self.element_bytes
        window = float(loops.filter_h * loops.filter_w * loops.channels)
        ifmap = self.trips_m * (window * loops.pixels * size.ifmap)
        weights = self.trips_p * (window * loops.filters * size.filter)
        return (
            ifmap + weights + self.trips_c * (2.0 * loops.pixels * loops.filters * size.accumulator)
        )

    @cached_property
    def _wide(self) -> bool:
        """Whether some tiling moves more bytes than int64 holds; none of these is the best."""
        loops, size = self.loops, self.element_bytes
        sweep = max(int(self.sweep_elements.max()) * loops.channels, loops.ifmap_elements)
        most = (
            sweep * size.ifmap * int(self.trips_m.max()),
            loops.filter_elements * size.filter * int(self.trips_p.max()),
            2 * size.accumulator * loops.pixels * loops.filters * int(self.trips_c.max()),
        )
        return max(most) >= NEVER

    def _times(self, each: Counts, times: Counts) -> Counts:
        """Bytes moved again and again; `NEVER` beyond it."""
        if not self._wide:
            return each * times
        return np.where(each.astype(np.float64) * times < NEVER, each * times, NEVER)

    def ifmap_buffers(self, order: tuple[str, str, str]) -> list[Buffer]:
        """Equation 8: the input depends on c and p; the filter loop brings it again."""
        loops, size = self.loops, self.element_bytes.ifmap
        window = self.window_elements[:, None, None] * size
        channels = self.tile_c[None, :, None]
        once = np.asarray(loops.ifmap_elements * size)
        # Rows between two windows are moved too, so a sweep never costs less than the tensor.
        sweep = np.maximum(self.sweep_elements * loops.channels, loops.ifmap_elements)
        sweep = sweep[:, None, None] * size
        again_tile = _again(order, "m", inside="cp", trips=self.trips_m)
        again_p = _again(order, "m", inside="p", trips=self.trips_m)
        again_c = _again(order, "m", inside="c", trips=self.trips_m)
        buffers = [
            Buffer(once, once, replaced=False),
            Buffer(window * channels, self._times(sweep, again_tile), replaced=True),
        ]
        if order.index("p") < order.index("c"):
            moved = self._times(sweep, again_p)
            buffers.append(Buffer(window * loops.channels, moved, replaced=True))
        else:
            plane = np.asarray(loops.images * loops.input_h * loops.input_w * size)
            buffers.append(Buffer(plane * channels, self._times(once, again_c), replaced=True))
        return buffers

    def filter_buffers(self, order: tuple[str, str, str]) -> list[Buffer]:
        """Equation 9: weights depend on m and c; the pixel loop brings them again."""
        loops = self.loops
        window = loops.filter_h * loops.filter_w * self.element_bytes.filter
        tile_c, tile_m = self.tile_c[None, :, None], self.tile_m[None, None, :]
        once = np.asarray(loops.filter_elements * self.element_bytes.filter)
        again_tile = _again(order, "p", inside="mc", trips=self.trips_p)
        outer = "m" if order.index("m") < order.index("c") else "c"
        held = tile_m * loops.channels if outer == "m" else tile_c * loops.filters
        again_outer = _again(order, "p", inside=outer, trips=self.trips_p)
        return [
            Buffer(once, once, replaced=False),
            Buffer(tile_c * tile_m * window, self._times(once, again_tile), replaced=True),
            Buffer(held * window, self._times(once, again_outer), replaced=True),
        ]

    def ofmap_buffers(self, order: tuple[str, str, str]) -> list[Buffer]:
        """Equation 10: sums depend on m and p; a channel loop outside spills and reloads them."""
        loops, wide = self.loops, self.element_bytes.accumulator
        pixels, tile_m = self.pixels[:, None, None], self.tile_m[None, None, :]
        all_pixels = loops.pixels
        outer = "m" if order.index("m") < order.index("p") else "p"
        held = tile_m * all_pixels if outer == "m" else pixels * loops.filters
        levels = [(pixels * tile_m, "mp"), (held, outer)]
        buffers = [
            Buffer(
                np.asarray(all_pixels * loops.filters * wide),
                np.asarray(self.final_bytes),
                replaced=False,
            )
        ]
        for need, inside in levels:
            passes = _again(order, "c", inside=inside, trips=self.trips_c)
            spilled = self._times(np.asarray(2 * wide * all_pixels * loops.filters), passes - 1)
            buffers.append(Buffer(need * wide, self.final_bytes + spilled, replaced=True))
        return buffers


def _again(order: tuple[str, str, str], loop: str, inside: str, trips: Counts) -> Counts:
    """Equation 7: `loop` multiplies the fetches when one of the loops `inside` runs inside it."""
    position = order.index(loop)
    if any(order.index(other) > position for other in inside):
        return trips
    return np.ones((1, 1, 1), dtype=np.int64)


def _trips(extent: int, tile: Counts) -> Counts:
    return -(-extent // tile)


def tile_sizes(extent: int) -> list[int]:
    """Tile sizes of one loop, largest first: the smallest tile for each number of trips.

    Every number of trips up to 16, beyond that 2^k and 3 * 2^k: a coarser search for large
    loops, the same for every SRAM size, so that more SRAM only adds to what fits.
    """
    trips = set(range(1, min(extent, 16) + 1)) | {extent}
    step = 16
    while step < extent:
        trips |= {step, min(step + step // 2, extent)}
        step *= 2
    return sorted({-(-extent // count) for count in trips}, reverse=True)


@lru_cache(maxsize=1024)
def tile_space(loops: Loops, element_bytes: ElementBytes) -> TileSpace:
    """Every combination of tile sizes of `loops`, with its input windows."""
    heights, widths = tile_sizes(loops.output_h), tile_sizes(loops.output_w)
    rows = [_rows_of(loops, tile) for tile in heights]
    cols = [_cols_of(loops, tile) for tile in widths]
    several = [count for count in tile_sizes(loops.images) if count > 1]
    window = [count * rows[0][0] * cols[0][0] for count in several]
    sweep = [rows[0][1] * cols[0][1]] * len(several)
    window += [row[0] * col[0] for row in rows for col in cols]
    sweep += [row[1] * col[1] for row in rows for col in cols]
    whole = np.ones(len(several), dtype=np.int64)
    parts = np.ones(len(heights) * len(widths), dtype=np.int64)
    return TileSpace(
        loops,
        element_bytes,
        tile_images=np.concatenate([np.array(several, dtype=np.int64), parts]),
        tile_h=np.concatenate([whole * loops.output_h, np.repeat(np.array(heights), len(widths))]),
        tile_w=np.concatenate([whole * loops.output_w, np.tile(np.array(widths), len(heights))]),
        tile_c=np.array(tile_sizes(loops.channels)),
        tile_m=np.array(tile_sizes(loops.filters)),
        window_elements=np.array(window),
        sweep_elements=loops.images * np.array(sweep),
    )


def _rows_of(loops: Loops, tile: int) -> tuple[int, int]:
    return input_extent(
        tile, loops.output_h, loops.stride_h, loops.reach_h, loops.pad_top, loops.input_h
    )


def _cols_of(loops: Loops, tile: int) -> tuple[int, int]:
    return input_extent(
        tile, loops.output_w, loops.stride_w, loops.reach_w, loops.pad_left, loops.input_w
    )


def input_extent(
    tile: int, outputs: int, stride: int, reach: int, pad: int, inputs: int
) -> tuple[int, int]:
    """(largest, summed) input rows of the tiles along one axis, padding left out. Equation 6.

    Tiles between the pads are all alike; only those at the two ends are looked at one by one.
    """
    count = -(-outputs // tile)
    wide = max((tile - 1) * stride + reach, tile * stride)
    step = tile * stride
    first_whole = -(-pad // step)  # tiles from here on begin behind the pad
    last_whole = (inputs + pad - wide) // step  # tiles up to here end before the input does
    whole = max(0, min(last_whole, count - 2) - first_whole + 1)
    if whole > 2:
        ends = np.concatenate([np.arange(first_whole), np.arange(first_whole + whole, count)])
    else:
        ends, whole = np.arange(count), 0
    start = ends * tile
    size = np.minimum(tile, outputs - start)
    first = np.maximum(start * stride - pad, 0)
    last = start * stride - pad + np.maximum((size - 1) * stride + reach, size * stride)
    last[-1] = inputs  # what lies behind the last window is moved too: a burst does not stop
    rows = np.maximum(np.minimum(last, inputs) - first, 0)
    largest = max(int(rows.max(initial=0)), wide if whole else 0)
    return largest, int(rows.sum()) + whole * wide
