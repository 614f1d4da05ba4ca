"""SCALE-Sim against its replica, CPU second against CPU second.

    python benchmarks/scalesim.py             the replica now, SCALE-Sim from scalesim_times.json
    python benchmarks/scalesim.py --measure   SCALE-Sim too, where the file has no time (hours)
    ... --measure --limit 600                 the CPU seconds after which SCALE-Sim is stopped

Neither side is charged for starting Python or for compiling. A SCALE-Sim run that was stopped at
its limit is a lower bound, marked ``>``; a case without a time is left out. Writes
``docs/data/benchmarks/scalesim.csv`` (or ``--output``) beside the table that it prints.
"""

import argparse
import datetime
import gc
import platform
import statistics
import time
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
from keep import circumstances, keep

from edgeint8.arch.cost.systolic import map_layer, serial_cycles_grid
from edgeint8.arch.machine.hardware import Hardware, parse_hardware_id
from edgeint8.arch.network.layers import LayerShape
from edgeint8.dataflow import DATAFLOWS
from edgeint8.files import read_json, write_json
from edgeint8.scale_sim.replica.replica import predict, predict_bandwidths, read_misses
from edgeint8.scale_sim.simulator.adapter import SimulationLimits, simulate

FOLDER = Path(__file__).parent
TIMES = FOLDER / "scalesim_times.json"
KEPT = FOLDER.parent / "docs/data/benchmarks"
conv = LayerShape.from_output

CIFAR = {
    "tiny_cnn_2d conv1": conv((32, 32), (3, 3), 3, 32),
    "tiny_cnn_2d conv2": conv((16, 16), (3, 3), 32, 64),
    "tiny_cnn_2d conv3": conv((8, 8), (3, 3), 64, 128),
    "tiny_cnn_2d fc": conv((1, 1), (1, 1), 128, 10),
    "16-channel conv": conv((32, 32), (3, 3), 16, 16),
}
RESNET18 = {
    "resnet18 fc": conv((1, 1), (1, 1), 512, 1000),
    "resnet18 layer4 shortcut": conv((7, 7), (1, 1), 256, 512, (2, 2)),
    "resnet18 layer3 shortcut": conv((14, 14), (1, 1), 128, 256, (2, 2)),
    "resnet18 layer2 shortcut": conv((28, 28), (1, 1), 64, 128, (2, 2)),
    "resnet18 layer4 first": conv((7, 7), (3, 3), 256, 512, (2, 2)),
    "resnet18 layer3 first": conv((14, 14), (3, 3), 128, 256, (2, 2)),
    "resnet18 layer2 first": conv((28, 28), (3, 3), 64, 128, (2, 2)),
    "resnet18 layer4": conv((7, 7), (3, 3), 512, 512),
    "resnet18 layer3": conv((14, 14), (3, 3), 256, 256),
    "resnet18 layer2": conv((28, 28), (3, 3), 128, 128),
    "resnet18 layer1": conv((56, 56), (3, 3), 64, 64),
    "resnet18 conv1": conv((112, 112), (7, 7), 3, 64, (2, 2)),
}
ENDINGS = ("64kB_unlimited", "64kB_16Bpc")


@dataclass(frozen=True)
class Comparison:
    """One layer on one machine: CPU seconds of both, and how many times faster the replica is."""

    layer: str
    hardware: str
    time_scalesim_seconds: float
    stopped: bool
    time_replica_seconds: float
    time_ratio: float
    cause: str


def cases() -> Iterator[tuple[str, LayerShape, Hardware]]:
    """Every layer at 16x16 and 32x32, all dataflows, both modes; the cheap ones first."""
    for name, shape in {**CIFAR, **RESNET18}.items():
        for edge in (32, 16):
            for dataflow in DATAFLOWS:
                for ending in ENDINGS:
                    yield name, shape, parse_hardware_id(f"{dataflow}_{edge}x{edge}_{ending}")


def machine() -> str:
    """Processor and Python, so that a time says where it was taken."""
    model = platform.processor() or platform.machine()
    information = Path("/proc/cpuinfo")
    if information.exists():
        for line in information.read_text(encoding="utf-8").splitlines():
            if line.startswith("model name"):
                model = line.partition(":")[2].strip()
                break
    return f"{model}, Python {platform.python_version()}, NumPy {np.__version__}"


def measure_scalesim(times: dict[str, Any], limits: SimulationLimits) -> None:
    """Fill in the missing SCALE-Sim times, saving after each."""
    for name, shape, hardware in cases():
        key = f"{shape.id} {hardware.id}"
        if key in times:
            continue
        result = simulate(shape, hardware, limits)
        times[key] = {
            "time_cpu_seconds": result.time_cpu_seconds,
            "status": result.status,
            "reason": result.reason,
            "machine": machine(),
            "date": datetime.datetime.now(datetime.UTC).date().isoformat(),
        }
        write_json(TIMES, times)
        print(f"{name}, {hardware.id}: {result.time_cpu_seconds:.1f} s {result.reason}", flush=True)


