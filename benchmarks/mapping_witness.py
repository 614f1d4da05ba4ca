"""The chosen mapping of each layer through AccelForge and Timeloop: accesses, cycles, energy.

    python3.12 -m venv .accelforge && .accelforge/bin/pip install accelforge==1.0.467
    python benchmarks/mapping_witness.py --accelforge .accelforge/bin/python \\
        [--output docs/data/benchmarks/mapping_witness.csv]

Tile, loop order and buffers are ours and fixed (mapping_nest.py), and so are the constants; reuse,
counts, cycles and energy are the tools' own. AccelForge needs an environment of its own; Timeloop
runs where `timeloop-model` is on PATH, and `--folder` keeps what it is given. Every difference has
a cause by name.
"""

import argparse
import json
import math
import shutil
import subprocess
import tempfile
from dataclasses import fields, replace
from pathlib import Path
from typing import Any

import mapping_accelforge
import mapping_timeloop
import numpy as np
from keep import circumstances, keep
from mapping_accelforge import SUM_BYTES, TENSOR
from mapping_nest import (
    ALL_ENERGY,
    BOUND,
    ENERGY,
    OPERANDS,
    STATIONARY,
    TILED,
    Nest,
    nest_of,
    place_of,
)

from edgeint8.arch.cost.energy import Accesses, count_accesses, energy_fj
from edgeint8.arch.cost.physical import dram_bytes_per_cycle, layer_cost
from edgeint8.arch.cost.schedule import tiled_lines
from edgeint8.arch.cost.sram import tiled_accesses
from edgeint8.arch.cost.tile_space import INT8, tile_space
from edgeint8.arch.machine.hardware import Hardware
from edgeint8.arch.network.topology import layers_from_topology

HERE = Path(__file__).parent
TOPOLOGIES = HERE.parent / "edgeint8/data/topologies"
LAYERS = (
    ("resnet8", ("conv1", "stack1_conv1", "stack2_conv1", "stack2_down", "stack3_conv2", "fc")),
    ("ds_cnn", ("block1_DP", "block1_pointwise")),
    ("mobilenet_v2", ("block1_DP", "block2_DP", "block2_expand", "block8_project")),
    (
        "resnet18",
        ("layer1_0_conv1", "layer2_0_down", "layer2_0_conv1", "layer3_0_conv2", "layer4_0_conv2"),
    ),
    ("deit_tiny", ("block0_query", "block0_mix0", "block0_contract")),
    ("vit_base", ("block0_query", "block0_scores0", "block0_expand")),
)
HARDWARE = tuple(
    Hardware(
        flow, 16, 16, 64, 64, 64, 16, pipelined_folds=True, shared_bus=True, name=f"{flow}_witness"
    )
    for flow in ("ws", "os")
)
EQUAL = 1e-6  # of a count; a mean tile is a fraction
CAUSES = {
    "equal": "",
    "lines_between_windows": "a burst brings the rows and columns that a stride skips, the tools "
    "windows alone",
    "no_fill_or_drain": "the tools' array computes in every cycle; ours fills, drains and begins a "
    "fold when its operand is there",
    "folds_of_the_whole_layer": "the bound computes as if no tile cut a fold, the mapping's tiles "
    "do: the bracket's other end has them",
    "other_cycles": "clock and leakage are paid in every cycle, and the cycles differ",
    "idle_lanes": "ours pays for whole words of an SRAM, the tools for elements",
    "whole_lanes": "Timeloop's lanes and tiles are whole numbers of each loop, ours take what "
    "comes next",
    "no_final_read": "Timeloop does not read a finished sum out of the SRAM (its issue 103)",
    "fills_of_zeros": "Timeloop fills the SRAM with the sums before the first (its issue 80)",
    "kept_for_the_next_tile": "Timeloop keeps a stationary operand that the next tile needs again",
    "not_explained": "no cause is known",
}
UNITS = {"cycles": "cycles", "energy": "fJ"}  # by a quantity's first word
Quantities = dict[str, float]
Case = tuple[str, Nest]
"""A network's name and one of its layers."""


def cases() -> list[Case]:
    """Every layer on every machine."""
    found = []
    for network, names in LAYERS:
        layers = {one.name: one for one in layers_from_topology(TOPOLOGIES / f"{network}.csv")}
        found += [(network, nest_of(layers[name], one)) for name in names for one in HARDWARE]
    return found


