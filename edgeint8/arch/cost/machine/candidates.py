"""Every tiling of a layer that is searched, and what it cannot beat before it is run.

docs/machine.md, equations 10 to 12.
"""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from functools import cached_property, lru_cache
from typing import TypeVar

import numpy as np
from numpy.typing import NDArray

from edgeint8.arch.cost.loops import Loops
from edgeint8.arch.cost.machine.program import Tile, layout_of_engine
from edgeint8.arch.cost.machine.walk import FIRST, LAST, WHOLE, Engine, Nest, cut_axis
from edgeint8.arch.cost.tile_space import INT8, Buffer, TileSpace, tile_space
from edgeint8.arch.cost.tiling import NEVER, ORDERS, Order, Storage, too_small

Counts = NDArray[np.int64]
Number = TypeVar("Number", bound=np.generic)

SHORT = 8
TRIPS = [1, *(n << k for k in range(20) for n in (2, 3))]
"""Trips of a loop that are tried, all where it has at most `SHORT` steps."""


@dataclass(frozen=True)
class Candidates:
    """The tilings of a layer that fit its buffers, whatever the array; arrays have one entry each.

    `order` is a place in `ORDERS`, `pixels`, `channels` and `filters` are places in `space`;
    `levels` and `moved_bytes` (3, n) are of ifmap, filter and sums, bytes of one run.
    """

    space: TileSpace
    storage: Storage
    repeats: int
    order: Counts
    pixels: Counts
    channels: Counts
    filters: Counts
    levels: Counts
    moved_bytes: Counts

    def here(self, grid: NDArray[Number]) -> NDArray[Number]:
        """A table over all tiles of `space` (broadcasting to its grid) at these tilings."""
        full = np.broadcast_to(grid, self.space.grid)
        return full[self.pixels, self.channels, self.filters]

    @cached_property
    def tiles(self) -> NDArray[np.float64]:
        """Tiles of each program; beyond int64 at worst."""
        space = self.space
        trips = space.trips_p.astype(np.float64) * space.trips_c * space.trips_m
        return self.here(trips) * self.repeats

    def tile(self, place: int) -> Tile:
        """One of them."""
        space, at = self.space, ORDERS[self.order[place]].index
        i, f, o = (int(level) for level in self.levels[:, place])
        return Tile(
            int(space.tile_h[self.pixels[place]]),
            int(space.tile_w[self.pixels[place]]),
            int(space.tile_c[self.channels[place]]),
            int(space.tile_m[self.filters[place]]),
            (at("m"), at("c"), at("p")),
            (i, f, o),
            self._slots((i, f, o)),
        )

    def _slots(self, levels: tuple[int, int, int]) -> tuple[int, int, int]:
        """Two for what is replaced; a whole tensor gets a second one for the next run if it fits.

        (One run replaces no whole tensor.)
        """
        loops, storage = self.space.loops, self.storage
        whole = (loops.ifmap_elements, loops.filter_elements, 4 * loops.ofmap_elements)
        room = (storage.ifmap_bytes, storage.filter_bytes, storage.ofmap_bytes)
        i, f, o = (
            1 if level == WHOLE and (self.repeats == 1 or 2 * size > kept) else 2
            for level, size, kept in zip(levels, whole, room, strict=True)
        )
        return i, f, o


