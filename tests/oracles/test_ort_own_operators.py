"""Operators that networks from elsewhere bring, against ONNX Runtime: activations, logic, If."""

import numpy as np
import onnx
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from messy_networks import FLOAT, MESSY, node
from one_node import F32, array, both, close, model_of
from onnx import TensorProto, helper, numpy_helper

from edgeint8.errors import ModelError
from edgeint8.fixed_point.compare import compare_model
from edgeint8.fixed_point.executor import Executor, float_nodes
from edgeint8.quant.ort.ort_quantizer import optimised_graph
from edgeint8.quant.ort.reference import batches

SHAPE = (2, 5, 4, 3)
X = array(1, SHAPE)
EDGES = np.array([[0.0, -0.0, 1e-30, -1e-30, 30.0, -30.0, 100.0, -100.0]], F32)
ACTIVATIONS = [
    ("Elu", {}, 18),
    ("Elu", {"alpha": 0.3}, 18),
    ("Selu", {}, 18),
    ("Selu", {"alpha": 1.1, "gamma": 0.7}, 18),
    ("Celu", {"alpha": 0.5}, 18),
    ("Softplus", {}, 18),
    ("Softsign", {}, 18),
    ("Mish", {}, 18),
    ("Gelu", {}, 20),
    ("Gelu", {"approximate": "tanh"}, 20),
    ("LogSoftmax", {"axis": 1}, 18),
    ("LogSoftmax", {"axis": 1}, 11),
    ("LogSoftmax", {}, 18),
]
EXACT = [
    ("Abs", {}),
    ("Ceil", {}),
    ("Floor", {}),
    ("Reciprocal", {}),
    ("ThresholdedRelu", {"alpha": 0.4}),
    ("GlobalMaxPool", {}),
]


@pytest.mark.parametrize(("op_type", "attributes", "opset"), ACTIVATIONS)
@pytest.mark.parametrize("x", [X, EDGES], ids=["normal", "edges"])
def test_activations_are_close_to_ort(op_type, attributes, opset, x):
    attributes = attributes if x is X or "axis" not in attributes else {"axis": -1}
    close(*both(model_of(op_type, {"x": x}, opset=opset, **attributes), {"x": x}))


@pytest.mark.parametrize(("op_type", "attributes"), EXACT)
def test_what_only_compares_or_rounds_once_equals_ort(op_type, attributes):
    np.testing.assert_array_equal(
        *both(model_of(op_type, {"x": X}, **attributes), {"x": X}), strict=True
    )


@pytest.mark.parametrize("slope", [(1, 5, 1, 1), (5, 1, 1), (1,), SHAPE])
def test_prelu_equals_ort_in_every_bit(slope):
    model = model_of("PRelu", {"x": X}, {"slope": array(2, slope)})
    np.testing.assert_array_equal(*both(model, {"x": X}))


def test_a_sum_of_three_equals_ort_in_every_bit():
    feeds = {"x": X, "a": array(3, SHAPE), "b": array(4, (3,))}
    np.testing.assert_array_equal(*both(model_of("Sum", feeds), feeds))


@pytest.mark.parametrize("size", [1, 3, 5])  # ONNX Runtime refuses even ones
def test_local_response_normalization_is_close(size):
    model = model_of("LRN", {"x": X}, size=size, alpha=0.3, beta=0.6, bias=1.5)
    close(*both(model, {"x": X}))


def test_instance_normalization_is_close():
    constants = {"scale": array(5, (5,)), "bias": array(6, (5,))}
    close(*both(model_of("InstanceNormalization", {"x": X}, constants, epsilon=1e-3), {"x": X}))


def test_logarithm_is_close():
    positive = np.abs(X) + F32(0.1)
    close(*both(model_of("Log", {"x": positive}), {"x": positive}))


def test_tile_and_global_max_of_codes():
    codes = array(7, SHAPE, np.int8)
    repeats = np.array([1, 2, 1, 3])
    np.testing.assert_array_equal(
        *both(model_of("Tile", {"x": codes}, {"repeats": repeats}), {"x": codes})
    )


@pytest.mark.parametrize(("kind", "fmod"), [(np.int64, 0), (np.int64, 1), (np.float32, 1)])
def test_remainders_equal_ort(kind, fmod):
    """Floats only with fmod, as ONNX says."""
    feeds = {"x": np.array([7, -7, 7, -7, 0], kind), "a": np.array([3, 3, -3, -3, 5], kind)}
    np.testing.assert_array_equal(*both(model_of("Mod", feeds, fmod=fmod), feeds), strict=True)


