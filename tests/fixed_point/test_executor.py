"""The executor's own behaviour: names in errors, what it keeps, what it feeds; and `compare`."""

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper, numpy_helper

from edgeint8.errors import DataError, ModelError
from edgeint8.fixed_point.compare import compare_batch, compare_model, difference
from edgeint8.fixed_point.executor import (
    ALL_TENSORS,
    DataPath,
    Executor,
    as_feeds,
    float_nodes,
)
from edgeint8.fixed_point.operators import OPERATORS, floating

F32 = np.float32


def model_of(nodes, constants, shape=("n", 2, 4), domain_opset=17):
    """A model with one float input "input" and the last node's output."""
    initializers = [numpy_helper.from_array(np.asarray(v), k) for k, v in constants.items()]
    graph = helper.make_graph(
        nodes,
        "test",
        [helper.make_tensor_value_info("input", TensorProto.FLOAT, shape)],
        [onnx.ValueInfoProto(name=nodes[-1].output[0])],
        initializers,
    )
    opsets = [helper.make_opsetid("", domain_opset), helper.make_opsetid("com.microsoft", 1)]
    return helper.make_model(graph, opset_imports=opsets, ir_version=9)


def small_network():
    """Quantise, 1x1 convolution with padding, dequantise, Relu; integers a hand can follow."""
    constants = {
        "one": F32(1),
        "half": F32(0.5),
        "zero": np.uint8(3),
        "w": np.array([[[1], [-2]]], np.int8),
        "w_zero": np.int8(0),
        "bias": np.array([4], np.int32),
        "two": F32(2),
    }
    nodes = [
        helper.make_node("QuantizeLinear", ["input", "half", "zero"], ["q"], "quantise"),
        helper.make_node(
            "QLinearConv",
            ["q", "half", "zero", "w", "one", "w_zero", "two", "zero", "bias"],
            ["y"],
            "conv",
            pads=[1, 0],
        ),
        helper.make_node("DequantizeLinear", ["y", "two", "zero"], ["real"], "dequantise"),
        helper.make_node("Relu", ["real"], ["out"], "relu"),
    ]
    return model_of(nodes, constants)


IMAGE = np.array([[[0.5, 1.0, 1.25, 400], [0.0, 0.5, -9.0, 0]]], F32)


def test_small_network_by_hand():
    """x/0.5 -> 1, 2, 2.5 (tie to 2), 800; the border holds the zero-point and leaves the bias."""
    values = Executor(small_network()).run({"input": IMAGE}, keep=ALL_TENSORS)
    assert values["q"].tolist() == [[[4, 5, 5, 255], [3, 4, 0, 3]]]
    # acc = (x0 - 3) - 2 (x1 - 3) + 4 : border 4; 1+4; 2-2+4; 2+6+4; 252+4
    # times 0.5 * 1 / 2 = 1/4 : 1, 1.25, 1, 3, 64; plus zero-point 3
    assert values["y"].tolist() == [[[4, 4, 4, 6, 67]]]
    assert values["out"].tolist() == [[[2.0, 2.0, 2.0, 6.0, 128.0]]]


@pytest.mark.parametrize("path", DataPath)
def test_both_data_paths_by_hand(path):
    got = Executor(small_network(), data_path=path).run({"input": IMAGE}, keep=["y"])
    assert got["y"].tolist() == [[[4, 4, 4, 6, 67]]]


def test_only_what_is_asked_for_is_kept():
    executor = Executor(small_network())
    assert set(executor.run({"input": IMAGE})) == {"out"}
    assert set(executor.run({"input": IMAGE}, keep=["y"])) == {"y", "out"}
    assert set(executor.run({"input": IMAGE}, keep=ALL_TENSORS)) == {"q", "y", "real", "out"}


def test_substitutes_are_read_by_the_layers_behind_them():
    values = Executor(small_network()).run(
        {"input": IMAGE}, keep=ALL_TENSORS, substitute={"y": np.full((1, 1, 5), 13, np.uint8)}
    )
    assert values["y"].tolist() == [[[4, 4, 4, 6, 67]]]
    assert values["out"].tolist() == [[[20.0] * 5]]


def test_unknown_operator_is_named_before_anything_runs():
    model = small_network()
    model.graph.node[3].op_type = "Einsum"
    with pytest.raises(ModelError, match=r"operator Einsum is not supported @ node relu"):
        Executor(model)


def test_unknown_domain_is_named():
    model = small_network()
    model.graph.node[3].domain = "com.example"
    with pytest.raises(ModelError, match=r"com.example::Relu @ node relu"):
        Executor(model)


def test_missing_input_is_named():
    with pytest.raises(ModelError, match="no input"):
        Executor(small_network()).run({"wrong": IMAGE})


def test_shape_errors_name_node_and_shapes():
    with pytest.raises(ModelError, match=r"QLinearConv failed on .*\(1, 5, 4\).*@ node conv"):
        Executor(small_network()).run({"input": np.zeros((1, 5, 4), F32)})


