"""The front as tables, checked design by design with the full model (``pareto``, ``front_check``).

The full model shares no table with the sweep: it lays out, tiles and counts one machine at a time.
"""

from collections.abc import Iterable, Sequence

import numpy as np

from edgeint8.arch.cost.energy import area_mm2, energy_band_pj, network_energy_fj
from edgeint8.arch.cost.physical import LayerCost, network_cost, total_cycles, total_dram_bytes
from edgeint8.arch.cost.roofline import network_bound
from edgeint8.arch.explore.explore import Exploration
from edgeint8.arch.machine.hardware import Hardware
from edgeint8.arch.network.layers import Layer
from edgeint8.arch.network.totals import of_one_inference
from edgeint8.conventions import Row


def design_row(
    workload: str,
    layers: Sequence[Layer],
    hardware: Hardware,
    costs: Sequence[LayerCost] | None = None,
) -> Row:
    """One design by the full model, an inference: cycles, energy band, area, power, bound.

    Time, energy, power, bytes and utilisation are those of `costs`, by default the bound's;
    `bound_cycles` and `bound_by` are always the bound's. A network of which nothing is mapped takes
    no time where bandwidth is unlimited: rate, power and utilisation are then 0.
    """
    bound = network_cost(layers, hardware)
    costs = bound if costs is None else costs
    cycles = total_cycles(costs)
    energy = energy_band_pj(costs, hardware)
    seconds = cycles / hardware.clock_hz
    ifmap_kb, filter_kb, ofmap_kb = hardware.sram_kb
    mapped = sum(layer.mapped_macs for layer in layers)
    row = {
        "workload": workload,
        "hardware": hardware.id,
        "rows": hardware.rows,
        "cols": hardware.cols,
        "dataflow": hardware.dataflow,
        "ifmap_sram_kb": ifmap_kb,
        "filter_sram_kb": filter_kb,
        "ofmap_sram_kb": ofmap_kb,
        "bandwidth": "unlimited" if hardware.bandwidth_bpc is None else hardware.bandwidth_bpc,
        "pipelined": hardware.pipelined_folds,
        "bound_cycles": total_cycles(bound),
        "model_ms": seconds * 1e3,
        "fps": 1 / seconds if seconds else 0.0,
        "energy_pj_low": energy["low"],
        "energy_pj": energy["mid"],
        "energy_pj_high": energy["high"],
        "area_mm2": area_mm2(hardware),
        "power_mw": energy["mid"] * 1e-9 / seconds if seconds else 0.0,
        "dram_bytes": total_dram_bytes(costs),
        "utilization": mapped / (cycles * hardware.processing_elements) if cycles else 0.0,
        "bound_by": network_bound(bound),
    }
    return of_one_inference(row, layers)


def front_rows(workload: str, layers: Sequence[Layer], exploration: Exploration) -> list[Row]:
    """Rows of ``pareto.csv``, fastest first; ties by energy, then by design number."""
    order = sorted(
        range(len(exploration.numbers)),
        key=lambda i: (
            int(exploration.cycles[i]),
            int(exploration.energy_fj[i]),
            int(exploration.numbers[i]),
        ),
    )
    return [
        design_row(workload, layers, exploration.space.hardware(int(exploration.numbers[i])))
        for i in order
    ]


def best_places(exploration: Exploration, count: int) -> list[int]:
    """Places on the front with the least energy times delay, best first; ties by number."""
    product = exploration.energy_fj.astype(np.float64) * exploration.cycles
    order = np.lexsort((exploration.numbers, product))
    return [int(place) for place in order[:count]]


def front_check_rows(
    workload: str,
    layers: Sequence[Layer],
    exploration: Exploration,
    picks: Iterable[int] | None = None,
) -> list[Row]:
    """Rows of ``front_check.csv``: sweep against full model, three quantities a design.

    `picks` are places on the front; all by default. The difference is 0 where they agree.
    """
    places = range(len(exploration.numbers)) if picks is None else picks
    rows: list[Row] = []
    for place in places:
        hardware = exploration.space.hardware(int(exploration.numbers[place]))
        costs = network_cost(layers, hardware)
        energy = network_energy_fj(costs, hardware, exploration.level)
        checked = {
            "bound_cycles": (int(exploration.cycles[place]), total_cycles(costs)),
            "energy_fj": (int(exploration.energy_fj[place]), sum(energy.values())),
            "area_mm2": (
                float(exploration.area_mm2[place]),
                area_mm2(hardware, exploration.level),
            ),
        }
        for quantity, (sweep, full) in checked.items():
            rows.append(
                {
                    "workload": workload,
                    "hardware": hardware.id,
                    "quantity": quantity,
                    "sweep": sweep,
                    "full_model": full,
                    "difference": sweep - full,
                }
            )
    return rows
