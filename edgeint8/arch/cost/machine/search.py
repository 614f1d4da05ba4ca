"""The best tile of a layer: branch and bound over tile sizes, loop orders and buffer levels.

Every candidate has a time that it cannot beat: what its tiles compute one after another with the
first tile's way in and the last one's way out, or what it moves. Candidates run in the order of
that time until it is no better than the best machine seen. docs/machine.md, equations 10 to 12.
"""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from functools import cached_property, lru_cache

import numpy as np
from numpy.typing import NDArray

from edgeint8.arch.cost.loops import Loops
from edgeint8.arch.cost.machine.program import CONSTANT_BYTES, FLOWS, Run, Tile, program_of, run
from edgeint8.arch.cost.machine.walk import FIRST, LAST, Engine, Nest, cut_axis
from edgeint8.arch.cost.tile_space import INT8, Buffer, TileSpace, tile_space
from edgeint8.arch.cost.tiling import NEVER, ORDERS, Order, Storage, too_small
from edgeint8.dataflow import LAYOUTS
from edgeint8.errors import HardwareError

Counts = NDArray[np.int64]

SHORT = 8
TRIPS = [1, *(n << k for k in range(20) for n in (2, 3))]
"""Trips of a loop that are tried, all where it has at most `SHORT` steps."""
_LAYOUTS = {FLOWS[dataflow]: layout for dataflow, layout in LAYOUTS.items()}
MOST_TILES = 1 << 16
"""Tiles of a program; finer cuts are tried only where nothing else fits."""
LARGEST_PROGRAM = 1 << 20
"""Tiles of the largest program that is run at all: about half a gigabyte."""
MOST_STEPS = 1 << 21
"""Tiles of all programs that a search runs; beyond it the best one so far is taken."""


class TooManyTilesError(HardwareError):
    """No tiling that fits the buffers is coarse enough to be run."""


@dataclass(frozen=True)
class Found:
    """The best tile, its run, and how many candidates there were and were run.

    `proven` is False when the search stopped at `MOST_STEPS`.
    """

    tile: Tile
    run: Run
    candidates: int
    tried: int
    proven: bool


