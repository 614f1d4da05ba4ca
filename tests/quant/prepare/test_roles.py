"""Weights and biases that play several roles; operators whose integer form would be another."""

import numpy as np
import onnx
import pytest
from float_networks import FLAVOURS
from messy_networks import node, weights
from onnx import TensorProto, helper
from role_networks import network, normal

from edgeint8.fixed_point.compare import compare_model
from edgeint8.quant.affine import sqnr_db
from edgeint8.quant.evidence.evaluation import evaluate
from edgeint8.quant.graph import weight_layers
from edgeint8.quant.ort.reference import batches
from edgeint8.quant.ort.unsigned import unsigned_twin
from edgeint8.quant.prequantized.own_network import answers
from edgeint8.quant.ptq import Strategy, calibrate, prepare_model, quantize, run_onnx

RANGES = np.geomspace(0.02, 2, 8).astype(np.float32)  # what a scale per channel is for
TENSOR, CHANNEL = Strategy("tensor", per_channel=False), Strategy("channel")
DYNAMIC = Strategy("dynamic", dynamic=True)


def autoencoder():
    """Weights of different size along both axes, read along one and the other."""
    stored = {"w": normal(1, 8, 8) * RANGES[:, None], "b": normal(2, 1, 8) / 10}
    nodes = [
        node("MatMul", ["x", "w"], ["h"], "encode"),
        node("Relu", ["h"], ["r"], "relu"),
        node("Gemm", ["r", "w", "b"], ["y"], "decode", transB=1),
    ]
    return network(nodes, stored, {"x": (8,)}, "y"), {"x": normal(3, 60, 8)}


def embedding():
    """A table that is looked up in, and whose rows are the weights of the output."""
    stored = {"table": normal(4, 20, 8), "u": normal(5, 8, 8), "axes": np.array([1])}
    nodes = [
        node("Gather", ["table", "ids"], ["e"], "look_up"),
        node("ReduceSum", ["e", "axes"], ["m"], "mean", keepdims=0),
        node("MatMul", ["m", "u"], ["h"], "hidden"),
        node("Gemm", ["h", "table"], ["y"], "head", transB=1),
    ]
    model = network(nodes, stored, {}, "y")
    model.graph.input.append(helper.make_tensor_value_info("ids", TensorProto.INT64, ["N", 4]))
    return model, {"ids": np.random.default_rng(6).integers(0, 20, (60, 4))}


def heads():
    """One constant matrix a head: three dimensions."""
    stored = {"w": normal(7, 3, 8, 10), "u": normal(8, 10, 5), "v": normal(9, 5)}
    nodes = [
        node("MatMul", ["x", "w"], ["a"], "heads"),
        node("Relu", ["a"], ["b"], "relu"),
        node("MatMul", ["b", "u"], ["c"], "out"),
        node("MatMul", ["c", "v"], ["y"], "vector"),
    ]
    return network(nodes, stored, {"x": (3, 5, 8)}, "y"), {"x": normal(10, 40, 3, 5, 8)}


def grouped_transpose():
    stored = {"w": normal(11, 6, 3, 3, 3) / 5, "t": normal(12, 6, 4, 3, 3) / 5, "c": normal(13, 8)}
    nodes = [
        node("Conv", ["x", "w"], ["a"], "conv"),
        node("Relu", ["a"], ["b"], "relu"),
        node("ConvTranspose", ["b", "t", "c"], ["y"], "up", group=2, strides=[2, 2]),
    ]
    return network(nodes, stored, {"x": (3, 6, 6)}, "y"), {"x": normal(14, 30, 3, 6, 6)}


def two_towers():
    """A product of two activations."""
    stored = {"u": normal(15, 8, 6), "v": normal(16, 8, 6)}
    nodes = [
        node("MatMul", ["a", "u"], ["p"], "left"),
        node("MatMul", ["b", "v"], ["q"], "right"),
        node("Transpose", ["q"], ["t"], "turn", perm=[0, 2, 1]),
        node("MatMul", ["p", "t"], ["y"], "similarity"),
    ]
    feeds = {"a": normal(17, 40, 5, 8), "b": normal(18, 40, 7, 8)}
    return network(nodes, stored, {"a": (5, 8), "b": (7, 8)}, "y"), feeds


def graph_convolution():
    """A constant on the left of a product."""
    stored = {"adjacency": np.abs(normal(19, 6, 6)), "w": normal(20, 8, 5)}
    nodes = [
        node("MatMul", ["adjacency", "x"], ["a"], "mix"),
        node("MatMul", ["a", "w"], ["y"], "project"),
    ]
    return network(nodes, stored, {"x": (6, 8)}, "y"), {"x": normal(21, 40, 6, 8)}


ALL = (autoencoder, embedding, heads, grouped_transpose, two_towers, graph_convolution)


def fidelity(prepared, feeds, strategy, calibration=None):
    """SQNR of a strategy in dB, and its comparison with the executor must have no mismatch."""
    calibration = None if strategy.dynamic else calibrate(prepared, feeds, "minmax")
    quantized = quantize(prepared, calibration, strategy)
    pairs = batches(quantized.executable, feeds, batch=1 if strategy.dynamic else None)
    assert compare_model(quantized.executable, pairs).mismatches == 0
    name = prepared.graph.output[0].name
    found = evaluate(quantized.executable, feeds, batch=quantized.batch)[name]
    return sqnr_db(evaluate(prepared, feeds)[name], found)


@pytest.mark.parametrize("make", ALL, ids=lambda made: made.__name__)
def test_every_strategy_runs_and_is_replayed(make):
    model, feeds = make()
    prepared = prepare_model(model)
    found = {s.name: fidelity(prepared, feeds, s) for s in [*FLAVOURS, DYNAMIC]}
    assert min(found.values()) > 15, found
    power = Strategy("power", power_of_two=True)
    assert fidelity(prepared, feeds, power) > 12


