"""Recurrent layers, TopK, MaxPool with indices and cubic Resize against ONNX Runtime."""

import numpy as np
import onnx
import pytest
from messy_networks import FLOAT, node
from one_node import F32, array, both, close, model_of
from onnx import helper, numpy_helper

from edgeint8.errors import ModelError
from edgeint8.fixed_point.compare import compare_model
from edgeint8.fixed_point.executor import Executor, float_nodes
from edgeint8.quant.ort.reference import batches
from edgeint8.quant.ptq import Strategy, calibrate, prepare_model, quantize
from edgeint8.quant.session import make_session

GATES = {"LSTM": 4, "GRU": 3}
T, N, WIDTH, H = 7, 4, 5, 6


def recurrent(op_type, direction="forward", states=False, lengths=False, bias=True, **attributes):
    """A model of one layer with all its outputs, and feeds."""
    ways, gates = 2 if direction == "bidirectional" else 1, GATES[op_type]
    x = {"x": array(1, (T, N, WIDTH))}
    stored = {"w": array(2, (ways, gates * H, WIDTH)) / 2, "r": array(3, (ways, gates * H, H)) / 2}
    inputs = ["x", "w", "r", "b" if bias else "", "n" if lengths else ""]
    stored |= {"b": array(4, (ways, 2 * gates * H)) / 2} if bias else {}
    stored |= {"n": np.array([7, 3, 1, 5], np.int32)} if lengths else {}
    names = ["h0", "c0"][: 1 + (op_type == "LSTM")] if states else []
    stored |= {name: array(5, (ways, N, H)) for name in names}
    inputs += names
    if op_type == "LSTM" and states:
        stored |= {"p": array(6, (ways, 3 * H)) / 2}
        inputs.append("p")
    outputs = ["y", "yh", "yc"][: 2 + (op_type == "LSTM")]
    graph = helper.make_graph(
        [helper.make_node(op_type, inputs, outputs, "layer", hidden_size=H, direction=direction,
                          **attributes)],
        "one",
        [helper.make_tensor_value_info("x", FLOAT, ["T", "N", WIDTH])],
        [onnx.ValueInfoProto(name=name) for name in outputs],
        [numpy_helper.from_array(np.asarray(value), name) for name, value in stored.items()],
    )  # fmt: skip
    opsets = [helper.make_opsetid("", 17)]
    return helper.make_model(graph, opset_imports=opsets, ir_version=9), x


@pytest.mark.parametrize("op_type", GATES)
@pytest.mark.parametrize("direction", ["forward", "reverse", "bidirectional"])
@pytest.mark.parametrize("states", [False, True])
@pytest.mark.parametrize("lengths", [False, True])
def test_recurrent_layers_are_close_to_ort(op_type, direction, states, lengths):
    model, feeds = recurrent(op_type, direction, states, lengths)
    got = Executor(model).run(feeds)
    names = [output.name for output in model.graph.output]
    for name, want in zip(names, make_session(model).run(None, feeds), strict=True):
        assert got[name].shape == want.shape and got[name].dtype == want.dtype
        close(got[name], want)


@pytest.mark.parametrize("before", [0, 1])
@pytest.mark.parametrize("bias", [False, True])
def test_where_a_gru_resets(before, bias):
    model, feeds = recurrent("GRU", bias=bias, linear_before_reset=before)
    close(Executor(model).run(feeds)["y"], make_session(model).run(["y"], feeds)[0])


def test_other_activations_of_a_recurrent_layer():
    names = ["Sigmoid", "Relu", "Tanh", "Sigmoid", "Tanh", "Relu"]
    model, feeds = recurrent("LSTM", "bidirectional", activations=names)
    close(Executor(model).run(feeds)["y"], make_session(model).run(["y"], feeds)[0])
    model, feeds = recurrent("GRU", activations=["Elu", "Tanh"])
    with pytest.raises(ModelError, match=r"activation elu.*node layer"):
        Executor(model).run(feeds)