def prices(hardware: Hardware) -> dict[str, float]:
    """Femtojoules a MAC, a byte of each SRAM and of DRAM, and a cycle: energy is linear in them."""
    much = 10**6
    busy = replace(Accesses(*[0] * len(fields(Accesses))), cycles=much)

    def total(accesses: Accesses) -> int:
        return sum(energy_fj(accesses, hardware).values())

    names = [field.name for field in fields(Accesses)]
    more = {name: replace(busy, **{name: getattr(busy, name) + much}) for name in names}
    each = {name: (total(accesses) - total(busy)) / much for name, accesses in more.items()}
    parts = {"mac": "macs", "cycle": "cycles", "dram": "dram"} | {name: name for name in OPERANDS}
    return {
        part: sum(price for name, price in each.items() if name.startswith(start))
        for part, start in parts.items()
    }


def ours(nest: Nest) -> Quantities:
    """Elements by level, cycles and energy of the physical model, all runs together."""
    layer, hardware = nest.layer, nest.hardware
    cost = layer_cost(layer, hardware)
    assert cost.tile is not None
    array = (hardware.dataflow, hardware.rows, hardware.cols)
    ifmap, filter_, sums = (n * layer.runs for n in tiled_accesses(nest.loops, cost.tile, *array))
    spilled = cost.psum_bytes // (2 * SUM_BYTES)  # written and read
    accesses, price = count_accesses(cost, hardware), prices(hardware)
    bytes_of = {operand: getattr(accesses, f"{operand}_sram_bytes") for operand in OPERANDS}
    amounts = {"mac": accesses.macs, "dram": accesses.dram_bytes} | bytes_of
    tiled = max(tiled_cycles(nest) + cost.exposed_cycles, cost.memory_cycles)
    waits = replace(accesses, cycles=tiled)  # the clock of the cycles that this tile takes
    return {
        "ifmap DRAM reads": cost.ifmap_bytes,
        "filter DRAM reads": cost.filter_bytes,
        "ofmap DRAM writes": cost.ofmap_bytes + spilled,
        "ofmap DRAM reads": spilled,
        "ifmap SRAM reads": ifmap,
        "filter SRAM reads": filter_,
        "ofmap SRAM writes": sums + spilled,
        "ofmap SRAM reads": sums + spilled,
        BOUND: cost.cycles,
        TILED: tiled,
        ENERGY: sum(price[part] * amount for part, amount in amounts.items()),
        ALL_ENERGY: sum(energy_fj(waits, hardware).values()),
    }


def tiled_cycles(nest: Nest) -> int:
    """Equation 35 on the chosen tile: each tile is computed on its own."""
    space, hardware = tile_space(nest.loops, INT8), nest.hardware
    array = (hardware.dataflow, hardware.rows, hardware.cols)
    lines = tiled_lines(space, *array, nest.layer.runs, hardware.pipelined_folds)
    return int(np.broadcast_to(lines, space.grid)[place_of(space, nest.tiling)])


def of_accelforge(answer: dict[str, Any]) -> Quantities:
    """The same quantities in AccelForge's answer."""
    found = {
        f"{operand} {level} {way}s": answer["moved"].get(f"{component}.{tensor}.{way}", 0.0)
        for operand, tensor in TENSOR.items()
        for level, component in (("DRAM", "DRAM"), ("SRAM", f"{operand}_sram"))
        for way in ("read", "write")
    }
    return found | {
        **dict.fromkeys((BOUND, TILED), answer["cycles"]),
        ENERGY: answer["dynamic_fj"],
        ALL_ENERGY: answer["dynamic_fj"] + answer["static_fj"],
    }


def cause(tool: str, nest: Nest, quantity: str, theirs: Quantities, mine: Quantities) -> str:
    """The name, in `CAUSES`, of what sets two numbers apart; several are joined by a plus."""
    less = theirs[quantity] < mine[quantity]
    if math.isclose(theirs[quantity], mine[quantity], rel_tol=EQUAL):
        return "equal"
    skips = nest.loops.stride_w > nest.loops.filter_w
    if skips and less and quantity in ("ifmap DRAM reads", ENERGY):
        return "lines_between_windows"
    if quantity in (BOUND, TILED) and paced(nest, theirs[quantity]):
        return "no_fill_or_drain" if less else "folds_of_the_whole_layer"
    if quantity == ALL_ENERGY:
        return of_all_energy(nest, theirs, mine)
    return of_timeloop(nest, quantity, less) if tool == "timeloop" else "not_explained"


def of_all_energy(nest: Nest, theirs: Quantities, mine: Quantities) -> str:
    """Terms that add up to the difference."""
    price, whole = prices(nest.hardware)["cycle"], mine[ALL_ENERGY]
    terms = {
        "other_cycles": (mine[TILED] - theirs[TILED]) * price,
        "idle_lanes": whole - mine[ENERGY] - mine[TILED] * price,
        "lines_between_windows": mine[ENERGY] - theirs[ENERGY],
    }
    if not math.isclose(theirs[ALL_ENERGY] + sum(terms.values()), whole, rel_tol=EQUAL):
        return "not_explained"
    return "+".join(name for name, term in terms.items() if abs(term) > EQUAL * whole)


