"""The same layers four times: SCALE-Sim, bound, machine, RTL, and what lies between them.

    python benchmarks/four_counts.py [--output four_counts.csv]

Whole images of the built-in networks whose integer graphs the machine in RTL runs, on small arrays.
Weights and inputs are random: mismatches are against the executor on the same network, and cycles
and bytes depend on sizes alone, so they are those of a trained one. Needs Verilator.
"""

import argparse
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import onnx
from keep import circumstances, keep

from edgeint8.arch.machine.hardware import parse_hardware_id
from edgeint8.fixed_point.executor import Executor
from edgeint8.models.export import export_onnx
from edgeint8.models.networks.facts import input_shape
from edgeint8.models.networks.registry import build_model
from edgeint8.quant.prepare.prepare import prepare_model
from edgeint8.quant.ptq import calibrate_for, quantize
from edgeint8.quant.strategy import Strategy
from edgeint8.rtl.rows import network_rows

NETWORKS = ("signal_cnn_1d", "tiny_cnn_2d", "mobile_cnn_2d")
MACHINES = ("ws_8x8_32kB_4Bpc", "os_8x8_32kB_4Bpc", "is_8x8_32kB_4Bpc")
STRATEGY = Strategy.from_name("asym_channel_minmax")
KEY = ("workload", "layer", "hardware", "words", "mismatches", "rtl_dram_bytes", "dram_bytes")


def main(arguments: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--output", type=Path, help="write the rows to this CSV file")
    options = parser.parse_args(arguments)
    found = circumstances("no times: cycles and bytes, the same on any computer")
    rows = []
    for name in NETWORKS:
        model, inputs = quantized(name)
        for hardware in map(parse_hardware_id, MACHINES):
            key = {"workload": name, "strategy": STRATEGY.name}
            for row in network_rows(key, model, inputs, hardware):
                if row["words"] is None:
                    sys.exit(str(row["note"]))
                cycles = [column for column in row if column.endswith("_cycles")]
                rows.append({column: row[column] for column in (*KEY, *cycles)})
                print(row["hardware"], row["layer"], *(f"{c} {row[c]}" for c in cycles if row[c]))
    if options.output is not None:
        keep(options.output, rows, found)
    return 0


def quantized(
    name: str, strategy: Strategy = STRATEGY, images: int = 2
) -> tuple[onnx.ModelProto, np.ndarray]:
    """The integer graph of a built-in network with random weights, and random images."""
    network = build_model(name, 0)
    drawn = np.random.default_rng(0).normal(0, 1, (16 + images, *input_shape(network)))
    drawn = drawn.astype(np.float32)
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "model.onnx"
        export_onnx(network, path)
        model = prepare_model(onnx.load(path))
    (source,) = Executor(model).graph.inputs
    ranges = calibrate_for(model, {source: drawn[:16]}, strategy)
    return quantize(model, ranges, strategy, exact_u8s8=True).executable, drawn[16:]


if __name__ == "__main__":
    sys.exit(main())
