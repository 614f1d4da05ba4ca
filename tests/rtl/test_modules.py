"""The units in Icarus, the second simulator, and what Verilator says of the sources."""

import os
import shutil
import subprocess
from pathlib import Path

import numpy as np
import pytest

from edgeint8.fixed_point.arithmetic.requantize import Scheme, requantize
from edgeint8.fixed_point.vectors.hexfile import to_hex
from edgeint8.rtl.layer import SCHEMES, rescale_of
from edgeint8.rtl.simulator import FLOWS, MODULES, RULES, RUNTIMES, SOURCES

REQUIRED = os.environ.get("EDGEINT8_REQUIRE_ALL") == "1"


def needs(program: str):
    return pytest.mark.skipif(
        shutil.which(program) is None and not REQUIRED, reason=f"{program} is not installed"
    )


BENCH = """`timescale 1ns / 1ns
module bench;
  localparam integer N = {count}, K = {columns};
  reg [31:0] words [0:N*K-1];
  wire [31:0] v [0:K-1];
  reg clk = 0, take;
  wire [7:0] code;
  integer i, k, bad = 0, held = 0;
  genvar j;
  for (j = 0; j < K; j = j + 1) assign v[j] = words[K*i + j];
  {unit}
  initial begin
    $readmemh("words.hex", words, 0, N*K-1);
    for (i = 0; i < N; i = i + 1) begin
      take = 1;
      for (k = 0; k < 4; k = k + 1) begin #1 clk = 1; #1 clk = 0; take = 0; end
      #1 if (v[K-1] <= 255) begin held = held + 1; if (code !== v[K-1][7:0]) bad = bad + 1; end
    end
    $display("%0d words, %0d mismatches", held, bad);
    $finish;
  end
endmodule
"""
"""A row of columns v in, four clocks, the code against the last column unless that is -1."""


def unit_of(scheme: Scheme) -> str:
    """The instance that rounds as `scheme`: accumulator, scale, zero-point, shift."""
    codes = "v[2][9:0], -10'sd128, 10'sd127, code);"
    if scheme is Scheme.ORT_FLOAT32:
        return f"requant_ort #(32) dut (clk, v[0], v[1], {codes}"
    name = "requant_gemmlowp #(32)"
    if scheme is not Scheme.GEMMLOWP:
        name = f"requant_shift #(32, {RULES[scheme]})"
    return f"{name} dut (clk, v[0], v[1][30:0], v[3][5:0], {codes}"


def icarus(folder: Path, unit: str, words: np.ndarray) -> str:
    """What Icarus says of an instance on `words` (rows, columns); the last column is wanted."""
    (folder / "words.hex").write_text(to_hex(words, 32))
    count, columns = words.shape
    (folder / "bench.sv").write_text(BENCH.format(count=count, columns=columns, unit=unit))
    source = str(SOURCES / f"{unit.split()[0]}.sv")
    build = ["iverilog", "-g2012", f"-I{SOURCES}", "-o", "bench", "-s", "bench", "bench.sv", source]
    subprocess.run(build, cwd=folder, check=True)
    run = ["vvp", "bench"]
    return subprocess.run(run, cwd=folder, capture_output=True, text=True, check=True).stdout


def accumulators(rng: np.random.Generator, scale: np.ndarray) -> np.ndarray:
    """Near every tie of the code range, at random, and the ends of int32."""
    near = np.round((rng.integers(-260, 261, scale.size) + 0.5) / scale) + rng.integers(
        -1, 2, scale.size
    )
    anywhere = rng.integers(-(1 << 31), 1 << 31, scale.size)
    acc = np.where(rng.random(scale.size) < 0.7, near, anywhere)
    acc[:4] = [-(1 << 31), (1 << 31) - 1, 0, 1]
    return np.clip(acc, -(1 << 31), (1 << 31) - 1).astype(np.int64)


@needs("iverilog")
@pytest.mark.parametrize("scheme", SCHEMES, ids=lambda scheme: scheme.value)
def test_requantisers_in_icarus(scheme: Scheme, tmp_path: Path) -> None:
    rng = np.random.default_rng(3)
    scale = (2.0 ** rng.uniform(-20, -1, 6000)).astype(np.float32)
    scale[::3] = 2.0 ** -rng.integers(1, 20, 2000)
    acc = accumulators(rng, scale.astype(np.float64))
    real = scale if scheme is Scheme.ORT_FLOAT32 else scale.astype(np.float64)
    rescale = rescale_of(scheme, real, 6000)
    zero = rng.choice([0, 1, -3, 117, -128], 6000)
    want = np.empty(6000, np.int8)
    for point in np.unique(zero):
        here = zero == point
        want[here] = requantize(acc[here], real[here], int(point), np.int8, scheme)
    assert {-128, 127} <= set(want.tolist())
    words = np.stack([acc, rescale.factor, zero, rescale.shift, want.view(np.uint8)], axis=1)
    assert "6000 words, 0 mismatches" in icarus(tmp_path, unit_of(scheme), words)


@needs("verilator")
@pytest.mark.parametrize("flow", range(len(FLOWS)))
@pytest.mark.parametrize("scheme", sorted(set(RULES.values())))
def test_verilator_has_nothing_to_say(flow: int, scheme: int) -> None:
    """-Wall, but for what rtl/lint.vlt explains."""
    saturate, runtime = int(FLOWS[flow] != "os"), scheme % len(RUNTIMES)
    done = subprocess.run(
        [
            *("verilator", "--lint-only", "-Wall", "-GR=4", "-GC=4"),
            *(f"-GFLOW={flow}", f"-GSCHEME={scheme}", f"-GRUNTIME={runtime}"),
            *(f"-GSATURATE={saturate}", "-GSUM_BITS=20"),
            *("--top-module", "accelerator", "lint.vlt", *MODULES),
        ],
        cwd=SOURCES,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0 and not done.stderr, done.stderr[:2000]
