"""Which tile the machine runs: least energy times delay, by running every tile there is."""

from collections.abc import Sequence
from dataclasses import replace

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from edgeint8.arch.cost.energy import (
    count_accesses,
    energy_fj,
    idle_fj_per_cycle,
    network_energy_fj,
)
from edgeint8.arch.cost.machine.candidates import Cuts, candidates
from edgeint8.arch.cost.machine.cost import (
    costs_on_machine,
    machine_cost,
    machine_costs,
    one_image,
)
from edgeint8.arch.cost.machine.prices import FEWEST_CYCLES, prices_of
from edgeint8.arch.cost.machine.program import (
    CONSTANT_BYTES,
    Dram,
    Run,
    Tile,
    engine_of,
    program_of,
    run,
)
from edgeint8.arch.cost.machine.walk import CONSTANTS, FILTER, IFMAP, OFMAP, RELOAD, SPILL
from edgeint8.arch.cost.physical import (
    DEFAULT,
    LayerCost,
    layer_cost,
    storage_of,
    total_cycles,
)
from edgeint8.arch.cost.tile_space import TileSizes
from edgeint8.arch.machine.hardware import Hardware
from edgeint8.arch.network.layers import Layer, LayerShape
from edgeint8.arch.network.topology import layers_from_topology
from edgeint8.arch.questions.summary import network_totals
from edgeint8.data import TOPOLOGIES
from edgeint8.errors import HardwareError


def conv(output: tuple[int, int], window: int, channels: int, filters: int, repeats: int) -> Layer:
    """A convolution without padding, `repeats` groups of it."""
    shape = LayerShape.from_output(output, (window, window), channels, filters, (1, 1))
    sizes = (shape.ifmap_h * shape.ifmap_w * channels, shape.window * filters)
    sizes = (*sizes, shape.output_pixels * filters)
    operator = "conv" if repeats == 1 else "grouped"
    return Layer("layer", operator, shape, repeats, *(size * repeats for size in sizes), "test")


def cost_of(layer: Layer, hardware: Hardware, tile: Tile, found: Run) -> LayerCost:
    """What a program moves and takes, transfer by transfer."""
    moved = found.program.moved_bytes
    return replace(
        layer_cost(layer, hardware),
        tile=TileSizes(tile.height, tile.width, tile.channels, tile.filters),
        ifmap_bytes=moved(IFMAP),
        filter_bytes=moved(FILTER, CONSTANTS),
        ofmap_bytes=moved(OFMAP),
        psum_bytes=moved(SPILL, RELOAD),
        cycles=found.cycles,
    )


def every_tile(layer: Layer, hardware: Hardware) -> list[tuple[int, int]]:
    """(cycles, femtojoules) of every tiling that fits, each run."""
    loops, engine = one_image(layer), engine_of(hardware)
    tilings = candidates(loops, storage_of(hardware, DEFAULT), layer.repeats)
    cuts, found = Cuts(loops), []
    for tile in map(tilings.tile, range(len(tilings.order))):
        ran = run(
            program_of(cuts.nest(tile, layer.repeats, layer.repeats > 1, CONSTANT_BYTES)), engine
        )
        cost = cost_of(layer, hardware, tile, ran)
        energy = sum(energy_fj(count_accesses(cost, hardware), hardware).values())
        found.append((ran.cycles, energy))
    return found


def energy_of(costs: Sequence[LayerCost], hardware: Hardware) -> int:
    return sum(network_energy_fj(costs, hardware).values())


def test_the_clock_is_charged_for_the_cycles_of_the_machine_s_tile() -> None:
    """A slower DRAM, and nothing else, costs the clock of the cycles that it adds."""
    layer, hardware = conv((8, 8), 3, 8, 16, 1), Hardware("ws", 8, 8, 8, 8, 8, 4, name="machine")
    late = machine_cost(layer, hardware, Dram(latency_cycles=40))
    cost = cost_of(layer, hardware, late.tile, late.run)
    assert late.cost == cost and late.cycles > late.bound_cycles
    waited = energy_of([cost], hardware) - energy_of(
        [replace(cost, cycles=late.bound_cycles)], hardware
    )
    assert waited == (late.cycles - late.bound_cycles) * idle_fj_per_cycle(hardware, "mid")
    (found,) = costs_on_machine([layer], hardware)
    totals = network_totals([found], hardware)
    assert totals.cycles == machine_cost(layer, hardware).cycles
    assert totals.energy_mj[1] * 1e12 == pytest.approx(energy_of([found], hardware), rel=1e-12)


def test_a_fast_tile_that_costs_much_more_is_not_taken() -> None:
    """ResNet-8 on 8x8 os: the fastest tiles take a quarter more energy for 0.2 % fewer cycles."""
    every = layers_from_topology(TOPOLOGIES / "resnet8.csv")
    hardware = Hardware("os", 8, 8, 64, 64, 64, 16, pipelined_folds=True, name="machine")
    fastest = [machine_cost(layer, hardware, prices=FEWEST_CYCLES).cost for layer in every]
    taken = [found.cost for found in machine_costs(every, hardware)]
    cycles = total_cycles(taken) / total_cycles(fastest)
    assert 1 < cycles < 1.005
    assert energy_of(taken, hardware) < 0.8 * energy_of(fastest, hardware)


def test_dear_dram_makes_a_tile_that_moves_less() -> None:
    """Prices of a technology file decide, and only they: the tile is kept by price."""
    layer = conv((6, 6), 3, 16, 24, 1)
    hardware = Hardware("os", 4, 4, 2, 1, 1, 4, pipelined_folds=True, name="machine")
    free, dear = (
        machine_cost(layer, hardware, prices=replace(prices_of(hardware), dram=fj)).cost
        for fj in (0, 10**8)
    )
    assert dear.dram_bytes < free.dram_bytes and dear.cycles >= free.cycles


layers = st.builds(
    conv,
    st.tuples(st.integers(1, 5), st.integers(1, 4)),
    st.integers(1, 3),
    st.integers(1, 6),
    st.integers(1, 6),
    st.sampled_from([1, 1, 2]),
)
machines = st.builds(
    Hardware,
    st.sampled_from(["ws", "os", "is"]),
    st.integers(1, 6),
    st.integers(1, 6),
    st.just(1),
    st.just(1),
    st.just(1),
    st.one_of(st.none(), st.integers(1, 8)),
    pipelined_folds=st.booleans(),
    name=st.just("machine"),
)


@settings(max_examples=12, deadline=None)
@given(layers, machines)
@example(conv((4, 4), 3, 20, 20, 1), Hardware("os", 5, 3, 1, 1, 1, 2, name="spills"))
def test_no_tile_has_less_energy_times_delay(layer, hardware) -> None:
    try:
        found = machine_cost(layer, hardware)
    except HardwareError:
        return
    every = every_tile(layer, hardware)
    energy = sum(energy_fj(count_accesses(found.cost, hardware), hardware).values())
    assert energy * found.cycles == min(cycles * fj for cycles, fj in every)
    fastest = machine_cost(layer, hardware, prices=FEWEST_CYCLES)
    assert fastest.cycles == min(cycles for cycles, _ in every)
