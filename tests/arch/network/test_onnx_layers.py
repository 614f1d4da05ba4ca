"""Layers from ONNX graphs: float, quantised and QDQ; sizes checked against ONNX Runtime."""

from typing import Any

import numpy as np
import onnx
import onnxruntime
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from onnx import TensorProto, helper, numpy_helper

from edgeint8.arch.network.layers import Layer, LayerShape
from edgeint8.arch.network.onnx_layers import layers_from_onnx
from edgeint8.errors import ModelError

Dims = tuple[int | str, ...]


def model(
    nodes: list[onnx.NodeProto],
    inputs: dict[str, Dims],
    weights: dict[str, np.ndarray],
    outputs: tuple[str, ...] = ("y",),
    kind: int = TensorProto.FLOAT,
) -> onnx.ModelProto:
    graph = helper.make_graph(
        nodes,
        "g",
        [helper.make_tensor_value_info(name, kind, dims) for name, dims in inputs.items()],
        [helper.make_tensor_value_info(name, kind, None) for name in outputs],
        [numpy_helper.from_array(array, name) for name, array in weights.items()],
    )
    opsets = [helper.make_opsetid("", 18), helper.make_opsetid("com.microsoft", 1)]
    return helper.make_model(graph, opset_imports=opsets, ir_version=9)


def conv(attributes: dict[str, Any], ifmap: Dims, weight: tuple[int, ...]) -> onnx.ModelProto:
    node = helper.make_node("Conv", ["x", "w"], ["y"], name="conv", **attributes)
    return model([node], {"x": ifmap}, {"w": np.zeros(weight, np.float32)})


def only(layers: tuple[Layer, ...]) -> Layer:
    (layer,) = layers
    return layer


@pytest.mark.parametrize(
    ("attributes", "ifmap", "weight", "operator", "shape", "repeats"),
    [
        ({"pads": [1, 1, 1, 1]}, (1, 16, 32, 32), (16, 16, 3, 3), "conv",
         "h34w34_r3s3_c16_m16_u1v1", 1),
        ({"strides": [2, 2], "pads": [3, 3, 3, 3]}, (1, 3, 224, 224), (64, 3, 7, 7), "conv",
         "h229w229_r7s7_c3_m64_u2v2", 1),
        ({"strides": [2, 1], "pads": [0, 1, 1, 0]}, (1, 2, 7, 9), (4, 2, 3, 2), "conv",
         "h7w10_r3s2_c2_m4_u2v1", 1),
        ({"strides": [4]}, (1, 2, 100), (8, 2, 9), "conv", "h1w97_r1s9_c2_m8_u1v4", 1),
        ({"group": 32, "pads": [1, 1, 1, 1]}, (1, 32, 8, 8), (32, 1, 3, 3), "depthwise",
         "h10w10_r3s3_c1_m1_u1v1", 32),
        ({"group": 4}, (1, 8, 8, 8), (12, 2, 3, 3), "grouped", "h8w8_r3s3_c2_m3_u1v1", 4),
        ({"dilations": [2, 3]}, (1, 2, 12, 12), (5, 2, 3, 3), "conv",
         "h10w8_r3s3_c2_m5_u1v1", 1),
        ({}, ("N", 3, 8, 8), (4, 3, 1, 1), "conv", "h8w8_r1s1_c3_m4_u1v1", 1),
        ({}, (5, 3, 8, 8), (4, 3, 1, 1), "conv", "h40w8_r1s1_c3_m4_u1v1", 1),
        ({}, (5, 3, 8, 8), (4, 3, 3, 3), "conv", "h8w8_r3s3_c3_m4_u1v1", 1),
        ({"auto_pad": "SAME_UPPER", "strides": [2, 2]}, (1, 3, 7, 7), (4, 3, 3, 3), "conv",
         "h9w9_r3s3_c3_m4_u2v2", 1),
    ],
)  # fmt: skip
def test_convolutions(
    attributes: dict[str, Any],
    ifmap: Dims,
    weight: tuple[int, ...],
    operator: str,
    shape: str,
    repeats: int,
) -> None:
    layer = only(layers_from_onnx(conv(attributes, ifmap, weight)))
    assert layer.shape is not None
    assert (layer.operator, layer.shape.id, layer.repeats) == (operator, shape, repeats)
    assert bool(layer.note) == ("dilations" in attributes)


