"""One's own ONNX files: whatever an exporter wrote is prepared, quantised and replayed."""

import numpy as np
import onnx
import onnx.reference
import pytest
from messy_networks import MESSY, opset_21, weights
from onnx import TensorProto, external_data_helper, helper, numpy_helper

from edgeint8.arch.network.onnx_layers import layers_from_onnx
from edgeint8.errors import ModelError
from edgeint8.fixed_point.compare import compare_model
from edgeint8.models.data.own_data import InputSpec, random_data
from edgeint8.quant.ort import ort_quantizer
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
from edgeint8.quant.ptq import Strategy, calibrate, quantize, run_onnx

# What the integer executor has no operator for; all others run in it, element by element.
NOT_EXECUTED = {"cumulative_sum": "CumSum"}
# onnx's own evaluator raises a TypeError on BatchNormalization below opset 9.
EVALUATED = [name for name in MESSY if name != "opset_7_with_listed_weights"]
STRATEGIES = (
    Strategy("asym", per_channel=True),
    Strategy("sym_qdq", symmetric=True, per_channel=False, format="qdq"),
)


def saved(tmp_path, model):
    path = tmp_path / "net.onnx"
    onnx.save(model, path)
    return path


def some(model, rows=8):
    """Random inputs of a network, `rows` or a few more of each."""
    specs = [InputSpec(name, *spec) for name, spec in input_specs(model).items()]
    return random_data(specs, seed=5)["test"].first(rows).inputs


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


def test_what_loads_and_does_not_run_is_refused_by_name():
    """Codes through a cubic Resize: ONNX Runtime's quantiser makes it of the float operator."""
    scales = numpy_helper.from_array(np.array([1, 1, 2, 2], np.float32), "scales")
    graph = helper.make_graph(
        [helper.make_node("Resize", ["x", "", "scales"], ["y"], mode="cubic")],
        "codes",
        [helper.make_tensor_value_info("x", TensorProto.UINT8, ["N", 1, 4, 4])],
        [helper.make_tensor_value_info("y", TensorProto.UINT8, None)],
        [scales],
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=9)
    with pytest.raises(ModelError, match=r"cannot run the model .* @ output y; allowed: what"):
        run_onnx(model, {"x": np.zeros((1, 1, 4, 4), np.uint8)})


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


@pytest.mark.parametrize(
    ("shapes", "words"),
    [
        ({"picture": [1, 3, 8, 8]}, "no input 'picture'"),
        ({"input": [1, 3, 8]}, "shape [1, 3, 8]"),
        ({"input": [1, 4, 8, 8]}, "allowed: (N, 3, 8, 8)"),
    ],
)
def test_a_shape_that_contradicts_the_file_is_refused(shapes, words, tmp_path):
    with pytest.raises(ModelError) as refused:
        read_network(saved(tmp_path, opset_21()), shapes)
    assert words in str(refused.value)


def external(tmp_path, location):
    """A network in ``folder`` whose first weight is said to lie at `location`."""
    folder = tmp_path / "folder"
    folder.mkdir()
    model = opset_21()
    tensor = model.graph.initializer[0]
    (folder / "weights.bin").write_bytes(tensor.raw_data)
    (tmp_path / "outside.bin").write_bytes(tensor.raw_data)
    (folder / "link.bin").symlink_to(tmp_path / "outside.bin")
    external_data_helper.set_external_data(tensor, location, length=len(tensor.raw_data))
    tensor.ClearField("raw_data")
    path = folder / "net.onnx"
    path.write_bytes(model.SerializeToString())
    return path


def test_external_data_inside_the_folder_are_read(tmp_path):
    model = read_network(external(tmp_path, "weights.bin"), {})
    wanted = numpy_helper.to_array(opset_21().graph.initializer[0])
    np.testing.assert_array_equal(numpy_helper.to_array(model.graph.initializer[0]), wanted)


@pytest.mark.parametrize(
    "location",
    ["../outside.bin", "/etc/passwd", "link.bin", "missing.bin", "", "sub/../../outside.bin"],
)
def test_external_data_elsewhere_are_refused(location, tmp_path):
    with pytest.raises(ModelError) as refused:
        read_network(external(tmp_path, location), {})
    assert repr(location) in str(refused.value) and "tensor w" in str(refused.value)


