"""Our INT8 files through Arm's compiler Vela: its cycles, SRAM and flash beside ours.

    python -m venv .vela && .vela/bin/pip install ethos-u-vela==5.2.0
    python benchmarks/vela.py --vela .vela/bin/vela [--output docs/data/benchmarks/vela.csv]

The built-in networks with drawn weights, quantised and exported as .tflite files, for Ethos-U55-256
with vela.ini's high-end embedded system, where weights stand in flash; ours is the preset
`ethos_u55_256_like`. Shapes decide all of ours; how far Vela compresses weights depends on them.
benchmarks/published.py takes the kept rows into the validation.
"""

import argparse
import csv
import subprocess
import tempfile
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from keep import circumstances, keep

import edgeint8 as e8
from edgeint8.conventions import KIB
from edgeint8.errors import DataError
from edgeint8.models.export import export_onnx
from edgeint8.models.networks.ds_cnn import DSCNN
from edgeint8.models.networks.facts import input_shape
from edgeint8.models.networks.registry import MODELS
from edgeint8.tflite.export.export import export_tflite
from edgeint8.tflite.file.writer import write_tflite

ACCELERATOR, SYSTEM, MEMORY = "ethos-u55-256", "Ethos_U55_High_End_Embedded", "Shared_Sram"
OPTIONS = (
    *("--accelerator-config", ACCELERATOR, "--config", "Arm/vela.ini"),
    *("--system-config", SYSTEM, "--memory-mode", MEMORY),
)
PRESET = "ethos_u55_256_like"
CALIBRATION_IMAGES = 8
WHY = {
    "cycles": "Vela's total waits for weights from flash at 0.5 GB/s, which the stand-in leaves "
    "out; ours waits for its tiles at 4 GB/s",
    "cycles of the array": "Vela costs the blocks of the U55 datapath, which the stand-in does not "
    "have",
    "SRAM": "Vela also buffers weights and pads to blocks; ours is tflite-micro's arena",
    "flash": "Vela compresses weights and stores commands; ours are the file's constants",
}


@dataclass(frozen=True)
class Summary:
    """What Vela says of one network."""

    cycles: float
    array_cycles: float
    sram_bytes: float
    flash_bytes: float


def read_summary(path: Path) -> Summary:
    """The one row of Vela's summary file; its memory is in KiB. Raises `DataError`."""
    with path.open(encoding="utf-8", newline="") as stream:
        rows = list(csv.DictReader(stream))
    columns = ("cycles_total", "cycles_npu", "sram_memory_used", "off_chip_flash_memory_used")
    if len(rows) != 1 or any(column not in rows[0] for column in columns):
        wanted = f"one row with {', '.join(columns)}"
        raise DataError(f"{len(rows)} rows", where=str(path), allowed=wanted)
    cycles, array, sram, flash = (float(rows[0][column]) for column in columns)
    return Summary(cycles, array, sram * KIB, flash * KIB)


def compile_network(vela: str, network: Path) -> Summary:
    """Run Vela on a file, in a folder beside it."""
    folder = network.parent / f"{network.stem}_vela"
    command = [vela, str(network), *OPTIONS, "--output-dir", str(folder)]
    subprocess.run(command, check=True, stdout=subprocess.DEVNULL)
    return read_summary(folder / f"{network.stem}_summary_{SYSTEM}.csv")


def ours(network: Path) -> Summary:
    """The same four numbers of the stand-in."""
    cost = e8.cost(network, PRESET)
    memory = e8.verify(network, most=1).memory
    array = sum(layer.compute.total for layer in cost.costs)
    return Summary(cost.machine_cycles or 0, array, memory.arena_bytes, memory.flash_bytes)


def rows(name: str, version: str, theirs: Summary, found: Summary) -> list[dict[str, str | float]]:
    """Rows of the validation."""
    pairs = {
        "cycles": ("cycles", theirs.cycles, found.cycles),
        "cycles of the array": ("cycles", theirs.array_cycles, found.array_cycles),
        "SRAM": ("bytes", theirs.sram_bytes, found.sram_bytes),
        "flash": ("bytes", theirs.flash_bytes, found.flash_bytes),
    }
    return [
        {
            "source": f"Vela {version} (Ethos-U55-256)",
            "quantity": quantity,
            "unit": unit,
            "conditions": f"{name}, drawn weights, {SYSTEM}, {MEMORY}",
            "published": published,
            "ours": value,
            "why": WHY[quantity],
        }
        for quantity, (unit, published, value) in pairs.items()
    ]


def exported(name: str, folder: Path) -> Path:
    """A built-in network as an INT8 .tflite file."""
    torch.manual_seed(0)
    model = {**MODELS, "ds_cnn": DSCNN}[name]()
    path = folder / f"{name}.tflite"
    export_onnx(model, path.with_suffix(".onnx"))
    images = np.random.default_rng(0).standard_normal((CALIBRATION_IMAGES, *input_shape(model)))
    quantized = e8.quantize(path.with_suffix(".onnx"), images.astype(np.float32))
    path.write_bytes(write_tflite(export_tflite(quantized.model).model))
    return path


def main() -> None:
    """Export, compile, print, keep."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--vela", required=True, help="Vela's program")
    parser.add_argument("--output", type=Path)
    options = parser.parse_args()
    said = subprocess.run([options.vela, "--version"], check=True, capture_output=True, text=True)
    version, found = said.stdout.strip(), []
    with tempfile.TemporaryDirectory() as folder:
        for name in (*MODELS, "ds_cnn"):
            network = exported(name, Path(folder))
            found += rows(name, version, compile_network(options.vela, network), ours(network))
    for row in found:
        print(f"{row['conditions'].split(',')[0]:16} {row['quantity']:20} "
              f"{row['published']:>12,.0f} {row['ours']:>12,.0f} {row['unit']}")  # fmt: skip
    if options.output:
        keep(options.output, found, circumstances(f"ethos-u-vela {version}"))


if __name__ == "__main__":
    main()