@settings(max_examples=40, deadline=None)
@given(st.data())
def test_sizes_are_onnx_runtimes(data: st.DataObject) -> None:
    """Any strides, pads, dilations and groups: as many outputs and MACs as ONNX Runtime."""
    small = st.integers(1, 3)
    group = data.draw(small)
    weight = (group * data.draw(small), data.draw(small), data.draw(small), data.draw(small))
    dilations = [data.draw(small), data.draw(small)]
    ifmap = (1, group * weight[1], data.draw(st.integers(7, 12)), data.draw(st.integers(7, 12)))
    attributes = {
        "group": group,
        "strides": [data.draw(small), data.draw(small)],
        "pads": [data.draw(st.integers(0, 2)) for _ in range(4)],
        "dilations": dilations,
    }
    network = conv(attributes, ifmap, weight)
    layer = only(layers_from_onnx(network))
    session = onnxruntime.InferenceSession(network.SerializeToString())
    (outputs,) = session.run(None, {"x": np.zeros(ifmap, np.float32)})
    assert layer.ofmap_bytes == outputs.size
    assert layer.macs == outputs.size * weight[1] * weight[2] * weight[3]
    assert (layer.ifmap_bytes, layer.filter_bytes) == (np.prod(ifmap), np.prod(weight))


@pytest.mark.parametrize(
    ("left", "right", "pixels", "window", "filters", "repeats"),
    [
        ((7, 3), (3, 5), 7, 3, 5, 1),
        ((2, 4, 7, 3), (3, 5), 56, 3, 5, 1),
        ((2, 4, 7, 3), (2, 4, 3, 5), 7, 3, 5, 8),
        ((7, 3), (3,), 7, 3, 1, 1),
    ],
)
def test_matrix_products(
    left: Dims, right: Dims, pixels: int, window: int, filters: int, repeats: int
) -> None:
    node = helper.make_node("MatMul", ["x", "v"], ["y"])
    layer = only(layers_from_onnx(model([node], {"x": left, "v": right}, {})))
    assert layer.shape == LayerShape.from_gemm(pixels, filters, window)
    assert (layer.operator, layer.repeats) == ("matmul", repeats)


def test_gemm_transposes() -> None:
    node = helper.make_node("Gemm", ["x", "w", "b"], ["y"], transA=1, transB=1)
    weights = {"w": np.zeros((10, 128), np.float32), "b": np.zeros(10, np.float32)}
    layer = only(layers_from_onnx(model([node], {"x": (128, 4)}, weights)))
    assert layer.shape == LayerShape.from_gemm(4, 10, 128)
    assert (layer.ifmap_bytes, layer.filter_bytes, layer.ofmap_bytes) == (512, 1280, 40)


def quantised_network() -> onnx.ModelProto:
    """QLinearConv, QLinearAdd, a pool, QGemm: operators that ONNX's inference does not know."""
    scale, zero = np.float32(0.1), np.uint8(3)
    weights = {
        "s": np.array(scale),
        "z": np.array(zero),
        "wz": np.array(np.int8(0)),
        "w": np.zeros((8, 3, 3, 3), np.int8),
        "f": np.zeros((5, 8), np.int8),
        "b": np.zeros(5, np.int32),
    }
    nodes = [
        helper.make_node(
            "QLinearConv", ["x", "s", "z", "w", "s", "wz", "s", "z"], ["c"], pads=[1] * 4, name="c1"
        ),
        helper.make_node(
            "QLinearAdd", ["c", "s", "z", "c", "s", "z", "s", "z"], ["a"], domain="com.microsoft"
        ),
        helper.make_node(
            "QLinearGlobalAveragePool", ["a", "s", "z", "s", "z"], ["p"], domain="com.microsoft",
            channels_last=0,
        ),
        helper.make_node("Flatten", ["p"], ["r"]),
        helper.make_node(
            "QGemm", ["r", "s", "z", "f", "s", "wz", "b", "s", "z"], ["y"],
            domain="com.microsoft", transB=1, alpha=1.0,
        ),
    ]  # fmt: skip
    return model(nodes, {"x": ("batch", 3, 6, 6)}, weights, kind=TensorProto.UINT8)


def test_quantised_graphs() -> None:
    layers = layers_from_onnx(quantised_network())
    assert [layer.operator for layer in layers] == ["conv", "elementwise", "pool", "other", "gemm"]
    assert layers[0].shape == LayerShape.from_output((6, 6), (3, 3), 3, 8)
    assert layers[0].filter_bytes == 8 * 27
    assert (layers[1].ifmap_bytes, layers[1].ofmap_bytes) == (288, 288)
    assert (layers[2].ifmap_bytes, layers[2].ofmap_bytes) == (288, 8)
    assert (layers[3].reason, layers[3].ifmap_bytes) == ("moves no data", 0)
    assert layers[4].shape == LayerShape.from_gemm(1, 5, 8)


