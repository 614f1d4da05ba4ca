"""A schedule that a machine can follow tile by tile: the other end of the bracket.

`physical` takes the least computing and the least moving, each at its own best; no schedule is
faster. Here one tiling has to serve both: every tile is computed on its own, so tiles that cut a
fold or a stream cost folds, fills and drains. The truth lies between the two, and both fall as
SRAM and bandwidth grow. docs/physical_model.md, equations 35 to 37.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache

import numpy as np

from edgeint8.arch.cost.loops import Loops, layer_loops
from edgeint8.arch.cost.physical import (
    DEFAULT,
    Options,
    bus_rate,
    exposed_cycles,
    goal_of,
    network_layers,
    storage_of,
    streamed_cycles,
    transfer_cycles,
)
from edgeint8.arch.cost.pieces import Counts, cut, cut_pixels
from edgeint8.arch.cost.tile_space import NEVER, TileSpace, tile_space
from edgeint8.arch.cost.tiling import ORDERS, Storage, port_bytes, too_small
from edgeint8.arch.machine.hardware import PORTS, Hardware
from edgeint8.arch.network.layers import Layer
from edgeint8.dataflow import Dataflow, layout_of


@dataclass(frozen=True)
class Schedule:
    """One tiling of a layer, computed and moved tile by tile; cycles of all repeats."""

    cycles: int
    compute_cycles: int
    tile_h: int
    tile_w: int
    tile_channels: int
    tile_filters: int


def tiled_lines(
    space: TileSpace, dataflow: Dataflow, rows: int, cols: int, repeats: int, pipelined: bool
) -> Counts:
    """Compute cycles of every tiling, tile by tile; shape (p, c, m). Equation 35."""
    window = space.loops.filter_h * space.loops.filter_w
    axes = {
        "p": (
            cut_pixels(space.loops, space.tile_h, space.tile_w, space.tile_images),
            1,
            (slice(None), None, None),
        ),
        "k": (cut(space.loops.channels, space.tile_c), window, (None, slice(None), None)),
        "m": (cut(space.loops.filters, space.tile_m), 1, (None, None, slice(None))),
    }
    layout = layout_of(dataflow)
    pieces, per_element, place = axes[layout.rows]
    folds = pieces.folds(per_element, rows)[place] * repeats
    pieces, per_element, place = axes[layout.columns]
    folds = folds * pieces.folds(per_element, cols)[place]
    pieces, per_element, place = axes[layout.streams]
    skew = rows + cols - 2
    if not pipelined:
        overhead = pieces.pieces * (rows + skew)
        return folds * (pieces.streamed(per_element, 0) + overhead)[place]
    # Folds start max(stream, rows) apart; the last one, not followed by another, only streams.
    last = pieces.size[:, 0] * per_element
    slack = (np.maximum(last, rows) - last)[place]
    return rows + skew + folds * pieces.streamed(per_element, rows)[place] - slack


def best_schedule(layer: Layer, hardware: Hardware, options: Options = DEFAULT) -> Schedule:
    """The tiling whose computing and moving together take least; ties to the first, largest."""
    return _search(
        layer_loops(layer),
        storage_of(hardware, options),
        layer.runs,
        hardware,
        exposed_cycles(layer, hardware, options.element_bytes),
        options,
        layer.added_bytes * options.element_bytes.ifmap,
    )


@lru_cache(maxsize=16384)
def _search(
    loops: Loops,
    storage: Storage,
    repeats: int,
    hardware: Hardware,
    exposed: int,
    options: Options,
    added_bytes: int,
) -> Schedule:
    space = tile_space(loops, options.element_bytes)
    computing = np.broadcast_to(
        tiled_lines(
            space,
            hardware.dataflow,
            hardware.rows,
            hardware.cols,
            repeats,
            hardware.pipelined_folds,
        ),
        space.grid,
    )
    moving = _moving(space, storage, hardware, repeats)
    moving = moving + transfer_cycles((added_bytes, 0, 0), hardware)
    if options.double_buffered:
        time = np.maximum(computing + exposed, moving)
    else:
        time = computing + np.maximum(exposed, moving)
    cell = int(time.argmin())
    if time.flat[cell] >= NEVER // 2:
        raise too_small(space, storage)
    p, c, m = (int(i) for i in np.unravel_index(cell, space.grid))
    tiles = (space.tile_h[p], space.tile_w[p], space.tile_c[c], space.tile_m[m])
    return Schedule(int(time[p, c, m]), int(computing[p, c, m]), *map(int, tiles))


def _moving(space: TileSpace, storage: Storage, hardware: Hardware, repeats: int) -> Counts:
    """DRAM cycles of every tiling in its best loop order; `NEVER` where it does not fit. Eq. 36."""
    goal, rate = goal_of(hardware), bus_rate(hardware)
    least: Counts = np.full(space.grid, NEVER, dtype=np.int64)
    for order in ORDERS:
        ports = port_bytes(space, storage, order)
        amount = sum(ports[1:], ports[0]) if goal == "total" else np.maximum.reduce(ports)
        least = np.minimum(least, amount)
    if rate is None:
        return np.where(least < NEVER // 2, 0, NEVER)
    times = repeats * rate.denominator * (1 if goal == "total" else PORTS)
    fits = least < NEVER // max(2, times)
    return np.where(fits, -(-np.where(fits, least, 0) * times // rate.numerator), NEVER)


def scheduled_cycles(
    layers: Sequence[Layer], hardware: Hardware, options: Options = DEFAULT
) -> tuple[int, ...]:
    """Cycles of every layer tile by tile, in the order of `network_cost`.

    Tensors that stay on chip are not scheduled here: each layer reads and writes DRAM.
    """
    return tuple(
        streamed_cycles(layer, hardware, options)
        if layer.shape is None
        else best_schedule(layer, hardware, options).cycles
        for layer in network_layers(layers, options)
    )
