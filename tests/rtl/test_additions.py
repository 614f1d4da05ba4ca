"""Additions in the machine: a residual block from codes to codes, to the bit and to the cycle."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper, numpy_helper
from test_modules import icarus, needs
from test_network import IS, WS, hold_accounts, needs_verilator

from edgeint8.errors import ModelError
from edgeint8.fixed_point.arithmetic.graph import Node
from edgeint8.fixed_point.arithmetic.requantize import Scheme, code_range
from edgeint8.fixed_point.operators.elementwise import qlinear_add
from edgeint8.fixed_point.runtimes.known import TFLM
from edgeint8.fixed_point.runtimes.sums import add_fixed_point
from edgeint8.rtl.compare import run_network
from edgeint8.rtl.network import rtl_layers
from edgeint8.rtl.pools import addition_constants, gemmlowp_constants
from edgeint8.rtl.rows import rtl_rows

CODES = {"uint8": (np.uint8, 119, 101, 90, 3), "int8": (np.int8, 5, -20, 7, -100)}


def residual(kind: str = "uint8") -> onnx.ModelProto:
    """Quantize, a convolution, its sum with its input, the mean over the image, Dequantize."""
    rng = np.random.default_rng(11)
    dtype, zq, zc, zs, zm = CODES[kind]
    tensors = {
        "qs": np.float32(0.05), "qz": dtype(zq), "cs": np.float32(0.03), "cz": dtype(zc),
        "ss": np.float32(0.0625), "sz": dtype(zs), "ms": np.float32(0.004), "mz": dtype(zm),
        "w": rng.integers(-127, 128, (5, 5, 3, 3)).astype(np.int8),
        "ws": (0.0009 * rng.uniform(0.5, 2, 5)).astype(np.float32), "wz": np.zeros(5, np.int8),
        "b": rng.integers(-900, 900, 5).astype(np.int32),
    }  # fmt: skip
    conv = ["q", "qs", "qz", "w", "ws", "wz", "cs", "cz", "b"]
    added = ["q", "qs", "qz", "c", "cs", "cz", "ss", "sz"]
    ours = "com.microsoft"
    nodes = [
        helper.make_node("QuantizeLinear", ["x", "qs", "qz"], ["q"], "quantize"),
        helper.make_node("QLinearConv", conv, ["c"], "conv", pads=[1, 1, 1, 1]),
        helper.make_node("QLinearAdd", added, ["s"], "add", domain=ours),
        helper.make_node(
            "QLinearGlobalAveragePool", ["s", "ss", "sz", "ms", "mz"], ["m"], "mean", domain=ours
        ),
        helper.make_node("DequantizeLinear", ["m", "ms", "mz"], ["y"], "dequantize"),
    ]
    info = helper.make_tensor_value_info
    graph = helper.make_graph(
        nodes,
        "net",
        [info("x", TensorProto.FLOAT, [1, 5, 6, 7])],
        [info("y", TensorProto.FLOAT, [1, 5, 1, 1])],
        [numpy_helper.from_array(np.asarray(value), name) for name, value in tensors.items()],
    )
    opsets = [helper.make_opsetid("", 17), helper.make_opsetid(ours, 1)]
    return helper.make_model(graph, opset_imports=opsets)


@needs_verilator
@pytest.mark.parametrize("kind", list(CODES))
def test_a_residual_block_runs_from_codes_to_codes(kind: str) -> None:
    """On small and large buffers, so that the addition is cut into rows and is not."""
    inputs = np.random.default_rng(1).normal(0, 4, (2, 5, 6, 7)).astype(np.float32)
    for hardware in (WS, replace(WS, bandwidth_bpc=None, pipelined_folds=False)):
        checks = run_network(residual(kind), inputs, hardware, Scheme.ORT_FLOAT32)
        assert [check.layer.name for check in checks] == ["conv", "add", "mean"]
        rows = rtl_rows("net", "given", hardware, Scheme.ORT_FLOAT32, checks)
        for row in rows:
            assert row["mismatches"] == 0, row["first_mismatch"]
            assert row["rtl_dram_bytes"] == row["dram_bytes"]
            hold_accounts(row)
        assert rows[1]["dram_bytes"] == 3 * 5 * 6 * 7


@needs_verilator
def test_a_residual_block_runs_as_tflite_micro_does() -> None:
    """gemmlowp's addition, and its mean, whose multiplier is divided by the count."""
    inputs = np.random.default_rng(1).normal(0, 4, (2, 5, 6, 7)).astype(np.float32)
    checks = run_network(residual("int8"), inputs, IS, runtime=TFLM)
    rows = rtl_rows("net", "given", IS, TFLM.scheme, checks)
    assert [row["layer"] for row in rows] == ["conv", "add", "mean"]
    for row in rows:
        assert row["mismatches"] == 0, row["first_mismatch"]
        assert row["rtl_dram_bytes"] == row["dram_bytes"]
        hold_accounts(row)