@pytest.mark.parametrize("value", [None, np.array([7], np.int64), np.array([0.5], F32)])
def test_constants_of_a_shape_equal_ort(value):
    options = {} if value is None else {"value": numpy_helper.from_array(value)}
    feeds = {"x": np.array([2, 0, 3])}
    got, want = both(model_of("ConstantOfShape", feeds, **options), feeds)
    np.testing.assert_array_equal(got, want, strict=True)


@pytest.mark.parametrize("numbers", [(0, 5, 1), (5, -1, -2), (3, 3, 1), (0.0, 1.0, 0.25)], ids=str)
def test_ranges_equal_ort(numbers):
    kind = F32 if isinstance(numbers[0], float) else np.int64
    feeds = {name: np.array(value, kind) for name, value in zip("xab", numbers, strict=True)}
    np.testing.assert_array_equal(*both(model_of("Range", feeds), feeds), strict=True)


@pytest.mark.parametrize("opset", [7, 10, 13])
def test_dropout_and_its_mask_equal_ort(opset):
    model = model_of("Dropout", {"x": X}, opset=opset)
    model.graph.node[0].output.append("mask")
    model.graph.node.append(node("Relu", ["y"], ["z"]))
    model.graph.output[0].name = "z"
    model.graph.output.append(onnx.ValueInfoProto(name="mask"))
    assert compare_model(model, batches(model, {"x": X})).mismatches == 0


def test_an_output_that_the_executor_does_not_have_is_named():
    model = model_of("AveragePool", {"x": X}, kernel_shape=[2, 2])
    model.graph.node[0].output.append("places")
    with pytest.raises(ModelError, match="AveragePool with output places @ node AveragePool"):
        Executor(model).run({"x": X})


def test_the_number_of_elements_equals_ort():
    np.testing.assert_array_equal(*both(model_of("Size", {"x": X}), {"x": X}), strict=True)


PLACES = np.array([[[0, 1], [1, 4]], [[0, 1], [1, 0]]])  # one of them twice


@pytest.mark.parametrize("reduction", ["add", "mul", "min", "max"])
def test_scattered_sums_and_extremes_equal_ort(reduction):
    feeds = {"x": X, "a": array(2, (2, 2, 4, 3))}
    model = model_of("ScatterND", feeds, {"i": PLACES}, inputs=["x", "i", "a"], reduction=reduction)
    np.testing.assert_array_equal(*both(model, feeds))


def test_scattered_and_gathered_elements_equal_ort():
    feeds = {"x": X, "a": array(2, (2, 1, 4, 3))}
    model = model_of("ScatterND", feeds, {"i": PLACES[:, 1:]}, inputs=["x", "i", "a"])
    np.testing.assert_array_equal(*both(model, feeds))
    np.testing.assert_array_equal(*both(model_of("GatherND", {"x": X}, {"i": PLACES}), {"x": X}))
    index = np.argsort(X, axis=2)[:, :, ::2]
    model = model_of("GatherElements", {"x": X}, {"i": index}, axis=2)
    np.testing.assert_array_equal(*both(model, {"x": X}))


COMPARISONS = ["Equal", "Greater", "GreaterOrEqual", "Less", "LessOrEqual"]


@pytest.mark.parametrize("op_type", COMPARISONS)
def test_comparisons_equal_ort_on_ties_and_with_broadcasting(op_type):
    x, y = (np.rint(array(seed, shape)) for seed, shape in ((8, SHAPE), (9, (5, 1, 1))))
    got, want = both(model_of(op_type, {"x": x, "a": y}), {"x": x, "a": y})
    np.testing.assert_array_equal(got, want, strict=True)
    assert 0 < got.sum() < got.size


@pytest.mark.parametrize("op_type", ["And", "Or", "Xor", "Not"])
def test_logic_equals_ort(op_type):
    feeds = {"x": np.array([True, True, False, False]), "a": np.array([True, False, True, False])}
    feeds = {"x": feeds["x"]} if op_type == "Not" else feeds
    np.testing.assert_array_equal(*both(model_of(op_type, feeds), feeds), strict=True)


@given(
    st.sampled_from(["ArgMax", "ArgMin"]),
    st.integers(-4, 3),
    st.integers(0, 1),
    st.integers(0, 1),
    st.integers(0, 9),
)
@settings(max_examples=60, deadline=None)
def test_the_place_of_an_extreme_equals_ort_where_several_tie(op_type, axis, kept, last, seed):
    x = np.rint(array(seed, SHAPE))
    options = {"axis": axis, "keepdims": kept, "select_last_index": last}
    np.testing.assert_array_equal(*both(model_of(op_type, {"x": x}, **options), {"x": x}))


# ---- what the optimiser makes --------------------------------------------------------------------

