"""The machine that waits for tiles: by hand, cycle by cycle, and above its bound."""

from collections import Counter
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from edgeint8.arch.cost.folds import compute_cycles
from edgeint8.arch.cost.loops import layer_loops
from edgeint8.arch.cost.machine.candidates import Cuts
from edgeint8.arch.cost.machine.cost import costs_on_machine, machine_cost, machine_costs
from edgeint8.arch.cost.machine.prices import FEWEST_CYCLES
from edgeint8.arch.cost.machine.program import (
    Dram,
    Program,
    Tile,
    account,
    engine_of,
    program_of,
    run,
)
from edgeint8.arch.cost.machine.search import best_tile
from edgeint8.arch.cost.machine.walk import (
    CHUNK_BYTES,
    CHUNKS,
    IS,
    KIND,
    OFMAP,
    OS,
    RELOAD,
    SPILL,
    WAIT_INPUTS,
    WAIT_TILES,
    WAIT_WEIGHTS,
    Engine,
    folds_of,
)
from edgeint8.arch.cost.physical import DEFAULT, Options, layer_cost, storage_of
from edgeint8.arch.cost.tiling import NEVER, Storage
from edgeint8.arch.machine.hardware import Hardware, parse_hardware_id
from edgeint8.arch.network.layers import Layer, LayerShape
from edgeint8.errors import HardwareError


def conv(
    output: tuple[int, int], window: int, channels: int, filters: int, repeats: int = 1, stride=1
) -> Layer:
    """A convolution without padding, `repeats` groups of it."""
    steps = (stride, stride)
    shape = LayerShape.from_output(output, (window, window), channels, filters, steps)
    sizes = (
        shape.ifmap_h * shape.ifmap_w * channels,
        shape.window * filters,
        shape.output_pixels * filters,
    )
    operator = "conv" if repeats == 1 else "depthwise" if channels == 1 else "grouped"
    return Layer("layer", operator, shape, repeats, *(size * repeats for size in sizes), "test")


THREE = Tile(2, 1, 4, 2, (0, 1, 2), (1, 0, 1), (2, 1, 2))
"""Two rows at a time of a 6x1 output with four channels and two filters."""


def three_tiles(dataflow: str, bandwidth: int) -> tuple[Program, Engine]:
    layer = conv((6, 1), 1, 4, 2)
    hardware = Hardware(dataflow, 4, 2, 8, 8, 8, bandwidth, pipelined_folds=True, name="m")
    program = program_of(Cuts(layer_loops(layer)).nest(THREE, 1, False, 8))
    return program, engine_of(hardware)


def test_three_tiles_by_hand() -> None:
    """The example of docs/machine.md, 4x2 ws on a bus of 3 bytes a cycle, every event."""
    program, engine = three_tiles("ws", 1)
    assert program.transfers[:, CHUNK_BYTES].tolist() == [8, 8, 16, 8, 4, 8, 4, 4]
    found = run(program, engine)
    #                 W  X0  const X1 Y0  X2  Y1  Y2
    assert found.transfer_end.tolist() == [3, 6, 12, 15, 25, 28, 30, 41]
    # tile: streams at, could at, last fold at, done
    assert found.events.tolist() == [
        [12, 4, 12, 23],
        [16, 16, 16, 27],
        [28, 20, 28, 39],
    ]
    assert found.cycles == 41
    terms = account(found, compute_cycles(conv((6, 1), 1, 4, 2), _hardware("ws", 4, 2)).total)
    assert terms == {
        "compute": 14,  # 4 + 6 + 4 + 2 - 2
        "tiling": 4,  # two tiles of 2 pixels hold the array 4 cycles each, not 2
        "first_tile": 8,
        "waits": 8,
        "array_drain_pipeline": 5,
        "last_store": 2,
    }
    assert sum(terms.values()) == 41


def _hardware(dataflow: str, rows: int, cols: int, bandwidth: int | None = 1) -> Hardware:
    return Hardware(
        dataflow, rows, cols, 8, 8, 8, bandwidth, pipelined_folds=True, name="m"
    )  # fmt: skip


# ---------------------------------------------------------------- cycle by cycle


