"""Cycles and DRAM bytes of layers and networks, as a machine of this kind could have them.

The array computes while tiles come and go, so a layer takes the longer of the two, plus what no
overlap can hide: the first operands in and the last outputs out. Time depends on the tiling
through its bytes alone, which makes "more SRAM is never slower" provable.
docs/physical_model.md, equations 13 to 17.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from itertools import pairwise

from edgeint8.arch.cost.folds import ComputeCycles, compute_cycles
from edgeint8.arch.cost.loops import layer_loops
from edgeint8.arch.cost.systolic import map_layer
from edgeint8.arch.cost.tile_space import INT8, ElementBytes
from edgeint8.arch.cost.tiling import Goal, Input, Storage, Tiling, best_tiling
from edgeint8.arch.machine.hardware import PORTS, Hardware
from edgeint8.arch.network.layers import Layer

KIB = 1024
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
        and output fit there together.
    fused
        A pool or element-wise layer that takes exactly the output of the layer before it works
        on the way out, and its input never travels.
    """

    double_buffered: bool = True
    on_chip: bool = False
    fused: bool = False
    elements: ElementBytes = INT8


DEFAULT = Options()


@dataclass(frozen=True)
class LayerCost:
    """What one layer costs.

    `ifmap_bytes`, `filter_bytes`, `ofmap_bytes`, `psum_bytes` are DRAM bytes of all repeats;
    `memory_cycles` is what they take, `exposed_cycles` the part of it that cannot overlap.
    """

    layer: Layer
    compute: ComputeCycles
    tiling: Tiling | None
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
    bandwidth = hardware.bandwidth_bpc
    return math.inf if bandwidth is None else float(bandwidth * PORTS)