FUSED = [
    ("Relu", []),
    ("Sigmoid", []),
    ("Tanh", []),
    ("LeakyRelu", [0.2]),
    ("HardSigmoid", [0.3, 0.4]),
    ("Clip", [-0.5, 0.7]),
]
MICROSOFT = {"domain": "com.microsoft"}


@pytest.mark.parametrize(("activation", "parameters"), FUSED)
@pytest.mark.parametrize("added", [False, True], ids=["alone", "with a sum"])
def test_fused_convolution_is_close(activation, parameters, added):
    constants = {"w": array(1, (4, 5, 3, 3)), "bias": array(2, (4,))}
    feeds = {"x": array(3, (2, 5, 6, 7))} | ({"z": array(4, (2, 4, 4, 5))} if added else {})
    names = ["x", "w", "bias", *(["z"] if added else [])]
    options = {"activation": activation, **MICROSOFT}
    options |= {"activation_params": parameters} if parameters else {}
    close(*both(model_of("FusedConv", feeds, constants, inputs=names, **options), feeds))


@pytest.mark.parametrize(("activation", "parameters"), FUSED[:-1])
def test_fused_gemm_is_close(activation, parameters):
    names = ("activation_alpha", "activation_beta")
    options = {"activation": activation, **dict(zip(names, parameters, strict=False)), **MICROSOFT}
    feeds, constants = {"x": array(1, (3, 6))}, {"w": array(2, (4, 6)), "c": array(3, (4,))}
    model = model_of("FusedGemm", feeds, constants, transB=1, alpha=0.5, **options)
    close(*both(model, feeds))


@pytest.mark.parametrize("a_turned", [0, 1])
@pytest.mark.parametrize("b_turned", [0, 1])
def test_fused_matmul_is_close(a_turned, b_turned):
    feeds = {
        "x": array(1, (2, 6, 4) if a_turned else (2, 4, 6)),
        "b": array(2, (2, 5, 6) if b_turned else (2, 6, 5)),
    }
    options = {"transA": a_turned, "transB": b_turned, "alpha": 0.25, **MICROSOFT}
    close(*both(model_of("FusedMatMul", feeds, **options), feeds))


@pytest.mark.parametrize(
    ("op_type", "biased", "options"),
    [
        ("BiasGelu", True, {}),
        ("FastGelu", True, {}),
        ("FastGelu", False, {}),
        ("QuickGelu", False, {}),
        ("QuickGelu", False, {"alpha": 0.8}),
        ("Gelu", False, {}),
    ],
)
def test_fused_gelus_are_close(op_type, biased, options):
    constants = {"bias": array(1, (3,))} if biased else {}
    close(*both(model_of(op_type, {"x": X}, constants, **options, **MICROSOFT), {"x": X}))


@pytest.mark.parametrize("biased", [False, True])
def test_skip_layer_normalization_is_close(biased):
    feeds = {"x": array(1, (2, 5, 8)), "skip": array(2, (2, 5, 8))}
    constants = {name: array(k, (8,)) for k, name in enumerate(["scale", "shift", "bias"])}
    constants = constants if biased else dict(list(constants.items())[:2])
    options = {"epsilon": 1e-3, **MICROSOFT}
    close(*both(model_of("SkipLayerNormalization", feeds, constants, **options), feeds))


def test_an_activation_that_is_not_known_is_named():
    model = model_of("FusedConv", {"x": X}, {"w": array(1, (2, 5, 1, 1))}, activation="Wavelet")
    with pytest.raises(ModelError, match="activation Wavelet; allowed: Relu"):
        Executor(model).run({"x": X})


def test_a_float_layer_beside_quantised_ones_is_fused_and_replayed():
    """What ONNX Runtime's optimiser makes of Conv and Relu, not what we call by its name."""
    graph = optimised_graph(MESSY["opset_21"]())
    assert "FusedConv" in {n.op_type for n in graph.graph.node}
    feeds = {"input": array(5, (4, 3, 8, 8))}
    assert compare_model(graph, batches(graph, feeds)).mismatches == 0


# ---- If ------------------------------------------------------------------------------------------


def branch(name, nodes, output, stored=()):
    made = helper.make_tensor_value_info(output, FLOAT, None)
    return helper.make_graph(nodes, name, [], [made], list(stored))


