"""What a recommended design saves against the machine that most people would build first."""

import math
from collections.abc import Sequence
from dataclasses import replace

from edgeint8.arch.cost.energy import area_mm2, network_energy_fj
from edgeint8.arch.cost.machine.cost import machine_costs
from edgeint8.arch.cost.physical import total_cycles
from edgeint8.arch.explore.need import Need
from edgeint8.arch.explore.recommended import Recommendation
from edgeint8.arch.machine.constants import Level
from edgeint8.arch.machine.hardware import Hardware, parse_hardware_id
from edgeint8.arch.network.layers import Layer
from edgeint8.arch.network.totals import batch_of_layers
from edgeint8.conventions import PLAIN_MACHINE, Row
from edgeint8.errors import HardwareError


def plain_machine(like: Hardware) -> Hardware:
    """`PLAIN_MACHINE` with the bandwidth, bus and clock of another: memory is not compared."""
    return replace(
        parse_hardware_id(PLAIN_MACHINE),
        bandwidth_bpc=like.bandwidth_bpc,
        shared_bus=like.shared_bus,
        clock_hz=like.clock_hz,
    )


def against_plain(
    rows: Sequence[Row], layers: Sequence[Layer], found: Recommendation | None
) -> list[Row]:
    """Rows of ``best.csv`` with `plain_hardware`, and figure and area over those of that machine.

    The figure is that of the need, on the machine that waits for tiles; nan where the plain machine
    is too small for a layer or too slow for the need, or designs were ranked by the bound.
    """
    if found is None:
        return list(rows)
    need, level = found.need, found.level
    plain = plain_machine(found.designs[0].hardware)
    figure = _figure(layers, plain, need, level) if found.machine else None
    designs = [found.designs[int(row["rank"]) - 1] for row in rows]
    return [
        row
        | {
            "plain_hardware": plain.id,
            "figure_vs_plain": math.nan if figure is None else design.figure / figure,
            "area_vs_plain": area_mm2(design.hardware, level) / area_mm2(plain, level),
        }
        for row, design in zip(rows, designs, strict=True)
    ]


def _figure(layers: Sequence[Layer], hardware: Hardware, need: Need, level: Level) -> int | None:
    try:
        costs = [found.cost for found in machine_costs(layers, hardware)]
    except HardwareError:
        return None
    cycles, batch = total_cycles(costs), batch_of_layers(layers)
    longest = need.longest_cycles(hardware.clock_hz, batch)
    if longest is not None and cycles > longest:
        return None
    energy = sum(network_energy_fj(costs, hardware, level).values())
    return need.figure(energy, cycles, hardware, level, batch)
