"""Energy and area of a layer, a network and a machine: physical access counts times constants.

All energies are at 45 nm whatever the machine's own node, so that designs compare. The clock
reaches every processing element in every cycle, busy or idle, and SRAM leaks in every cycle.
Leakage of logic, control and on-chip wires are left out; no source at hand gives them per access.
docs/physical_model.md, equations 26 to 29, 54 and 55.
"""

from collections.abc import Iterable, Sequence
from dataclasses import astuple, dataclass

from edgeint8.arch.cost.loops import layer_loops
from edgeint8.arch.cost.physical import LayerCost
from edgeint8.arch.cost.sram import port_lanes, tiled_accesses, tiled_words
from edgeint8.arch.cost.tile_space import FP32, INT8, ElementBytes
from edgeint8.arch.machine.constants import (
    DRAM_PER_BYTE,
    LEVELS,
    SRAM_AREA_PER_BIT,
    Level,
    NumberFormat,
    leakage_fj_per_cycle,
    mac_fj,
    sram_fj_per_byte,
)
from edgeint8.arch.machine.hardware import Hardware
from edgeint8.arch.machine.processing_element import (
    WIDTHS_OF,
    area_um2,
    clock_fj,
    data_fj,
    network_clock_fj,
)
from edgeint8.conventions import KIB

PARTS = (
    *("mac", "registers", "clock", "ifmap_sram", "filter_sram", "ofmap_sram", "sram_leakage"),
    "dram",
)
ELEMENTS_OF: dict[NumberFormat, ElementBytes] = {"int8": INT8, "fp32": FP32}


@dataclass(frozen=True)
class Accesses:
    """What one layer touches: MACs, bytes through each SRAM and to and from DRAM, and how long.

    The `port` bytes are those of the whole words that they move in, the lanes included that a fold
    leaves idle: what is paid for.
    """

    macs: int
    ifmap_sram_bytes: int
    filter_sram_bytes: int
    ofmap_sram_bytes: int
    ifmap_port_bytes: int
    filter_port_bytes: int
    ofmap_port_bytes: int
    dram_bytes: int
    cycles: int


def count_accesses(
    cost: LayerCost, hardware: Hardware, element_bytes: ElementBytes = INT8
) -> Accesses:
    """Equations 26, 27 and 54: reads by the array, fills from DRAM; sums written and read back.

    Counted on the tile of `cost`, folds inside it.

    Every sum that leaves the array is read once: to be added to, or to leave for good.

    A layer that is not on the array writes its inputs into a buffer and reads them once.
    """
    layer = cost.layer
    if cost.tile is None:
        buffered = (2 * cost.ifmap_bytes, 2 * cost.filter_bytes, 2 * cost.ofmap_bytes)
        return Accesses(0, *buffered, *buffered, cost.dram_bytes, cost.cycles)
    where = (layer_loops(layer), cost.tile, hardware.dataflow, hardware.rows, hardware.cols)
    useful, whole = (
        _sram_bytes(counts(*where), cost, element_bytes) for counts in (tiled_accesses, tiled_words)
    )
    return Accesses(layer.mapped_macs, *useful, *whole, cost.dram_bytes, cost.cycles)


def _sram_bytes(
    counts: tuple[int, int, int], cost: LayerCost, element_bytes: ElementBytes
) -> tuple[int, int, int]:
    """Bytes through each SRAM: what the array takes and gives in a run, and what fills it."""
    ifmap, filter_, sums = (count * cost.layer.runs for count in counts)
    return (
        ifmap * element_bytes.ifmap + cost.ifmap_bytes,
        filter_ * element_bytes.filter + cost.filter_bytes,
        2 * sums * element_bytes.accumulator + cost.psum_bytes,
    )