def test_a_scale_per_channel_along_each_readers_axis_is_better_than_one():
    """Along the first reader's axis it was worse than one scale a tensor: 9 dB against 18."""
    model, feeds = autoencoder()
    prepared = prepare_model(model)
    assert fidelity(prepared, feeds, CHANNEL) > fidelity(prepared, feeds, TENSOR) + 1
    quantized = quantize(prepared, calibrate(prepared, feeds, "minmax"), CHANNEL)
    assert "1 copies of weights or biases in several roles" in quantized.note
    again = prepare_model(prepared)
    assert len(again.graph.initializer) == len(prepared.graph.initializer)
    assert "1 copies" in quantize(again, calibrate(again, feeds, "minmax"), CHANNEL).note


def test_layers_that_agree_on_the_axis_go_on_sharing():
    stored = {"w": normal(1, 8, 8)}
    nodes = [node("MatMul", ["x", "w"], ["h"], "a"), node("Gemm", ["h", "w"], ["y"], "b")]
    prepared = prepare_model(network(nodes, stored, {"x": (8,)}, "y"))
    assert {layer.weight_name for layer in weight_layers(prepared)} == {"w"}


def test_what_has_one_scale_is_named():
    model, feeds = heads()
    prepared = prepare_model(model)
    note = quantize(prepared, calibrate(prepared, feeds, "minmax"), CHANNEL).note
    assert "one weight scale in heads, vector: ONNX Runtime has no other there" in note
    assert (
        "one weight scale"
        not in quantize(prepared, calibrate(prepared, feeds, "minmax"), TENSOR).note
    )


@pytest.mark.parametrize("shape", [(), (1,), (1, 4), (4,), (5, 1), (5, 4)])
def test_a_bias_of_any_shape_that_broadcasts(shape):
    stored = {"w": normal(1, 8, 4), "b": np.float32(normal(2, *shape))}
    gemm = node("Gemm", ["x", "w", "b"], ["y"], "gemm", beta=0.5)
    model, feeds = network([gemm], stored, {"x": (8,)}, "y"), {"x": normal(3, 40, 8)}
    model.graph.input[0].type.tensor_type.shape.dim[0].dim_value = 5
    prepared = prepare_model(model)
    np.testing.assert_allclose(
        answers(prepared, feeds)["y"], answers(model, feeds)["y"], rtol=1e-6, atol=1e-6
    )
    assert [e.op_type for e in prepared.graph.node][1:] == ["Add"] * (shape[:1] == (5,))
    calibration = calibrate(prepared, feeds, "minmax")
    quantized = quantize(prepared, calibration, CHANNEL)
    assert quantized.float_nodes == ()


def test_batch_normalization_behind_a_gemm_becomes_part_of_it():
    norm = ["gamma", "beta", "mean", "var"]
    stored = {"w": normal(1, 6, 8), "b": normal(2, 6)} | dict(
        zip(norm, normal(3, 4, 6), strict=True)
    )
    stored["var"] = np.abs(stored["var"]) + 0.1
    nodes = [
        node("Gemm", ["x", "w", "b"], ["h"], "gemm", transB=1, alpha=2.0, beta=0.5),
        node("BatchNormalization", ["h", *norm], ["y"], "norm"),
    ]
    model, feeds = network(nodes, stored, {"x": (8,)}, "y"), {"x": normal(4, 40, 8)}
    prepared = prepare_model(model)
    assert [e.op_type for e in prepared.graph.node] == ["Gemm"]
    expected = onnx.reference.ReferenceEvaluator(model).run(None, feeds)[0]
    np.testing.assert_allclose(answers(prepared, feeds)["y"], expected, rtol=1e-4, atol=1e-5)
    model.graph.output.append(onnx.ValueInfoProto(name="h"))  # now something else reads it
    assert "BatchNormalization" in {e.op_type for e in prepare_model(model).graph.node}


@pytest.mark.parametrize("make", [two_towers, graph_convolution], ids=lambda made: made.__name__)
def test_products_whose_both_sides_would_shift_have_no_unsigned_twin(make):
    model, feeds = make()
    prepared = prepare_model(model)
    strategy = Strategy("sym", symmetric=True)
    graph = quantize(prepared, calibrate(prepared, feeds, "minmax"), strategy).executable
    assert unsigned_twin(graph) is None
    assert np.array_equal(evaluate(graph, feeds)["y"], run_onnx(graph, feeds)["y"])


@pytest.mark.parametrize("pad", [0, 1])
def test_a_pool_that_counts_beyond_its_padding_stays_float(pad):
    """torch's AvgPool2d(3, 2, ceil_mode=True): the integer pool has another divisor."""
    stored = weights(1, w=(4, 3, 3, 3))
    options = {"kernel_shape": [3, 3], "strides": [2, 2], "pads": [pad] * 4, "ceil_mode": 1}
    nodes = [
        node("Conv", ["x", "w"], ["a"], "conv"),
        node("AveragePool", ["a"], ["y"], "pool", count_include_pad=1, **options),
    ]
    prepared = prepare_model(network(nodes, stored, {"x": (3, 8, 8)}, "y"))
    feeds = {"x": normal(2, 20, 3, 8, 8)}
    for form in ("qoperator", "qdq"):
        assert fidelity(prepared, feeds, Strategy("s", format=form)) > 30
        calibration = calibrate(prepared, feeds, "minmax")
        assert "pool" in quantize(prepared, calibration, Strategy("s", format=form)).float_nodes