class Stepped:
    """The same machine stepped cycle by cycle: counters and conditions, no recurrence."""

    def __init__(self, program: Program, engine: Engine) -> None:
        self.transfers, self.tiles, self.engine = program.transfers, program.tiles, engine
        self.moved = self.done = 0  # visible at the beginning of a cycle
        self.left = 0  # cycles of the transfer under way
        folds = [(j, folds_of(tile, engine)) for j, tile in enumerate(program.tiles)]
        self.folds = [(j, f == n - 1, t) for j, (n, t) in folds for f in range(n)]
        self.loaded = self.started = self.finished = 0
        self.loading = self.streaming = 0
        self.just_loaded = False  # usable from the next cycle on
        self.last_end = -(1 << 30)
        self.drained: Counter[int] = Counter()  # cycle -> folds that are done from it on
        self.tile_ends: Counter[int] = Counter()

    def cycles(self) -> int:
        cycle = 0
        while self.moved < len(self.transfers) or self.done < len(self.tiles):
            self.done += self.tile_ends[cycle]
            self.finished += self.drained[cycle]
            moved = self.moved  # DMA and array see the same counters
            ended = self._transfer()
            self._load(moved)
            self._stream(cycle, moved)
            self.moved += ended
            cycle += 1
            later = max(self.tile_ends, default=0)
            if self.moved == len(self.transfers) and self.started == len(self.folds):
                return max(cycle, later)
        return cycle

    def _transfer(self) -> int:
        if self.left == 0 and self.moved < len(self.transfers):
            transfer = self.transfers[self.moved]
            if self.done < transfer[WAIT_TILES]:
                return 0
            piece = -(-int(transfer[CHUNK_BYTES]) // self.engine.burst) * self.engine.burst
            words = int(transfer[CHUNKS]) * piece
            bus = self.engine.bus or words * self.engine.bus_cycles
            moving = -(-words * self.engine.bus_cycles // max(bus, 1))
            self.left = self.engine.latency + max(1, moving)
        if self.left == 0:
            return 0
        self.left -= 1
        return int(self.left == 0)

    def _need(self, fold: int) -> tuple[int, int]:
        tile = self.tiles[self.folds[fold][0]]
        held, moving = int(tile[WAIT_WEIGHTS]), int(tile[WAIT_INPUTS])
        return (moving, held) if self.engine.dataflow == IS else (held, moving)

    def _load(self, moved: int) -> None:
        """One set of shadow registers: the next fold's weights go in while a fold streams."""
        if self.engine.dataflow == OS:
            return
        fold = self.loaded
        if self.loading == 0 and fold < len(self.folds):
            apart = self.engine.pipelined or self.finished == fold
            empty = fold <= self.started + self._starts_now(moved)
            if moved >= self._need(fold)[0] and apart and empty:
                self.loading = self.engine.rows
        if self.loading:
            self.loading -= 1
            self.just_loaded = self.loading == 0

    def _starts_now(self, moved: int) -> int:
        return int(self.streaming == 0 and self._can_start(moved))

    def _can_start(self, moved: int) -> bool:
        fold = self.started
        if fold == len(self.folds) or moved < max(self._need(fold)[1], 0):
            return False
        if not self.engine.pipelined and self.finished < fold:
            return False
        return self.loaded > fold

    def _stream(self, cycle: int, moved: int) -> None:
        fold, engine = self.started, self.engine
        if self.streaming == 0 and fold < len(self.folds):
            _, last, stream = self.folds[fold]
            if engine.dataflow == OS:
                ready = moved >= max(self._need(fold))
                ready &= engine.pipelined or self.finished == fold
                ready &= cycle + stream - 1 >= self.last_end + engine.rows
            else:
                ready = self._can_start(moved)
            if ready:
                self.streaming, self.started = stream, fold + 1
                end = cycle + stream
                self.last_end = end - 1
                # skew through the array, os: rows out one by one, then five registers
                end += engine.rows + engine.cols - 2 + 5
                end += engine.rows if engine.dataflow == OS else 0
                self.drained[end] += 1
                self.tile_ends[end] += last
        if self.streaming:
            self.streaming -= 1
        if self.just_loaded:
            self.loaded, self.just_loaded = self.loaded + 1, False


engines = st.builds(
    Engine,
    st.integers(0, 2),
    st.integers(1, 5),
    st.integers(1, 5),
    st.booleans(),
    st.sampled_from([0, 1, 2, 3, 7, 12, 64]),
    st.sampled_from([1, 1, 4, 16]),
    st.sampled_from([0, 0, 1, 5, 40]),
    st.sampled_from([1, 1, 2, 3]),
)
small_layers = st.builds(
    conv,
    st.tuples(st.integers(1, 6), st.integers(1, 6)),
    st.integers(1, 3),
    st.integers(1, 6),
    st.integers(1, 6),
    st.sampled_from([1, 1, 2, 3]),
    st.integers(1, 3),
)
storages = st.builds(
    Storage, *[st.sampled_from([32, 64, 128, 300, 1500]) for _ in range(2)],
    st.sampled_from([16, 32, 64, 128, 300, 1500]),
)  # fmt: skip


@settings(max_examples=120, deadline=None)
@given(small_layers, storages, engines)
def test_the_recurrence_steps_as_the_machine_does(layer, storage, engine) -> None:
    try:
        found = best_tile(
            layer_loops(layer), storage, engine, FEWEST_CYCLES, layer.repeats, layer.repeats > 1
        )
    except HardwareError:
        return
    assert Stepped(found.run.program, engine).cycles() == found.run.cycles


# ---------------------------------------------------------------- laws

layers = st.builds(
    conv,
    st.tuples(st.integers(1, 12), st.integers(1, 12)),
    st.integers(1, 3),
    st.integers(1, 40),
    st.integers(1, 40),
    st.sampled_from([1, 1, 1, 2, 5]),
    st.integers(1, 3),
)
machines = st.builds(
    Hardware,
    st.sampled_from(["ws", "os", "is"]),
    st.integers(1, 24),
    st.integers(1, 24),
    st.integers(1, 8),
    st.integers(1, 8),
    st.integers(1, 8),
    st.one_of(st.none(), st.integers(1, 32)),
    pipelined_folds=st.booleans(),
    name=st.just("machine"),
)


@settings(max_examples=150, deadline=None)
@given(layers, machines)
@example(conv((1, 1), 1, 16, 16), Hardware("ws", 16, 16, 1, 1, 1, 1, name="machine"))
def test_no_machine_beats_the_bound_and_the_account_adds_up(layer, hardware) -> None:
    bound, found = layer_cost(layer, hardware), machine_cost(layer, hardware)
    assert bound.cycles <= found.cycles
    assert bound.dram_bytes <= found.cost.dram_bytes
    assert bound.ofmap_bytes == found.cost.ofmap_bytes
    assert sum(found.terms.values()) == found.cycles
    assert min(found.terms.values()) >= 0
    assert found.terms["compute"] == bound.compute.total


@settings(max_examples=60, deadline=None)
@given(small_layers, storages, engines)
def test_spills_go_out_and_come_back(layer, storage, engine) -> None:
    try:
        found = best_tile(
            layer_loops(layer), storage, engine, FEWEST_CYCLES, layer.repeats, layer.repeats > 1
        )
    except HardwareError:
        return
    moved = found.run.program.moved_bytes
    assert moved(SPILL) == moved(RELOAD)
    assert moved(OFMAP) == layer.ofmap_bytes
    stores = found.run.program.transfers
    stores = stores[np.isin(stores[:, KIND], (OFMAP, SPILL))]
    assert (stores[:, CHUNKS] > 0).all() and found.run.cycles < NEVER


def test_latency_and_bursts_cost_what_they_say() -> None:
    layer, hardware = conv((8, 8), 3, 4, 8), _hardware("ws", 8, 8)
    plain = machine_cost(layer, hardware)
    slow = machine_cost(layer, hardware, Dram(latency_cycles=100))
    assert plain.cycles < slow.cycles and slow.terms["first_tile"] > plain.terms["first_tile"]
    wide = machine_cost(layer, hardware, Dram(burst_bytes=64))
    assert plain.cycles <= wide.cycles
    with pytest.raises(HardwareError, match="burst_bytes is 0"):
        Dram(burst_bytes=0)


def test_a_network_is_its_layers_one_after_another() -> None:
    pool = Layer("pool", "pool", None, 1, 900, 0, 300, "t", "no MACs")
    network = [conv((12, 12), 3, 24, 40), pool]
    hardware = parse_hardware_id("ws_16x16_8kB_2Bpc")
    costs = machine_costs(network, hardware)
    assert costs_on_machine(network, hardware) == tuple(found.cost for found in costs)
    assert costs[1].cycles == 200 and costs[1].tile is None
    ports = replace(hardware, shared_bus=False, name="ports")
    assert costs_on_machine(network, ports) is None
    assert costs_on_machine(network, hardware, Options(on_chip=True)) is None
    with pytest.raises(HardwareError, match="one DRAM bus"):
        machine_costs(network, ports)


def test_what_does_not_fit_is_refused() -> None:
    with pytest.raises(HardwareError, match="does not hold one tile"):
        machine_cost(conv((2, 2), 40, 2, 2), parse_hardware_id("ws_4x4_1kB_1Bpc"))
    assert storage_of(parse_hardware_id("ws_4x4_1kB_1Bpc"), DEFAULT).ifmap_bytes == 1024
