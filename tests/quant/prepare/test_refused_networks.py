"""Networks from outside that are refused, each by name."""

import numpy as np
import onnx
import onnx.reference
import pytest
from messy_networks import opset_21, weights
from onnx import TensorProto, helper, numpy_helper
from own_networks import external, saved, some

from edgeint8.errors import ModelError
from edgeint8.quant.ort import ort_quantizer
from edgeint8.quant.prequantized.detection import is_quantized_file
from edgeint8.quant.prequantized.own_network import (
    prepared_network,
    read_network,
)
from edgeint8.quant.ptq import Strategy, calibrate, quantize, run_onnx


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
