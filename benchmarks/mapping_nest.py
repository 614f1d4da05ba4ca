"""The mapping that the cost model chose for a layer, as one nest of loops that other tools take.

Outside the array the loops over tiles, in the chosen order, with each operand's buffer where the
tiling keeps it; inside a tile the folds; then rows and columns; then what streams. Derived from
the tiling alone: the folds are counted here tile by tile, not by edgeint8/arch/cost/sram.py.
"""

import math
from collections.abc import Iterator
from dataclasses import dataclass
from fractions import Fraction
from itertools import product
from typing import Literal

import numpy as np

from edgeint8.arch.cost.loops import Loops, layer_loops
from edgeint8.arch.cost.physical import DEFAULT, goal_of, storage_of
from edgeint8.arch.cost.tile_space import INT8, Buffer, TileSpace, tile_space
from edgeint8.arch.cost.tiling import Storage, Tiling, best_tiling
from edgeint8.arch.machine.hardware import Hardware
from edgeint8.arch.network.layers import Layer
from edgeint8.errors import ModelError

Operand = Literal["ifmap", "filter", "ofmap"]
OPERANDS: tuple[Operand, ...] = ("ifmap", "filter", "ofmap")
TILE_LOOPS: dict[Operand, str] = {"ifmap": "cp", "filter": "mc", "ofmap": "mp"}
"""The tile loops that an operand depends on."""
DIMENSIONS = {"m": "m", "c": "c", "p": "pq"}
"""What a tile loop cuts: filters, channels, output rows and columns."""
ROWS = {"ws": "csr", "os": "qp"}
STREAM = {"ws": "pq", "os": "csr"}
"""What lies on the rows, and what passes inside a fold; filters lie on the columns of both."""
BOUND, TILED = "cycles, the bound", "cycles, tile by tile"
ENERGY, ALL_ENERGY = "energy of MACs and accesses", "energy in all"
"""Quantities; the others are an operand, a memory and a direction."""
STATIONARY: dict[str, Operand] = {"ws": "filter", "os": "ofmap"}


@dataclass(frozen=True)
class Cut:
    """One dimension: its extent, the size of a tile, and how much of a tile one fold holds.

    `tile` is the tiling's; the means are what a tile and a fold hold on average, so that extent
    over `mean_tile` and `mean_tile` over `mean_fold` are the numbers of tiles and of folds a tile
    even where nothing divides.
    """

    extent: int
    tile: int
    mean_tile: Fraction
    mean_fold: Fraction


@dataclass(frozen=True)
class Nest:
    """One run of a layer. `depth` is how many tile loops stand outside an operand's buffer."""

    layer: Layer
    hardware: Hardware
    loops: Loops
    tiling: Tiling
    depth: dict[Operand, int]
    cuts: dict[str, Cut]

    @property
    def buffers(self) -> tuple[Operand, ...]:
        """Operands, the one whose buffer lies outermost first."""
        return tuple(sorted(OPERANDS, key=lambda operand: self.depth[operand]))

    @property
    def steps(self) -> int:
        """Cycles in which something streams: all folds of all tiles, all runs."""
        dataflow = self.hardware.dataflow
        folds = (
            self.cuts[name].extent / self.cuts[name].mean_fold for name in "m" + ROWS[dataflow]
        )
        stream = (self.cuts[name].extent for name in STREAM[dataflow])
        return self.layer.runs * int(math.prod(folds)) * math.prod(stream)

    def loops_at(self, place: int) -> Iterator[str]:
        """The dimensions that tile loop number `place` cuts, outer first."""
        yield from DIMENSIONS[self.tiling.order[place]]


def nest_of(layer: Layer, hardware: Hardware) -> Nest:
    """The nest of the tiling that the physical model chooses. Raises `ModelError`."""
    if hardware.dataflow not in ROWS:
        raise ModelError(f"dataflow is {hardware.dataflow}", where=layer.name, allowed="ws, os")
    if layer.shape is None or layer.images > 1 or layer.dilation != (1, 1) or any(layer.pads):
        wanted = "a layer on the array, one image, no dilation, its padding in its input"
        raise ModelError("no nest for this layer", where=layer.name, allowed=wanted)
    loops, storage = layer_loops(layer), storage_of(hardware, DEFAULT)
    tiling = best_tiling(loops, storage, INT8, goal_of(hardware))
    cuts = _cuts(loops, tiling, hardware)
    return Nest(layer, hardware, loops, tiling, depths(loops, storage, tiling), cuts)


