"""From layers to the answers of `cost` and `explore`, at the constants in use."""

from collections.abc import Mapping, Sequence
from typing import Any

from edgeint8.answers.hardware import Cost, Front
from edgeint8.arch.cost.energy import area_mm2, energy_band_pj
from edgeint8.arch.cost.machine.cost import costs_on_machine
from edgeint8.arch.cost.physical import LayerCost, Options, network_cost, total_cycles
from edgeint8.arch.cost.roofline import network_bound, roofline_rows
from edgeint8.arch.cost.schedule import scheduled_cycles
from edgeint8.arch.explore.design_space import constraints, design_space
from edgeint8.arch.explore.explore import explore as explore_space
from edgeint8.arch.explore.front import front_rows
from edgeint8.arch.explore.need import need_of
from edgeint8.arch.explore.recommended import need_columns, recommend, recommended_row
from edgeint8.arch.machine.hardware import Hardware
from edgeint8.arch.network.layers import Layer
from edgeint8.arch.network.memory import Memory
from edgeint8.arch.network.totals import batch_of_layers, mac_count, per_image
from edgeint8.arch.questions.advice import changes
from edgeint8.arch.questions.summary import network_totals, summary
from edgeint8.conventions import Row
from edgeint8.errors import ConfigError
from edgeint8.study.config import section_of


def cost_of(found: tuple[Layer, ...], machine: Hardware, options: Options, needed: Memory) -> Cost:
    """The answer of `cost`, at the constants in use."""
    bound = network_cost(found, machine, options)
    waiting = costs_on_machine(found, machine, options)
    costs = bound if waiting is None else waiting
    totals = network_totals(costs, machine)
    low, mid, high = (1e9 * energy for energy in totals.energy_mj)
    scheduled = None if options.on_chip else sum(scheduled_cycles(found, machine, options))
    return Cost(
        hardware=machine,
        costs=costs,
        images=totals.batch,
        bound_cycles=per_image(total_cycles(bound), totals.batch),
        machine_cycles=None if waiting is None else totals.cycles,
        schedule_cycles=None if scheduled is None else per_image(scheduled, totals.batch),
        model_ms=totals.milliseconds,
        fps=totals.frames_per_second,
        macs=totals.macs,
        utilization=totals.utilization,
        dram_bytes=totals.dram_bytes,
        energy_pj=(low, mid, high),
        area_mm2=area_mm2(machine),
        bound_by=network_bound(bound),
        incomplete=totals.incomplete,
        advice=()
        if totals.incomplete
        else tuple(change.sentence for change in changes(found, machine, options)),
        text=summary(found, machine, options, waiting, needed),
        layer_rows=_layer_rows(found, machine, options, waiting),
    )


def front_of(
    found: tuple[Layer, ...],
    rows: tuple[int, int],
    cols: tuple[int, int],
    options: Mapping[str, Any],
    stated: Mapping[str, float | None],
) -> Front:
    """The answer of `explore`, at the constants in use."""
    chosen = section_of("explore", {"rows": list(rows), "cols": list(cols), **options})
    limits, need = constraints(chosen), need_of(stated, chosen["objective"])
    if chosen["suite"]:
        raise ConfigError(
            "a suite", where="explore", allowed="none: edgeint8.suite explores for one"
        )
    front = explore_space(found, design_space(chosen), limits)
    best = recommend(found, front, chosen["dram_gb_per_s"], 1, limits, need)
    batch = batch_of_layers(found)
    needed = {} if best is None else need_columns(best.designs[0], need, front.level, batch)
    return Front(
        designs=front.designs,
        feasible=front.feasible,
        front=tuple(without_workload(front_rows("", found, front))),
        incomplete=mac_count(found).warning,
        best=None
        if best is None
        else without_workload([recommended_row("", found, best) | needed])[0],
    )


def _layer_rows(
    found: Sequence[Layer],
    machine: Hardware,
    options: Options,
    waiting: Sequence[LayerCost] | None,
) -> tuple[Row, ...]:
    """A row a layer: the bound's, and of the machine that waits what its tile takes."""
    rows = without_workload(roofline_rows("", found, machine, options))
    for row, cost in zip(rows, waiting or (), strict=waiting is not None):
        row["machine_cycles"], row["machine_bytes"] = cost.cycles, cost.dram_bytes
        row["machine_energy_pj"] = energy_band_pj([cost], machine)["mid"]
    return tuple(rows)


def without_workload(rows: Sequence[Row]) -> list[Row]:
    """Rows without the column that names the network: a call is about one."""
    return [{name: value for name, value in row.items() if name != "workload"} for row in rows]
