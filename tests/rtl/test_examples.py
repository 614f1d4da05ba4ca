"""The testbenches in examples/ replay exported vectors, and find a vector that was changed."""

import importlib.util
import os
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from test_modules import needs
from test_network import network

from edgeint8.fixed_point.arithmetic.requantize import Scheme
from edgeint8.fixed_point.vectors.design import Design
from edgeint8.fixed_point.vectors.vectors import Vectors, read_vectors, write_vectors
from edgeint8.rtl.simulator import SOURCES

EXAMPLES = Path(__file__).parents[2] / "examples"
REQUIRED = os.environ.get("EDGEINT8_REQUIRE_ALL") == "1"
needs_cocotb = pytest.mark.skipif(
    importlib.util.find_spec("cocotb") is None and not REQUIRED, reason="cocotb is not installed"
)


def exported(folder: Path, scheme: Scheme) -> Vectors:
    inputs = np.random.default_rng(1).normal(0, 3, (2, 3, 7, 8)).astype(np.float32)
    write_vectors(network(), inputs, folder, Design(scheme))
    return read_vectors(folder)


def replayed(vectors: Vectors, place: int) -> str:
    """What the Icarus testbench says of one layer."""
    layer = vectors.manifest["layers"][place]
    _, pixels, depth = layer["sets"]["image"]["stream"]["shape"]
    filters = layer["constants"]["bias"]["shape"][0]
    sizes = {"P": pixels, "K": depth, "M": filters, "ZERO": layer["y_zero_point"]}
    subprocess.run(
        [
            *("iverilog", "-g2012", "-o", str(vectors.root / "replay")),
            *(f"-Preplay_layer.{name}={value}" for name, value in sizes.items()),
            *(str(EXAMPLES / "replay_layer.sv"), str(SOURCES / "requant_ort.sv")),
        ],
        check=True,
    )
    folder = vectors.root / layer["folder"]
    command = ["vvp", str(vectors.root / "replay")]
    return subprocess.run(command, cwd=folder, capture_output=True, text=True, check=True).stdout


@needs("iverilog")
def test_icarus_replays_every_layer_from_files_alone(tmp_path: Path) -> None:
    vectors = exported(tmp_path, Scheme.ORT_FLOAT32)
    assert "336 words, 0 mismatches" in replayed(vectors, 0)  # 7 x 8 pixels, 6 filters
    assert "45 words, 0 mismatches" in replayed(vectors, 1)
    assert "4 words, 0 mismatches" in replayed(vectors, 2)
    wanted = tmp_path / "01_conv2/image/ofm.hex"
    lines = wanted.read_text().splitlines()
    lines[3] = f"{int(lines[3], 16) ^ 1:02x}"
    wanted.write_text("\n".join(lines) + "\n")
    assert "45 words, 1 mismatches" in replayed(vectors, 1)


@needs("iverilog")
@needs_cocotb
def test_cocotb_replays_a_layer(tmp_path: Path) -> None:
    exported(tmp_path / "vectors", Scheme.GEMMLOWP)
    shutil.copy(EXAMPLES / "replay_cocotb.py", tmp_path)
    where = {"VECTORS": "vectors", "RTL": str(SOURCES), "PYTHONPATH": str(tmp_path)}
    command = [sys.executable, "replay_cocotb.py"]
    for layer in ("0", "2"):
        environment = {**os.environ, **where, "LAYER": layer}
        done = subprocess.run(
            command, cwd=tmp_path, env=environment, capture_output=True, text=True
        )
        assert "1 test, 0 failed" in done.stdout, done.stdout[-2000:] + done.stderr[-2000:]