def depths(loops: Loops, storage: Storage, tiling: Tiling) -> dict[Operand, int]:
    """Equations 8 to 11: the buffer level of each operand as a place among the tile loops.

    0 keeps the whole tensor; below its innermost loop it keeps a tile, below its outer one all
    that the inner one walks over.
    """
    space = tile_space(loops, INT8)
    found: dict[Operand, int] = {}
    levels: tuple[tuple[Operand, list[Buffer], int], ...] = (
        ("ifmap", space.ifmap_buffers(tiling.order), storage.ifmap_bytes),
        ("filter", space.filter_buffers(tiling.order), storage.filter_bytes),
        ("ofmap", space.ofmap_buffers(tiling.order), storage.ofmap_bytes),
    )
    for operand, buffers, capacity in levels:
        places = sorted(tiling.order.index(loop) for loop in TILE_LOOPS[operand])
        moved = [_moved(space, tiling, buffer, capacity) for buffer in buffers]
        # Of equals the whole tensor, then the larger buffer.
        ranked = [(moved[0], 0), (moved[2], 1 + places[0]), (moved[1], 1 + places[1])]
        found[operand] = min(ranked)[1]
    return found


def place_of(space: TileSpace, tiling: Tiling) -> tuple[int, int, int]:
    """The chosen tile's place in the grid of all tiles."""
    tile = tiling.tile
    here = (space.tile_h == tile.height) & (space.tile_w == tile.width)
    here &= space.tile_images == tile.images
    pixels, channels, filters = here, space.tile_c == tile.channels, space.tile_m == tile.filters
    return int(pixels.argmax()), int(channels.argmax()), int(filters.argmax())


def _moved(space: TileSpace, tiling: Tiling, buffer: Buffer, capacity: int) -> float:
    """DRAM bytes of an operand in this buffer; infinite where it does not fit."""
    need, moved = (
        int(np.broadcast_to(counts, space.grid)[place_of(space, tiling)])
        for counts in (buffer.need_bytes, buffer.dram_bytes)
    )
    return moved if need * (2 if buffer.replaced else 1) <= capacity else math.inf


def _cuts(loops: Loops, tiling: Tiling, hardware: Hardware) -> dict[str, Cut]:
    tile = tiling.tile
    sizes = {
        "p": (loops.output_h, tile.height),
        "q": (loops.output_w, tile.width),
        "c": (loops.channels, tile.channels),
        "m": (loops.filters, tile.filters),
        "r": (loops.filter_h, loops.filter_h),
        "s": (loops.filter_w, loops.filter_w),
    }
    means = {name: Fraction(extent, -(-extent // size)) for name, (extent, size) in sizes.items()}
    folds = _mean_folds(sizes, means, hardware)
    return {name: Cut(*sizes[name], means[name], folds[name]) for name in sizes}


def _mean_folds(
    sizes: dict[str, tuple[int, int]], tiles: dict[str, Fraction], hardware: Hardware
) -> dict[str, Fraction]:
    """What one fold holds of each dimension, on average; a dimension that streams passes whole.

    The array takes rows as they come: 27 lanes of a window are two folds of 16, whatever they are
    made of. So the mean lanes of a fold are spread over the dimensions, innermost first.
    """
    on_rows, streams = ROWS[hardware.dataflow], STREAM[hardware.dataflow]
    folds = {name: tiles[name] for name in streams}
    columns = sum(-(-size // hardware.cols) for size in pieces(*sizes["m"]))
    folds["m"] = Fraction(sizes["m"][0], columns)
    rows, lanes = 0, Fraction(1)
    for piece in product(*(pieces(*sizes[name]) for name in on_rows)):
        rows += -(-math.prod(piece) // hardware.rows)
    for name in on_rows:
        lanes *= sizes[name][0]
    lanes /= rows
    for name in on_rows:
        folds[name] = min(tiles[name], lanes)
        lanes /= folds[name]
    return folds


def pieces(extent: int, tile: int) -> list[int]:
    """The sizes of the tiles that cut `extent`."""
    return [min(tile, extent - start) for start in range(0, extent, tile)]
