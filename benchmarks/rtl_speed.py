"""How many products a CPU second the simulated machine does: one image on 16x16 arrays.

    python benchmarks/rtl_speed.py [--output rtl_speed.csv]

CPU time of the simulator's process, with starting it and reading its files; interleaved runs of the
same image are the A/A control (`edgeint8.study.latency`). Needs Verilator, which takes some minutes
to build the three arrays.
"""

import argparse
import resource
import sys
from collections.abc import Sequence
from pathlib import Path

from four_counts import quantized
from keep import circumstances, keep

from edgeint8.arch.machine.hardware import parse_hardware_id
from edgeint8.conventions import Row
from edgeint8.fixed_point.arithmetic.requantize import Scheme
from edgeint8.rtl.image import image_of, tiling
from edgeint8.rtl.network import rtl_layers
from edgeint8.rtl.simulator import build, simulate
from edgeint8.study.latency import compare, measure

NETWORK = "tiny_cnn_2d"
MACHINES = ("ws_16x16_64kB_16Bpc", "os_16x16_64kB_16Bpc", "is_16x16_64kB_16Bpc")
SCHEME = Scheme.ORT_FLOAT32
RUNS, BLOCKS, PAIRS = 9, 3, 2


def main(arguments: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--output", type=Path, help="write the rows to this CSV file")
    options = parser.parse_args(arguments)
    rows = [speed(name) for name in MACHINES]
    for row in rows:
        print(*row.values())
    if options.output is not None:
        keep(options.output, rows, circumstances("CPU seconds of the simulator's process"))
    return 0


def speed(name: str) -> Row:
    """One image of the network on one machine."""
    hardware = parse_hardware_id(name)
    model, images = quantized(NETWORK, images=1)
    layers, known = rtl_layers(model, {model.graph.input[0].name: images}, SCHEME)
    tilings = [tiling(layer, hardware, SCHEME) for layer in layers]
    image = image_of(layers, known[layers[0].source][0], hardware, SCHEME, tilings=tilings)
    built = build(hardware, SCHEME)
    cycles = sum(simulate(built, image).cycles)

    def once() -> None:
        simulate(built, image)

    taken = measure(once, warm_ups=1, runs=RUNS, clock=children_ns)
    control = compare(once, once, blocks=BLOCKS, pairs=PAIRS, warm_ups=0, clock=children_ns)
    products = sum(
        layer.loops.output_h * layer.loops.output_w * layer.weights.size
        for layer in layers
        if layer.weights is not None
    )
    return {
        "network": NETWORK,
        "hardware": hardware.id,
        "macs": int(products),
        "cycles": cycles,
        "time_cpu_s": round(taken.median_ms / 1e3, 4),
        "million_macs_per_cpu_s": round(products / taken.median_ms / 1e3, 1),
        "time_control": round(control.control, 3),
        "time_resolved": control.resolved,
    }


def children_ns() -> int:
    """CPU time of all processes that this one has waited for."""
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return int(1e9 * (used.ru_utime + used.ru_stime))


if __name__ == "__main__":
    sys.exit(main())
