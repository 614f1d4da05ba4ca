"""What came quantised in other forms: run as it is, or refused by name; never quantised again."""

import numpy as np
import onnx
import onnxruntime as ort
import pytest
from float_networks import classifier, images
from given_networks import residual
from messy_networks import FLOAT, node
from onnx import TensorProto, helper, numpy_helper

from edgeint8.errors import ModelError
from edgeint8.fixed_point.compare import compare_model
from edgeint8.quant.ort.reference import batches
from edgeint8.quant.prequantized.detection import is_quantized, is_quantized_file
from edgeint8.quant.prequantized.executable import executable_graph
from edgeint8.quant.prequantized.own_network import prepared_network, read_network
from edgeint8.quant.ptq import Strategy, calibrate, prepare_model, quantize


def taken(tmp_path, model, feeds):
    """The graph that runs of a file, and its comparison with ONNX Runtime."""
    path = tmp_path / "net.onnx"
    onnx.save(model, path)
    assert is_quantized_file(path)
    prepared = prepared_network(read_network(path, {}), feeds).model
    assert is_quantized(prepared)
    graph, _ = executable_graph(prepared)
    return graph, compare_model(graph, batches(graph, feeds))


def stored(**arrays):
    return [numpy_helper.from_array(np.asarray(array), name) for name, array in arrays.items()]


def of_highest_level(tmp_path, model):
    """A network as ONNX Runtime saves it at ORT_ENABLE_ALL."""
    options = ort.SessionOptions()
    options.graph_optimization_level = ort.GraphOptimizationLevel.ORT_ENABLE_ALL
    options.optimized_model_filepath = str(tmp_path / "all.onnx")
    options.log_severity_level = 3
    options.add_session_config_entry("session.qdqisint8allowed", "1")
    ort.InferenceSession(model.SerializeToString(), options, ["CPUExecutionProvider"])
    return onnx.load(tmp_path / "all.onnx")


@pytest.mark.parametrize("strategy", [Strategy("s"), Strategy("d", dynamic=True)])
def test_a_float_network_in_a_layout_of_ort_is_refused_by_name(tmp_path, strategy):
    """Its quantiser takes the blocked convolutions for plain ones and writes an invalid graph."""
    blocked = of_highest_level(tmp_path, classifier(channels=(16, 16)))
    if not any(entry.domain == "com.microsoft.nchwc" for entry in blocked.graph.node):
        pytest.skip("ONNX Runtime has no blocked layout for this processor")
    prepared, feeds = prepare_model(blocked), images(8)
    ranges = None if strategy.dynamic else calibrate(prepared, feeds, "minmax")
    with pytest.raises(ModelError, match=r"own layout \(com\.microsoft\.nchwc, first Conv .*basic"):
        quantize(prepared, ranges, strategy)


@pytest.mark.parametrize("symmetric", [False, True])
@pytest.mark.parametrize("form", ["qoperator", "qdq"])
def test_a_file_of_the_highest_level_is_run_as_it_is(tmp_path, form, symmetric):
    """ORT_ENABLE_ALL writes channels-last integer convolutions and pools."""
    network, feeds = prepare_model(classifier()), images(20)
    strategy = Strategy("s", symmetric=symmetric, format=form)
    quantized = quantize(network, calibrate(network, feeds, "minmax"), strategy).model
    graph, compared = taken(tmp_path, of_highest_level(tmp_path, quantized), feeds)
    assert "QLinearConv" in {entry.op_type for entry in graph.graph.node}
    assert compared.mismatches == 0


def with_functions():
    """Every quantisation inside a function of the file's own: the graph shows none."""
    model = onnx.parser.parse_model("""
        <ir_version: 8, opset_import: ["" : 17, "mine" : 1]>
        g (float[N, 8] x) => (float[N, 4] y) {
            a = mine.fake (x, s, z)
            w = mine.stored (codes, t, z)
            b = MatMul (a, w)
            y = mine.fake (b, u, z)
        }
        <domain: "mine", opset_import: ["" : 17]>
        fake (a, s, z) => (b) {
            q = QuantizeLinear (a, s, z)
            b = DequantizeLinear (q, s, z)
        }
        <domain: "mine", opset_import: ["" : 17]>
        stored (q, s, z) => (b) { b = DequantizeLinear (q, s, z) }
    """)
    codes = np.random.default_rng(0).integers(-60, 60, (8, 4)).astype(np.int8)
    scales = {"s": np.float32(0.02), "t": np.float32(0.01), "u": np.float32(0.05)}
    model.graph.initializer.extend(stored(codes=codes, z=np.int8(0), **scales))
    return model