@pytest.mark.parametrize("strategy", [Strategy("s"), Strategy("dynamic", dynamic=True)])
def test_a_network_around_a_recurrent_layer_is_replayed(strategy):
    """Not under dynamic quantisation either does the layer become codes: its cells are floats."""
    model, _ = recurrent("LSTM")
    graph, rng = model.graph, np.random.default_rng(7)
    graph.input[0].CopyFrom(helper.make_tensor_value_info("z", FLOAT, ["N", T, WIDTH]))
    graph.node.insert(0, node("Transpose", ["z"], ["x"], "turn", perm=[1, 0, 2]))
    graph.node.append(node("Squeeze", ["yh", "axes"], ["last"], "squeeze"))
    graph.node.append(node("Gemm", ["last", "u"], ["out"], "dense"))
    for name, value in {"axes": np.array([0]), "u": rng.standard_normal((H, 3))}.items():
        value = value.astype(F32) if name == "u" else value
        graph.initializer.append(numpy_helper.from_array(value, name))
    del graph.output[:]
    graph.output.append(onnx.ValueInfoProto(name="out"))
    prepared, feeds = prepare_model(model), {"z": array(8, (20, T, WIDTH))}
    calibration = None if strategy.dynamic else calibrate(prepared, feeds, "minmax")
    quantized = quantize(prepared, calibration, strategy).executable
    assert "layer" in float_nodes(quantized)
    compared = compare_model(quantized, batches(quantized, feeds, batch=1))
    assert compared.mismatches == 0


@pytest.mark.parametrize("dtype", [F32, np.uint8])
@pytest.mark.parametrize("attributes", [{}, {"axis": 1}, {"largest": 0}, {"axis": 0, "largest": 0}])
def test_top_k_equals_ort(dtype, attributes):
    x = array(1, (4, 6, 9), dtype)
    x[0, 0] = x[0, 0, 0]  # equal ones: the first comes first
    model = model_of("TopK", {"x": x}, {"k": np.array([3])}, **attributes)
    model.graph.node[0].output.append("where")
    model.graph.output.append(onnx.ValueInfoProto(name="where"))
    got = Executor(model).run({"x": x})
    for name, want in zip(["y", "where"], make_session(model).run(None, {"x": x}), strict=True):
        np.testing.assert_array_equal(got[name], want, strict=True)


@pytest.mark.parametrize("dtype", [F32, np.uint8])
@pytest.mark.parametrize("shape", [(2, 3, 9), (2, 3, 8, 7)])
@pytest.mark.parametrize("pad", [0, 1])
def test_where_the_largest_of_a_window_stands(dtype, shape, pad):
    x = array(2, shape, dtype)
    x[0] = x[0] // 64 if dtype == np.uint8 else np.floor(x[0])  # many equal ones
    axes = len(shape) - 2
    model = model_of(
        "MaxPool", {"x": x}, kernel_shape=[3] * axes, strides=[2] * axes, pads=[pad] * 2 * axes
    )
    model.graph.node[0].output.append("where")
    model.graph.output.append(onnx.ValueInfoProto(name="where"))
    got = Executor(model).run({"x": x})
    for name, want in zip(["y", "where"], make_session(model).run(None, {"x": x}), strict=True):
        np.testing.assert_array_equal(got[name], want, strict=True)


COORDINATES = ("half_pixel", "pytorch_half_pixel", "align_corners", "asymmetric")


@pytest.mark.parametrize("mode", COORDINATES)
@pytest.mark.parametrize("outside", [0, 1])
@pytest.mark.parametrize("scales", [(1, 1, 2, 3), (1, 1, 0.5, 1.7), (1, 1, 1, 2)])
def test_a_cubic_resize_is_close(mode, outside, scales):
    x = array(3, (2, 3, 6, 8))
    model = model_of(
        "Resize", {"x": x}, {"scales": np.array(scales, F32)}, inputs=["x", "", "scales"],
        mode="cubic", coordinate_transformation_mode=mode, exclude_outside=outside,
        cubic_coeff_a=-0.6,
    )  # fmt: skip
    close(*both(model, {"x": x}))
