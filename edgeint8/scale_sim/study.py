"""A whole network on one machine: SCALE-Sim's result of every layer and the crosscheck."""

from collections.abc import Iterable
from dataclasses import asdict
from pathlib import Path

from edgeint8.arch.machine.hardware import Hardware
from edgeint8.arch.network.layers import Layer
from edgeint8.conventions import Row
from edgeint8.scale_sim.crosscheck import crosscheck_rows
from edgeint8.scale_sim.simulator.adapter import SimulationLimits, SimulationResult
from edgeint8.scale_sim.simulator.cache import simulate_cached


def simulate_network(
    workload: str,
    layers: Iterable[Layer],
    hardware: Hardware,
    cache: str | Path,
    limits: SimulationLimits | None = None,
) -> tuple[list[Row], list[Row]]:
    """Rows of ``hw/<hardware>.csv`` (one a layer) and of ``crosscheck.csv`` (one a quantity).

    Equal shapes are simulated once, kept under `cache`. A layer that is not on the array, or whose
    simulation passed its limit, has a row that gives the reason.
    """
    rows: list[Row] = []
    crosscheck: list[Row] = []
    for layer in layers:
        row: Row = {"workload": workload, "layer": layer.name, "hardware": hardware.id}
        row |= {"operator": layer.operator, "macs": layer.macs, "repeats": layer.separate_runs}
        if layer.shape is None:
            rows.append(row | {"shape": "", "status": "not on the array", "reason": layer.reason})
            continue
        result = simulate_cached(layer.shape, hardware, cache, limits)
        rows.append(row | {"shape": layer.shape.id} | _outcome(result, layer.separate_runs))
        crosscheck += [
            {"workload": workload, **asdict(check)}
            for check in crosscheck_rows(layer, hardware, result)
        ]
    return rows, crosscheck


def _outcome(result: SimulationResult, repeats: int) -> Row:
    """Status and quantities; `scalesim_cycles` is for all repeats, every other column for one."""
    outcome: Row = {"status": result.status, "reason": result.reason}
    if result.reports is not None:
        quantities = result.reports.quantities()
        outcome |= {"scalesim_cycles": repeats * quantities["total_cycles"], **quantities}
    return outcome
