"""The compiled core: a tiling laid out as a tile program, and the time that a program takes.

Both stand in one file because numba's cache looks at a function's own file only.
docs/machine.md derives them; equations are numbered there.
"""

from typing import Any, NamedTuple

import numpy as np
from numba import njit
from numpy.typing import NDArray

Counts = NDArray[np.int64]

_KINDS: tuple[Any, ...] = tuple(np.arange(6))
IFMAP, FILTER, CONSTANTS, OFMAP, SPILL, RELOAD = _KINDS
"""Kinds of transfers: three operands in, outputs out, partial sums out and in again. Integers of an
array, for which a function compiles once; for Python's it would compile once a value."""

KIND, WAIT_TILES, CHUNKS, CHUNK_BYTES, FRESH, SLOT, T_RUN, T_P, T_C, T_M = range(10)
"""Columns of a transfer. It waits until `WAIT_TILES` tiles are done and moves the block with these
indices of run, pixel, channel and filter tile; `FRESH` is 1 where it brings only the input rows and
columns that no earlier pixel tile has brought."""

WAIT_WEIGHTS, WAIT_INPUTS, PIXELS, CHANNELS, FILTERS, DEPTH = range(6)
RUN, P, C, M, IFMAP_SLOT, FILTER_SLOT, SUM_SLOT = range(6, 13)
"""Columns of a tile: how many transfers its weights, and its inputs and sums, wait for; its extents
(`DEPTH` is the length of its dot products); its indices; the slots of its operands."""

WHOLE, TILE, OUTER = range(3)
"""Buffer levels: a run's whole tensor; one tile; all of what changes in the inner one of the
operand's two loops (equations 8 to 10 of docs/physical_model.md)."""

OUTPUTS, FIRST, LAST, FRESH_FROM = range(4)
"""Columns of a cut axis: outputs of a piece, its input [first, last), and where the part that no
earlier piece has brought begins."""

WS, OS, IS, POOL, AVERAGE = range(5)
PIPELINE_STAGES = 5
"""From the foot of the array to a finished output: accumulate, three stages of requantisation,
write."""
POOL_STAGES, AVERAGE_STAGES = 0, 4
"""A maximum is written where it is found; an average is requantised and written."""
SUM_BYTES = 4


class Nest(NamedTuple):
    """One tiling of a layer: everything that its program depends on.

    `rows` and `cols` are cut axes; `window` counts elements of one channel. `order` has the places
    of the loops m, c, p in the nest, 0 outermost; `levels` and `slots` are those of ifmap, filter
    and sums. A pixel of the input is `input_pitch` bytes from the next one in DRAM.
    `constant_bytes` are a filter's bias and scale. A pool has no weights.
    """

    rows: Counts
    cols: Counts
    channels: int
    filters: int
    window: int
    tile_c: int
    tile_m: int
    order: tuple[int, int, int]
    levels: tuple[int, int, int]
    slots: tuple[int, int, int]
    repeats: int
    weighted: bool
    constant_bytes: int
    input_pitch: int
    output_pitch: int


class Engine(NamedTuple):
    """Array and DRAM: `bus` bytes in `bus_cycles` cycles (0: unlimited), `latency` cycles of each
    transfer, `burst` the bytes to which a contiguous piece is rounded up."""

    dataflow: int
    rows: int
    cols: int
    pipelined: bool
    bus: int
    burst: int
    latency: int
    bus_cycles: int = 1