@dataclass(frozen=True)
class Candidates:
    """Every tiling of a layer in one loop order; arrays are (pixels, channels, filters)."""

    space: TileSpace
    storage: Storage
    order: Order
    repeats: int

    @cached_property
    def trips(self) -> dict[str, Counts]:
        """Trips of each loop."""
        return {"p": self.space.trips_p, "c": self.space.trips_c, "m": self.space.trips_m}

    @cached_property
    def canonical(self) -> NDArray[np.bool_]:
        """Cells whose loops of one trip stand outermost, in a fixed order: each nest once."""
        kept = np.ones(self.space.grid, dtype=np.bool_)
        for position, outer in enumerate(self.order):
            for inner in self.order[position + 1 :]:
                once = self.trips[inner] == 1
                kept &= ~((self.trips[outer] > 1) & once)
                kept &= ~((self.trips[outer] == 1) & once & (outer > inner))
        return kept

    @cached_property
    def levels(self) -> tuple[tuple[Counts, Counts], ...]:
        """Of ifmap, filter and sums: (level, bytes moved) of the cheapest level that fits."""
        space, storage = self.space, self.storage
        return (
            _cheapest(space.ifmap_buffers(self.order), storage.ifmap_bytes, space.grid),
            _cheapest(space.filter_buffers(self.order), storage.filter_bytes, space.grid),
            _cheapest(space.ofmap_buffers(self.order), storage.ofmap_bytes, space.grid),
        )

    @cached_property
    def moved_bytes(self) -> Counts:
        """DRAM bytes of all runs without constants; `NEVER` and more where it does not fit."""
        total = sum(moved for _, moved in self.levels)
        return np.where(np.asarray(total) < NEVER // 2, np.asarray(total) * self.repeats, NEVER)

    def slots(self, cell: tuple[int, int, int]) -> tuple[int, int, int]:
        """Two for what is replaced; a whole tensor gets a second one for the next run if it fits.

        (One run replaces no whole tensor.)
        """
        loops, storage = self.space.loops, self.storage
        whole = (loops.ifmap_elements, loops.filter_elements, 4 * loops.ofmap_elements)
        room = (storage.ifmap_bytes, storage.filter_bytes, storage.ofmap_bytes)
        i, f, o = (
            1 if int(level[cell]) == 0 and (self.repeats == 1 or 2 * size > kept) else 2
            for (level, _), size, kept in zip(self.levels, whole, room, strict=True)
        )
        return i, f, o

    def tile(self, cell: tuple[int, int, int]) -> Tile:
        """The tiling of a cell."""
        p, c, m = cell
        space = self.space
        i, f, o = (int(level[cell]) for level, _ in self.levels)
        place = self.order.index
        return Tile(
            int(space.tile_h[p]),
            int(space.tile_w[p]),
            int(space.tile_c[c]),
            int(space.tile_m[m]),
            (place("m"), place("c"), place("p")),
            (i, f, o),
            self.slots(cell),
        )


def best_tile(
    loops: Loops,
    storage: Storage,
    engine: Engine,
    repeats: int = 1,
    grouped: bool = False,
    constant_bytes: int = CONSTANT_BYTES,
) -> Found:
    """The tiling of least cycles on the machine; ties go to fewer bytes, then to the first.

    Raises `HardwareError` when no tiling fits the buffers, `TooManyTilesError` when none of those
    that fit has `LARGEST_PROGRAM` tiles or fewer.
    """
    return _best_tile(loops, storage, engine, repeats, grouped, constant_bytes)


@lru_cache(maxsize=4096)
def _best_tile(
    loops: Loops,
    storage: Storage,
    engine: Engine,
    repeats: int,
    grouped: bool,
    constant_bytes: int,
) -> Found:
    space = searched_tiles(loops)
    orders = [Candidates(space, storage, order, repeats) for order in ORDERS]
    computing = computing_cycles(space, engine, repeats)
    least = np.stack([_least_cycles(entry, computing, engine, constant_bytes) for entry in orders])
    if least.min() >= NEVER // 2:
        raise too_small(space, storage)
    chosen = _few_tiles(space, least, repeats)
    chosen = chosen[np.argsort(least.ravel()[chosen], kind="stable")]
    best: tuple[tuple[int, int], Tile, Run] | None = None
    steps, tried, proven = 0, 0, True
    cuts = Cuts(loops)
    for index in chosen:
        if best is not None and least.flat[index] >= best[0][0]:
            break
        if best is not None and steps > MOST_STEPS:
            proven = False
            break
        order, *cell = (int(i) for i in np.unravel_index(index, least.shape))
        tile = orders[order].tile((cell[0], cell[1], cell[2]))
        found = run(program_of(cuts.nest(tile, repeats, grouped, constant_bytes)), engine)
        rank = (found.cycles, found.program.dram_bytes)
        steps, tried = steps + len(found.program.tiles), tried + 1
        if best is None or rank < best[0]:
            best = (rank, tile, found)
    assert best is not None  # at least one candidate is allowed
    return Found(best[1], best[2], len(chosen), tried, proven)


def _few_tiles(space: TileSpace, least: Counts, repeats: int) -> Counts:
    """Places in `least` of the tilings that fit and are coarse enough to be run."""
    trips = 1.0 * space.trips_p * space.trips_c * space.trips_m  # beyond int64 at worst
    tiles = np.broadcast_to(trips * repeats, space.grid)[None]
    for most in (MOST_TILES, LARGEST_PROGRAM):
        few = np.flatnonzero((least < NEVER // 2) & (tiles <= most))
        if few.size:
            return few
    raise TooManyTilesError(
        f"every tiling has more than {LARGEST_PROGRAM:,} tiles",
        allowed="a smaller layer or larger buffers",
    )


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
    layout = _LAYOUTS[engine.dataflow]
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


def _least_cycles(
    entry: Candidates, computing: Counts, engine: Engine, constant_bytes: int
) -> Counts:
    """What no program of these tilings can beat; `NEVER` where a tiling does not fit. Eq. 11."""
    space, loops = entry.space, entry.space.loops
    fits = (entry.moved_bytes < NEVER // 2) & entry.canonical
    if engine.bus == 0:
        return np.where(fits, computing + 2, NEVER)
    first = [
        np.array([_first_input(loops, rows, int(t)) for t in sizes])
        for rows, sizes in ((True, space.tile_h), (False, space.tile_w))
    ]
    last = [
        (extent - 1) % sizes + 1
        for extent, sizes in (
            (loops.output_h, space.tile_h),
            (loops.output_w, space.tile_w),
            (loops.filters, space.tile_m),
        )
    ]
    window = loops.filter_h * loops.filter_w * space.tile_m[None, None, :]
    way_in = space.tile_c[None, :, None] * ((first[0] * first[1])[:, None, None] + window)
    way_out = (last[0] * last[1])[:, None, None] * last[2][None, None, :]
    constants = constant_bytes * loops.filters * entry.repeats
    moving, way_in, way_out = (
        -(-moved * engine.bus_cycles // engine.bus)
        for moved in (np.minimum(entry.moved_bytes, NEVER // 8) + constants, way_in, way_out)
    )
    return np.where(fits, np.maximum(computing + way_in + way_out, moving), NEVER)


@lru_cache(maxsize=4096)
def _first_input(loops: Loops, rows: bool, tile: int) -> int:
    """Input rows (or columns) of the first tile."""
    axis = cut(loops, rows, tile)
    return int(axis[0, LAST] - axis[0, FIRST])