@lru_cache(maxsize=128)
def candidates(loops: Loops, storage: Storage, repeats: int) -> Candidates:
    """Every tiling that fits. Raises `HardwareError` where none does."""
    space, found = searched_tiles(loops), []
    for number, order in enumerate(ORDERS):
        each = (
            _cheapest(space.ifmap_buffers(order), storage.ifmap_bytes, space.grid),
            _cheapest(space.filter_buffers(order), storage.filter_bytes, space.grid),
            _cheapest(space.ofmap_buffers(order), storage.ofmap_bytes, space.grid),
        )
        moved = np.stack([bytes_ for _, bytes_ in each])
        total = moved.sum(axis=0)
        fits = (total < NEVER // 2) & (1.0 * total * repeats < NEVER // 2) & _once(space, order)
        places = np.nonzero(fits)
        levels = np.stack([level[fits] for level, _ in each])
        orders = np.full(len(places[0]), number)
        found.append((orders, *places, levels, moved[:, fits]))
    joined = [np.concatenate(parts, axis=-1) for parts in zip(*found, strict=True)]
    if not joined[0].size:
        raise too_small(space, storage)
    return Candidates(space, storage, repeats, *joined)


def _once(space: TileSpace, order: Order) -> NDArray[np.bool_]:
    """Tiles whose loops of one trip stand outermost, in a fixed order: each nest once."""
    trips = {"p": space.trips_p, "c": space.trips_c, "m": space.trips_m}
    kept = np.ones(space.grid, dtype=np.bool_)
    for position, outer in enumerate(order):
        for inner in order[position + 1 :]:
            once = trips[inner] == 1
            kept &= ~((trips[outer] > 1) & once)
            kept &= ~((trips[outer] == 1) & once & (outer > inner))
    return kept


def searched_tiles(loops: Loops) -> TileSpace:
    """The part of `tile_space` that is searched: `TRIPS` of each loop, all trips of short ones.

    A part of it, so no tiling here moves fewer bytes than the bound's.
    """
    space = tile_space(loops, INT8)
    heights = np.isin(space.tile_h, _searched(loops.output_h))
    pixels = heights & np.isin(space.tile_w, _searched(loops.output_w))
    return replace(
        space,
        tile_images=space.tile_images[pixels],
        tile_h=space.tile_h[pixels],
        tile_w=space.tile_w[pixels],
        tile_c=space.tile_c[np.isin(space.tile_c, _searched(loops.channels))],
        tile_m=space.tile_m[np.isin(space.tile_m, _searched(loops.filters))],
        window_elements=space.window_elements[pixels],
        sweep_elements=space.sweep_elements[pixels],
    )


def _searched(extent: int) -> list[int]:
    if extent <= SHORT:
        return list(range(1, extent + 1))
    return [-(-extent // trips) for trips in TRIPS if trips <= extent] + [1]


class Cuts:
    """The nests of a layer; cut axes are kept, for many tilings share them."""

    def __init__(self, loops: Loops) -> None:
        self.loops = loops
        self.axes: dict[tuple[bool, int], Counts] = {}

    def axis(self, rows: bool, tile: int) -> Counts:
        """The output's rows or columns cut into tiles."""
        if (rows, tile) not in self.axes:
            self.axes[rows, tile] = cut(self.loops, rows, tile)
        return self.axes[rows, tile]

    def nest(self, tile: Tile, repeats: int, grouped: bool, constant_bytes: int) -> Nest:
        """The nest of one tiling. `grouped`: runs are groups, whose channels lie side by side."""
        loops, side = self.loops, repeats if grouped else 1
        return Nest(
            self.axis(True, tile.height),
            self.axis(False, tile.width),
            loops.channels,
            loops.filters,
            loops.filter_h * loops.filter_w,
            tile.channels,
            tile.filters,
            tile.order,
            tile.levels,
            tile.slots,
            repeats,
            True,
            constant_bytes,
            loops.channels * side,
            loops.filters * side,
        )


def cut(loops: Loops, rows: bool, tile: int) -> Counts:
    """One axis of a layer cut into tiles of `tile` outputs."""
    if rows:
        return cut_axis(
            loops.output_h, tile, loops.stride_h, loops.reach_h, loops.pad_top, loops.input_h
        )
    return cut_axis(
        loops.output_w, tile, loops.stride_w, loops.reach_w, loops.pad_left, loops.input_w
    )


def _cheapest(
    buffers: list[Buffer], capacity: int, grid: tuple[int, int, int]
) -> tuple[Counts, Counts]:
    """Equation 11 of docs/physical_model.md, and which level it is; `NEVER` where none fits."""
    cost = np.stack(
        [
            np.broadcast_to(
                np.where(
                    buffer.need_bytes * (2 if buffer.replaced else 1) <= capacity,
                    buffer.dram_bytes,
                    NEVER,
                ),
                grid,
            )
            for buffer in buffers
        ]
    )
    level = cost.argmin(axis=0)
    return level, np.take_along_axis(cost, level[None], axis=0)[0]


def _pieces(extent: int, tile: Counts) -> Iterator[tuple[Counts, Counts]]:
    """(how many, how long): the full pieces of every tile size, and the rest."""
    yield extent // tile, tile
    yield (extent % tile > 0).astype(np.int64), extent % tile


def computing_cycles(space: TileSpace, engine: Engine, repeats: int) -> Counts:
    """Intervals and skew of every tiling, tile after tile without waiting. Equation 10."""
    loops = space.loops
    window = loops.filter_h * loops.filter_w
    pixels = [
        (n_h * n_w, h * w)
        for n_h, h in _pieces(loops.output_h, space.tile_h)
        for n_w, w in _pieces(loops.output_w, space.tile_w)
    ]
    axes = {
        "p": (pixels, 1, (slice(None), None, None)),
        "k": (list(_pieces(loops.channels, space.tile_c)), window, (None, slice(None), None)),
        "m": (list(_pieces(loops.filters, space.tile_m)), 1, (None, None, slice(None))),
    }
    layout = layout_of_engine(engine)
    skew = engine.rows + engine.cols - 2
    overhead = 0 if engine.pipelined else engine.rows + skew
    total: Counts = np.full((1, 1, 1), repeats, np.int64)
    for loop, lanes in ((layout.rows, engine.rows), (layout.columns, engine.cols)):
        pieces, width, place = axes[loop]
        folds = np.stack([n * -(-size * width // lanes) for n, size in pieces])
        total = total * folds.sum(axis=0)[place]
    pieces, width, place = axes[layout.streams]
    least = engine.rows if engine.pipelined else 0
    lines = np.stack([n * (np.maximum(size * width, least) + overhead) for n, size in pieces])
    return total * lines.sum(axis=0)[place] + (skew if engine.pipelined else 0)


def least_cycles(found: Candidates, engine: Engine, constant_bytes: int) -> Counts:
    """What no program of these tilings can beat. Equation 11."""
    space, loops = found.space, found.space.loops
    computing = found.here(computing_cycles(space, engine, found.repeats))
    if engine.bus == 0:
        return computing + 2
    rows, cols = (
        np.array([_first_input(loops, rows, int(t)) for t in sizes])
        for rows, sizes in ((True, space.tile_h), (False, space.tile_w))
    )
    last_h, last_w, last_m = (
        (extent - 1) % sizes + 1
        for extent, sizes in (
            (loops.output_h, space.tile_h),
            (loops.output_w, space.tile_w),
            (loops.filters, space.tile_m),
        )
    )
    window = loops.filter_h * loops.filter_w * space.tile_m[found.filters]
    way_in = space.tile_c[found.channels] * ((rows * cols)[found.pixels] + window)
    way_out = (last_h * last_w)[found.pixels] * last_m[found.filters]
    constants = constant_bytes * loops.filters * found.repeats
    moving, way_in, way_out = (
        -(-np.minimum(moved, NEVER // 8) * engine.bus_cycles // engine.bus)
        for moved in (found.moved_bytes.sum(axis=0) * found.repeats + constants, way_in, way_out)
    )
    return np.maximum(computing + way_in + way_out, moving)


@lru_cache(maxsize=4096)
def _first_input(loops: Loops, rows: bool, tile: int) -> int:
    """Input rows (or columns) of the first tile."""
    axis = cut(loops, rows, tile)
    return int(axis[0, LAST] - axis[0, FIRST])
