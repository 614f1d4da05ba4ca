"""What layers and networks cost on the machine that waits for tiles. docs/machine.md.

Cycles, bytes and energy of a layer come from one tile: that of least energy times delay. Every
tensor is read from DRAM and written to it: what could stay on chip between two layers does not,
here. The images of a batch and the steps of a recurrence each fetch their weights, and what a fused
addition reads comes when the layer is over.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace

from edgeint8.arch.cost.loops import Loops, layer_loops
from edgeint8.arch.cost.machine.prices import Prices, prices_of
from edgeint8.arch.cost.machine.program import (
    IDEAL_DRAM,
    TERMS,
    Dram,
    Run,
    Tile,
    account,
    engine_of,
)
from edgeint8.arch.cost.machine.search import TooManyTilesError, best_tile
from edgeint8.arch.cost.machine.walk import CONSTANTS, FILTER, IFMAP, OFMAP, RELOAD, SPILL
from edgeint8.arch.cost.physical import (
    DEFAULT,
    LayerCost,
    Options,
    layer_cost,
    network_layers,
    storage_of,
    too_small_for,
    transfer_cycles,
)
from edgeint8.arch.cost.tile_space import TileSizes
from edgeint8.arch.machine.hardware import Hardware
from edgeint8.arch.network.layers import Layer
from edgeint8.errors import HardwareError


@dataclass(frozen=True)
class MachineCost:
    """One layer on the machine: `cost` has the bytes and cycles of its tile.

    `bound_cycles` are those that no machine beats; `terms` add up to `cost.cycles`. A layer that is
    not on the array passes the bus once, as in the bound, and has neither tile nor run.
    """

    cost: LayerCost
    bound_cycles: int
    tile: Tile | None
    run: Run | None
    terms: dict[str, int]

    @property
    def cycles(self) -> int:
        """Cycles of all repeats."""
        return self.cost.cycles


def machine_cost(
    layer: Layer,
    hardware: Hardware,
    dram: Dram = IDEAL_DRAM,
    prices: Prices | None = None,
) -> MachineCost:
    """The layer with its best tile at these prices, by default those in use.

    Raises `HardwareError` where nothing fits, or without a bus, `TooManyTilesError` where it would
    take too long to run.
    """
    engine = engine_of(hardware, dram)
    bound = layer_cost(layer, hardware)
    if layer.shape is None:
        terms = dict.fromkeys(TERMS, 0) | {"waits": bound.cycles}
        return MachineCost(bound, bound.cycles, None, None, terms)
    grouped = layer.operator in ("depthwise", "grouped") and layer.images == 1
    storage, loops = storage_of(hardware, DEFAULT), one_image(layer)
    prices = prices_of(hardware) if prices is None else prices
    try:
        found = best_tile(loops, storage, engine, prices, layer.separate_runs, grouped)
    except TooManyTilesError:
        raise
    except HardwareError as error:
        raise too_small_for(layer, hardware, error) from None
    tile, moved = found.tile, found.run.program.moved_bytes
    added = transfer_cycles((layer.added_bytes, 0, 0), hardware)
    cost = replace(
        bound,
        tile=TileSizes(tile.height, tile.width, tile.channels, tile.filters),
        ifmap_bytes=moved(IFMAP) + layer.added_bytes,
        filter_bytes=moved(FILTER, CONSTANTS),
        ofmap_bytes=moved(OFMAP),
        psum_bytes=moved(SPILL, RELOAD),
        cycles=found.run.cycles + added,
    )
    terms = account(found.run, bound.compute.total)
    terms["waits"] += added
    return MachineCost(cost, bound.cycles, found.tile, found.run, terms)


def one_image(layer: Layer) -> Loops:
    """The loops of one run on one image: here the images of a batch follow one another."""
    loops = layer_loops(layer)
    each = loops.images
    return replace(
        loops,
        images=1,
        ifmap_elements=-(-loops.ifmap_elements // each),
        ofmap_elements=-(-loops.ofmap_elements // each),
    )


def machine_costs(
    layers: Sequence[Layer],
    hardware: Hardware,
    options: Options = DEFAULT,
    dram: Dram = IDEAL_DRAM,
) -> tuple[MachineCost, ...]:
    """Costs of all layers in the order of `network_cost`, fused as `options` say."""
    prices = prices_of(hardware)
    parts = network_layers(layers, options)
    return tuple(machine_cost(layer, hardware, dram, prices) for layer in parts)


def costs_on_machine(
    layers: Sequence[Layer], hardware: Hardware, options: Options = DEFAULT
) -> tuple[LayerCost, ...] | None:
    """What each layer costs on the machine that waits for tiles, in the order of `network_cost`.

    None where there is no such machine: without a shared bus, with tensors that stay on chip, and
    where a layer has too many tiles to be run.
    """
    if not hardware.shared_bus or options.on_chip:
        return None
    try:
        return tuple(found.cost for found in machine_costs(layers, hardware, options))
    except TooManyTilesError:
        return None