def transfer_cycles(ports: tuple[int, int, int], hardware: Hardware) -> int:
    """Equation 13: (ifmap, filter, ofmap) bytes add up on a bus and run in parallel on ports."""
    bandwidth = hardware.bandwidth_bpc
    if bandwidth is None:
        return 0
    if hardware.shared_bus:
        return -(-sum(ports) // (bandwidth * PORTS))
    return -(-max(ports) // bandwidth)


def exposed_ports(layer: Layer, hardware: Hardware) -> tuple[int, int, int]:
    """Elements (ifmap, filter, ofmap) that no computation can hide. Equation 14.

    Before the first MAC the stationary tile and the first streaming vector have to be there;
    after the last one a row of outputs has to leave.
    """
    if layer.shape is None:
        return 0, 0, 0
    mapping = map_layer(layer.shape, hardware)
    rows = min(mapping.rows, mapping.spatial_rows)
    cols = min(mapping.cols, mapping.spatial_cols)
    first = {"os": (rows, cols), "ws": (rows, rows * cols), "is": (rows * cols, rows)}
    return *first[mapping.dataflow], cols


def exposed_cycles(layer: Layer, hardware: Hardware, elements: ElementBytes) -> int:
    """Equation 14 in cycles: operands first, then the last outputs."""
    ifmap, filter_, ofmap = exposed_ports(layer, hardware)
    first = (ifmap * elements.ifmap, filter_ * elements.filter, 0)
    return transfer_cycles(first, hardware) + transfer_cycles(
        (0, 0, ofmap * elements.ofmap), hardware
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
    *,
    ifmap: Input = "dram",
    ofmap_stays: bool = False,
) -> LayerCost:
    """Equation 15: the longer of computing (with its exposed ends) and moving."""
    tiling = None
    if layer.shape is None:
        moved = streamed_bytes(layer, options.elements, ifmap, ofmap_stays)
    else:
        storage = storage_of(hardware, options, ifmap, ofmap_stays)
        tiling = best_tiling(layer_loops(layer), storage, options.elements, goal_of(hardware))
        moved = _all_repeats(layer, tiling, options.elements, ifmap, ofmap_stays)
    compute = compute_cycles(layer, hardware)
    memory = transfer_cycles((moved[0], moved[1], moved[2] + moved[3]), hardware)
    exposed = exposed_cycles(layer, hardware, options.elements)
    overlapped = max(compute.total + exposed, memory)
    cycles = overlapped if options.double_buffered else compute.total + max(exposed, memory)
    return LayerCost(layer, compute, tiling, *moved, memory, exposed, cycles)


def streamed_bytes(
    layer: Layer, elements: ElementBytes, ifmap: Input, ofmap_stays: bool
) -> tuple[int, int, int, int]:
    """A layer that is not on the array passes its tensors once."""
    return (
        0 if ifmap == "resident" else layer.ifmap_bytes * elements.ifmap,
        layer.filter_bytes * elements.filter,
        0 if ofmap_stays else layer.ofmap_bytes * elements.ofmap,
        0,
    )


def streamed_cycles(layer: Layer, hardware: Hardware, options: Options) -> int:
    """DRAM cycles of a layer that passes its tensors once."""
    moved = streamed_bytes(layer, options.elements, "dram", ofmap_stays=False)
    return transfer_cycles((moved[0], moved[1], moved[2]), hardware)


def _all_repeats(
    layer: Layer, tiling: Tiling, elements: ElementBytes, ifmap: Input, ofmap_stays: bool
) -> tuple[int, int, int, int]:
    """DRAM bytes of every run; an operand that is moved once counts its exact tensor size."""
    once = streamed_bytes(layer, elements, ifmap, ofmap_stays)
    runs = (tiling.ifmap_bytes, tiling.filter_bytes, tiling.ofmap_bytes)
    ifmap_bytes, filter_bytes, ofmap_bytes = (
        exact if run * layer.repeats < exact + layer.repeats else run * layer.repeats
        for run, exact in zip(runs, once[:3], strict=True)
    )
    return ifmap_bytes, filter_bytes, ofmap_bytes, tiling.psum_bytes * layer.repeats


def network_cost(
    layers: Sequence[Layer], hardware: Hardware, options: Options = DEFAULT
) -> tuple[LayerCost, ...]:
    """Costs of all layers in order, fused and with tensors kept on chip as `options` say."""
    layers = network_layers(layers, options)
    stays = _stays(layers, hardware, options) if options.on_chip else [False] * len(layers)
    written = any(_two_inputs(layer) for layer in layers)
    costs = []
    for position, layer in enumerate(layers):
        ifmap: Input = "held" if stays[position] else "dram"
        if position and stays[position - 1]:
            ifmap = "resident"
        costs.append(
            layer_cost(
                layer,
                hardware,
                options,
                ifmap=ifmap,
                ofmap_stays=stays[position] and not written,
            )
        )
    return tuple(costs)


def network_layers(layers: Sequence[Layer], options: Options) -> tuple[Layer, ...]:
    """The layers that cost something, fused if asked for: a reshape has no cost and no entry."""
    costly = [layer for layer in layers if layer.shape is not None or layer.dram_bytes_minimum]
    return fuse(costly) if options.fused else tuple(costly)


def _stays(layers: Sequence[Layer], hardware: Hardware, options: Options) -> list[bool]:
    """Equation 17: which layers leave their output in the ifmap SRAM for the next one."""
    capacity = hardware.ifmap_sram_kb * KIB
    size = max(options.elements.ifmap, options.elements.ofmap)
    chained = [
        first.ofmap_bytes == second.ifmap_bytes
        and (first.ifmap_bytes + first.ofmap_bytes) * size <= capacity
        for first, second in pairwise(layers)
    ]
    return [*chained, False]


def _two_inputs(layer: Layer) -> bool:
    """An addition of two branches reads a tensor again later, so it must have been written."""
    return layer.operator == "elementwise" and layer.ifmap_bytes > layer.ofmap_bytes


def fuse(layers: Sequence[Layer]) -> tuple[Layer, ...]:
    """Pools and element-wise layers that take exactly the preceding output move into it."""
    fused: list[Layer] = []
    for layer in layers:
        follows = layer.operator in ("pool", "elementwise") and fused
        if follows and fused[-1].shape is not None and fused[-1].ofmap_bytes == layer.ifmap_bytes:
            fused[-1] = replace(
                fused[-1], name=f"{fused[-1].name}+{layer.name}", ofmap_bytes=layer.ofmap_bytes
            )
        else:
            fused.append(layer)
    return tuple(fused)


def total_cycles(costs: Sequence[LayerCost]) -> int:
    """Cycles of a network: its layers run one after another."""
    return sum(cost.cycles for cost in costs)


def total_dram_bytes(costs: Sequence[LayerCost]) -> int:
    """DRAM bytes of a network."""
    return sum(cost.dram_bytes for cost in costs)
