"""Where ONNX Runtime quantises otherwise than one expects: each trap by a small network."""

from pathlib import Path

import numpy as np
import onnx
import pytest
from float_networks import NetworkBuilder, classifier, images, reference_outputs
from numpy.typing import NDArray
from onnx import helper
from onnxruntime.quantization import (
    CalibrationDataReader,
    QuantFormat,
    QuantType,
    quantize_static,
)
from ptq_networks import fidelity, minmax_ranges, prepared_classifier, quantized_by

from edgeint8.errors import ConfigError, ModelError
from edgeint8.quant.affine import sqnr_db
from edgeint8.quant.calibrate.calibration import Calibration
from edgeint8.quant.graph import (
    initializer_values,
    integer_layers,
    opset_of,
    weight_layers,
    widest_bias_bits,
)
from edgeint8.quant.ptq import (
    Strategy,
    calibrate,
    prepare_model,
    quantize,
    run_onnx,
)
from edgeint8.quant.session import make_session

network = pytest.fixture(scope="module")(prepared_classifier)
calibration = pytest.fixture(scope="module")(minmax_ranges)


class Reader(CalibrationDataReader):
    def __init__(self, inputs: dict[str, NDArray[np.float32]]) -> None:
        self.left = [inputs]

    def get_next(self) -> dict[str, NDArray[np.float32]]:
        return self.left.pop() if self.left else {}


def plain_quantize_static(
    model: onnx.ModelProto, folder: Path, **options: object
) -> onnx.ModelProto:
    """What a user of ONNX Runtime alone gets; it moves the weights of its argument to a file."""
    copied = onnx.ModelProto()
    copied.CopyFrom(model)
    target = folder / "plain.onnx"
    options = {
        "quant_format": QuantFormat.QOperator,
        "activation_type": QuantType.QUInt8,
        "weight_type": QuantType.QInt8,
        **options,
    }
    quantize_static(copied, target, Reader(images(64)), **options)
    return onnx.load(target)


# --- strategies -----------------------------------------------------------------------------------


def test_trap_entropy_is_minmax(network: onnx.ModelProto, calibration: Calibration) -> None:
    # the same four networks come out of ONNX Runtime's default entropy calibration as of minmax
    # (tests/oracles/test_ort_calibrators.py); ours differ, and say which bins ran
    entropy = calibrate(network, images(64), "entropy")
    assert (entropy.bins, entropy.quantized_bins) == (2048, 256)
    by_entropy = quantize(network, entropy, Strategy("s", calibration="entropy"))
    by_minmax = quantize(network, calibration, Strategy("s"))
    assert by_entropy.model.SerializeToString() != by_minmax.model.SerializeToString()
    assert "ranges equal minmax" in by_entropy.note


def test_trap_per_channel_below_opset_13(tmp_path: Path) -> None:
    model = classifier()
    model.opset_import[0].version = 11
    onnx.checker.check_model(model)
    # QOperator models survive; a QDQ model has a DequantizeLinear axis, which came with opset 13
    plain = plain_quantize_static(model, tmp_path, per_channel=True, quant_format=QuantFormat.QDQ)
    with pytest.raises(ModelError, match="INVALID_GRAPH"):
        make_session(plain)
    quantized = quantized_by(model, per_channel=True, format="qdq")
    assert opset_of(quantized.model) == 13
    layers = integer_layers(quantized.executable)
    assert len(layers) == 3 and all(layer.weight_scale.size > 1 for layer in layers)
    assert fidelity(prepare_model(model), quantized) > 28
    inputs = images(16)
    prepared = run_onnx(prepare_model(model), inputs)["dense_out"]
    np.testing.assert_allclose(prepared, run_onnx(model, inputs)["dense_out"], atol=1e-5)


