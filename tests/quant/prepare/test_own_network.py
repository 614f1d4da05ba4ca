"""One's own ONNX files: whatever an exporter wrote is prepared, quantised and replayed."""

import numpy as np
import onnx
import onnx.reference
import pytest
from messy_networks import MESSY, opset_21, weights
from onnx import TensorProto, helper, numpy_helper
from own_networks import external, saved, some

from edgeint8.arch.network.onnx_layers import layers_from_onnx
from edgeint8.errors import ModelError
from edgeint8.fixed_point.compare import compare_model
from edgeint8.quant.ort.reference import batches
from edgeint8.quant.prequantized.detection import is_quantized, is_quantized_file
from edgeint8.quant.prequantized.executable import executable_graph
from edgeint8.quant.prequantized.external_data import external_files
from edgeint8.quant.prequantized.own_network import (
    answers,
    check_runs,
    input_specs,
    parameter_count,
    prepared_network,
    read_network,
    sort_nodes,
)
from edgeint8.quant.ptq import Strategy, calibrate, quantize

# What the integer executor has no operator for; all others run in it, element by element.
NOT_EXECUTED = {"cumulative_sum": "CumSum"}


# onnx's own evaluator raises a TypeError on BatchNormalization below opset 9.
EVALUATED = [name for name in MESSY if name != "opset_7_with_listed_weights"]


STRATEGIES = (
    Strategy("asym", per_channel=True),
    Strategy("sym_qdq", symmetric=True, per_channel=False, format="qdq"),
)


@pytest.mark.parametrize("name", MESSY)
def test_a_messy_network_is_prepared_quantised_and_replayed(name, tmp_path):
    path = saved(tmp_path, MESSY[name]())
    model = read_network(path, {})
    prepared = prepared_network(model, some(model)).model
    feeds = some(prepared)
    check_runs(prepared, feeds, watched=True)
    assert not is_quantized(prepared)
    for strategy in STRATEGIES:
        calibration = calibrate(prepared, feeds, "minmax")
        quantized = quantize(prepared, calibration, strategy)
        assert any("QLinear" in node.op_type for node in quantized.executable.graph.node)
        pairs = batches(quantized.executable, feeds)
        if name in NOT_EXECUTED:
            with pytest.raises(ModelError, match=NOT_EXECUTED[name]):
                compare_model(quantized.executable, pairs)
        else:
            compared = compare_model(quantized.executable, pairs)
            assert (compared.images, compared.mismatches) == (8, 0)
    layers = layers_from_onnx(prepared)
    kinds = ("Conv", "ConvTranspose", "Gemm", "MatMul")
    products = sum(node.op_type in kinds for node in prepared.graph.node)
    assert sum(layer.shape is not None for layer in layers) == products >= 1
    assert not [layer.reason for layer in layers if "unknown" in layer.reason]


@pytest.mark.parametrize("name", EVALUATED)
def test_preparing_keeps_what_the_reference_evaluator_computes(name, tmp_path):
    """onnx's own evaluator on the file as it came, against ONNX Runtime on the prepared one."""
    model = MESSY[name]()
    prepared = prepared_network(
        read_network(saved(tmp_path, model), {}), some(read_network(saved(tmp_path, model), {}))
    ).model
    rows = {"fixed_batch_reshape": 1, "false_free_batch": 1}.get(name, 4)
    feeds = some(prepared, rows)
    expected = onnx.reference.ReferenceEvaluator(model).run(None, dict(feeds))[0]
    found = answers(prepared, feeds)[prepared.graph.output[0].name]
    np.testing.assert_allclose(found, expected, rtol=1e-4, atol=1e-5)