def test_quantisation_inside_functions_is_seen_and_inlined(tmp_path):
    feeds = {"x": np.random.default_rng(1).standard_normal((20, 8)).astype(np.float32)}
    graph, compared = taken(tmp_path, with_functions(), feeds)
    assert [e.op_type for e in graph.graph.node][1:2] == ["QLinearMatMul"]
    assert compared.mismatches == 0


def test_opset_10(tmp_path):
    """Before axes and blocks: scales a tensor, Clip with attributes."""
    model = residual(opset=13, per_channel=False)
    clip = next(entry for entry in model.graph.node if entry.op_type == "Clip")
    del clip.input[1:]
    clip.attribute.extend([helper.make_attribute("min", 0.0), helper.make_attribute("max", 1.5)])
    gemm = next(entry for entry in model.graph.node if entry.op_type == "Gemm")
    gemm.input.append("no_bias")  # which opset 11 made optional
    model.graph.initializer.extend(stored(no_bias=np.zeros(5, np.float32)))
    model.opset_import[0].version, model.ir_version = 10, 5
    feeds = {"x": images(10)["input"]}
    graph, compared = taken(tmp_path, model, feeds)
    assert "QLinearConv" in {entry.op_type for entry in graph.graph.node}
    assert compared.mismatches == 0


@pytest.mark.parametrize("transposed", [False, True])
def test_weights_alone(tmp_path, transposed):
    """int8 weights a channel, float activations: float layers, and listed as such."""
    codes = np.random.default_rng(2).integers(-127, 128, (8, 4)).astype(np.int8)
    parts = {"codes": codes.T if transposed else codes, "scale": np.full(4, 0.01, np.float32)}
    nodes = [node("DequantizeLinear", ["codes", "scale", "zero"], ["w"], axis=1 - transposed)]
    nodes += [node("Transpose", ["w"], ["v"], perm=[1, 0])] if transposed else []
    nodes.append(node("MatMul", ["x", "v" if transposed else "w"], ["y"], "product"))
    graph = helper.make_graph(
        nodes, "weights", [helper.make_tensor_value_info("x", FLOAT, ["N", 8])],
        [onnx.ValueInfoProto(name="y")], stored(zero=np.zeros(4, np.int8), **parts),
    )  # fmt: skip
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=9)
    feeds = {"x": np.random.default_rng(3).standard_normal((20, 8)).astype(np.float32)}
    _, compared = taken(tmp_path, model, feeds)
    assert compared.mismatches == 0 and compared.float_nodes


def refused():
    """Codes and scales that nothing here computes with, and the words of the refusal."""
    zero, half = np.int8(0), np.float16(0.5)
    pair = node("DequantizeLinear", ["codes", "s", "zero"], ["w"], "weights")
    product = node("MatMul", ["x", "w"], ["y"], "product")
    codes = np.ones((32, 4), np.int8)
    four = helper.make_tensor("codes", TensorProto.INT4, (32, 4), [1] * 128)
    four_zero = helper.make_tensor("zero", TensorProto.INT4, (), [0])
    few = helper.make_node(
        "MatMulNBits", ["x", "codes", "s"], ["y"], "product", domain="com.microsoft",
        K=32, N=4, bits=4, block_size=32,
    )  # fmt: skip
    yield [pair, product], stored(codes=codes, s=half, zero=zero), TensorProto.FLOAT16, "float16"
    one = stored(s=np.float32(1))
    yield [pair, product], [four, four_zero, *one], FLOAT, "int4 codes @ node weights"
    packed = stored(codes=np.ones((4, 1, 16), np.uint8), s=np.ones(4, np.float32))
    yield [few], packed, FLOAT, "MatMulNBits @ node product"


@pytest.mark.parametrize("case", list(refused()), ids=["float16", "int4", "a few bits"])
def test_other_codes_are_refused_by_name(tmp_path, case):
    nodes, tensors, kind, words = case
    graph = helper.make_graph(
        nodes, "other", [helper.make_tensor_value_info("x", kind, ["N", 32])],
        [onnx.ValueInfoProto(name="y")], tensors,
    )  # fmt: skip
    opsets = [helper.make_opsetid("", 21), helper.make_opsetid("com.microsoft", 1)]
    path = tmp_path / "net.onnx"
    onnx.save(helper.make_model(graph, opset_imports=opsets, ir_version=10), path)
    assert is_quantized_file(path)
    feeds = {"x": np.ones((4, 32), helper.tensor_dtype_to_np_dtype(kind))}
    with pytest.raises(ModelError, match=words):
        prepared_network(read_network(path, {}), feeds)
