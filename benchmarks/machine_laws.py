"""What holds for the bound and is not claimed for the machine that waits for tiles, measured.

    python benchmarks/machine_laws.py [--output machine_laws.csv]

*more SRAM*, *more bandwidth*: every doubling of one at any value of the other, for each different
layer on each array: how often the machine gets slower, and by how much at worst. *whole network*:
the same with the cycles of all layers added up. *off the front*: a small space in which every
design runs on the machine, against the design that branch and bound over the bound's front finds.
"""

import argparse
import sys
import tempfile
from collections.abc import Iterator, Sequence
from itertools import pairwise, product
from pathlib import Path

import numpy as np
from keep import circumstances, keep

from edgeint8.arch.cost.energy import network_energy_fj
from edgeint8.arch.cost.machine.cost import machine_cost, machine_costs
from edgeint8.arch.cost.physical import total_cycles
from edgeint8.arch.explore.design_space import DesignSpace, holds_array_tile
from edgeint8.arch.explore.explore import explore
from edgeint8.arch.explore.ranking import Ranking
from edgeint8.arch.machine.hardware import Hardware
from edgeint8.arch.network.fusion import fuse
from edgeint8.arch.network.inputs import read_layers
from edgeint8.arch.network.layers import Layer
from edgeint8.dataflow import DATAFLOWS
from edgeint8.models.export import export_onnx
from edgeint8.models.networks.registry import build_model

ARRAYS = ((8, 8), (32, 32))
SRAM_KB = (8, 16, 32, 64, 128)
BANDWIDTHS = (1, 2, 4, 8, 16, None)
SMALL = DesignSpace(
    rows=(8, 16, 24, 32, 48, 64),
    cols=(16, 32, 64),
    sram_kb=tuple((kb, kb, kb) for kb in (16, 32, 64)),
    bandwidths_bpc=(4, 8),
    pipelined=(True,),
)
Row = dict[str, str | int | float]
Cycles = dict[tuple[int | None, int | None], int]


def main(arguments: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--output", type=Path, help="write the rows to this CSV file")
    options = parser.parse_args(arguments)
    found = circumstances("no times: counts of machines, the same on any computer")
    rows = []
    for name, layers in networks().items():
        for row in (*monotony(name, layers), off_the_front(name, layers)):
            print("  ".join(f"{key} {value}" for key, value in row.items()), flush=True)
            rows.append(row)
    if options.output is not None:
        keep(options.output, rows, found)
    return 0


def networks() -> dict[str, tuple[Layer, ...]]:
    """Two built-in networks, whose layers are small: there waiting weighs most."""
    found = {}
    with tempfile.TemporaryDirectory() as folder:
        for name in ("signal_cnn_1d", "tiny_cnn_2d"):
            path = Path(folder) / f"{name}.onnx"
            export_onnx(build_model(name, 0), path)
            found[name] = tuple(fuse(read_layers(path)))
    return found


def monotony(name: str, layers: Sequence[Layer]) -> Iterator[Row]:
    """Rows of one network: layer by layer and as a whole, for SRAM and for bandwidth."""
    different = list({(layer.shape, layer.repeats, layer.pads): layer for layer in layers}.values())
    alone: list[Cycles] = []
    whole: list[Cycles] = []
    for dataflow, array in product(DATAFLOWS, ARRAYS):
        machines = {
            (kb, bandwidth): Hardware(
                dataflow, *array, kb, kb, kb, bandwidth, pipelined_folds=True, name="machine"
            )
            for kb, bandwidth in product(SRAM_KB, BANDWIDTHS)
        }
        for layer in different:
            costs = {key: machine_cost(layer, machine) for key, machine in machines.items()}
            alone.append({key: cost.cycles for key, cost in costs.items()})
        every = {key: machine_costs(layers, machine) for key, machine in machines.items()}
        whole.append({key: sum(cost.cycles for cost in costs) for key, costs in every.items()})
    for what, cases in (("a layer", alone), ("whole network", whole)):
        yield counted(name, f"{what}, more SRAM", cases, sram=True)
        yield counted(name, f"{what}, more bandwidth", cases, sram=False)


def counted(name: str, case: str, cases: Sequence[Cycles], sram: bool) -> Row:
    """Doublings that make a machine slower, and the worst of them."""
    steps = list(pairwise(SRAM_KB if sram else BANDWIDTHS))
    ratios = []
    for cycles in cases:
        for less, more in steps:
            for other in BANDWIDTHS if sram else SRAM_KB:
                before, after = ((v, other) if sram else (other, v) for v in (less, more))
                if cycles[before]:  # a pass takes no time where bandwidth is unlimited
                    ratios.append(cycles[after] / cycles[before] - 1)
    slower = sum(ratio > 0 for ratio in ratios)
    return {
        "network": name,
        "case": case,
        "compared": len(ratios),
        "worse": slower,
        "worst": max(0.0, *ratios),
    }


def off_the_front(name: str, layers: Sequence[Layer]) -> Row:
    """Designs better on the machine than the best of the front; `worst` is what the front loses."""
    products = []
    for hardware in map(SMALL.hardware, range(SMALL.size)):
        array = np.array(hardware.rows), np.array(hardware.cols)
        if not holds_array_tile(hardware.dataflow, *array, hardware.sram_kb):
            continue
        costs = [layer.cost for layer in machine_costs(layers, hardware)]
        products.append(sum(network_energy_fj(costs, hardware).values()) * total_cycles(costs))
    exploration = explore(layers, SMALL)
    (best,) = Ranking(layers, exploration).best(range(len(exploration.numbers)), 1)
    return {
        "network": name,
        "case": "off the front",
        "compared": len(products),
        "worse": sum(product < best.figure for product in products),
        "worst": best.figure / min(products) - 1,
    }


if __name__ == "__main__":
    sys.exit(main())
