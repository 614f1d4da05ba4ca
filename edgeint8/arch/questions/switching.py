"""A dataflow for each layer against the best one for all layers.

The array is taken to be able to run all three dataflows, as Gemmini and Eyeriss v2 can two or
more; what the switching hardware costs is not counted.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace

from edgeint8.arch.cost.physical import DEFAULT, LayerCost, Options, network_cost
from edgeint8.arch.machine.hardware import Hardware
from edgeint8.arch.network.layers import Layer
from edgeint8.conventions import Row
from edgeint8.dataflow import DATAFLOWS, Dataflow


@dataclass(frozen=True)
class Switching:
    """Costs of every layer under each dataflow on one machine."""

    hardware: Hardware
    costs: dict[Dataflow, tuple[LayerCost, ...]]

    @property
    def fixed_cycles(self) -> dict[Dataflow, int]:
        """Cycles of the network under each dataflow, the same for all layers."""
        return {
            dataflow: sum(cost.cycles for cost in costs) for dataflow, costs in self.costs.items()
        }

    @property
    def best_fixed(self) -> Dataflow:
        """Ties go to the first of ws, os, is."""
        cycles = self.fixed_cycles
        return min(DATAFLOWS, key=lambda dataflow: cycles[dataflow])

    def best(self, place: int) -> Dataflow:
        """The fastest dataflow of one layer; ties go to the best fixed one."""
        order = (self.best_fixed, *DATAFLOWS)
        return min(order, key=lambda dataflow: self.costs[dataflow][place].cycles)

    @property
    def switched_cycles(self) -> int:
        """Cycles of the network with the best dataflow for each layer."""
        layers = zip(*self.costs.values(), strict=True)
        return sum(min(cost.cycles for cost in layer) for layer in layers)


def switching(layers: Sequence[Layer], hardware: Hardware, options: Options = DEFAULT) -> Switching:
    """All three dataflows on the array, buffers and bandwidth of `hardware`."""
    name = hardware.name or "switching"
    return Switching(
        hardware,
        {
            dataflow: network_cost(layers, replace(hardware, dataflow=dataflow, name=name), options)
            for dataflow in DATAFLOWS
        },
    )


def switching_rows(
    workload: str, layers: Sequence[Layer], hardware: Hardware, options: Options = DEFAULT
) -> list[Row]:
    """One row an array layer, then one for the network: cycles by dataflow and the best.

    In the last row `best` is the best fixed dataflow, `bound_cycles_best` what switching reaches.
    """
    found = switching(layers, hardware, options)
    rows: list[Row] = []
    for place, layer in enumerate(cost.layer for cost in found.costs["ws"]):
        if layer.shape is None:
            continue
        cycles = {flow: costs[place].cycles for flow, costs in found.costs.items()}
        best = found.best(place)
        rows.append(_row(workload, hardware, layer.name, cycles, best, cycles[best]))
    fixed = found.fixed_cycles
    rows.append(_row(workload, hardware, "total", fixed, found.best_fixed, found.switched_cycles))
    return rows


def _row(
    workload: str,
    hardware: Hardware,
    layer: str,
    cycles: dict[Dataflow, int],
    best: Dataflow,
    cycles_best: int,
) -> Row:
    head: Row = {"workload": workload, "hardware": hardware.id, "layer": layer}
    return (
        head
        | {f"bound_cycles_{dataflow}": count for dataflow, count in cycles.items()}
        | {"best": best, "bound_cycles_best": cycles_best}
    )
