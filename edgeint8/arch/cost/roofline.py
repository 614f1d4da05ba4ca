"""Where each layer stands under the roofline, what binds it, and what each bound costs in total.

Peak and attainable are in MACs per cycle, intensity and ridge in MACs per DRAM byte.
docs/physical_model.md, equations 20 to 22.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from edgeint8.arch.cost.bounds import lower_bound, upper_bound
from edgeint8.arch.cost.physical import (
    BOUNDS,
    DEFAULT,
    LayerCost,
    Options,
    dram_bytes_per_cycle,
    network_cost,
)
from edgeint8.arch.cost.schedule import scheduled_cycles
from edgeint8.arch.machine.hardware import Hardware
from edgeint8.arch.network.layers import Layer
from edgeint8.conventions import Row


@dataclass(frozen=True)
class RooflinePoint:
    """One layer under one machine's roofline."""

    macs: int
    dram_bytes: int
    cycles: int
    peak: float
    bandwidth: float

    @property
    def intensity(self) -> float:
        """MACs per byte moved; 0 when nothing computes."""
        return self.macs / self.dram_bytes if self.dram_bytes else 0.0

    @property
    def ridge(self) -> float:
        """Intensity above which the array, not DRAM, is the limit; 0 for unlimited bandwidth."""
        return self.peak / self.bandwidth

    @property
    def attainable(self) -> float:
        """Equation 20."""
        if not self.dram_bytes:
            return self.peak
        return min(self.peak, self.intensity * self.bandwidth) if self.macs else 0.0

    @property
    def achieved(self) -> float:
        """MACs a cycle that the layer reaches; 0 where it takes no cycle."""
        return self.macs / self.cycles if self.cycles else 0.0


def roofline_point(cost: LayerCost, hardware: Hardware) -> RooflinePoint:
    """The point of one layer under the roof of its machine (equations 20 and 21)."""
    return RooflinePoint(
        cost.layer.mapped_macs,
        cost.dram_bytes,
        cost.cycles,
        float(hardware.processing_elements),
        dram_bytes_per_cycle(hardware),
    )


def roofline_rows(
    workload: str, layers: Sequence[Layer], hardware: Hardware, options: Options = DEFAULT
) -> list[Row]:
    """Rows of ``roofline.csv``: the design's columns first, the cycles by cause on the right."""
    rows = []
    costs = network_cost(layers, hardware, options)
    scheduled = scheduled_cycles(layers, hardware, options)
    for cost, tiled in zip(costs, scheduled, strict=True):
        point = roofline_point(cost, hardware)
        row: Row = {
            "workload": workload,
            "layer": cost.layer.name,
            "hardware": hardware.id,
            "macs": point.macs,
            "bytes": point.dram_bytes,
            "intensity": point.intensity,
            "ridge": point.ridge,
            "attainable": point.attainable,
            "achieved": point.achieved,
            "bound_by": cost.bound,
            "operator": cost.layer.operator,
            "bound_cycles": cost.cycles,
        }
        row |= {f"{name}_cycles": value for name, value in cost.parts.items()}
        row["schedule_cycles"] = tiled
        row["lower_bound_cycles"] = lower_bound(cost.layer, hardware, options)[0]
        row["upper_bound_cycles"] = upper_bound(cost.layer, hardware, options)[0]
        rows.append(row)
    return rows


def bound_shares(costs: Sequence[LayerCost]) -> dict[str, float]:
    """Share of the network's cycles by cause; adds up to 1 (all 0 without cycles). Equation 22."""
    total = sum(cost.cycles for cost in costs)
    return {
        name: sum(cost.parts[name] for cost in costs) / total if total else 0.0 for name in BOUNDS
    }


def network_bound(costs: Sequence[LayerCost]) -> str:
    """The bound of the layers that take most of the network's cycles."""
    weight = dict.fromkeys(BOUNDS, 0)
    for cost in costs:
        weight[cost.bound] += cost.cycles
    return max(BOUNDS, key=lambda name: weight[name])