def test_trap_weights_in_constant_nodes(tmp_path: Path) -> None:
    model = classifier()
    constants = [
        helper.make_node("Constant", [], [tensor.name], value=tensor)
        for tensor in model.graph.initializer
        if tensor.name.endswith("_w")
    ]
    biases = [tensor for tensor in model.graph.initializer if tensor.name.endswith("_b")]
    nodes = [*constants, *model.graph.node]
    del model.graph.node[:], model.graph.initializer[:]
    model.graph.node.extend(nodes)
    model.graph.initializer.extend(biases)
    plain = plain_quantize_static(model, tmp_path)
    quantized = quantized_by(model)
    assert len(weight_layers(prepare_model(model))) == 3
    assert quantized.float_nodes == ()
    reference = quantized_by(classifier())
    assert quantized.model.ByteSize() == pytest.approx(reference.model.ByteSize(), rel=0.05)
    assert plain.ByteSize() > 1.2 * quantized.model.ByteSize()


@pytest.mark.parametrize("rank", [3, 4])
def test_trap_batch_normalization_after_relu(rank: int) -> None:
    rng = np.random.default_rng(0)
    net = NetworkBuilder(shape=(3, 8, 8)[: rank - 1])
    kernel = [3] * (rank - 2)
    weights = net.constant(rng.standard_normal((5, 3, *kernel)).astype(np.float32), "w")
    net.add("Conv", weights, name="conv", pads=[1] * 2 * len(kernel))
    net.add("Relu", name="relu")
    parts = {"gamma": rng.uniform(-2, 2, 5), "beta": rng.normal(size=5), "mean": rng.normal(size=5)}
    parts["variance"] = rng.uniform(0.1, 4, 5)
    names = [net.constant(array.astype(np.float32), name) for name, array in parts.items()]
    net.add("BatchNormalization", *names, name="norm", epsilon=1e-3)
    model = net.model(rank=rank)
    prepared = prepare_model(model)
    assert [node.op_type for node in prepared.graph.node] == ["Conv", "Relu", "Conv"]
    inputs = images(6, shape=net.shape)
    np.testing.assert_allclose(
        run_onnx(prepared, inputs)["norm_out"], reference_outputs(model, inputs), atol=2e-5
    )
    calibration = calibrate(prepared, inputs, "minmax")
    assert quantize(prepared, calibration, Strategy("s")).float_nodes == ()


def test_batch_normalization_behind_a_conv_is_folded() -> None:
    net = NetworkBuilder()
    net.conv(3, 4)
    names = [
        net.constant(np.full(4, v, np.float32), n)
        for n, v in zip("gbmv", (2, 1, 0, 4), strict=True)
    ]
    net.add("BatchNormalization", *names)
    assert [n.op_type for n in prepare_model(net.model(rank=4)).graph.node] == ["Conv"]


@pytest.mark.parametrize("keepdims", [0, 1])
def test_trap_reduce_mean_stays_float(keepdims: int) -> None:
    net = NetworkBuilder()
    net.conv(3, 4)
    net.add("ReduceMean", axes=[-1, 2], keepdims=keepdims, name="mean")
    model = net.model(rank=4 if keepdims else 2)
    prepared = prepare_model(model)
    inputs = images(6)
    np.testing.assert_allclose(
        run_onnx(prepared, inputs)["mean_out"], reference_outputs(model, inputs), atol=1e-5
    )
    assert quantized_by(model).float_nodes == ()
    partial = NetworkBuilder()
    partial.conv(3, 4)
    partial.add("ReduceMean", axes=[2], name="mean")
    assert quantized_by(partial.model(rank=4)).float_nodes == ("mean",)


def test_trap_float_relus_under_symmetric_activations_are_listed(
    network: onnx.ModelProto, calibration: Calibration
) -> None:
    quantized = quantize(network, calibration, Strategy("s", symmetric=True))
    assert quantized.float_nodes == ("relu_a", "pool", "relu_b", "average", "flatten")
    assert quantized.note == "float: 1 Flatten, 1 GlobalAveragePool, 1 MaxPool, 2 Relu"
    assert quantize(network, calibration, Strategy("s")).float_nodes == ()
    qdq = quantize(network, calibration, Strategy("s", symmetric=True, format="qdq"))
    assert qdq.float_nodes == ("relu_a", "relu_b")


