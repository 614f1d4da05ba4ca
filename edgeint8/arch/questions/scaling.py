"""What doubling each resource of a machine buys (``scaling.csv``)."""

from collections.abc import Sequence
from dataclasses import replace

from edgeint8.arch.cost.physical import (
    DEFAULT,
    Options,
    network_cost,
    total_cycles,
    total_dram_bytes,
)
from edgeint8.arch.cost.roofline import network_bound
from edgeint8.arch.machine.hardware import Hardware
from edgeint8.arch.network.layers import Layer
from edgeint8.conventions import Row

RESOURCES = ("rows", "cols", "sram", "bandwidth")


def doubled(hardware: Hardware, resource: str) -> Hardware | None:
    """The machine with twice as much of `resource`; None when the resource is unlimited."""
    if resource == "rows":
        return replace(hardware, rows=2 * hardware.rows)
    if resource == "cols":
        return replace(hardware, cols=2 * hardware.cols)
    if resource == "sram":
        ifmap, filter_, ofmap = (2 * kb for kb in hardware.sram_kb)
        return replace(hardware, ifmap_sram_kb=ifmap, filter_sram_kb=filter_, ofmap_sram_kb=ofmap)
    if hardware.bandwidth_bpc is None:
        return None
    exact = hardware.dram_bytes_per_cycle
    return replace(
        hardware,
        bandwidth_bpc=2 * hardware.bandwidth_bpc,
        dram_bytes_per_cycle=None if exact is None else 2 * exact,
    )


def scaling_rows(
    workload: str, layers: Sequence[Layer], hardware: Hardware, options: Options = DEFAULT
) -> list[Row]:
    """One row a resource; an unlimited bandwidth has none."""
    now = network_cost(layers, hardware, options)
    rows: list[Row] = []
    for resource in RESOURCES:
        more = doubled(hardware, resource)
        if more is None:
            continue
        then = network_cost(layers, more, options)
        rows.append(
            {
                "workload": workload,
                "hardware": hardware.id,
                "resource": resource,
                "bound_cycles_now": total_cycles(now),
                "bound_cycles_doubled": total_cycles(then),
                "speedup": total_cycles(now) / max(1, total_cycles(then)),
                "dram_bytes_now": total_dram_bytes(now),
                "dram_bytes_doubled": total_dram_bytes(then),
                "bound_by_now": network_bound(now),
                "bound_by_doubled": network_bound(then),
            }
        )
    return rows