def test_what_an_addition_must_have_is_said() -> None:
    """Two tensors of one shape, both made in the machine."""
    x = {"x": np.zeros((1, 5, 6, 7), np.float32)}
    scalar = residual()
    scalar.graph.initializer.append(numpy_helper.from_array(np.uint8([7]), "seven"))
    scalar.graph.node[2].input[3] = "seven"
    with pytest.raises(ModelError, match="an addition of shapes"):
        rtl_layers(scalar, x)


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
    rows[:, 0], rows[:, 1], rows[:, 7] = a[chosen], b[chosen], want[chosen].view(np.uint8)
    rows[:, 2:5], rows[:, 5], rows[:, 6] = constants, low, high
    return rows, len(twice)


@needs("iverilog")
def test_additions_in_icarus(tmp_path: Path) -> None:
    """20 sets of scales and zero-points: ties, both clamps, and sums that round twice."""
    rng = np.random.default_rng(6)
    rows, twice = zip(*(addition(rng, 100) for _ in range(20)), strict=True)
    words = np.concatenate(rows)
    assert {0, 255} <= set(words[:, 7]) and sum(twice) > 50
    codes = "v[5][9:0], v[6][9:0], code);"
    unit = f"add_ort dut (clk, 1'b1, v[0][8:0], v[1][8:0], v[2], v[3], v[4], {codes}"
    assert "2000 words, 0 mismatches" in icarus(tmp_path, unit, words)


def test_scales_that_an_addition_cannot_hold_are_refused() -> None:
    one = np.float32(1)
    with pytest.raises(ModelError, match="of an addition is"):
        addition_constants(np.float32(2.0**-38), one, one, 0, 0, 0)
    with pytest.raises(ModelError, match="of an addition is"):
        addition_constants(one, np.float32(2.0**17), one, 0, 0, 0)


def gemmlowp_addition(rng: np.random.Generator, count: int) -> np.ndarray:
    """Words of one addition by gemmlowp's rule with the executor's results."""
    a, b = rng.integers(-128, 128, (2, count)).astype(np.int8)
    scales = [np.asarray(2.0 ** rng.uniform(-9, -1), np.float32) for _ in range(3)]
    if rng.integers(2):  # ties
        scales = [np.asarray(2.0**e, np.float32) for e in rng.integers(-6, -1, 3)]
    zeros = [np.asarray(z, np.int8) for z in rng.integers(-128, 128, 3)]
    inputs = [a, scales[0], zeros[0], b, scales[1], zeros[1]]
    want = add_fixed_point(1)(None, *inputs, scales[2], zeros[2])  # type: ignore[arg-type]
    rows = np.empty((count, 8), np.int64)
    rows[:, 0], rows[:, 1] = (
        x.astype(np.int64) - int(z) for x, z in zip((a, b), zeros[:2], strict=True)
    )
    rows[:, 2:6] = gemmlowp_constants(*scales, Node("QLinearAdd", "add", (), (), {}))
    rows[:, 6], rows[:, 7] = zeros[2], want.view(np.uint8)
    return rows


@needs("iverilog")
def test_additions_of_tflite_in_icarus(tmp_path: Path) -> None:
    """40 sets of scales and zero-points; both ends of the codes are met."""
    rng = np.random.default_rng(6)
    words = np.concatenate([gemmlowp_addition(rng, 100) for _ in range(40)])
    assert {127, 128} <= set(words[:, 7])
    shifts = "v[5][5:0], v[5][13:8], v[5][21:16]"
    unit = (
        "add_gemmlowp dut (clk, 1'b1, v[0][8:0], v[1][8:0], v[2][30:0], v[3][30:0], v[4][30:0], "
        f"{shifts}, v[6][9:0], -10'sd128, 10'sd127, code);"
    )
    assert "4000 words, 0 mismatches" in icarus(tmp_path, unit, words)