def test_operators_that_cannot_be_quantised_are_listed() -> None:
    net = NetworkBuilder()
    net.conv(3, 4)
    net.add("Tanh", name="tanh")
    net.conv(4, 4)
    weights = net.rng.standard_normal((4, 2, 3, 3)).astype(np.float32)
    net.add("ConvTranspose", net.constant(weights, "up_w"), name="up")
    quantized = quantized_by(net.model(rank=4))
    assert quantized.float_nodes == ("tanh", "up")
    assert quantized.note.split("; ")[-1] == "float: 1 ConvTranspose, 1 Tanh"


def shared_relu(activation: str = "Relu", **attributes: object) -> onnx.ModelProto:
    """Conv -> (activation -> Conv) + the Conv itself: a residual branch around the activation."""
    net = NetworkBuilder()
    branch = net.conv(3, 4, name="conv_a")
    bounds = attributes.pop("bounds", ())
    stored = [net.constant(np.float32(v), f"bound{i}") for i, v in enumerate(bounds)]
    net.add(activation, *stored, name="act", **attributes)
    net.conv(4, 4, name="conv_b")
    net.add("Add", branch, name="sum")
    return net.model(rank=4)


def test_trap_removed_activation_whose_input_is_shared(tmp_path: Path) -> None:
    model = shared_relu()
    prepared = prepare_model(model)
    plain = plain_quantize_static(prepared, tmp_path)
    inputs = images(32, seed=9)
    float_outputs = run_onnx(prepared, inputs)["sum_out"]
    assert "Relu" not in {node.op_type for node in plain.graph.node}
    assert sqnr_db(float_outputs, run_onnx(plain, inputs)["sum_out"]) < 12
    quantized = quantized_by(model)
    assert quantized.float_nodes == ("act",)
    assert "kept float, or saturation would not replace it: act" in quantized.note
    assert fidelity(prepared, quantized) > 28


def test_trap_removed_relu_behind_a_pool() -> None:
    net = NetworkBuilder()
    net.conv(3, 4)
    net.add("MaxPool", kernel_shape=[2, 2], strides=[2, 2])
    net.add("Relu", name="act")
    net.conv(4, 4)
    quantized = quantized_by(net.model(rank=4))
    assert quantized.float_nodes == ("act",)
    assert fidelity(prepare_model(net.model(rank=4)), quantized) > 28


@pytest.mark.parametrize("bounds", [(0.25, 6.0), (-0.5, -0.125)])
def test_trap_removed_clip_whose_bounds_do_not_contain_zero(bounds: tuple[float, float]) -> None:
    net = NetworkBuilder()
    net.conv(3, 4)
    net.add(
        "Clip", *[net.constant(np.float32(v), f"c{i}") for i, v in enumerate(bounds)], name="act"
    )
    net.conv(4, 4)
    quantized = quantized_by(net.model(rank=4))
    assert quantized.float_nodes == ("act",)
    assert fidelity(prepare_model(net.model(rank=4)), quantized) > 28


def test_trap_removed_relu6_under_power_of_two_scales() -> None:
    net = NetworkBuilder()
    net.conv(3, 4, weights=3 * net.rng.standard_normal((4, 3, 3, 3)))
    net.add("Clip", *[net.constant(np.float32(v), f"c{v}") for v in (0, 6)], name="relu6")
    net.conv(4, 4)
    model = net.model(rank=4)
    assert quantized_by(model).float_nodes == ()
    shifted = quantized_by(model, power_of_two=True)
    assert shifted.float_nodes == ("relu6",)
    assert fidelity(prepare_model(model), shifted) > 25


def test_trap_signed_activations_with_unsigned_weights_cannot_be_said(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="doesn't support"):
        plain_quantize_static(
            classifier(), tmp_path, activation_type=QuantType.QInt8, weight_type=QuantType.QUInt8
        )
    with pytest.raises(ConfigError, match="unknown key"):
        Strategy.from_mapping("s", {"weight_type": "uint8"})


