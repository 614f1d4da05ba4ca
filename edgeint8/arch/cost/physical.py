"""Cycles and DRAM bytes of layers and networks, as a machine of this kind could have them.

The array computes while tiles come and go, so a layer takes the longer of the two, plus what no
overlap can hide: the first operands in and the last outputs out. Time depends on the tiling
through its bytes alone, which makes "more SRAM is never slower" provable.
docs/physical_model.md, equations 13 to 17.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction

from edgeint8.arch.cost.chains import Stay, stays
from edgeint8.arch.cost.folds import ComputeCycles, compute_cycles
from edgeint8.arch.cost.loops import layer_loops
from edgeint8.arch.cost.tile_space import INT8, ElementBytes, TileSizes
from edgeint8.arch.cost.tiling import Goal, Input, Storage, Tiling, best_tiling
from edgeint8.arch.machine.hardware import PORTS, Hardware
from edgeint8.arch.network.fusion import fuse
from edgeint8.arch.network.layers import Layer
from edgeint8.conventions import KIB
from edgeint8.errors import HardwareError

BOUNDS = ("compute", "dram_bandwidth", "fill_drain", "fold_edges", "stalls")


@dataclass(frozen=True)
class Options:
    """How the machine is used.

    Parameters
    ----------
    double_buffered
        Tiles arrive while others compute. Without it DRAM time adds to compute time.
    on_chip
        A tensor stays in the ifmap SRAM between two layers when the first layer's whole input
        and output fit there together, or when both read it and it fits.
    fused
        Pools, element-wise layers and additions work on the way out of the layer that wrote
        their input, where nothing else reads it; that input never travels.
    """

    double_buffered: bool = True
    on_chip: bool = False
    fused: bool = False
    element_bytes: ElementBytes = INT8


DEFAULT = Options()
AWAY = Stay()
"""Everything comes from DRAM and returns there."""


@dataclass(frozen=True)
class LayerCost:
    """What one layer costs.

    `tile` is what DRAM traffic and SRAM accesses rest on, None where nothing is on the array;
    `ifmap_bytes`, `filter_bytes`, `ofmap_bytes`, `psum_bytes` are DRAM bytes of all repeats;
    `memory_cycles` is what they take, `exposed_cycles` the part of it that cannot overlap.
    """

    layer: Layer
    compute: ComputeCycles
    tile: TileSizes | None
    ifmap_bytes: int
    filter_bytes: int
    ofmap_bytes: int
    psum_bytes: int
    memory_cycles: int
    exposed_cycles: int
    cycles: int

    @property
    def dram_bytes(self) -> int:
        """Bytes over the DRAM interface, spilled sums included."""
        return self.ifmap_bytes + self.filter_bytes + self.ofmap_bytes + self.psum_bytes

    @property
    def stall_cycles(self) -> int:
        """Cycles in which the array waits for DRAM."""
        return self.cycles - self.compute.total

    @property
    def parts(self) -> dict[str, float]:
        """Cycles by cause, in the names of `BOUNDS`; they add up to `cycles`. Equation 16."""
        hidden = self.compute.total + self.exposed_cycles
        starved = max(0, self.cycles - hidden)
        return {
            "compute": self.compute.ideal,
            "dram_bandwidth": float(starved),
            "fill_drain": float(self.compute.fill_drain),
            "fold_edges": self.compute.fold_edges,
            "stalls": float(self.stall_cycles - starved),
        }

    @property
    def bound(self) -> str:
        """The cause that has to be removed first: DRAM when it sets the pace, else the largest."""
        if self.memory_cycles >= self.compute.total + self.exposed_cycles:
            return "dram_bandwidth"
        parts = self.parts
        return max(BOUNDS, key=lambda name: parts[name])


def dram_bytes_per_cycle(hardware: Hardware) -> float:
    """All ports together; infinite when the bandwidth is unlimited."""
    rate = bus_rate(hardware)
    return math.inf if rate is None else float(rate)


def bus_rate(hardware: Hardware) -> int | Fraction | None:
    """Exact DRAM bytes a cycle of all ports together; None is unlimited.

    SCALE-Sim takes whole bytes per port; a machine that states its bytes a second has these.
    """
    if hardware.dram_bytes_per_cycle is not None:
        return hardware.dram_bytes_per_cycle
    return None if hardware.bandwidth_bpc is None else hardware.bandwidth_bpc * PORTS


def transfer_cycles(ports: tuple[int, int, int], hardware: Hardware) -> int:
    """Equation 13: (ifmap, filter, ofmap) bytes add up on a bus and run in parallel on ports."""
    rate = bus_rate(hardware)
    if rate is None:
        return 0
    amount = sum(ports) if hardware.shared_bus else PORTS * max(ports)
    return -(-amount * rate.denominator // rate.numerator)


EXPOSED_ELEMENTS = (1, 1, 1)
"""Elements (ifmap, filter, ofmap) that no computation can hide: no MAC before the first two
operands are there, and the last output leaves after it. A machine that cuts its tiles small hides
everything else, so more would not be a bound. Equation 14."""


def exposed_cycles(layer: Layer, hardware: Hardware, element_bytes: ElementBytes) -> int:
    """Equation 14 in cycles: operands first, then the last output."""
    if layer.shape is None:
        return 0
    ifmap, filter_, ofmap = EXPOSED_ELEMENTS
    first = (ifmap * element_bytes.ifmap, filter_ * element_bytes.filter, 0)
    return transfer_cycles(first, hardware) + transfer_cycles(
        (0, 0, ofmap * element_bytes.ofmap), hardware
    )


def goal_of(hardware: Hardware) -> Goal:
    """What the tiling minimises: on separate ports the busiest one sets the time."""
    return "total" if hardware.shared_bus or hardware.bandwidth_bpc is None else "port"


def storage_of(
    hardware: Hardware, options: Options, ifmap: Input = "dram", ofmap_stays: bool = False
) -> Storage:
    """The buffers of `hardware` in bytes, as `options` use them."""
    ifmap_kb, filter_kb, ofmap_kb = hardware.sram_kb
    return Storage(
        ifmap_kb * KIB,
        filter_kb * KIB,
        ofmap_kb * KIB,
        options.double_buffered,
        ifmap,
        ofmap_stays,
    )


def layer_cost(
    layer: Layer,
    hardware: Hardware,
    options: Options = DEFAULT,
    stay: Stay = AWAY,
) -> LayerCost:
    """Equation 15: the longer of computing (with its exposed ends) and moving.

    Raises `HardwareError` that names the layer when a buffer does not hold its smallest tile.
    """
    tile = None
    if layer.shape is None:
        moved = streamed_bytes(layer, options.element_bytes, stay)
    else:
        ifmap: Input = "resident" if stay.resident else "held" if stay.held else "dram"
        storage = storage_of(hardware, options, ifmap, stay.ofmap_unwritten)
        goal = goal_of(hardware)
        try:
            tiling = best_tiling(layer_loops(layer), storage, options.element_bytes, goal)
        except HardwareError as error:
            raise too_small_for(layer, hardware, error) from None
        tile = tiling.tile
        moved = _all_runs(layer, tiling, storage, options.element_bytes, stay)
    compute = compute_cycles(layer, hardware)
    memory = transfer_cycles((moved[0], moved[1], moved[2] + moved[3]), hardware)
    exposed = exposed_cycles(layer, hardware, options.element_bytes)
    overlapped = max(compute.total + exposed, memory)
    cycles = overlapped if options.double_buffered else compute.total + max(exposed, memory)
    return LayerCost(layer, compute, tile, *moved, memory, exposed, cycles)


def too_small_for(layer: Layer, hardware: Hardware, error: HardwareError) -> HardwareError:
    """`error` with the layer that is too large and the machine that is too small."""
    return HardwareError(
        f"{hardware.id} cannot hold layer {layer.name}: {error.what}",
        where=error.where,
        allowed=error.allowed,
    )


def streamed_bytes(
    layer: Layer, element_bytes: ElementBytes, stay: Stay = AWAY
) -> tuple[int, int, int, int]:
    """A layer that is not on the array passes its tensors once; of several one can be there."""
    there = layer.reads[0].bytes if stay.resident and layer.shape is None else 0
    if stay.resident and layer.shape is not None:
        there = layer.ifmap_bytes
    return (
        (layer.ifmap_bytes + layer.added_bytes - there) * element_bytes.ifmap,
        layer.filter_bytes * element_bytes.filter,
        0 if stay.ofmap_unwritten else layer.ofmap_bytes * element_bytes.ofmap,
        0,
    )


def streamed_cycles(layer: Layer, hardware: Hardware, options: Options) -> int:
    """DRAM cycles of a layer that passes its tensors once."""
    moved = streamed_bytes(layer, options.element_bytes)
    return transfer_cycles((moved[0], moved[1], moved[2]), hardware)


def _all_runs(
    layer: Layer, tiling: Tiling, storage: Storage, element_bytes: ElementBytes, stay: Stay
) -> tuple[int, int, int, int]:
    """DRAM bytes of every run; an operand that is moved once counts its exact tensor size.

    Steps of a recurrence find their weights where they were if the filter SRAM holds them all.
    """
    once = streamed_bytes(layer, element_bytes, stay)
    added = layer.added_bytes * element_bytes.ifmap
    weights = -(-layer.filter_bytes // layer.repeats) * element_bytes.filter
    weight_runs = layer.repeats if weights <= storage.filter_bytes else layer.runs
    moved = []
    for run, exact, runs in (
        (tiling.ifmap_bytes, once[0] - added, layer.runs),
        (tiling.filter_bytes, once[1], weight_runs),
        (tiling.ofmap_bytes, once[2], layer.runs),
    ):
        moved.append(exact if run * runs < exact + runs else run * runs)
    return moved[0] + added, moved[1], moved[2], tiling.psum_bytes * layer.runs


def network_cost(
    layers: Sequence[Layer], hardware: Hardware, options: Options = DEFAULT
) -> tuple[LayerCost, ...]:
    """Costs of all layers in order, fused and with tensors kept on chip as `options` say."""
    layers = network_layers(layers, options)
    plan = [AWAY] * len(layers)
    if options.on_chip:
        plan = list(stays(layers, hardware.ifmap_sram_kb * KIB, options.element_bytes))
    pairs = zip(layers, plan, strict=True)
    return tuple(layer_cost(layer, hardware, options, stay) for layer, stay in pairs)


def network_layers(layers: Sequence[Layer], options: Options) -> tuple[Layer, ...]:
    """The layers that cost something, fused if asked for: a reshape has no cost and no entry."""
    costly = [layer for layer in layers if layer.shape is not None or layer.dram_bytes_minimum]
    return fuse(costly) if options.fused else tuple(costly)


def total_cycles(costs: Sequence[LayerCost]) -> int:
    """Cycles of a network: its layers run one after another."""
    return sum(cost.cycles for cost in costs)


def total_dram_bytes(costs: Sequence[LayerCost]) -> int:
    """DRAM bytes of a network."""
    return sum(cost.dram_bytes for cost in costs)
