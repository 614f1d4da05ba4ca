"""Averages of windows: the units in Icarus, networks of them from codes to codes."""

from fractions import Fraction
from pathlib import Path

import numpy as np
import onnx
import pytest
from one_node import model_of
from onnx import TensorProto, helper, numpy_helper
from test_modules import icarus, needs
from test_network import IS, WS, hold_accounts, needs_verilator

from edgeint8.arch.machine.hardware import Hardware
from edgeint8.errors import ModelError
from edgeint8.fixed_point.arithmetic.requantize import code_range
from edgeint8.fixed_point.executor import Executor
from edgeint8.fixed_point.runtimes.known import ORT, TFLM
from edgeint8.fixed_point.runtimes.runtime import Runtime
from edgeint8.rtl.compare import run_network
from edgeint8.rtl.network import rtl_layers
from edgeint8.rtl.rows import rtl_rows

OURS = "com.microsoft"
WINDOWS, TRIED, POOLED = 20, 600, 15


def averages(rng: np.random.Generator, runtime: Runtime) -> tuple[np.ndarray, int]:
    """Rows of one pool's elements for its unit, and how many windows float32 decides.

    A window is a row of the image, its code wanted with the last element. Of those tried come first
    up to WINDOWS / 2 where float32 decides: the quotient of the exact sum rounds to another code.
    """
    dtype = rng.choice([np.int8, np.uint8])
    low, high = code_range(dtype)
    length = int(rng.integers(1, 12))
    x = rng.integers(low, high + 1, (1, TRIED, 1, length + 1)).astype(dtype)
    x[0, 0], x[0, 1] = low, high
    x_scale = np.float32(2.0 ** rng.uniform(-9, -1))
    y_scale = np.float32(x_scale * rng.choice([0.5, 1, 2, rng.uniform(0.3, 2)]))
    x_zero, y_zero = (np.asarray(z, dtype) for z in rng.integers(low, high + 1, 2))
    constants = {"xs": x_scale, "xz": x_zero, "ys": y_scale, "yz": y_zero}
    constants = {name: np.asarray(value) for name, value in constants.items()}
    model = model_of(
        "QLinearAveragePool", {"x": x}, constants, domain=OURS, kernel_shape=[1, length]
    )
    want = Executor(model, runtime=runtime).run({"x": x})["y"][0, :, 0, 0]
    zero = int(x_zero) if runtime is ORT else 0
    rows = np.full((TRIED, length, 9), -1, np.int64)
    rows[..., 0] = x[0, :, 0, :length].astype(np.int64) - zero
    rows[..., 1], rows[..., 2] = np.arange(length) == 0, np.arange(1, length + 1)
    rows[..., 3:5] = np.array([x_scale, y_scale]).view(np.int32)
    rows[..., 5], rows[..., 6], rows[..., 7] = y_zero, low, high
    rows[:, -1, 8] = want.view(np.uint8)
    ratio = Fraction(float(x_scale)) / (length * Fraction(float(y_scale)))
    exact = [round(int(total) * ratio) + int(y_zero) for total in rows[..., 0].sum(axis=1)]
    decided = np.flatnonzero(np.clip(exact, low, high) != want)[: WINDOWS // 2]
    chosen = np.concatenate([decided, np.arange(WINDOWS)])[:WINDOWS]
    return rows[chosen].reshape(-1, 9), len(decided)


@needs("iverilog")
@pytest.mark.parametrize("runtime", [ORT, TFLM], ids=lambda runtime: runtime.name)
def test_averages_in_icarus(runtime: Runtime, tmp_path: Path) -> None:
    """15 pools; both ends of the codes are met, and sums on whose roundings a code depends."""
    rng = np.random.default_rng(9)
    rows, decided = zip(*(averages(rng, runtime) for _ in range(POOLED)), strict=True)
    words = np.concatenate(rows)
    assert {0, 127, 128, 255} <= set(words[:, 8])
    assert runtime is not ORT or sum(decided) > 20
    ports = "clk, 1'b1, take, v[1][0], v[0][8:0], v[2][23:0],"
    codes = "v[6][9:0], v[7][9:0], code);"
    unit = f"average_tflite dut ({ports} {codes}"
    if runtime is ORT:
        unit = f"average_ort dut ({ports} v[3], v[4], v[5][9:0], {codes}"
    assert f"{POOLED * WINDOWS} words, 0 mismatches" in icarus(tmp_path, unit, words)


def pooled(rng: np.random.Generator, dtype: type, **attributes: object) -> onnx.ModelProto:
    """Quantize, a pool with `attributes`, a convolution, a pool of the whole image, Dequantize."""
    low, high = code_range(dtype)
    tensors = {
        f"{name}{part}": value
        for name in "qpcm"
        for part, value in (
            ("s", np.float32(0.05 * rng.uniform(0.5, 2))),
            ("z", dtype(rng.integers(low, high + 1))),
        )
    } | {
        "w": rng.integers(-127, 128, (5, 4, 2, 1)).astype(np.int8),
        "ws": (0.01 * rng.uniform(0.5, 2, 5)).astype(np.float32), "wz": np.zeros(5, np.int8),
        "b": rng.integers(-90, 90, 5).astype(np.int32),
    }  # fmt: skip
    conv = ["p", "ps", "pz", "w", "ws", "wz", "cs", "cz", "b"]
    size = Executor(model_of("AveragePool", {"x": X}, **attributes)).run({"x": X})["y"].shape
    whole = [size[2] - 1, size[3]]  # behind the convolution
    nodes = [
        helper.make_node("QuantizeLinear", ["x", "qs", "qz"], ["q"], "quantize"),
        helper.make_node(
            "QLinearAveragePool", ["q", "qs", "qz", "ps", "pz"], ["p"], "windows",
            domain=OURS, **attributes,
        ),
        helper.make_node("QLinearConv", conv, ["c"], "conv"),
        helper.make_node(
            "QLinearAveragePool", ["c", "cs", "cz", "ms", "mz"], ["m"], "whole",
            domain=OURS, kernel_shape=whole,
        ),
        helper.make_node("DequantizeLinear", ["m", "ms", "mz"], ["y"], "dequantize"),
    ]  # fmt: skip
    graph = helper.make_graph(
        nodes,
        "net",
        [helper.make_tensor_value_info("x", TensorProto.FLOAT, X.shape)],
        [helper.make_tensor_value_info("y", TensorProto.FLOAT, [1, 5, 1, 1])],
        [numpy_helper.from_array(np.asarray(value), name) for name, value in tensors.items()],
    )
    opsets = [helper.make_opsetid("", 17), helper.make_opsetid(OURS, 1)]
    return helper.make_model(graph, opset_imports=opsets)


X = np.random.default_rng(4).normal(0, 3, (1, 4, 9, 8)).astype(np.float32)
POOLS = (
    {"kernel_shape": [2, 2], "strides": [2, 2]},
    {"kernel_shape": [3, 3], "pads": [1, 1, 1, 1]},
    {"kernel_shape": [3, 2], "strides": [2, 3], "pads": [0, 1, 2, 0], "ceil_mode": 1},
    {"kernel_shape": [4, 3], "auto_pad": "SAME_UPPER", "strides": [2, 1]},
)


@needs_verilator
@pytest.mark.parametrize(("hardware", "runtime"), [(WS, ORT), (IS, TFLM)], ids=["ort", "tflm"])
@pytest.mark.parametrize("dtype", [np.int8, np.uint8], ids=["int8", "uint8"])
def test_averages_run_from_codes_to_codes(
    hardware: Hardware, runtime: Runtime, dtype: type
) -> None:
    """Padding counts or does not; cycle for cycle, byte for byte."""
    rng = np.random.default_rng(2)
    pads = [0, 1] if runtime is ORT else [0]
    for attributes in [{**pool, "count_include_pad": k} for pool in POOLS for k in pads]:
        checks = run_network(pooled(rng, dtype, **attributes), X, hardware, runtime=runtime)
        assert [check.layer.name for check in checks] == ["windows", "conv", "whole"]
        for row in rtl_rows("net", "given", hardware, runtime.scheme, checks):
            assert row["mismatches"] == 0, (attributes, row["first_mismatch"])
            assert row["rtl_dram_bytes"] == row["dram_bytes"]
            hold_accounts(row)


def test_what_an_average_must_be_is_said() -> None:
    """Channels first, scales that integers hold; tflite-micro counts no padding."""
    rng = np.random.default_rng(2)
    model = pooled(rng, np.int8, kernel_shape=[2, 2], count_include_pad=1)
    with pytest.raises(ModelError, match="an average of tflm that counts its padding"):
        rtl_layers(model, {"x": X}, runtime=TFLM)
    tiny = pooled(rng, np.int8, kernel_shape=[2, 2])
    tiny.graph.initializer.append(numpy_helper.from_array(np.float32(2.0**-40), "tiny"))
    tiny.graph.node[1].input[3] = "tiny"
    with pytest.raises(ModelError, match="a constant of an average is"):
        rtl_layers(tiny, {"x": X})