def test_files_that_are_no_networks_are_refused(tmp_path):
    path = tmp_path / "net.onnx"
    for content in (b"", b"not a network", opset_21().SerializeToString()[:-100]):
        path.write_bytes(content)
        assert not is_quantized_file(path)
        with pytest.raises(ModelError, match=r"net\.onnx"):
            read_network(path, {})


def broken(change):
    """The refusal of a network after `change`, in one line, from reading or preparing."""
    model = opset_21()
    change(model)

    def run(tmp_path):
        read = read_network(saved(tmp_path, model), {})
        prepared_network(read, some(read))

    return run


def unknown_operator(model):
    model.graph.node[1].op_type, model.graph.node[1].domain = "Magic", "my.company"
    model.opset_import.append(helper.make_opsetid("my.company", 1))


def infinite(model):
    model.graph.initializer[0].CopyFrom(
        numpy_helper.from_array(np.full((5, 3, 3, 3), np.inf, np.float32), "w")
    )


def one_answer(model):
    model.graph.node.append(helper.make_node("ReduceSum", ["scores"], ["total"], keepdims=0))
    model.graph.output[0].name = "total"


def text_input(model):
    model.graph.input[0].type.sequence_type.elem_type.tensor_type.elem_type = TensorProto.FLOAT


def wrong_weights(model):
    model.graph.initializer[0].CopyFrom(
        numpy_helper.from_array(weights(1, w=(5, 4, 3, 3))["w"], "w")
    )


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (unknown_operator, "Magic"),
        (infinite, "NaN or infinity"),
        (one_answer, "output total"),
        (text_input, "not a tensor"),
        (wrong_weights, "ONNX Runtime cannot load the model|cannot run the model"),
    ],
)
def test_what_cannot_run_is_refused_by_name(change, words, tmp_path):
    with pytest.raises(ModelError, match=words):
        broken(change)(tmp_path)


def test_a_network_without_float32_weights_is_refused():
    half = helper.make_graph(
        [helper.make_node("MatMul", ["x", "w"], ["y"], name="product")],
        "half",
        [helper.make_tensor_value_info("x", TensorProto.FLOAT16, ["N", 3])],
        [helper.make_tensor_value_info("y", TensorProto.FLOAT16, ["N", 3])],
        [numpy_helper.from_array(np.eye(3, dtype=np.float16), "w")],
    )
    bare = opset_21()
    del bare.graph.node[:], bare.graph.initializer[:]
    bare.graph.node.append(helper.make_node("Relu", ["input"], ["scores"]))
    for graph, words in ((half, "float16 weights @ node product"), (None, "no layer to quantise")):
        model = bare if graph is None else helper.make_model(graph, ir_version=8)
        if graph is not None:
            model.opset_import[0].version = 17
        with pytest.raises(ModelError, match=words):
            prepared_network(model, some(model))


def test_a_network_without_inputs_is_refused(tmp_path):
    graph = helper.make_graph(
        [helper.make_node("MatMul", ["a", "a"], ["y"], "product")],
        "constant",
        [],
        [onnx.ValueInfoProto(name="y")],
        [numpy_helper.from_array(np.eye(3, dtype=np.float32), "a")],
    )
    with pytest.raises(ModelError, match=r"a graph without inputs.*net\.onnx"):
        read_network(saved(tmp_path, helper.make_model(graph, ir_version=8)), {})


def test_a_strategy_that_onnx_runtime_cannot_apply_is_named(monkeypatch):
    prepared = prepared_network(opset_21(), some(opset_21())).model
    calibration = calibrate(prepared, some(prepared), "minmax")

    def fail(*_, **__):
        raise AttributeError("'NoneType' object has no attribute 'data_type'")

    monkeypatch.setattr(ort_quantizer.OperatorQuantizer, "quantize_model", fail)
    for strategy in (Strategy("plain"), Strategy("runtime", dynamic=True)):
        with pytest.raises(ModelError, match=f"not quantisable .* @ strategy {strategy.name}"):
            quantize(prepared, calibration, strategy)


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