def test_trap_quantised_models_of_a_newer_ir_version() -> None:
    model = classifier()
    model.ir_version = 14
    with pytest.raises(ModelError, match="IR version"):
        make_session(model)
    assert quantized_by(model).float_nodes == ()


def test_unnamed_nodes_get_names() -> None:
    model = classifier()
    for node in model.graph.node:
        node.name = ""
    prepared = prepare_model(model)
    names = [node.name for node in prepared.graph.node]
    assert all(names) and len(set(names)) == len(names)
    assert prepare_model(prepared).SerializeToString() == prepared.SerializeToString()


# --- wide biases ----------------------------------------------------------------------------------


def dead_channels() -> onnx.ModelProto:
    """Half of the first layer's channels have next to no weights, and an ordinary bias."""
    net = NetworkBuilder()
    weights = net.rng.standard_normal((8, 3, 3, 3)) / 5
    weights[::2] *= 1e-30
    net.conv(3, 8, weights=weights, bias=net.rng.uniform(0.2, 1, 8), name="conv_a")
    net.add("Relu")
    net.conv(8, 6, name="conv_b")
    return net.model(rank=4)


@pytest.mark.parametrize("format", ["qoperator", "qdq"])
def test_trap_dead_channels_widen_biases_and_a_floor_narrows_them(format: str) -> None:
    model = prepare_model(dead_channels())
    wide = quantized_by(model, format=format)
    narrow = quantized_by(model, format=format, bias_bits=20)
    assert widest_bias_bits(wide.executable) == 32
    assert "32-bit biases (bias_bits would narrow them)" in wide.note
    assert 18 <= widest_bias_bits(narrow.executable) <= 20
    assert "-bit biases" not in narrow.note
    assert abs(fidelity(model, narrow) - fidelity(model, wide)) < 0.5
    for layer, untouched in zip(
        integer_layers(narrow.executable), integer_layers(wide.executable), strict=True
    ):
        live = slice(1, None, 2) if layer.weight_name == "conv_a_w" else slice(None)
        assert np.array_equal(layer.weight_scale[live], untouched.weight_scale[live])


@pytest.mark.parametrize("bits", [10, 14, 18])
@pytest.mark.parametrize("per_channel", [True, False])
def test_bias_floor_holds_at_any_width(bits: int, per_channel: bool) -> None:
    quantized = quantized_by(dead_channels(), bias_bits=bits, per_channel=per_channel)
    assert widest_bias_bits(quantized.executable) <= bits


def test_bias_floor_that_is_not_needed_changes_nothing(
    network: onnx.ModelProto, calibration: Calibration
) -> None:
    plain = quantize(network, calibration, Strategy("s"))
    floored = quantize(network, calibration, Strategy("s", bias_bits=32))
    assert floored.model.SerializeToString() == plain.model.SerializeToString()


# --- powers of two --------------------------------------------------------------------------------


@pytest.mark.parametrize("per_channel", [True, False])
def test_trap_saturating_products_get_seven_bit_weights(
    network: onnx.ModelProto, calibration: Calibration, per_channel: bool
) -> None:
    strategy = Strategy("s", per_channel=per_channel)
    safe = quantize(network, calibration, strategy, exact_u8s8=False)
    assert "7-bit weights" in safe.note
    values = initializer_values(safe.model)
    weights = [v for n, v in values.items() if n.endswith("_w_quantized")]
    largest = max(int(np.abs(array.astype(int)).max()) for array in weights)
    assert len(weights) == 3 and largest == 64
    assert 2 * 255 * largest <= np.iinfo(np.int16).max < 2 * 255 * 127
    signed = quantize(network, calibration, Strategy("s", symmetric=True), exact_u8s8=False)
    assert "7-bit" not in signed.note


# --- running --------------------------------------------------------------------------------------