def test_batch_normalization_of_opset_7_is_folded_to_what_it_means(tmp_path):
    """y = gamma (x - mean) / sqrt(var + epsilon) + beta, by hand on the one behind a Relu."""
    model = MESSY["opset_7_with_listed_weights"]()
    model.graph.output.append(helper.make_tensor_value_info("c", TensorProto.FLOAT, None))
    model.graph.output.append(helper.make_tensor_value_info("features", TensorProto.FLOAT, None))
    model = read_network(saved(tmp_path, model), {})
    stored = {t.name: numpy_helper.to_array(t) for t in model.graph.initializer}
    feeds = some(model)
    found = answers(prepared_network(model, feeds).model, feeds)
    scale, shift, mean, var = (
        stored[name].reshape(-1, 1, 1) for name in ("scale", "shift", "mean", "var")
    )
    expected = scale * (found["c"] - mean) / np.sqrt(var + 1e-5) + shift
    np.testing.assert_allclose(found["features"], expected, rtol=1e-4, atol=1e-5)
    assert "BatchNormalization" not in {
        node.op_type for node in prepared_network(model, feeds).model.graph.node
    }


def given_names(model):
    return [entry.name for entry in model.graph.node]


def test_nodes_that_share_a_name_are_all_kept_and_told_apart(tmp_path):
    """Also where a quantised file has them in any order."""
    model = MESSY["channels_last"]()
    feeds = some(read_network(saved(tmp_path, model), {}))
    for entry in model.graph.node:
        entry.name = "layer"
    prepared = prepared_network(read_network(saved(tmp_path, model), {}), feeds).model
    assert len({*given_names(prepared)}) == len(given_names(prepared))
    quantized = quantize(prepared, calibrate(prepared, feeds, "minmax"), STRATEGIES[1]).model
    for entry in quantized.graph.node:
        entry.name = "layer"
    nodes = [onnx.NodeProto.FromString(n.SerializeToString()) for n in quantized.graph.node]
    del quantized.graph.node[:]
    quantized.graph.node.extend(nodes[::-1])
    sorted_model = onnx.ModelProto()
    sorted_model.CopyFrom(quantized)
    sort_nodes(sorted_model.graph)
    assert len(sorted_model.graph.node) == len(nodes)
    prepared = prepared_network(read_network(saved(tmp_path, sorted_model), {}), feeds).model
    assert len({*given_names(prepared)}) == len(nodes)


def test_an_if_is_sorted_behind_what_its_branches_read():
    branch = helper.make_graph(
        [helper.make_node("Neg", ["deep"], ["n"])], "b", [],
        [helper.make_tensor_value_info("n", TensorProto.FLOAT, None)],
    )  # fmt: skip
    nodes = [
        helper.make_node("If", ["yes"], ["y"], then_branch=branch, else_branch=branch),
        helper.make_node("Relu", ["x"], ["deep"]),
    ]
    graph = helper.make_graph(nodes, "g", [], [])
    sort_nodes(graph)
    assert [entry.op_type for entry in graph.node] == ["Relu", "If"]


def test_a_bias_that_is_also_added_elsewhere_stays_a_float_there(tmp_path):
    """Exporters store equal tensors once; ONNX Runtime's quantiser makes int32 of a bias."""
    model = opset_21()
    stored = {t.name: numpy_helper.to_array(t) for t in model.graph.initializer}
    bias = numpy_helper.from_array(np.linspace(-1, 1, 5, dtype=np.float32), "shared")
    model.graph.initializer.append(bias)
    conv = model.graph.node[0]
    assert conv.op_type == "Conv" and len(stored["w"]) == 5
    conv.input.append("shared")
    add = helper.make_node("Add", ["flat", "shared"], ["shifted"], "add")
    gemm = next(k for k, entry in enumerate(model.graph.node) if entry.op_type == "Gemm")
    model.graph.node[gemm].input[0] = "shifted"
    model.graph.node.insert(gemm, add)
    model = read_network(saved(tmp_path, model), {})
    feeds = some(model)
    prepared = prepared_network(model, feeds).model
    for strategy in STRATEGIES:
        graph = quantize(prepared, calibrate(prepared, feeds, "minmax"), strategy).executable
        assert compare_model(graph, batches(graph, feeds)).mismatches == 0
    again = prepared_network(prepared, feeds).model
    assert len(again.graph.initializer) == len(prepared.graph.initializer)


