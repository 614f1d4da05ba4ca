"""The units in Icarus, the second simulator, and what Verilator says of the sources."""

import os
import shutil
import subprocess
from pathlib import Path

import numpy as np
import pytest

from edgeint8.fixed_point.arithmetic.requantize import Scheme, requantize
from edgeint8.fixed_point.vectors.hexfile import to_hex
from edgeint8.rtl.network import SCHEMES, rescale_of
from edgeint8.rtl.simulator import MODULES, RULES, SOURCES

REQUIRED = os.environ.get("EDGEINT8_REQUIRE_ALL") == "1"


def needs(program: str):
    return pytest.mark.skipif(
        shutil.which(program) is None and not REQUIRED, reason=f"{program} is not installed"
    )


BENCH = """`timescale 1ns / 1ns
module bench;
  localparam integer N = {count};
  reg [31:0] acc [0:N-1], scale [0:N-1], zero [0:N-1], shift [0:N-1];
  reg [7:0] want [0:N-1];
  reg clk = 0;
  reg signed [31:0] a;
  reg [31:0] s, h;
  reg signed [9:0] z;
  wire [7:0] code;
  {unit}
  integer i, k, bad = 0;
  initial begin
    $readmemh("acc.hex", acc, 0, N-1);
    $readmemh("scale.hex", scale, 0, N-1);
    $readmemh("zero.hex", zero, 0, N-1);
    $readmemh("shift.hex", shift, 0, N-1);
    $readmemh("want.hex", want, 0, N-1);
    for (i = 0; i < N; i = i + 1) begin
      a = acc[i]; s = scale[i]; z = zero[i][9:0]; h = shift[i];
      for (k = 0; k < 3; k = k + 1) begin #1 clk = 1; #1 clk = 0; end
      #1 if (code !== want[i]) bad = bad + 1;
    end
    $display("%0d words, %0d mismatches", N, bad);
    $finish;
  end
endmodule
"""


def unit_of(scheme: Scheme) -> str:
    """The instance that rounds as `scheme`."""
    if scheme is Scheme.ORT_FLOAT32:
        return "requant_ort #(32) dut (clk, a, s, z, -10'sd128, 10'sd127, code);"
    name = "requant_gemmlowp #(32)"
    if scheme is not Scheme.GEMMLOWP:
        name = f"requant_shift #(32, {RULES[scheme]})"
    return f"{name} dut (clk, a, s[30:0], h[5:0], z, -10'sd128, 10'sd127, code);"


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
    words = {"acc": acc, "scale": rescale.factor, "zero": zero, "shift": rescale.shift}
    for name, values in words.items():
        (tmp_path / f"{name}.hex").write_text(to_hex(values, 32))
    (tmp_path / "want.hex").write_text(to_hex(want, 8))
    (tmp_path / "bench.sv").write_text(BENCH.format(count=6000, unit=unit_of(scheme)))
    unit = SOURCES / f"{unit_of(scheme).split()[0]}.sv"
    subprocess.run(
        ["iverilog", "-g2012", "-o", "bench", "-s", "bench", "bench.sv", str(unit)],
        cwd=tmp_path,
        check=True,
    )
    found = subprocess.run(
        ["vvp", "bench"], cwd=tmp_path, capture_output=True, text=True, check=True
    ).stdout
    assert "6000 words, 0 mismatches" in found


@needs("verilator")
@pytest.mark.parametrize("flow", [0, 1])
@pytest.mark.parametrize("scheme", sorted(set(RULES.values())))
def test_verilator_has_nothing_to_say(flow: int, scheme: int) -> None:
    """-Wall, but for what rtl/lint.vlt explains."""
    done = subprocess.run(
        [
            *("verilator", "--lint-only", "-Wall", "-GR=4", "-GC=4"),
            *(f"-GFLOW={flow}", f"-GSCHEME={scheme}", f"-GSATURATE={1 - flow}", "-GSUM_BITS=20"),
            *("--top-module", "accelerator", "lint.vlt", *MODULES),
        ],
        cwd=SOURCES,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0 and not done.stderr, done.stderr[:2000]
