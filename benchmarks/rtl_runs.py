"""The machine in RTL against executor and recurrence: whole images, and random layers, counted.

    python benchmarks/rtl_runs.py [--images 20] [--layers 100] [--output rtl_runs.csv]

Whole images of every built-in network go from quantised input to quantised logits, under both
strategies whose graphs are integers only, on a weight- and an output-stationary array, by ONNX
Runtime's rounding and by gemmlowp's. Random layers are those of tests/rtl: strides, padding,
dilations, groups, every loop order, buses of one byte to unlimited, latencies to 40 cycles. Weights
and images are random: what is compared is the executor on the same network. Needs Verilator; half
an hour.
"""

import argparse
import itertools
import sys
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path

from four_counts import quantized
from keep import circumstances, keep

from edgeint8.arch.machine.hardware import Hardware, parse_hardware_id
from edgeint8.conventions import Row
from edgeint8.fixed_point.arithmetic.requantize import Scheme
from edgeint8.fixed_point.runtimes.runtime import Runtime
from edgeint8.models.networks.registry import MODELS
from edgeint8.quant.strategy import Strategy
from edgeint8.rtl.compare import run_network
from edgeint8.rtl.rows import rtl_rows
from edgeint8.rtl.simulator import SOURCES

STRATEGIES = "asym_channel_minmax", "pow2_channel_minmax"
ROUNDINGS = {
    Scheme.ORT_FLOAT32: ("ws_8x8_32kB_4Bpc", "os_8x8_32kB_4Bpc"),
    Scheme.GEMMLOWP: ("ws_4x3_8kB_4Bpc", "os_3x4_8kB_4Bpc"),
}
"""Machines of whole images: those of `four_counts.py`, and smaller ones of the tests."""


def main(arguments: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--images", type=int, default=20, help="of each network and machine")
    parser.add_argument("--strategies", nargs="+", default=STRATEGIES, help="of the images")
    parser.add_argument("--layers", type=int, default=100, help="random ones of each machine")
    parser.add_argument("--output", type=Path, help="write the rows to this CSV file")
    options = parser.parse_args(arguments)
    found = circumstances("random weights and images; counts, the same on any computer")
    rows = []
    strategies = map(Strategy.from_name, options.strategies)
    images = whole_images(strategies, options.images)
    for row in itertools.chain(images, random_layers(options.layers)):
        print(*row.values(), flush=True)
        rows.append(row)
        if options.output is not None:  # what is there if this is stopped
            keep(options.output, rows, found)
    return 0


def random_layers(count: int) -> Iterator[Row]:
    """A row a machine of the tests."""
    sys.path.insert(0, str(SOURCES.parent / "tests/rtl"))
    from random_layers import SMALL_MACHINES

    for machine in SMALL_MACHINES:
        yield random_row(*machine, count)


def random_row(hardware: Hardware, scheme: Scheme, runtime: Runtime, count: int) -> Row:
    """Random layers on one machine."""
    from random_layers import run_random_layers

    runs = list(run_random_layers(count, hardware.cols, hardware, scheme, runtime))
    wanted = [one.image.runs[0] for one in runs]
    pairs = list(zip(runs, wanted, strict=True))
    return {
        "case": "random layers",
        "strategy": "",
        **machine_of(hardware, scheme),
        "images": count,
        "layers": count,
        "words": sum(one.acc.size for one in runs),
        "mismatches": sum(one.mismatches for one in runs),
        "cycles_apart": sum(one.rtl_cycles != run.cycles for one, run in pairs),
        "bytes_apart": sum(one.rtl_dram_bytes != run.program.dram_bytes for one, run in pairs),
        "below_bound": None,
    }


def whole_images(strategies: Iterable[Strategy], count: int) -> Iterator[Row]:
    """A row a network, strategy, machine and rounding."""
    for strategy, (scheme, machines) in itertools.product(strategies, ROUNDINGS.items()):
        for hardware, name in itertools.product(machines, MODELS):
            yield image_row(strategy, scheme, parse_hardware_id(hardware), name, count)


def image_row(strategy: Strategy, scheme: Scheme, hardware: Hardware, name: str, count: int) -> Row:
    """Images through one network on one machine."""
    model, images = quantized(name, strategy, count)
    rows = rtl_rows(
        name, strategy.name, hardware, scheme, run_network(model, images, hardware, scheme)
    )
    return {
        "case": name,
        "strategy": strategy.name,
        **machine_of(hardware, scheme),
        "images": count,
        "layers": len(rows),
        "words": sum(row["words"] for row in rows),
        "mismatches": sum(row["mismatches"] for row in rows),
        "cycles_apart": sum(row["rtl_cycles"] != row["machine_cycles"] for row in rows),
        "bytes_apart": sum(row["rtl_dram_bytes"] != row["dram_bytes"] for row in rows),
        "below_bound": sum(row["machine_cycles"] < row["bound_cycles"] for row in rows),
    }


def machine_of(hardware: Hardware, scheme: Scheme) -> Row:
    """The columns of a machine and its rounding."""
    array = f"{hardware.rows}x{hardware.cols}"
    return {"dataflow": hardware.dataflow, "array": array, "scheme": scheme.value}


if __name__ == "__main__":
    sys.exit(main())
