"""Additions in the machine: a residual block from codes to codes, to the bit and to the cycle."""

from dataclasses import replace

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper, numpy_helper
from test_network import WS, hold_accounts, needs_verilator

from edgeint8.errors import ModelError
from edgeint8.fixed_point.arithmetic.requantize import Scheme
from edgeint8.rtl.compare import run_network
from edgeint8.rtl.network import rtl_layers
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


def test_what_an_addition_must_have_is_said() -> None:
    """Two tensors of one shape, both made in the machine."""
    x = {"x": np.zeros((1, 5, 6, 7), np.float32)}
    scalar = residual()
    scalar.graph.initializer.append(numpy_helper.from_array(np.uint8([7]), "seven"))
    scalar.graph.node[2].input[3] = "seven"
    with pytest.raises(ModelError, match="an addition of shapes"):
        rtl_layers(scalar, x)
