"""DRAM traffic of one layer: the best loop order, tile sizes and buffer levels that fit the SRAM.

Three loops stand outside the array: filters (m), input channels (c) and output pixels (p, rows
and columns). Each operand belongs to two of them; the third makes it come again. For every order
and every tile size each operand picks the buffer level that fits its SRAM and costs least, and
the cheapest combination wins. More SRAM only adds choices, so it never costs more.
docs/physical_model.md, equations 5 to 12.
"""

from dataclasses import dataclass
from functools import lru_cache
from itertools import permutations
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from edgeint8.arch.cost.loops import Loops
from edgeint8.arch.cost.tile_space import (
    INT8,
    NEVER,
    Buffer,
    ElementBytes,
    TileSizes,
    TileSpace,
    tile_space,
)
from edgeint8.errors import HardwareError

Order = tuple[str, str, str]
Goal = Literal["total", "port"]
Input = Literal["dram", "held", "resident"]

ORDERS: tuple[Order, ...] = tuple(permutations("mcp"))  # type: ignore[arg-type]
"""Loop orders, outermost loop first."""


@dataclass(frozen=True)
class Storage:
    """What the buffers offer to one layer.

    Parameters
    ----------
    ifmap_bytes, filter_bytes, ofmap_bytes
        Capacity of each SRAM.
    double_buffered
        A tile that will be replaced needs its size twice, so that the next one can arrive.
    ifmap
        `dram`: fetched tile by tile; `held`: fetched once and kept whole; `resident`: already
        on chip, left there by the layer before.
    ofmap_stays
        The outputs remain on chip for the next layer and are not written to DRAM.
    """

    ifmap_bytes: int
    filter_bytes: int
    ofmap_bytes: int
    double_buffered: bool = True
    ifmap: Input = "dram"
    ofmap_stays: bool = False


@dataclass(frozen=True)
class Tiling:
    """The chosen schedule of one run of a layer and the bytes it moves.

    `psum_bytes` are partial sums written to DRAM and read back; they pass the ofmap port.
    """

    order: Order
    tile: TileSizes
    ifmap_bytes: int
    filter_bytes: int
    ofmap_bytes: int
    psum_bytes: int

    @property
    def dram_bytes(self) -> int:
        """Bytes over the DRAM interface, spilled sums included."""
        return self.ifmap_bytes + self.filter_bytes + self.ofmap_bytes + self.psum_bytes


@lru_cache(maxsize=65536)
def best_tiling(
    loops: Loops, storage: Storage, element_bytes: ElementBytes = INT8, goal: Goal = "total"
) -> Tiling:
    """The tiling with the fewest DRAM bytes (`total`) or the least busy port (`port`).

    Ties go to the fewest bytes, then to the fewest SRAM bytes on an array that holds any tile, then
    to the first order and the largest tiles, so the answer does not depend on the array.
    Equation 12. Raises `HardwareError` when not even single elements fit.
    """
    space = tile_space(loops, element_bytes)
    best: tuple[tuple[int, int, float], Order, int] | None = None
    for order in ORDERS:
        ports = port_bytes(space, storage, order)
        total = ports[0] + ports[1] + ports[2]
        key = total if goal == "total" else np.maximum(np.maximum(*ports[:2]), ports[2])
        # Among equal keys the fewest bytes, among these the fewest through the SRAMs.
        fewest = np.where(key == key.min(), total, NEVER * 3)
        again = np.where(fewest == fewest.min(), space.tile_sram_bytes, np.inf)
        cell = int(again.argmin())
        rank = (int(key.flat[cell]), int(total.flat[cell]), float(again.flat[cell]))
        if best is None or rank < best[0]:
            best = (rank, order, cell)
    assert best is not None  # ORDERS is not empty
    if best[0][1] >= NEVER // 2:
        raise too_small(space, storage)
    return _describe(space, storage, best[1], best[2])


def port_bytes(
    space: TileSpace, storage: Storage, order: Order
) -> tuple[NDArray[np.int64], NDArray[np.int64], NDArray[np.int64]]:
    """DRAM bytes of (ifmap, filter, ofmap) for every tile; shape (p, c, m) each, broadcast."""
    factor = 2 if storage.double_buffered else 1
    if storage.ifmap == "dram":
        ifmap = _cheapest(space.ifmap_buffers(order), storage.ifmap_bytes, factor)
    else:
        once = 0 if storage.ifmap == "resident" else space.loops.ifmap_elements
        ifmap = np.full((1, 1, 1), once * space.element_bytes.ifmap, dtype=np.int64)
    filter_ = _cheapest(space.filter_buffers(order), storage.filter_bytes, factor)
    ofmap = _cheapest(space.ofmap_buffers(order), storage.ofmap_bytes, factor)
    if storage.ofmap_stays:
        ofmap = ofmap - space.final_bytes
    full = np.broadcast_arrays(ifmap, filter_, ofmap, np.empty(space.grid, dtype=bool))
    return full[0], full[1], full[2]


def _cheapest(buffers: list[Buffer], capacity: int, factor: int) -> NDArray[np.int64]:
    """Equation 11: of the buffer levels that fit, the one that moves the fewest bytes."""
    cost: NDArray[np.int64] = np.full((1, 1, 1), NEVER, dtype=np.int64)
    for buffer in buffers:
        need = buffer.need_bytes * (factor if buffer.replaced else 1)
        cost = np.minimum(cost, np.where(need <= capacity, buffer.dram_bytes, NEVER))
    return cost


def _describe(space: TileSpace, storage: Storage, order: Order, cell: int) -> Tiling:
    p, c, m = (int(i) for i in np.unravel_index(cell, space.grid))
    ifmap, filter_, ofmap = (int(port[p, c, m]) for port in port_bytes(space, storage, order))
    final = 0 if storage.ofmap_stays else space.final_bytes
    return Tiling(
        order,
        space.sizes((p, c, m)),
        ifmap,
        filter_,
        final,
        ofmap - final,
    )


def too_small(space: TileSpace, storage: Storage) -> HardwareError:
    """The error for buffers that no tiling fits."""
    loops, size = space.loops, space.element_bytes
    window = loops.filter_h * loops.filter_w
    least = (
        2 * window * size.ifmap,
        2 * window * size.filter,
        2 * size.accumulator,
    )
    given = (storage.ifmap_bytes, storage.filter_bytes, storage.ofmap_bytes)
    if all(have >= need for have, need in zip(given, least, strict=True)):
        return HardwareError("every tiling moves 2^58 bytes or more", allowed="a smaller layer")
    return HardwareError(
        "a buffer does not hold one tile of a single channel, filter and output",
        where=f"{', '.join(map(str, given))} bytes",
        allowed=f"at least {least} bytes for ifmap, filter, ofmap",
    )
