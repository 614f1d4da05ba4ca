"""A network's DRAM image and programs for one machine, and its time by the recurrence."""

import sys
from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from edgeint8.arch.cost.machine.candidates import Cuts, cut, searched_tiles
from edgeint8.arch.cost.machine.prices import prices_of
from edgeint8.arch.cost.machine.program import (
    IDEAL_DRAM,
    Dram,
    Program,
    Run,
    engine_of,
    program_of,
    run,
)
from edgeint8.arch.cost.machine.search import best_tile
from edgeint8.arch.cost.machine.walk import (
    AVERAGE,
    FILTER,
    IFMAP,
    KIND,
    POOL,
    TILE,
    WAIT_INPUTS,
    WHOLE,
    Nest,
)
from edgeint8.arch.cost.physical import DEFAULT, storage_of
from edgeint8.arch.machine.hardware import Hardware
from edgeint8.conventions import Array
from edgeint8.errors import HardwareError
from edgeint8.fixed_point.arithmetic.requantize import Scheme, code_range
from edgeint8.rtl.addresses import LAYER_WORDS, Addresses, Bases, Words
from edgeint8.rtl.layer import RtlLayer, Unit, as_nhwc

CONSTANT_BYTES = {scheme: 8 if scheme is Scheme.ORT_FLOAT32 else 9 for scheme in Scheme}
"""Bias of four bytes; a float32 scale, or a multiplier of four bytes and a shift."""


@dataclass(frozen=True)
class Image:
    """What the simulator loads, and what it has to find.

    `dram` holds the input, all weights and constants; `runs` is the recurrence of each layer and
    `results` the (address, shape) of each layer's outputs, (H, W, C).
    """

    dram: Array
    transfers: Words
    tiles: Words
    layers: Words
    runs: tuple[Run, ...]
    results: tuple[tuple[int, tuple[int, int, int]], ...]


def tiling(
    layer: RtlLayer, hardware: Hardware, scheme: Scheme, dram: Dram = IDEAL_DRAM
) -> tuple[Nest, Run]:
    """The best tile of a layer on the machine, as nest and run."""
    engine, storage = engine_of(hardware, dram), storage_of(hardware, DEFAULT)
    if layer.is_pool:
        return _pool_tiling(layer, hardware, dram)
    constants = CONSTANT_BYTES[scheme]
    grouped = layer.groups > 1
    prices = prices_of(hardware)
    found = best_tile(layer.loops, storage, engine, prices, layer.groups, grouped, constants)
    nest = Cuts(layer.loops).nest(found.tile, layer.groups, grouped, constants)
    return nest, found.run


def _pool_tiling(layer: RtlLayer, hardware: Hardware, dram: Dram) -> tuple[Nest, Run]:
    """Rows of all channels at a time; the number of rows that takes least."""
    loops, storage = layer.loops, storage_of(hardware, DEFAULT)
    flow = POOL if layer.unit is Unit.MAXIMUM else AVERAGE
    engine = engine_of(hardware, dram)._replace(dataflow=flow, pipelined=True)
    best: tuple[Nest, Run] | None = None
    for height in sorted({int(h) for h in searched_tiles(loops).tile_h}, reverse=True):
        rows, cols = cut(loops, True, height), cut(loops, False, loops.output_w)
        one = len(rows) == 1
        nest = Nest(
            *(rows, cols, loops.channels, loops.channels, loops.filter_h * loops.filter_w),
            *(loops.channels, loops.channels, (0, 1, 2)),
            *(
                (WHOLE if one else TILE, WHOLE, WHOLE if one else TILE),
                (1 if one else 2, 1, 1 if one else 2),
            ),
            repeats=1,
            weighted=False,
            constant_bytes=0,
            input_pitch=loops.channels,
            output_pitch=loops.channels,
        )
        held = Addresses(loops, nest, _EMPTY, _NOWHERE, 0).slot_sizes
        slots = nest.slots
        operands = min(storage.ifmap_bytes, storage.filter_bytes if layer.second else sys.maxsize)
        if held[0] * slots[0] > operands or 4 * held[2] * slots[2] > storage.ofmap_bytes:
            continue
        program = program_of(nest)
        found = run(with_second(program) if layer.second else program, engine)
        if best is None or found.cycles < best[1].cycles:
            best = nest, found
    if best is None:
        raise HardwareError(
            "a buffer does not hold one row of the pool twice",
            where=layer.name,
            allowed="more SRAM",
        )
    return best


def with_second(program: Program) -> Program:
    """Each input is followed by the same block of a second tensor, as what weights would be."""
    inputs = program.transfers[:, KIND] == IFMAP
    transfers = np.repeat(program.transfers, 1 + inputs, axis=0)
    transfers[np.flatnonzero(inputs) + np.cumsum(inputs)[inputs], KIND] = FILTER
    tiles = program.tiles.copy()
    before = np.concatenate([[0], np.cumsum(inputs)])
    tiles[:, WAIT_INPUTS] += before[tiles[:, WAIT_INPUTS]]
    return Program(transfers, tiles)


