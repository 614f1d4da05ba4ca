"""What doubling each resource of a machine buys (``scaling.csv``)."""

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from edgeint8.arch.cost.physical import (
    DEFAULT,
    Options,
    network_cost,
    total_cycles,
    total_dram_bytes,
)
from edgeint8.arch.cost.roofline import network_bound
from edgeint8.arch.machine.hardware import ALLOWED_RANGE, SRAM_FIELDS, Hardware
from edgeint8.arch.network.layers import Layer
from edgeint8.conventions import Row

RESOURCES = ("rows", "cols", "sram", "bandwidth")


def doubled(hardware: Hardware, resource: str) -> Hardware | None:
    """The machine with twice as much of `resource`; None where that is no machine any more.

    An unlimited bandwidth has no double, and neither has the largest array, SRAM or bandwidth.
    """
    more: dict[str, Any] = {
        "rows": {"rows": 2 * hardware.rows},
        "cols": {"cols": 2 * hardware.cols},
        "sram": dict(zip(SRAM_FIELDS, (2 * kb for kb in hardware.sram_kb), strict=True)),
        "bandwidth": {"bandwidth_bpc": 2 * (hardware.bandwidth_bpc or 0)},
    }[resource]
    exact = hardware.dram_bytes_per_cycle
    if resource == "bandwidth" and exact is not None:
        more["dram_bytes_per_cycle"] = 2 * exact
    fits = all(more[name] <= ALLOWED_RANGE[name][1] for name in more if name in ALLOWED_RANGE)
    unlimited = resource == "bandwidth" and hardware.bandwidth_bpc is None
    return replace(hardware, **more) if fits and not unlimited else None


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
