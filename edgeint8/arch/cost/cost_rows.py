"""Rows of ``dse.csv`` and ``energy.csv``: a network on one machine."""

import math
from collections.abc import Sequence
from dataclasses import replace

from edgeint8.arch.cost.energy import (
    ELEMENTS_OF,
    area_mm2,
    energy_band_pj,
    network_energy_fj,
)
from edgeint8.arch.cost.machine.cost import costs_on_machine
from edgeint8.arch.cost.physical import (
    DEFAULT,
    Options,
    network_cost,
    total_cycles,
    total_dram_bytes,
)
from edgeint8.arch.cost.roofline import network_bound
from edgeint8.arch.cost.schedule import scheduled_cycles
from edgeint8.arch.machine.constants import LEVELS
from edgeint8.arch.machine.hardware import Hardware
from edgeint8.arch.machine.technology import in_use
from edgeint8.arch.network.layers import Layer
from edgeint8.conventions import Row


def dse_row(
    workload: str,
    layers: Sequence[Layer],
    hardware: Hardware,
    cycles: int,
    stall_cycles: int,
    options: Options = DEFAULT,
) -> Row:
    """One row of ``dse.csv``.

    `cycles` and `stall_cycles` are the exact replica's, over the layers on the array; bytes and
    energy are those of the machine that waits for tiles, over all layers, or the bound's where
    there is none; the columns on the right are the physical model's.
    `utilization` is a share from 0 to 1 of the MACs that the array could have done in the bound's
    cycles, `scalesim_utilization` in SCALE-Sim's. `bound_pipelined_cycles` is the same machine with
    pipelined folds: what is left when the next tile is loaded while the present one computes.
    """
    costs = network_cost(layers, hardware, options)
    pipelined = replace(hardware, pipelined_folds=True, name=hardware.name or "pipelined")
    machine = costs_on_machine(layers, hardware, options)
    run = costs if machine is None else machine
    energy = energy_band_pj(run, hardware)
    macs = sum(layer.mapped_macs for layer in layers)
    bound, processing_elements = total_cycles(costs), hardware.processing_elements
    kb = hardware.sram_kb
    return {
        "workload": workload,
        "hardware": hardware.id,
        "rows": hardware.rows,
        "cols": hardware.cols,
        "dataflow": hardware.dataflow,
        "sram_kb": kb[0] if len(set(kb)) == 1 else "/".join(map(str, kb)),
        "bandwidth": "unlimited" if hardware.bandwidth_bpc is None else hardware.bandwidth_bpc,
        "scalesim_cycles": cycles,
        "scalesim_stall_cycles": stall_cycles,
        "bound_cycles": bound,
        "machine_cycles": math.nan if machine is None else total_cycles(machine),
        "utilization": macs / (bound * processing_elements) if bound else 0.0,
        "dram_bytes": total_dram_bytes(run),
        "energy_pj_low": energy["low"],
        "energy_pj": energy["mid"],
        "energy_pj_high": energy["high"],
        "area_mm2": area_mm2(hardware),
        "bound_by": network_bound(costs),
        "scalesim_utilization": macs / (cycles * processing_elements) if cycles else 0.0,
        "schedule_cycles": sum(scheduled_cycles(layers, hardware, options)),
        "bound_stall_cycles": sum(cost.stall_cycles for cost in costs),
        "bound_pipelined_cycles": total_cycles(network_cost(layers, pipelined, options)),
        "model_ms": bound / hardware.clock_hz * 1e3,
        "area_mm2_low": area_mm2(hardware, "low"),
        "area_mm2_high": area_mm2(hardware, "high"),
        "constants": in_use(),
    }


def energy_rows(
    workload: str, layers: Sequence[Layer], hardware: Hardware, options: Options = DEFAULT
) -> list[Row]:
    """Picojoules by part, level and number format: INT8 against FP32 on the same array."""
    rows: list[Row] = []
    for number_format, element_bytes in ELEMENTS_OF.items():
        costs = network_cost(layers, hardware, replace(options, element_bytes=element_bytes))
        for level in LEVELS:
            parts = network_energy_fj(costs, hardware, level, number_format)
            head: Row = {
                "workload": workload,
                "hardware": hardware.id,
                "number_format": number_format,
                "level": level,
            }
            rows.append(
                head
                | {f"{part}_pj": value / 1000 for part, value in parts.items()}
                | {
                    "total_pj": sum(parts.values()) / 1000,
                    "bound_cycles": total_cycles(costs),
                    "dram_bytes": total_dram_bytes(costs),
                    "area_mm2": area_mm2(hardware, level, number_format),
                }
            )
    return rows
