"""Networks that other tools quantised: layers with what follows them run in integers, exactly."""

import numpy as np
import pytest
from given_networks import Writer, residual
from hypothesis import given, settings
from hypothesis import strategies as st
from messy_networks import FLOAT, node
from onnx import TensorProto, helper

from edgeint8.arch.network.onnx_layers import layers_from_onnx
from edgeint8.fixed_point.compare import compare_model
from edgeint8.fixed_point.studies.bit_growth import model_widths
from edgeint8.quant.ort.reference import batches
from edgeint8.quant.prequantized.executable import executable_graph, quantized_in_front
from edgeint8.quant.prequantized.own_network import prepared_network
from edgeint8.quant.session import make_session

TYPES = {np.int8: TensorProto.INT8, np.uint8: TensorProto.UINT8}
IMAGES = {"x": np.random.default_rng(0).standard_normal((6, 3, 8, 8), dtype=np.float32)}


def run(model, feeds, names=None):
    return make_session(model, optimization="disable").run(names, feeds)


FORMS = {
    "signed": {},
    "unsigned": {"kind": np.uint8, "zero_point": 110},
    "unsigned at zero": {"kind": np.uint8},
    "float weights": {"stored_as_codes": False},
    "per tensor, opset 11": {"per_channel": False, "opset": 11},
    "opset 21": {"opset": 21},
}


@pytest.mark.parametrize("form", FORMS.values(), ids=FORMS)
def test_layers_with_activations_run_in_integers_and_equal_ort(form):
    given_model = residual(**form)
    model = prepared_network(given_model, IMAGES).model
    executable, facts = executable_graph(model)
    kinds = [entry.op_type for entry in executable.graph.node]
    assert kinds.count("QLinearConv") == 2 and {"QLinearAdd", "QGemm"} <= set(kinds)
    assert not {"Conv", "FusedConv", "Gemm", "Add"} & set(kinds)
    assert facts["note"] == "came quantised; layers quantised in front of what follows them: 3"
    assert compare_model(executable, batches(executable, IMAGES)).mismatches == 0
    assert [layer.name for layer in layers_from_onnx(model) if layer.shape] == [
        *("first", "second", "dense")
    ]


def test_accumulator_widths_are_known():
    executable, _ = executable_graph(prepared_network(residual(), IMAGES).model)
    assert len(model_widths(executable, [IMAGES])) == 3


@given(
    st.sampled_from(
        [(np.int8, 0), (np.int8, -40), (np.uint8, 0), (np.uint8, 128), (np.uint8, 255)]
    ),
    st.floats(1e-3, 0.2),
    st.tuples(st.floats(-3, 3), st.floats(-3, 3)).map(sorted),
    st.booleans(),
    st.integers(0, 99),
)
@settings(max_examples=100, deadline=None)
def test_moving_an_activation_changes_no_bit(codes, scale, limits, relu, seed):
    """Any type, zero-point, scale and limits, on values of every level and near every limit."""
    made = Writer(*codes)
    made.stored |= {"low": np.float32(limits[0]), "high": np.float32(limits[1])}
    made.nodes.append(node("Mul", ["x", "x_scale"], ["a"], "layer"))
    made.stored["x_scale"] = np.float32(1.1)
    clamp = node("Relu", ["a"], ["b"]) if relu else node("Clip", ["a", "low", "high"], ["b"])
    made.nodes.append(clamp)
    made.quantize("b", "y", scale)
    model = made.model()
    moved, changed = quantized_in_front(model)
    assert moved == 1
    rng = np.random.default_rng(seed)
    x = rng.standard_normal((4, 3, 8, 8)) * rng.choice([0.05, 0.5, 3], (4, 3, 8, 8))
    x.flat[:6] = [*limits, 0, -0.0, *(np.asarray(limits) / 1.1)]
    feeds = {"x": x.astype(np.float32)}
    np.testing.assert_array_equal(*(run(m, feeds)[0] for m in (model, changed)))


def simple(*behind):
    """Mul, Relu, and what reads it."""
    made = Writer()
    made.stored["two"] = np.float32(2)
    made.nodes += [node("Mul", ["x", "two"], ["a"], "layer"), node("Relu", ["a"], ["b"], "relu")]
    for kind in behind:
        if kind == "float":
            made.nodes.append(node("Neg", ["b"], ["y"]))
        else:
            made.quantize("b", *kind)
    return made


def test_readers_that_quantise_alike_share_one_pair():
    made = simple(("y", 0.1))
    made.nodes.append(node("QuantizeLinear", ["b", "y_scale", "y_zero"], ["again"]))
    moved, changed = quantized_in_front(made.model(outputs=("y", "again")))
    assert moved == 1 and len(changed.graph.node) == len(made.nodes) + 2
    model = made.model(outputs=("y", "again"))
    for before, after in zip(run(model, IMAGES), run(changed, IMAGES), strict=True):
        np.testing.assert_array_equal(before, after)