def paced(nest: Nest, cycles: float) -> bool:
    """Whether `cycles` are those that stream, or those in which DRAM brings what it brings."""
    cost, rate = layer_cost(nest.layer, nest.hardware), dram_bytes_per_cycle(nest.hardware)
    paces = (nest.steps, cost.dram_bytes / rate)
    return any(math.isclose(cycles, pace, rel_tol=EQUAL) for pace in paces)


def of_timeloop(nest: Nest, quantity: str, less: bool) -> str:
    """What is Timeloop's own."""
    if not mapping_timeloop.exact(nest):
        return "whole_lanes"
    if quantity == "ofmap SRAM reads" and less:
        return "no_final_read"
    if quantity == "ofmap SRAM writes" and not less:
        return "fills_of_zeros"
    if quantity == f"{STATIONARY[nest.hardware.dataflow]} SRAM reads" and less:
        return "kept_for_the_next_tile"
    return "not_explained"


def rows(case: Case, tool: str, theirs: Quantities) -> list[dict[str, str | float]]:
    """A row a quantity; what is nothing on both sides is no agreement and left out."""
    network, nest = case
    head = {"workload": network, "layer": nest.layer.name, "hardware": nest.hardware.id}
    found: list[dict[str, str | float]] = []
    mine = ours(nest)
    for quantity in (name for name in mine if name in theirs):
        pair = {"theirs": theirs[quantity], "ours": mine[quantity]}
        if not any(pair.values()):
            continue
        name = cause(tool, nest, quantity, theirs, mine)
        found.append(
            head
            | {"tool": tool, "quantity": quantity}
            | {"unit": UNITS.get(quantity.split()[0].rstrip(","), "elements"), **pair}
            | {"ratio": pair["ours"] / pair["theirs"] if pair["theirs"] else math.inf}
            | {"cause": name, "why": "; ".join(CAUSES[one] for one in name.split("+"))}
        )
    return found


def through_accelforge(python: str, found: list[Case]) -> tuple[str, list[dict[str, Any]]]:
    """AccelForge's version and its answers, in the order of the cases."""
    request = [mapping_accelforge.case(nest, prices(nest.hardware)) for _, nest in found]
    command = [python, str(HERE / "witness_accelforge.py")]
    process = subprocess.run(command, input=json.dumps(request), capture_output=True, text=True)
    if process.returncode:
        raise SystemExit(f"error: AccelForge failed: {process.stderr[-2000:]}")
    answer = json.loads(process.stdout)
    return answer["version"], answer["cases"]


def print_rows(found: list[dict[str, str | float]]) -> None:
    """Every row, and how many counts of each tool are equal."""
    for row in found:
        place = f"{row['workload']}.{row['layer']}"
        print(
            f"{row['tool']:<10} {place:<30} {str(row['hardware'])[:2]} {row['quantity']:<28} "
            f"{row['theirs']:>18,.0f} {row['ours']:>18,.0f} {row['ratio']:>8.4f} {row['cause']}"
        )
    for tool in sorted({str(row["tool"]) for row in found}):
        counts = [row for row in found if row["tool"] == tool and row["unit"] == "elements"]
        equal = sum(row["cause"] == "equal" for row in counts)
        print(f"{tool}: {equal} of {len(counts)} counts equal")


def main() -> None:
    """Send, compare, print, keep."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--accelforge", help="the Python of AccelForge's environment")
    parser.add_argument("--folder", type=Path, help="keep Timeloop's files here")
    parser.add_argument("--output", type=Path, help="write the rows to this CSV file")
    options = parser.parse_args()
    every, found, tools = cases(), [], []
    if options.accelforge:
        version, answers = through_accelforge(options.accelforge, every)
        tools.append(f"accelforge {version} in its own environment")
        for case, answer in zip(every, answers, strict=True):
            found += rows(case, "accelforge", of_accelforge(answer))
    program = shutil.which("timeloop-model")
    with tempfile.TemporaryDirectory() as scratch:
        for network, nest in every if program or options.folder else ():
            folder = options.folder or Path(scratch)
            place = folder / f"{network}.{nest.layer.name}.{nest.hardware.dataflow}"
            mapping_timeloop.write(nest, prices(nest.hardware), place)
            if program:
                found += rows((network, nest), "timeloop", mapping_timeloop.run(program, place))
    tools.append("timeloop-model" if program else "no timeloop-model on PATH")
    print_rows(found)
    if options.output:
        keep(options.output, found, circumstances("; ".join(tools)))


if __name__ == "__main__":
    main()
