"""SCALE-Sim as the witness of the front's best few designs: rows of ``front_check.csv``.

SCALE-Sim knows neither pipelined folds nor a shared bus, so what it can witness is the array: the
compute cycles of the same array and dataflow with serial folds, in CALC mode. It counts a cycle
less than the lines of a run (docs/cost_model.md, equation 5) and lets output-stationary sums leave
without the cycles that it takes to shift them out; both are added.
"""

from collections.abc import Iterable, Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np

from edgeint8.arch.cost.folds import compute_cycles
from edgeint8.arch.cost.systolic import map_layer
from edgeint8.arch.explore.design_tables import distinct_layers, fold_cycles, fold_layer
from edgeint8.arch.explore.explore import Exploration
from edgeint8.arch.explore.front import best_places
from edgeint8.arch.explore.recommended import Recommendation
from edgeint8.arch.machine.hardware import Hardware
from edgeint8.arch.network.layers import Layer
from edgeint8.arch.network.repeated import one_by_one
from edgeint8.conventions import Row
from edgeint8.scale_sim.simulator.adapter import SimulationLimits
from edgeint8.scale_sim.simulator.cache import simulate_cached

QUANTITY = "compute_cycles_serial"
MOST_DESIGNS = 3
MOST_LINES = 50_000
"""Lines (one a cycle) of a network that SCALE-Sim is asked for: it takes about 0.1 ms for each."""


def best_by_criterion(
    exploration: Exploration, recommended: Recommendation | None = None
) -> list[Hardware]:
    """The recommended design, the fastest, most frugal, smallest, and least energy times delay.

    Each design once; those on the front come from all bandwidths.
    """
    if not len(exploration.numbers):
        return []
    places = [
        int(np.argmin(exploration.cycles)),
        int(np.argmin(exploration.energy_fj)),
        int(np.argmin(exploration.area_mm2)),
        best_places(exploration, 1)[0],
    ]
    numbers = [int(exploration.numbers[place]) for place in places]
    if recommended is not None:
        numbers = [recommended.designs[0].number, *numbers]
    return [exploration.space.hardware(number) for number in dict.fromkeys(numbers)]


def witness_rows(
    workload: str,
    layers: Sequence[Layer],
    designs: Iterable[Hardware],
    cache: str | Path,
    limits: SimulationLimits | None = None,
) -> list[Row]:
    """One row a design: sweep, full model, and SCALE-Sim for the first `MOST_DESIGNS` it can run.

    A design of more than `MOST_LINES` lines is not simulated, nor one whose array and dataflow
    were; its row says so. A layer that passes a limit leaves the design without a witness.
    """
    rows: list[Row] = []
    seen: set[tuple[str, int, int]] = set()
    for design in designs:
        array = (design.dataflow, design.rows, design.cols)
        serial = replace(design, pipelined_folds=False, bandwidth_bpc=None)
        lines = sum(compute_cycles(layer, serial).total for layer in layers)
        sweep = _sweep_cycles(layers, serial)
        row: Row = {
            "workload": workload,
            "hardware": design.id,
            "quantity": QUANTITY,
            "sweep": sweep,
            "full_model": lines,
        }
        row["difference"] = sweep - lines
        if array in seen:
            row["note"] = "another design with this array and dataflow is in this table"
        elif lines > MOST_LINES:
            row["note"] = f"{lines:,} lines, more than {MOST_LINES:,}: not simulated"
        elif len(seen) == MOST_DESIGNS:
            row["note"] = f"not among the first {MOST_DESIGNS}: not simulated"
        else:
            seen.add(array)
            row |= _simulated(layers, serial, cache, limits, lines)
        rows.append(row)
    return rows


def _sweep_cycles(layers: Sequence[Layer], serial: Hardware) -> int:
    """The same cycles from the tables that the sweep looks up."""
    rows, cols = np.array([serial.rows]), np.array([serial.cols])
    total = 0
    for entry in distinct_layers(list(map(one_by_one, layers))):
        if entry.layer.shape is not None:
            folding = fold_layer(entry.layer, serial.dataflow, rows, cols)
            folds = folding.row_folds * folding.col_folds
            cycles = fold_cycles(folding, folds, rows, cols, pipelined=False)
            total += int(cycles[0]) * entry.count
    return total


def _simulated(
    layers: Sequence[Layer],
    serial: Hardware,
    cache: str | Path,
    limits: SimulationLimits | None,
    lines: int,
) -> Row:
    """SCALE-Sim's cycles of all array layers, what it leaves out added, and what they differ by."""
    kb = set(serial.sram_kb)
    machine = replace(serial, name="" if len(kb) == 1 else f"{serial.name}_calc")
    total = 0
    for layer in layers:
        if layer.shape is None:
            continue
        result = simulate_cached(layer.shape, machine, cache, limits)
        if result.reports is None:
            return {"note": f"{layer.name}: {result.reason}"}
        mapping = map_layer(layer.shape, serial)
        drain = mapping.folds * serial.rows if serial.dataflow == "os" else 0
        total += layer.separate_runs * (result.reports.compute.total_cycles + 1 + drain)
    return {"scalesim": total, "scalesim_difference": total - lines, "note": ""}