@pytest.mark.parametrize(
    ("behind", "outputs"),
    [
        ((("y", 0.1), "float"), ("y",)),
        ((("y", 0.1), ("z", 0.2)), ("y", "z")),
        ((("y", 0.1),), ("y", "b")),
        ((), ("b",)),
    ],
    ids=["a float reader", "another scale", "an output", "no quantisation"],
)
def test_what_is_also_read_as_floats_is_left_alone(behind, outputs):
    made = simple(*[kind for kind in behind if kind != "float"])
    if "float" in behind:
        made.nodes.append(node("Neg", ["b"], ["n"]))
    moved, changed = quantized_in_front(made.model(outputs=outputs))
    assert moved == 0 and len(changed.graph.node) == len(made.nodes)


def test_what_follows_no_layer_stays_as_it_is():
    made = Writer()
    made.quantize("x", "xd", 0.1)
    made.nodes.append(node("Relu", ["xd"], ["b"]))
    made.quantize("b", "y", 0.1)
    assert quantized_in_front(made.model())[0] == 0


CHAINS = {
    "pool": [("MaxPool", {"kernel_shape": [2, 2], "strides": [2, 2], "pads": [1, 0, 0, 1]})],
    "relu, pool, flatten": [("Relu", {}), ("MaxPool", {"kernel_shape": [3, 3]}), ("Flatten", {})],
    "flatten, relu": [("Flatten", {}), ("Relu", {})],
    "transpose": [("Transpose", {"perm": [0, 2, 3, 1]})],
}


@pytest.mark.parametrize("chain", CHAINS.values(), ids=CHAINS)
def test_a_chain_of_selections_changes_no_bit_and_the_layer_becomes_an_integer_one(chain):
    made = Writer(np.uint8, 100)
    made.quantize("x", "xd", 0.03)
    made.weight("w", (4, 3, 3, 3), stored_as_codes=True, per_channel=True)
    made.nodes.append(node("Conv", ["xd", "w"], ["t0"], "conv"))
    for k, (kind, attributes) in enumerate(chain):
        made.nodes.append(node(kind, [f"t{k}"], [f"t{k + 1}"], f"step{k}", **attributes))
    made.quantize(f"t{len(chain)}", "y", 0.02)
    model = made.model()
    moved, changed = quantized_in_front(model)
    assert moved == 1
    np.testing.assert_array_equal(*(run(m, IMAGES)[0] for m in (model, changed)))
    executable, _ = executable_graph(model)
    assert "QLinearConv" in {entry.op_type for entry in executable.graph.node}
    assert compare_model(executable, batches(executable, IMAGES)).mismatches == 0


def test_where_a_pool_also_gives_indices_nothing_is_moved():
    made = Writer()
    made.stored["two"] = np.float32(2)
    made.nodes += [
        node("Mul", ["x", "two"], ["a"], "layer"),
        node("MaxPool", ["a"], ["b", "where"], "pool", kernel_shape=[2, 2]),
    ]
    made.quantize("b", "y", 0.1)
    assert quantized_in_front(made.model(outputs=("y", "where")))[0] == 0


def test_a_layer_that_gives_a_limit_is_not_what_the_clip_selects_from():
    made = Writer()
    made.nodes += [
        node("ReduceMean", ["x"], ["limit"], "layer", axes=[0, 1, 2, 3], keepdims=0),
        node("Clip", ["x", "limit"], ["b"], "clip"),
    ]
    made.quantize("b", "y", 0.01)
    moved, changed = quantized_in_front(made.model())
    np.testing.assert_array_equal(*(run(m, IMAGES)[0] for m in (made.model(), changed)))
    assert moved == 0


def test_a_reader_inside_a_subgraph_counts():
    """An If that reads the activation as floats would get rounded values."""
    made = simple(("z", 0.1))
    branch = helper.make_graph(
        [node("Neg", ["b"], ["n"])], "then", [], [helper.make_tensor_value_info("n", FLOAT, None)]
    )
    made.stored["yes"] = np.array(True)
    made.nodes.append(node("If", ["yes"], ["y"], "if", then_branch=branch, else_branch=branch))
    assert quantized_in_front(made.model(outputs=("y", "z")))[0] == 0


def test_readers_that_differ_in_an_attribute_alone_quantise_differently():
    made = simple()
    made.stored["scale"] = np.float32(0.1)
    for kind in (TensorProto.INT8, TensorProto.UINT8):
        made.nodes.append(node("QuantizeLinear", ["b", "scale"], [f"q{kind}"], output_dtype=kind))
    outputs = tuple(f"q{kind}" for kind in (TensorProto.INT8, TensorProto.UINT8))
    assert quantized_in_front(made.model(opset=21, outputs=outputs))[0] == 0


def test_names_that_are_taken_are_not_taken_again():
    made = simple(("y", 0.1))
    made.nodes.append(node("Neg", ["y"], ["a_in_front_codes"], "a_in_front_quantize"))
    moved, changed = quantized_in_front(made.model(outputs=("y", "a_in_front_codes")))
    assert moved == 1
    names = [name for entry in changed.graph.node for name in entry.output]
    assert len(set(names)) == len(names) and run(changed, IMAGES)[0].any()


def test_a_network_of_operators_on_codes_runs_as_it_came():
    executable, facts = executable_graph(residual())
    again, said = executable_graph(executable)
    assert again is executable and said["note"] == "came quantised"
    assert (facts["format"], said["format"]) == ("qdq", "qoperator")