def test_float_nodes_are_listed():
    assert float_nodes(small_network()) == ["relu"]


def test_integer_arithmetic_is_no_float_node():
    """A Relu of codes and the arithmetic of shapes compute in integers."""
    model = small_network()
    model.graph.node[2].CopyFrom(helper.make_node("Relu", ["y"], ["positive"], "relu_of_codes"))
    model.graph.node[3].CopyFrom(
        helper.make_node("DequantizeLinear", ["positive", "two", "zero"], ["out"], "dequantise")
    )
    shape = [
        helper.make_node("Shape", ["y"], ["sizes"], "shape"),
        helper.make_node("Div", ["sizes", "sizes"], ["ones"], "ratio"),
        helper.make_node("Tanh", ["out"], ["bent"], "tanh"),
    ]
    model.graph.node.extend(shape)
    assert float_nodes(model) == ["tanh"]


def test_nodes_may_stand_in_any_order():
    model = small_network()
    nodes = list(model.graph.node)[::-1]
    del model.graph.node[:]
    model.graph.node.extend(nodes)
    values = Executor(model).run({"input": IMAGE}, keep=["y"])
    assert values["y"].tolist() == [[[4, 4, 4, 6, 67]]]


def test_a_tensor_that_nobody_computes_is_named():
    model = small_network()
    del model.graph.node[1]
    with pytest.raises(ModelError, match=r"nobody computes \['y'\] @ node dequantise"):
        Executor(model)


def test_every_operator_the_study_names_is_there():
    named = (
        "QuantizeLinear DequantizeLinear QLinearConv QLinearMatMul QGemm QLinearAdd QLinearMul "
        "QLinearConcat QLinearGlobalAveragePool QLinearAveragePool QLinearSigmoid "
        "QLinearLeakyRelu QLinearSoftmax MaxPool Relu Clip Flatten Reshape Transpose Squeeze Pad "
        "Slice ConvInteger MatMulInteger DynamicQuantizeLinear"
    )
    assert set(named.split()) <= set(OPERATORS)
    assert set(OPERATORS) >= floating.BITWISE


def test_as_feeds_names_the_input():
    assert list(as_feeds(small_network(), IMAGE)) == ["input"]


def reference_of(model):
    """The executor's own tensors, as a reference that can be spoilt."""
    return Executor(model).run({"input": IMAGE}, keep=ALL_TENSORS)


def test_compare_counts_what_was_spoilt():
    model, feeds = small_network(), {"input": IMAGE}
    reference = reference_of(model)
    clean = compare_model(model, [(feeds, reference)])
    assert (clean.images, clean.mismatches, clean.elements) == (1, 0, 8 + 5 + 5 + 5)
    reference["y"] = reference["y"] + np.uint8([0, 0, 1, 2, 0])
    spoilt = compare_model(model, [(feeds, reference), (feeds, reference)])
    row = spoilt.row()
    assert (row["images"], row["mismatches"], row["max_abs_diff"]) == (2, 4, 2.0)
    assert row["first_mismatch"] == "y"


def test_compare_can_feed_every_layer_the_reference():
    model, feeds = small_network(), {"input": IMAGE}
    reference = reference_of(model)
    reference["y"] = np.full((1, 1, 5), 13, np.uint8)
    own = compare_batch(Executor(model), feeds, reference)
    fed = compare_batch(Executor(model), feeds, reference, feed_reference=True)
    assert [d.mismatches for d in own] == [0, 5, 0, 0]
    assert [d.mismatches for d in fed] == [0, 5, 5, 0]


def test_a_nan_is_a_mismatch():
    got = difference("t", np.array([1.0], F32), np.array([np.nan], F32))
    assert got.mismatches == 1


@pytest.mark.parametrize("exact", [True, False])
def test_an_infinity_equals_itself_and_forgives_nobody(exact):
    """Where it stood in the largest value, the tolerance of all others was infinite."""
    want = np.array([np.inf, -np.inf, 5.0, np.inf], F32)
    assert difference("t", want.copy(), want, exact=exact).mismatches == 0
    got = np.array([np.inf, -np.inf, 1.0, -np.inf], F32)
    assert difference("t", got, want, exact=exact).mismatches == 2
    assert difference("t", got + F32(0), want + F32(0), exact=exact).max_abs_diff == np.inf


def test_types_and_shapes_must_agree():
    with pytest.raises(ModelError, match="tensor t"):
        difference("t", np.zeros(3, np.int8), np.zeros(3, np.uint8))
    with pytest.raises(ModelError, match="tensor t"):
        difference("t", np.zeros(3, np.int8), np.zeros((1, 3), np.int8))


def test_nothing_to_compare_is_an_error():
    with pytest.raises(DataError, match="nothing was compared"):
        compare_model(small_network(), [])
