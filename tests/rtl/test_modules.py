"""The units in Icarus, the second simulator, and what Verilator says of the sources."""

import os
import shutil
import subprocess
from pathlib import Path

import numpy as np
import pytest

from edgeint8.errors import ModelError
from edgeint8.fixed_point.arithmetic.requantize import Scheme, code_range, requantize
from edgeint8.fixed_point.operators.elementwise import qlinear_add
from edgeint8.fixed_point.vectors.hexfile import to_hex
from edgeint8.rtl.layer import SCHEMES, rescale_of
from edgeint8.rtl.pools import addition_constants
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


def icarus(folder: Path, unit: Path) -> str:
    """What the bench in `folder` says of a unit."""
    build = ["iverilog", "-g2012", "-o", "bench", "-s", "bench", "bench.sv", str(unit)]
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
    words = {"acc": acc, "scale": rescale.factor, "zero": zero, "shift": rescale.shift}
    for name, values in words.items():
        (tmp_path / f"{name}.hex").write_text(to_hex(values, 32))
    (tmp_path / "want.hex").write_text(to_hex(want, 8))
    (tmp_path / "bench.sv").write_text(BENCH.format(count=6000, unit=unit_of(scheme)))
    unit = SOURCES / f"{unit_of(scheme).split()[0]}.sv"
    assert "6000 words, 0 mismatches" in icarus(tmp_path, unit)


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


ADD_BENCH = """`timescale 1ns / 1ns
module bench;
  localparam integer N = {count};
  reg [31:0] words [0:8*N-1];
  reg clk = 0;
  reg signed [8:0] a, b;
  reg [31:0] sa, sb, f;
  reg signed [9:0] low, high;
  wire [7:0] code;
  add_ort dut (clk, a, b, sa, sb, f, low, high, code);
  integer i, k, bad = 0;
  initial begin
    $readmemh("words.hex", words, 0, 8*N-1);
    for (i = 0; i < N; i = i + 1) begin
      a = words[8*i][8:0]; b = words[8*i+1][8:0]; sa = words[8*i+2]; sb = words[8*i+3];
      f = words[8*i+4]; low = words[8*i+5][9:0]; high = words[8*i+6][9:0];
      for (k = 0; k < 3; k = k + 1) begin #1 clk = 1; #1 clk = 0; end
      #1 if (code !== words[8*i+7][7:0]) bad = bad + 1;
    end
    $display("%0d words, %0d mismatches", N, bad);
    $finish;
  end
endmodule
"""


def addition(rng: np.random.Generator, count: int) -> tuple[np.ndarray, int]:
    """Words of one QLinearAdd with the executor's results, and how many of them round twice.

    Of all pairs of codes those come first on which float32's two roundings decide: rounded once,
    the same sum is another code.
    """
    dtype = rng.choice([np.int8, np.uint8])
    low, high = code_range(dtype)
    a, b = (v.ravel().astype(dtype) for v in np.mgrid[low : high + 1, low : high + 1])
    scales = [np.float32(s) for s in 2.0 ** rng.uniform(-9, -1, 3)]
    if rng.integers(2):  # ties: every scale a power of two, or one of them nearly
        scales = [np.float32(2.0**e) for e in rng.integers(-6, -1, 3)]
        scales[0] = np.nextafter(scales[0], np.float32(rng.integers(2)))
    zeros = [np.asarray(z, dtype) for z in rng.integers(low, high + 1, 3)]
    inputs = [a, scales[0], zeros[0], b, scales[1], zeros[1]]
    want = qlinear_add(None, *inputs, scales[2], zeros[2])  # type: ignore[arg-type]
    constants = addition_constants(*scales, *(int(z) for z in zeros))
    first, second, offset = np.array(constants, np.int32).view(np.float32).astype(np.float64)
    once = np.clip(np.rint(a * first + b * second + offset), low, high)
    twice = np.flatnonzero(once != want)[: count // 2]
    chosen = np.concatenate([twice, [0, a.size - 1], rng.integers(0, a.size, count)])[:count]
    rows = np.empty((count, 8), np.int64)
    rows[:, 0], rows[:, 1], rows[:, 7] = a[chosen], b[chosen], want[chosen]
    rows[:, 2:5], rows[:, 5], rows[:, 6] = constants, low, high
    return rows, len(twice)


@needs("iverilog")
def test_additions_in_icarus(tmp_path: Path) -> None:
    """20 sets of scales and zero-points: ties, both clamps, and sums that round twice."""
    rng = np.random.default_rng(6)
    rows, twice = zip(*(addition(rng, 100) for _ in range(20)), strict=True)
    words = np.concatenate(rows)
    assert {0, 255} <= set(words[:, 7] & 255) and sum(twice) > 50
    (tmp_path / "words.hex").write_text(to_hex(words, 32))
    (tmp_path / "bench.sv").write_text(ADD_BENCH.format(count=2000))
    assert "2000 words, 0 mismatches" in icarus(tmp_path, SOURCES / "add_ort.sv")


def test_scales_that_an_addition_cannot_hold_are_refused() -> None:
    one = np.float32(1)
    with pytest.raises(ModelError, match="of an addition is"):
        addition_constants(np.float32(2.0**-38), one, one, 0, 0, 0)
    with pytest.raises(ModelError, match="of an addition is"):
        addition_constants(one, np.float32(2.0**17), one, 0, 0, 0)
