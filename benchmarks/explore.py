"""Speed of the design-space sweep: layer evaluations per CPU second, front included.

    python benchmarks/explore.py [--output explore.csv] [--repeats 5]

The network is ResNet-18 (21 layers, 12 of them different). A layer evaluation is one layer of
one design; equal layers count each, as they cost each. CPU time, one thread, median of the
repeats; traffic tables are prepared once and timed apart.
"""

import argparse
import statistics
import sys
import time
from collections.abc import Callable, Sequence
from pathlib import Path

from keep import circumstances, keep

from edgeint8.arch.explore.design_space import DesignSpace, Sram
from edgeint8.arch.explore.design_tables import traffic_table
from edgeint8.arch.explore.explore import Exploration, explore
from edgeint8.arch.explore.front import front_check_rows
from edgeint8.arch.explore.network_tables import Network
from edgeint8.arch.explore.random_designs import explore_random
from edgeint8.arch.network.layers import Layer
from edgeint8.arch.network.topology import layers_from_topology
from edgeint8.data import TOPOLOGIES

HERE = Path(__file__).parent


def main(arguments: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--output", type=Path, help="write the rows to this CSV file")
    parser.add_argument("--repeats", type=int, default=5)
    options = parser.parse_args(arguments)
    found = circumstances("one thread, CPU seconds, median of the repeats")
    layers = layers_from_topology(TOPOLOGIES / "resnet18.csv")
    bandwidths = (1, 2, 4, 8, 16, 32)
    steps = tuple(range(4, 257, 4))
    sizes = [4 << power for power in range(8)]
    split = tuple(triple for kb in sizes for triple in splits(kb))
    coarse = DesignSpace(steps, steps, split, (*bandwidths, None))
    every_size = tuple(range(4, 257))
    uniform = tuple((kb, kb, kb) for kb in (16, 32, 64, 128, 256, 512))
    fine = DesignSpace(every_size, every_size, uniform, (*bandwidths, 64), pipelined=(True,))
    cases: list[tuple[str, DesignSpace, Callable[[], Exploration]]] = [
        ("splits, steps of 4", coarse, lambda: explore(layers, coarse)),
        ("every row and column", fine, lambda: explore(layers, fine)),
        ("random, splits", coarse, lambda: explore_random(layers, coarse, 1_000_000, seed=0)),
        ("random, every size", fine, lambda: explore_random(layers, fine, 1_000_000, seed=0)),
    ]
    rows = [measure(name, layers, space, run, options.repeats) for name, space, run in cases]
    for row in rows:
        print("  ".join(f"{key} {value}" for key, value in row.items()))
    if options.output is not None:
        keep(options.output, rows, found)
    return 0


def splits(kb: int) -> tuple[Sram, ...]:
    """One size for all operands, and twice that for one operand at a time."""
    return (kb, kb, kb), (2 * kb, kb, kb), (kb, 2 * kb, kb), (kb, kb, 2 * kb)


def measure(
    name: str,
    layers: Sequence[Layer],
    space: DesignSpace,
    run: Callable[[], Exploration],
    repeats: int,
) -> dict[str, str | int | float]:
    """One case: CPU seconds, evaluations per second, and the whole front checked."""
    distinct = Network(layers, space).distinct
    start = time.process_time()
    for sram_kb in space.sram_kb:
        traffic_table(distinct, space, sram_kb, unlimited=False)
    tables = time.process_time() - start
    found = run()  # compiles what is compiled
    seconds = []
    for _ in range(repeats):
        start = time.process_time()
        found = run()
        seconds.append(time.process_time() - start)
    median = statistics.median(seconds)
    check = front_check_rows("resnet18", layers, found)
    return {
        "case": name,
        "designs": found.designs,
        "layer_evaluations": found.layer_evaluations,
        "front": len(found.numbers),
        "front_differences": sum(row["difference"] != 0 for row in check),
        "time_tables_cpu_s": round(tables, 3),
        "time_cpu_s": round(median, 3),
        "time_million_evaluations_per_cpu_s": round(found.layer_evaluations / median / 1e6, 1),
    }


if __name__ == "__main__":
    sys.exit(main())