def energy_fj(
    accesses: Accesses,
    hardware: Hardware,
    level: Level = "mid",
    number_format: NumberFormat = "int8",
) -> dict[str, int]:
    """Femtojoules by part, in the names of `PARTS`. Equation 28."""
    ifmap_fj, filter_fj, ofmap_fj = sram_prices_fj(hardware, level, ELEMENTS_OF[number_format])
    dataflow, widths = hardware.dataflow, WIDTHS_OF[number_format]
    leakage = leakage_fj_per_cycle(sum(hardware.sram_kb), hardware.clock_hz, level)
    clock = clock_fj(dataflow, hardware.pipelined_folds, level, widths)
    elements = hardware.processing_elements
    return {
        "mac": accesses.macs * mac_fj(level, number_format),
        "registers": accesses.macs * data_fj(dataflow, level, widths),
        "clock": network_clock_fj(accesses.macs, accesses.cycles, elements, clock),
        "ifmap_sram": accesses.ifmap_port_bytes * ifmap_fj,
        "filter_sram": accesses.filter_port_bytes * filter_fj,
        "ofmap_sram": accesses.ofmap_port_bytes * ofmap_fj,
        "sram_leakage": accesses.cycles * leakage,
        "dram": accesses.dram_bytes * round(DRAM_PER_BYTE.at(level)),
    }


def sram_prices_fj(
    hardware: Hardware, level: Level, element_bytes: ElementBytes = INT8
) -> tuple[int, int, int]:
    """Femtojoules a byte of the (ifmap, filter, ofmap) SRAM, through ports of the array's sides."""
    lanes = port_lanes(hardware.dataflow, hardware.rows, hardware.cols)
    widths = (element_bytes.ifmap, element_bytes.filter, element_bytes.accumulator)
    ifmap, filter_, ofmap = (
        sram_fj_per_byte(kb, n * width, level)
        for kb, n, width in zip(hardware.sram_kb, lanes, widths, strict=True)
    )
    return ifmap, filter_, ofmap


def idle_fj_per_cycle(hardware: Hardware, level: Level) -> int:
    """The clock of every element while the array waits, and what the SRAMs leak. Equation 49.

    Whole femtojoules a cycle.
    """
    idle = clock_fj(hardware.dataflow, hardware.pipelined_folds, level)[1]
    leakage = leakage_fj_per_cycle(sum(hardware.sram_kb), hardware.clock_hz, level)
    return hardware.processing_elements * idle + leakage


def network_accesses(
    costs: Sequence[LayerCost], hardware: Hardware, element_bytes: ElementBytes = INT8
) -> Accesses:
    """The accesses of all layers together."""
    return total_accesses(count_accesses(cost, hardware, element_bytes) for cost in costs)


def total_accesses(layers: Iterable[Accesses]) -> Accesses:
    """The sum of all layers; of none it is nothing."""
    each = [astuple(layer) for layer in layers]
    return Accesses(*map(sum, zip(*each, strict=True))) if each else Accesses(*[0] * 9)


def network_energy_fj(
    costs: Sequence[LayerCost],
    hardware: Hardware,
    level: Level = "mid",
    number_format: NumberFormat = "int8",
) -> dict[str, int]:
    """Femtojoules of all layers by part."""
    accesses = network_accesses(costs, hardware, ELEMENTS_OF[number_format])
    return energy_fj(accesses, hardware, level, number_format)


def energy_band_pj(costs: Sequence[LayerCost], hardware: Hardware) -> dict[Level, float]:
    """Picojoules of all layers, INT8, at each level of the band."""
    accesses = network_accesses(costs, hardware)
    return {level: sum(energy_fj(accesses, hardware, level).values()) / 1000 for level in LEVELS}


def area_mm2(
    hardware: Hardware, level: Level = "mid", number_format: NumberFormat = "int8"
) -> float:
    """Processing elements and SRAM at 45 nm; equation 29."""
    one = area_um2(hardware.dataflow, hardware.pipelined_folds, level, number_format)
    bits = sum(hardware.sram_kb) * KIB * 8
    return (hardware.processing_elements * one + bits * SRAM_AREA_PER_BIT.at(level)) / 1e6
