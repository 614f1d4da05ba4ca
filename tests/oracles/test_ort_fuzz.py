"""Random quantised graphs: every tensor of the executor against ONNX Runtime, tolerance 0."""

import numpy as np
import onnx
import pytest
from onnx import helper, numpy_helper
from random_graphs import random_graph

from edgeint8.fixed_point.compare import compare_batch
from edgeint8.fixed_point.executor import DataPath, Executor
from edgeint8.quant.ort import reference as ort_witness

EVERY_OPERATOR = {
    "QuantizeLinear", "DequantizeLinear", "QLinearConv", "QLinearMatMul", "QGemm", "QLinearAdd",
    "QLinearMul", "QLinearConcat", "QLinearSigmoid", "QLinearLeakyRelu", "QLinearSoftmax",
    "QLinearAveragePool", "QLinearGlobalAveragePool", "MaxPool", "Relu", "Clip", "Flatten",
    "Transpose", "Pad", "Slice",
}  # fmt: skip


def compare_seed(seed):
    """Differences of one random graph; both data paths must agree."""
    model, feeds = random_graph(seed)
    reference = ort_witness.all_tensors(model, feeds)
    path = list(DataPath)[seed % 2]
    return compare_batch(Executor(model, data_path=path), feeds, reference)


def check(seeds):
    """All seeds without a mismatch; returns the operators that were met."""
    met, elements = set(), 0
    for seed in seeds:
        for tensor in compare_seed(seed):
            assert tensor.exact, tensor
            assert tensor.mismatches == 0, f"seed {seed}: {tensor}"
            met.add(tensor.op_type)
            elements += tensor.elements
    return met, elements


def test_hundred_random_graphs_equal_ort():
    met, elements = check(range(100))
    assert met >= EVERY_OPERATOR
    assert elements > 200_000


@pytest.mark.slow
def test_two_thousand_random_graphs_equal_ort():
    met, elements = check(range(1000, 3000))
    assert met >= EVERY_OPERATOR
    assert elements > 4_000_000


def single(op, inputs, constants, feed, domain="com.microsoft", **attributes):
    """A model of one node; `feed` maps its graph inputs to arrays."""
    graph = helper.make_graph(
        [helper.make_node(op, inputs, ["y"], op, domain=domain, **attributes)],
        op,
        [
            helper.make_tensor_value_info(
                name, helper.np_dtype_to_tensor_dtype(value.dtype), ("n", *value.shape[1:])
            )
            for name, value in feed.items()
        ],
        [onnx.ValueInfoProto(name="y")],
        [numpy_helper.from_array(np.asarray(value), name) for name, value in constants.items()],
    )
    opsets = [helper.make_opsetid("", 17), helper.make_opsetid("com.microsoft", 1)]
    return helper.make_model(graph, opset_imports=opsets, ir_version=9)


def assert_equals_ort(model, feed):
    """Every element of the one output."""
    want = ort_witness.all_tensors(model, feed)["y"]
    np.testing.assert_array_equal(Executor(model).run(feed)["y"], want)


@pytest.mark.parametrize("scale", [0.1, 0.0235, 1 / 3, 0.7, 2.0**-6])
def test_quantize_linear_divides(scale):
    """Values at half steps and their neighbours: x * (1/s) rounds some of them elsewhere."""
    scale = np.float32(scale)
    half = ((np.arange(-140, 140) + np.float32(0.5)) * scale).astype(np.float32)
    x = np.concatenate([half, np.nextafter(half, np.float32(9e9)), np.nextafter(half, -half)])
    constants = {"s": scale, "z": np.int8(3)}
    model = single("QuantizeLinear", ["x", "s", "z"], constants, {"x": x}, domain="")
    assert_equals_ort(model, {"x": x})


@pytest.mark.parametrize("op", ["QLinearAdd", "QLinearMul"])
@pytest.mark.parametrize("dtype", [np.uint8, np.int8])
def test_qlinear_binary_for_all_pairs_of_codes(op, dtype):
    """All 65,536 pairs for eight sets of parameters, generic and with exact ties."""
    rng = np.random.default_rng(5)
    codes = np.arange(256, dtype=np.uint8).view(dtype)
    a, b = np.repeat(codes, 256)[None], np.tile(codes, 256)[None]
    for case in range(8):
        scales = rng.uniform(0.01, 0.1, 3) if case % 2 else 2.0 ** -rng.integers(3, 7, 3)
        a_s, b_s, c_s = (np.float32(s) for s in scales)
        c_s = c_s if op == "QLinearAdd" else np.float32(c_s * 4)
        zeros = rng.choice(codes, 3)
        constants = {"as": a_s, "bs": b_s, "cs": c_s}
        constants |= dict(zip(("az", "bz", "cz"), zeros, strict=True))
        names = ["a", "as", "az", "b", "bs", "bz", "cs", "cz"]
        feed = {"a": a, "b": b}
        assert_equals_ort(single(op, names, constants, feed), feed)


def decisive_pool_case(rng, length):
    """Scales, and a sum of codes that the two orders of division round to different levels."""
    while True:
        x_scale, y_scale = rng.uniform(0.01, 0.1, 2).astype(np.float32)
        ours = np.float32(x_scale / np.float32(y_scale * np.float32(length)))
        other = np.float32(np.float32(x_scale / y_scale) / np.float32(length))
        sums = np.arange(255 * length + 1, dtype=np.float32)
        differ = np.flatnonzero(np.rint(sums * ours) != np.rint(sums * other))
        if len(differ) and sums[differ[0]] * ours < 255:
            return x_scale, y_scale, int(differ[0])


@pytest.mark.parametrize("length", [7, 25, 49])
def test_global_average_pool_scale(length):
    rng = np.random.default_rng(length)
    for _ in range(5):
        x_scale, y_scale, total = decisive_pool_case(rng, length)
        x = np.full((1, 1, length), total // length, np.uint8)
        x[..., : total % length] += 1
        constants = {"s": x_scale, "z": np.uint8(0), "t": y_scale}
        names = ["x", "s", "z", "t", "z"]
        model = single("QLinearGlobalAveragePool", names, constants, {"x": x}, channels_last=0)
        assert_equals_ort(model, {"x": x})


@pytest.mark.parametrize("dtype", [np.uint8, np.int8])
def test_softmax_table(dtype):
    """Enough rows to meet the rare quotient whose rounding hangs on the table's last bit."""
    rng = np.random.default_rng(0)
    low = np.iinfo(dtype).min
    for _ in range(60):
        length, scale = int(rng.integers(2, 12)), np.float32(rng.uniform(0.002, 0.05))
        x = (rng.integers(0, 256, (2000, length)) + low).astype(dtype)
        constants = {"s": scale, "z": dtype(low), "t": np.float32(1 / 256)}
        names = ["x", "s", "z", "t", "z"]
        model = single("QLinearSoftmax", names, constants, {"x": x}, axis=-1, opset=13)
        assert_equals_ort(model, {"x": x})