def test_sizes_of_minus_one_are_free(tmp_path):
    model = opset_21()
    for size in model.graph.input[0].type.tensor_type.shape.dim[:]:
        if size.dim_value in (0, 8):
            size.dim_value = -1
    path = saved(tmp_path, model)
    with pytest.raises(ModelError, match=r"2 \(\?\), 3 \(\?\) of \(\?, 3, \?, \?\) is free"):
        read_network(path, {})
    fixed = read_network(path, {"input": [None, 3, 8, 8]})
    assert input_specs(fixed)["input"][1] == (None, 3, 8, 8)
    assert len(answers(fixed, some(fixed))["scores"]) == 8


def test_files_beside_a_network_are_known_without_loading_it(tmp_path):
    path = external(tmp_path, "weights.bin")
    assert external_files(path) == [str(path.parent / "weights.bin")]
    assert external_files(saved(tmp_path, opset_21())) == []
    path.write_bytes(b"no network")
    assert external_files(path) == []


def test_a_batch_that_only_claims_to_be_free_is_fixed_and_a_free_one_stays(tmp_path):
    for name, batch in (("false_free_batch", 1), ("opset_21", None), ("fixed_batch_of_four", 4)):
        model = read_network(saved(tmp_path, MESSY[name]()), {})
        prepared = prepared_network(model, some(model)).model
        assert input_specs(prepared)["input"][1][0] == batch, name


def test_a_shape_fixes_the_image_size_and_may_leave_the_batch_free(tmp_path):
    model = opset_21()
    for axis in (2, 3):
        model.graph.input[0].type.tensor_type.shape.dim[axis].dim_param = "size"
    path = saved(tmp_path, model)
    with pytest.raises(ModelError) as refused:
        read_network(path, {})
    assert "dimension 2 (size), 3 (size) of (N, 3, size, size) is free" in str(refused.value)
    for batch in (None, 2):
        fixed = read_network(path, {"input": [batch, 3, 12, 10]})
        assert input_specs(fixed) == {"input": (np.dtype(np.float32), (batch, 3, 12, 10))}


def test_external_data_inside_the_folder_are_read(tmp_path):
    model = read_network(external(tmp_path, "weights.bin"), {})
    wanted = numpy_helper.to_array(opset_21().graph.initializer[0])
    np.testing.assert_array_equal(numpy_helper.to_array(model.graph.initializer[0]), wanted)


@pytest.mark.parametrize("form", ["qoperator", "qdq"])
def test_a_quantised_network_is_adopted_as_it_is(form, tmp_path):
    prepared = prepared_network(opset_21(), some(opset_21())).model
    strategy = Strategy("s", format=form)
    quantized = quantize(prepared, calibrate(prepared, some(prepared), "minmax"), strategy).model
    path = saved(tmp_path, quantized)
    assert is_quantized_file(path)
    model = read_network(path, {})
    taken = prepared_network(model, some(model))
    executable, facts = executable_graph(taken.model)
    assert facts["format"] == form and facts["float_nodes"] == [] and taken.moved == 0
    assert compare_model(executable, batches(executable, some(model))).mismatches == 0


def test_a_qdq_network_with_float_biases_becomes_integers_as_well(tmp_path):
    """As PyTorch exports them: the biases are quantised by ONNX Runtime, and only then all is."""
    prepared = prepared_network(opset_21(), some(opset_21())).model
    strategy = Strategy("s", format="qdq")
    model = quantize(prepared, calibrate(prepared, some(prepared), "minmax"), strategy).model
    biases = [
        n for n in model.graph.node if n.op_type == "DequantizeLinear" and "db_" in n.input[0]
    ]
    assert len(biases) == 1
    model.graph.node.remove(biases[0])
    model.graph.initializer.append(
        numpy_helper.from_array(weights(9, db=(4,))["db"], biases[0].output[0])
    )
    executable, facts = executable_graph(model)
    assert facts["float_nodes"] == [] and "QGemm" in {n.op_type for n in executable.graph.node}
    assert compare_model(executable, batches(executable, some(model))).mismatches == 0


def test_parameters_are_weights_and_not_shapes(tmp_path):
    model = read_network(saved(tmp_path, MESSY["fixed_batch_reshape"]()), {})
    assert parameter_count(model) == 4 * 27 + 144 * 4