def cpu_seconds(call: Callable[[], object], least_seconds: float = 0.2) -> float:
    """Median CPU time of a call, over at least three calls and `least_seconds`; compiled before."""
    call()
    gc.collect()
    taken: list[float] = []
    while len(taken) < 3 or sum(taken) < least_seconds:
        begin = time.process_time_ns()
        call()
        taken.append((time.process_time_ns() - begin) / 1e9)
    return statistics.median(taken)


def cause(shape: LayerShape, hardware: Hardware) -> str:
    """What the replica spends its time on."""
    lines = map_layer(shape, hardware).lines
    if hardware.mode == "user":
        found = read_misses(shape, hardware)
        if missing := len(found.ifmap.lines) + len(found.filter.lines):
            return f"{missing:,} of {lines:,} lines miss"
    elif predict(shape, hardware).access.ifmap_dram_stop_cycle > 0:
        return "inputs do not fit: their epochs are followed"
    return f"the call itself; only {lines:,} lines"


def compare(times: dict[str, Any]) -> list[Comparison]:
    """Time the replica on every case that has a SCALE-Sim time."""
    rows = []
    for name, shape, hardware in cases():
        measured = times.get(f"{shape.id} {hardware.id}")
        if measured is None:
            continue
        replica = cpu_seconds(lambda shape=shape, hardware=hardware: predict(shape, hardware))
        simulator = measured["time_cpu_seconds"]
        stopped = measured["status"] != "ok"
        why = cause(shape, hardware)
        ratio = simulator / replica
        rows.append(Comparison(name, hardware.id, simulator, stopped, replica, ratio, why))
    return rows


def print_comparison(rows: list[Comparison], slowest: int = 10) -> None:
    """Median, smallest, and the slowest ten."""
    ratios = sorted(row.time_ratio for row in rows)
    print(
        f"{len(rows)} cases: median {statistics.median(ratios):,.0f}x, smallest {ratios[0]:,.0f}x"
    )
    for row in sorted(rows, key=lambda row: row.time_ratio)[:slowest]:
        bound = ">" if row.stopped else " "
        print(
            f"{row.layer:26} {row.hardware:24} {bound}{row.time_scalesim_seconds:8.2f} s"
            f" {row.time_replica_seconds * 1e3:9.3f} ms {bound}{row.time_ratio:10,.0f}x"
            f"  {row.cause}"
        )


def sweep_reuse() -> tuple[float, float]:
    """CPU seconds of 16 bandwidths one by one, and in a sweep that finds the misses once."""
    shape = CIFAR["16-channel conv"]
    bandwidths = tuple(range(4, 68, 4))
    single = [parse_hardware_id(f"ws_16x16_64kB_{each}Bpc") for each in bandwidths]
    alone = cpu_seconds(lambda: [predict(shape, each) for each in single])
    return alone, cpu_seconds(lambda: predict_bandwidths(shape, single[0], bandwidths))


def grid_points_per_second() -> float:
    """Closed-form cycles of all ResNet-18 shapes, three dataflows, rows and columns 4 to 256."""
    edges = np.arange(4, 257)
    shapes = tuple(RESNET18.values())
    mappings = [
        map_layer(shape, parse_hardware_id(f"{dataflow}_4x4_1kB_unlimited"))
        for shape in shapes
        for dataflow in DATAFLOWS
    ]
    seconds = cpu_seconds(
        lambda: [serial_cycles_grid(mapping, edges, edges) for mapping in mappings], 1.0
    )
    return len(mappings) * edges.size**2 / seconds


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument(
        "--measure", action="store_true", help="run SCALE-Sim where no time is kept"
    )
    parser.add_argument("--limit", type=int, default=60, help="CPU seconds a SCALE-Sim run")
    parser.add_argument("--output", type=Path, default=KEPT / "scalesim.csv")
    arguments = parser.parse_args()
    found = circumstances("the replica; when SCALE-Sim ran stands in scalesim_times.json")
    times = read_json(TIMES) if TIMES.exists() else {}
    if arguments.measure:
        measure_scalesim(times, SimulationLimits(cpu_seconds=arguments.limit))
    rows = compare(times)
    keep(arguments.output, [asdict(row) for row in rows], found)
    print(f"replica on {machine()}")
    print_comparison(rows)
    alone, together = sweep_reuse()
    print(f"16 bandwidths: {alone * 1e3:.2f} ms one by one, {together * 1e3:.2f} ms as a sweep")
    print(f"closed-form cycles: {grid_points_per_second() / 1e6:,.0f} M points per CPU second")


if __name__ == "__main__":
    main()