def test_conv_integer() -> None:
    node = helper.make_node("ConvInteger", ["x", "w"], ["y"])
    weights = {"w": np.zeros((4, 3, 2, 2), np.uint8)}
    network = model([node], {"x": (1, 3, 5, 5)}, weights, kind=TensorProto.UINT8)
    network.graph.output[0].type.tensor_type.elem_type = TensorProto.INT32
    layer = only(layers_from_onnx(network))
    assert layer.shape == LayerShape.from_output((4, 4), (2, 2), 3, 4)


def test_folded_constants_are_no_layers() -> None:
    """A QDQ graph dequantises its weights, which happens before run time."""
    nodes = [
        helper.make_node("DequantizeLinear", ["q", "s"], ["w"]),
        helper.make_node("Conv", ["x", "w"], ["c"], name="conv"),
        helper.make_node("QuantizeLinear", ["c", "s", "z"], ["y"], name="quantise"),
    ]
    weights = {
        "q": np.zeros((4, 3, 2, 2), np.int8),
        "s": np.array(np.float32(1)),
        "z": np.array(np.uint8(0)),
    }
    layers = layers_from_onnx(model(nodes, {"x": (1, 3, 5, 5)}, weights))
    assert [layer.name for layer in layers] == ["conv", "quantise"]
    assert layers[0].filter_bytes == 48
    assert layers[1].reason == "fused into its neighbours"


def test_what_cannot_be_mapped_is_listed() -> None:
    nodes = [
        helper.make_node("Conv", ["x", "w"], ["c"], name="conv4d"),
        helper.make_node("NonZero", ["c"], ["n"], name="nonzero"),
        helper.make_node("Relu", ["n"], ["y"], name="relu"),
    ]
    weights = {"w": np.zeros((2, 1, 3, 3, 3, 3), np.float32)}
    layers = layers_from_onnx(model(nodes, {"x": (1, 1, 4, 4, 4, 4)}, weights))
    assert [layer.shape for layer in layers] == [None] * 3
    assert layers[0].reason == "Conv of 4 dimensions has no mapping"
    assert layers[0].unmapped_macs == 2 * 2**4 * 3**4
    assert layers[1].reason == "unknown shape of n" and not layers[1].unknown


def test_input_shapes_may_be_given() -> None:
    network = conv({}, (1, 3, "height", "width"), (4, 3, 3, 3))
    with pytest.raises(ModelError, match="dimension 2 is free"):
        layers_from_onnx(network)
    layer = only(layers_from_onnx(network, {"x": (1, 3, 8, 8)}))
    assert layer.shape == LayerShape.from_output((6, 6), (3, 3), 3, 4)
    for wrong in ({"z": (1, 3, 8, 8)}, {"x": (3, 8, 8)}):
        with pytest.raises(ModelError):
            layers_from_onnx(network, wrong)


def test_none_keeps_the_size_of_the_file() -> None:
    """Not 1: three channels stay three, a free batch is one image, and no other size may stay."""
    network = conv({}, ("N", 3, "height", 9), (4, 3, 3, 3))
    for sizes in ((None, None, 8, None), (1, 3, 8, 9)):
        layer = only(layers_from_onnx(network, {"x": sizes}))
        assert layer.macs == 6 * 7 * 3 * 3 * 3 * 4
    with pytest.raises(ModelError, match="dimension 2 is free"):
        layers_from_onnx(network, {"x": (1, 3, None, 9)})


@pytest.mark.parametrize("given", [(1, 4, 8, 9), (1, 3, 8, 10)])
def test_sizes_that_contradict_the_file_are_refused(given) -> None:
    """As where it is quantised; four channels on weights of three were counted without a word."""
    network = conv({}, ("N", 3, "height", 9), (4, 3, 3, 3))
    with pytest.raises(ModelError, match=r"@ input x; allowed: .N, 3, height, 9."):
        layers_from_onnx(network, {"x": given})


def test_names_stay_unique() -> None:
    nodes = [
        helper.make_node("Relu", ["x"], ["a"], name="same"),
        helper.make_node("Relu", ["a"], ["b"], name="same"),
        helper.make_node("Relu", ["b"], ["y"]),
    ]
    layers = layers_from_onnx(model(nodes, {"x": (1, 4)}, {}))
    assert [layer.name for layer in layers] == ["same", "same_2", "relu_2"]


def test_unreadable_models_are_refused(tmp_path: Any) -> None:
    path = tmp_path / "broken.onnx"
    path.write_bytes(b"not a model")
    for wrong in (path, tmp_path / "missing.onnx"):
        with pytest.raises(ModelError, match="not a readable ONNX model"):
            layers_from_onnx(wrong)