_NOWHERE = Bases(0, 0, 0, 0, 0)
_EMPTY = Program(np.zeros((0, 10), np.int64), np.zeros((0, 13), np.int64))


def image_of(
    layers: Sequence[RtlLayer],
    codes: Array,
    hardware: Hardware,
    scheme: Scheme,
    dram: Dram = IDEAL_DRAM,
    tilings: Sequence[tuple[Nest, Run]] | None = None,
) -> Image:
    """Everything for one image. `codes` (C, *S) is the network's quantised input."""
    tilings = tilings or [tiling(layer, hardware, scheme, dram) for layer in layers]
    memory = _Memory()
    places = {layers[0].source: memory.put(np.ascontiguousarray(as_nhwc(codes)))}
    transfers, tiles, heads, results = [], [], [], []
    n_transfers = n_tiles = 0
    for layer, (nest, found) in zip(layers, tilings, strict=True):
        loops = layer.loops
        shape = (loops.output_h, loops.output_w, loops.filters * layer.groups)
        bases = Bases(
            places[layer.source],
            places[layer.second]
            if layer.second
            else 0
            if layer.weights is None
            else memory.put(stored_weights(layer, nest)),
            0 if layer.is_pool else memory.put(constants_of(layer, scheme)),
            memory.room(int(np.prod(shape))),
            memory.room(4 * int(np.prod(shape)) if found.program.spilled_bytes else 0),
        )
        places[layer.result] = bases.ofmap
        results.append((bases.ofmap, shape))
        at = Addresses(loops, nest, found.program, bases, CONSTANT_BYTES[scheme])
        transfers.append(at.transfer_words())
        tiles.append(at.tile_words())
        heads.append(_head(layer, found.program, n_transfers, n_tiles))
        n_transfers, n_tiles = n_transfers + len(transfers[-1]), n_tiles + len(tiles[-1])
    return Image(
        memory.content(),
        np.concatenate(transfers),
        np.concatenate(tiles),
        np.array(heads),
        tuple(found for _, found in tilings),
        tuple(results),
    )


def with_input(image: Image, codes: Array) -> Image:
    """The same network on another input, which lies where DRAM begins."""
    held = np.ascontiguousarray(as_nhwc(codes)).reshape(-1).view(np.uint8)
    return replace(image, dram=np.concatenate([held, image.dram[held.size :]]))


class _Memory:
    """DRAM filled from address 0 on."""

    def __init__(self) -> None:
        self.parts: list[Array] = []
        self.size = 0

    def put(self, values: Array) -> int:
        """The address of `values`, as bytes."""
        part = np.ascontiguousarray(values).reshape(-1).view(np.uint8)
        self.parts.append(part)
        self.size += part.size
        return self.size - part.size

    def room(self, size: int) -> int:
        """The address of `size` bytes that are to be written; 0xA5 until then."""
        return self.put(np.full(size, 0xA5, np.uint8))

    def content(self) -> Array:
        """All bytes."""
        return np.concatenate(self.parts)


def stored_weights(layer: RtlLayer, nest: Nest) -> Array:
    """(groups, K, M) tile by tile, filters before channels; a tile is kernel, channel, filter."""
    assert layer.weights is not None
    w = layer.weights.reshape(layer.groups, nest.window, nest.channels, nest.filters)
    return np.concatenate(
        [
            w[group, :, c : c + nest.tile_c, m : m + nest.tile_m].reshape(-1)
            for group in range(layer.groups)
            for m in range(0, nest.filters, nest.tile_m)
            for c in range(0, nest.channels, nest.tile_c)
        ]
    )


def constants_of(layer: RtlLayer, scheme: Scheme) -> Array:
    """(filters, 8 or 9) bytes, little-endian."""
    assert layer.bias is not None and layer.rescale is not None
    columns = [layer.bias.astype("<i4"), layer.rescale.factor]
    if scheme is not Scheme.ORT_FLOAT32:
        columns.append(layer.rescale.shift.astype("u1"))
    return np.concatenate(
        [np.ascontiguousarray(c).view(np.uint8).reshape(len(c), -1) for c in columns], axis=1
    )


def _head(layer: RtlLayer, program: Program, transfers: int, tiles: int) -> list[int]:
    low, high = code_range(layer.dtype)
    words = [
        *(len(program.transfers), len(program.tiles), transfers, tiles),
        *(
            layer.zero_in,
            layer.zero_out,
            low,
            high,
            int(layer.dtype == np.uint8),
            int(layer.unit),
        ),
        *layer.constants,
    ]
    return words + [0] * (LAYER_WORDS - len(words))