def deciding_model():
    """``sum(x) > 0 ? (relu(a) + shift, within another If of y) : -x``, where a = 2 x."""
    shift = numpy_helper.from_array(np.float32(0.25), "shift")
    inner = {
        "then_branch": branch("inner_then", [node("Neg", ["t"], ["u"], "neg")], "u"),
        "else_branch": branch("inner_else", [node("Add", ["t", "y"], ["v"], "plus")], "v"),
    }
    then = [
        node("Relu", ["a"], ["r"], "relu"),
        node("Add", ["r", "shift"], ["t"], "shifted"),
        node("Less", ["y_sum", "zero"], ["low"], "less"),
        node("If", ["low"], ["w"], "inner", **inner),
    ]
    branches = {
        "then_branch": branch("then", then, "w", [shift]),
        "else_branch": branch("else", [node("Neg", ["x"], ["n"], "negative")], "n"),
    }
    nodes = [
        node("If", ["yes"], ["z"], "outer", **branches),  # before what it reads, on purpose
        node("Mul", ["x", "two"], ["a"], "double"),
        node("ReduceSum", ["x"], ["x_sum"], "x_total", keepdims=0),
        node("ReduceSum", ["y"], ["y_sum"], "y_total", keepdims=0),
        node("Greater", ["x_sum", "zero"], ["yes"], "greater"),
    ]
    inputs = [helper.make_tensor_value_info(name, FLOAT, ["N", 3]) for name in "xy"]
    stored = {"two": np.float32(2), "zero": np.float32(0)}
    graph = helper.make_graph(
        nodes, "deciding", inputs, [helper.make_tensor_value_info("z", FLOAT, None)],
        [numpy_helper.from_array(value, name) for name, value in stored.items()],
    )  # fmt: skip
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", 18)], ir_version=9)


def sorted_model():
    """The same with the If last, as ONNX Runtime wants it."""
    model = deciding_model()
    nodes = [onnx.NodeProto.FromString(n.SerializeToString()) for n in model.graph.node]
    del model.graph.node[:]
    model.graph.node.extend([*nodes[1:], nodes[0]])
    return model


CASES = [(1, 1), (1, -1), (-1, 1)]  # signs of x and y: each branch once


@pytest.mark.parametrize(("x_sign", "y_sign"), CASES)
def test_if_takes_the_branch_that_ort_takes(x_sign, y_sign):
    feeds = {"x": x_sign * np.abs(array(1, (4, 3))), "y": y_sign * np.abs(array(2, (4, 3)))}
    compared = compare_model(sorted_model(), batches(sorted_model(), feeds, batch=4))
    assert compared.mismatches == 0 and compared.elements > 12
    np.testing.assert_array_equal(
        Executor(deciding_model()).run(feeds)["z"], Executor(sorted_model()).run(feeds)["z"]
    )


def test_float_nodes_of_branches_are_listed():
    assert {"relu", "shifted", "plus", "neg", "negative", "double"} <= {
        *float_nodes(deciding_model())
    }


def test_an_operator_that_is_not_there_is_found_in_a_branch():
    model = sorted_model()
    model.graph.node[-1].attribute[0].g.node[0].op_type = "Wavelet"
    with pytest.raises(ModelError, match="operator Wavelet is not supported @ node"):
        Executor(model)


def test_a_name_that_nobody_computes_is_named():
    model = sorted_model()
    model.graph.node[-1].attribute[1].g.node[0].input[0] = "nowhere"
    with pytest.raises(ModelError, match=r"nobody computes .*nowhere"):
        Executor(model)


def test_constants_of_a_branch_do_not_leak():
    """`shift` is known inside the branch alone."""
    model = sorted_model()
    value = TensorProto(name="shift", data_type=FLOAT, float_data=[9.0], dims=[])
    model.graph.initializer.append(value)
    feeds = {"x": np.ones((1, 3), F32), "y": np.ones((1, 3), F32)}
    np.testing.assert_array_equal(Executor(model).run(feeds)["z"], np.full((1, 3), 3.25, F32))


@pytest.mark.parametrize("include", [0, 1])
@pytest.mark.parametrize("ceil", [0, 1])
@pytest.mark.parametrize("pad", [0, 1])
def test_integer_pools_divide_by_the_whole_window_in_ceil_mode(include, ceil, pad):
    """Of all flag pairs, ceil_mode with count_include_pad counts what lies beyond the padding."""
    feeds = {"x": np.random.default_rng(3).integers(0, 256, (2, 3, 8, 8)).astype(np.uint8)}
    constants = {
        "xs": F32(0.04), "xz": np.uint8(7), "ys": F32(0.03), "yz": np.uint8(19),
    }  # fmt: skip
    model = model_of(
        "QLinearAveragePool", feeds, constants, domain="com.microsoft", kernel_shape=[3, 3],
        strides=[2, 2], pads=[pad] * 4, ceil_mode=ceil, count_include_pad=include,
    )  # fmt: skip
    np.testing.assert_array_equal(*both(model, feeds), strict=True)