@njit(cache=True)
def cut_axis(outputs: int, tile: int, stride: int, window: int, pad: int, inputs: int) -> Counts:
    """Pieces of one spatial axis, shape (pieces, 4). Equation 6 of docs/physical_model.md.

    `window` is the extent of a dilated window. The last piece reads to the edge: what no window
    touches is moved too, for a burst does not stop.
    """
    pieces = -(-outputs // tile)
    axis = np.zeros((pieces, 4), np.int64)
    seen = 0
    for i in range(pieces):
        start = i * tile
        size = min(tile, outputs - start)
        first = min(max(start * stride - pad, 0), inputs)
        last = start * stride - pad + max((size - 1) * stride + window, size * stride)
        last = inputs if i == pieces - 1 else max(min(last, inputs), first, seen)
        axis[i, OUTPUTS], axis[i, FIRST] = size, first
        axis[i, LAST], axis[i, FRESH_FROM] = last, seen
        seen = last
    return axis


@njit(cache=True)
def lay_out(nest: Nest) -> tuple[Counts, Counts]:
    """The tile program of a tiling: (transfers, tiles). Equations 1 and 2."""
    trips = _trips(nest)
    count = nest.repeats * trips[0] * trips[1] * trips[2]
    tiles = np.zeros((count, 13), np.int64)
    loads = np.zeros((4 * count, 10), np.int64)
    stores = np.zeros((count, 10), np.int64)
    ends = np.full((count, 3), -1, np.int64)  # loads so far: all, those of weights, of inputs
    wait_store = np.full(count, -1, np.int64)  # the tile whose outputs must have left
    slots = np.full((3, 2, 4), -1, np.int64)  # content, its number, its last tile, the freeing one
    turn, stored_by = np.zeros(3, np.int64), np.full(2, -1, np.int64)
    blocks = max(trips[1] * trips[2], trips[0] * trips[1], trips[0] * trips[2])
    have = np.full((3, 2, blocks), -1, np.int64)
    n = 0
    for j in range(count):
        tile, store = tiles[j], stores[j]
        _place(nest, trips, j, tile)
        for operand in (1, 0, 2):  # weights first: the array holds them before inputs stream
            content, block = _content(nest, trips, operand, tile)
            if _replace(slots, turn, operand, content, nest.slots[operand], j) and operand == 2:
                wait_store[j] = stored_by[turn[2]]
            tile[IFMAP_SLOT + operand] = turn[operand]
            slot = slots[operand, turn[operand]]
            here = have[operand, turn[operand]]
            if here[block] != slot[1]:
                here[block] = slot[1]
                if _load(nest, operand, tile, loads[n]):
                    loads[n, WAIT_TILES] = slot[3] + 1
                    n += 1
                    ends[j, 1 if operand == 1 else 2] = n
            if operand == 2 and _store(nest, trips, tile, store):
                stored_by[turn[2]], store[WAIT_TILES] = j, j + 1
                if store[KIND] == SPILL:
                    here[block] = -1
        if nest.constant_bytes > 0 and tile[P] == 0 and tile[C] == 0:
            _describe(loads[n], CONSTANTS, tile, 1, nest.constant_bytes * tile[FILTERS])
            n += 1
            ends[j, 2] = n
        ends[j, 0] = n
    return _interleave(tiles, loads, ends, stores, wait_store), tiles


@njit(cache=True)
def _trips(nest: Nest) -> tuple[int, int, int]:
    """Trips of the loops m, c, p."""
    pixels = nest.rows.shape[0] * nest.cols.shape[0]
    return -(-nest.filters // nest.tile_m), -(-nest.channels // nest.tile_c), pixels


@njit(cache=True)
def _place(nest: Nest, trips: tuple[int, int, int], j: int, tile: Counts) -> None:
    """Indices and extents of the j-th tile of the nest; runs of a layer stand outermost."""
    inside = 1
    for place in (2, 1, 0):
        for loop, column in enumerate((M, C, P)):
            if nest.order[loop] == place:
                tile[column] = j // inside % trips[loop]
                inside *= trips[loop]
    tile[RUN] = j // inside
    row, col = divmod(tile[P], nest.cols.shape[0])
    tile[PIXELS] = nest.rows[row, OUTPUTS] * nest.cols[col, OUTPUTS]
    tile[CHANNELS] = min(nest.tile_c, nest.channels - tile[C] * nest.tile_c)
    tile[FILTERS] = min(nest.tile_m, nest.filters - tile[M] * nest.tile_m)
    tile[DEPTH] = nest.window * tile[CHANNELS]


@njit(cache=True)
def _content(
    nest: Nest, trips: tuple[int, int, int], operand: int, tile: Counts
) -> tuple[int, int]:
    """What a slot of an operand has to hold for a tile, and the block of it that the tile needs."""
    loops = ((2, 1), (0, 1), (0, 2))[operand]  # its two loops, as places in m, c, p
    index = (tile[M], tile[C], tile[P])
    first, second = loops
    level = nest.levels[operand]
    if level == OUTER and nest.order[first] > nest.order[second]:
        first, second = second, first
    if level == WHOLE:
        return tile[RUN], index[first] * trips[second] + index[second]
    if level == TILE:
        return (tile[RUN] * trips[first] + index[first]) * trips[second] + index[second], 0
    return tile[RUN] * trips[first] + index[first], index[second]


@njit(cache=True)
def _replace(slots: Counts, turn: Counts, operand: int, content: int, count: int, j: int) -> bool:
    """Make the operand's slot hold `content` for tile j; True when something had to go for it."""
    replaced = slots[operand, turn[operand], 0] != content
    number = slots[operand, turn[operand], 1]
    if replaced and number >= 0:
        turn[operand] = (turn[operand] + 1) % count
    slot = slots[operand, turn[operand]]
    if replaced:
        slot[3], slot[0], slot[1] = slot[2], content, number + 1
    slot[2] = j
    return replaced


@njit(cache=True)
def _load(nest: Nest, operand: int, tile: Counts, load: Counts) -> bool:
    """Describe what the tile's block of an operand needs from DRAM; False when nothing."""
    if operand == 1:
        if nest.weighted:
            _describe(load, FILTER, tile, 1, tile[DEPTH] * tile[FILTERS])
        return nest.weighted
    if operand == 2:
        _describe(load, RELOAD, tile, 1, SUM_BYTES * tile[PIXELS] * tile[FILTERS])
        return tile[C] > 0
    whole_plane = nest.levels[0] == OUTER and nest.order[1] < nest.order[2]
    load[FRESH] = nest.levels[0] == WHOLE or whole_plane
    row, col = divmod(tile[P], nest.cols.shape[0])
    begin = FRESH_FROM if load[FRESH] else FIRST
    height = nest.rows[row, LAST] - nest.rows[row, begin]
    width = nest.cols[col, LAST] - nest.cols[col, begin]
    pieces, piece = _pieces(height, width, nest.cols[-1, LAST], tile[CHANNELS], nest.input_pitch)
    _describe(load, IFMAP, tile, pieces, piece)
    return height * width > 0


@njit(cache=True)
def _store(nest: Nest, trips: tuple[int, int, int], tile: Counts, store: Counts) -> bool:
    """Describe what leaves with a tile: outputs, or sums that cannot stay; False when nothing."""
    if tile[C] < trips[1] - 1:
        m_between = nest.order[0] > nest.order[1] and trips[0] > 1
        p_between = nest.order[2] > nest.order[1] and trips[2] > 1
        held_over_p = nest.levels[2] == OUTER and nest.order[0] < nest.order[2]
        held_over_m = nest.levels[2] == OUTER and not held_over_p
        leaves = (m_between and not held_over_m) or (p_between and not held_over_p)
        _describe(store, SPILL, tile, 1, SUM_BYTES * tile[PIXELS] * tile[FILTERS])
        return leaves and nest.levels[2] != WHOLE
    row, col = divmod(tile[P], nest.cols.shape[0])
    height, width = nest.rows[row, OUTPUTS], nest.cols[col, OUTPUTS]
    full = nest.cols[:, OUTPUTS].sum()
    pieces, piece = _pieces(height, width, full, tile[FILTERS], nest.output_pitch)
    _describe(store, OFMAP, tile, pieces, piece)
    return True


@njit(cache=True)
def _pieces(height: int, width: int, full_width: int, depth: int, pitch: int) -> tuple[int, int]:
    """(count, bytes) of the contiguous pieces of a block whose pixels lie `pitch` bytes apart."""
    if depth < pitch:
        return height * width, depth
    if width < full_width:
        return height, width * depth
    return 1, height * width * depth


@njit(cache=True)
def _describe(transfer: Counts, kind: int, tile: Counts, pieces: int, piece: int) -> None:
    transfer[KIND], transfer[CHUNKS], transfer[CHUNK_BYTES] = kind, pieces, piece
    transfer[T_RUN], transfer[T_P] = tile[RUN], tile[P]
    transfer[T_C], transfer[T_M] = tile[C], tile[M]
    if kind == IFMAP:
        transfer[SLOT] = tile[IFMAP_SLOT]
    elif kind != CONSTANTS:
        transfer[SLOT] = tile[FILTER_SLOT] if kind == FILTER else tile[SUM_SLOT]


@njit(cache=True)
def _interleave(
    tiles: Counts, loads: Counts, ends: Counts, stores: Counts, wait_store: Counts
) -> Counts:
    """Transfers in their order: loads of tiles 0 and 1, stores of 0, loads of 2, stores of 1, ...

    Fills in how many of them each tile waits for. Equation 2.
    """
    count = tiles.shape[0]
    transfers = np.zeros((ends[count - 1, 0] + count, 10), np.int64)
    store_at = np.full(count, -1, np.int64)
    n = loaded = weights = inputs = 0
    for j in range(count + 1):
        if j < count:
            while loaded < ends[j, 0]:
                _copy(loads[loaded], transfers[n])
                n, loaded = n + 1, loaded + 1
                weights = n if ends[j, 1] == loaded else weights
                inputs = n if ends[j, 2] == loaded else inputs
            if wait_store[j] >= 0:
                inputs = max(inputs, store_at[wait_store[j]] + 1)
            tiles[j, WAIT_WEIGHTS], tiles[j, WAIT_INPUTS] = weights, inputs
        if j > 0 and stores[j - 1, WAIT_TILES] > 0:
            _copy(stores[j - 1], transfers[n])
            store_at[j - 1] = n
            n += 1
    return transfers[:n]


@njit(cache=True)
def _copy(row: Counts, target: Counts) -> None:
    """One by one: the assignment of a whole row takes four seconds to compile."""
    for column in range(row.size):
        target[column] = row[column]


@njit(cache=True)
def run_program(
    transfers: Counts, tiles: Counts, engine: Engine, transfer_end: Counts, events: Counts
) -> None:
    """The recurrence. Equations 3 to 8.

    Fills in `transfer_end` (n,) and `events` (tiles, 4): when a tile's first fold starts to stream,
    when it could have without waiting, when its last fold starts, and when the tile is done.
    """
    drain = drain_cycles(engine)
    load = 0 if engine.dataflow in (OS, POOL, AVERAGE) else engine.rows
    moved = bus_free = last_fold = stream_free = done = 0
    for j in range(tiles.shape[0]):
        weights, inputs = tiles[j, WAIT_WEIGHTS], tiles[j, WAIT_INPUTS]
        while moved < max(weights, inputs):
            bus_free = _transfer_end(transfers[moved], bus_free, events, engine)
            transfer_end[moved] = bus_free
            moved += 1
        held = transfer_end[weights - 1] if weights else 0
        moving = transfer_end[inputs - 1] if inputs else 0
        if engine.dataflow == IS:
            held, moving = moving, held
        folds, stream = folds_of(tiles[j], engine)
        if not engine.pipelined:
            shift_from, free, interval = done, done + load, load + stream + drain
        elif engine.dataflow == OS:
            shift_from, interval = 0, max(stream, engine.rows)
            free = stream_free + (max(0, engine.rows - stream) if j else 0)
        else:
            shift_from, interval = last_fold, max(stream, load)
            free = max(stream_free, last_fold + load)
        start = max(max(held, shift_from) + load, moving, free)
        last_fold = start + (folds - 1) * interval
        stream_free = last_fold + stream
        done = stream_free + drain
        events[j, 0], events[j, 1], events[j, 2], events[j, 3] = start, free, last_fold, done
    while moved < transfers.shape[0]:
        bus_free = _transfer_end(transfers[moved], bus_free, events, engine)
        transfer_end[moved] = bus_free
        moved += 1


@njit(cache=True)
def drain_cycles(engine: Engine) -> int:
    """From the end of a fold's stream until its last output is written."""
    if engine.dataflow == POOL:
        return POOL_STAGES
    if engine.dataflow == AVERAGE:
        return AVERAGE_STAGES
    skew = engine.rows + engine.cols - 2
    return skew + (engine.rows if engine.dataflow == OS else 0) + PIPELINE_STAGES


@njit(cache=True)
def _transfer_end(transfer: Counts, free: int, events: Counts, engine: Engine) -> int:
    """A transfer starts when the one before has ended and the tiles it waits for are done."""
    wait = transfer[WAIT_TILES]
    start = max(free, events[wait - 1, 3]) if wait else free
    piece = -(-transfer[CHUNK_BYTES] // engine.burst) * engine.burst
    moved = transfer[CHUNKS] * piece * engine.bus_cycles
    cycles = 1 if engine.bus == 0 else max(1, -(-moved // engine.bus))
    return start + engine.latency + cycles


@njit(cache=True)
def folds_of(tile: Counts, engine: Engine) -> tuple[int, int]:
    """(folds, cycles that each streams) of a tile laid out on the array."""
    pixels, depth, filters = tile[PIXELS], tile[DEPTH], tile[FILTERS]
    rows, cols = engine.rows, engine.cols
    if engine.dataflow == WS:
        return -(-depth // rows) * -(-filters // cols), pixels
    if engine.dataflow == OS:
        return -(-pixels // rows) * -(-filters // cols), depth
    if engine.dataflow == IS:
        return -(-depth // rows) * -(-pixels // cols), filters
    return 1, pixels * (depth // tile[CHANNELS]) * -(-filters // cols)
