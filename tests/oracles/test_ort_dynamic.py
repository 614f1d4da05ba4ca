"""Dynamic quantisation: DynamicQuantizeLinear, ConvInteger and MatMulInteger against ORT."""

import numpy as np
import onnx
import pytest
from cpu import EXACT_U8S8
from onnxruntime.quantization import QuantType, quantize_dynamic
from quantized_networks import export

from edgeint8.fixed_point.compare import compare_model
from edgeint8.fixed_point.executor import as_feeds
from edgeint8.models.networks.signal_cnn_1d import SignalCNN1D
from edgeint8.models.networks.tiny_cnn_2d import TinyCNN2D
from edgeint8.quant.ort import reference as ort_witness


@pytest.mark.parametrize("build", [SignalCNN1D, TinyCNN2D])
@pytest.mark.parametrize("weights", [QuantType.QInt8, QuantType.QUInt8])
def test_dynamic_quantisation_equals_ort(build, weights, tmp_path):
    """At batch 1: the scales depend on the whole batch. Integers must agree in every element."""
    onnx.save(export(build(), build.input_shape), tmp_path / "float.onnx")
    narrow = weights == QuantType.QInt8 and not EXACT_U8S8
    files = (tmp_path / "float.onnx", tmp_path / "int.onnx")
    quantize_dynamic(*files, weight_type=weights, reduce_range=narrow)
    model = onnx.load(tmp_path / "int.onnx")
    kinds = {node.op_type for node in model.graph.node}
    assert kinds >= {"DynamicQuantizeLinear", "ConvInteger", "MatMulInteger"}
    images = np.random.default_rng(2).normal(size=(3, *build.input_shape)).astype(np.float32)
    feeds = as_feeds(model, images)
    result = compare_model(model, ort_witness.batches(model, feeds, batch=1))
    assert result.mismatches == 0, [t for t in result.tensors if t.mismatches]


def test_dynamic_quantize_linear_rounds_its_zero_point_to_even(tmp_path):
    """min = -2.5 scales: -min / scale = 0.5 exactly, a tie that must go to 0."""
    graph = onnx.helper.make_graph(
        [onnx.helper.make_node("DynamicQuantizeLinear", ["x"], ["y", "s", "z"])],
        "g",
        [onnx.helper.make_tensor_value_info("x", onnx.TensorProto.FLOAT, ["n"])],
        [onnx.ValueInfoProto(name=n) for n in "ysz"],
    )
    opset = [onnx.helper.make_opsetid("", 17)]
    model = onnx.helper.make_model(graph, opset_imports=opset, ir_version=9)
    for low in (-0.5, -1.5, -2.5, 0.0, 3.0):
        x = np.array([low, 255 + low, 1.25, 0.5], np.float32)
        result = compare_model(model, ort_witness.batches(model, {"x": x}))
        assert result.mismatches == 0, low
