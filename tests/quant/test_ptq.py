"""Quantisation, trap by trap: each on a network that was built to trigger it."""

from pathlib import Path

import numpy as np
import onnx
import pytest
from float_networks import FLAVOURS, NetworkBuilder, classifier, images, reference_outputs
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray
from onnx import helper
from onnxruntime.quantization import (
    CalibrationDataReader,
    QuantFormat,
    QuantType,
    quantize_static,
)

from edgeint8.errors import ConfigError, DataError, ModelError
from edgeint8.quant.affine import IntegerGrid, parameters_from_range, sqnr_db
from edgeint8.quant.calibrate.calibration import Calibration
from edgeint8.quant.evidence.evaluation import evaluate
from edgeint8.quant.evidence.sensitivity import layer_groups
from edgeint8.quant.graph import (
    float_nodes,
    initializer_values,
    integer_layers,
    opset_of,
    shift_only_multipliers,
    weight_layers,
    widest_bias_bits,
)
from edgeint8.quant.ort.scales import power_of_two, power_of_two_range
from edgeint8.quant.ort.unsigned import unsigned_twin
from edgeint8.quant.ptq import (
    QuantizedModel,
    Strategy,
    calibrate,
    optimised_graph,
    prepare_model,
    quantize,
    run_onnx,
)
from edgeint8.quant.session import cpu_flags, has_exact_u8s8, make_session


@pytest.fixture(scope="module")
def network() -> onnx.ModelProto:
    return prepare_model(classifier())


@pytest.fixture(scope="module")
def calibration(network: onnx.ModelProto) -> Calibration:
    return calibrate(network, images(64), "minmax")


def fidelity(model: onnx.ModelProto, quantized: QuantizedModel, count: int = 64) -> float:
    """SQNR of the first output against the float network on fresh images."""
    inputs = images(count, seed=9)
    name = model.graph.output[0].name
    outputs = run_onnx(quantized.executable, inputs, batch=quantized.batch)
    return sqnr_db(run_onnx(model, inputs)[name], outputs[name])


def quantized_by(model: onnx.ModelProto, **options: object) -> QuantizedModel:
    prepared = prepare_model(model)
    strategy = Strategy("s", **options)
    ranges = calibrate(prepared, images(64), strategy.calibration)
    return quantize(prepared, ranges, strategy)


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


@pytest.mark.parametrize(
    ("options", "where"),
    [
        ({"calibration": "distribution"}, "minmax, percentile, entropy, mse"),
        ({"format": "tensorrt"}, "qoperator, qdq"),
        ({"calibration_samples": 0}, "1 or more"),
        ({"percentile": 50}, "above 50"),
        ({"percentile": 100.5}, "at most 100"),
        ({"bins": 3}, "even number"),
        ({"bias_bits": 7}, "8 to 32"),
        ({"symmetric": "yes"}, "true or false"),
        ({"dynamic": True, "symmetric": True}, "dynamic activations are uint8"),
        ({"dynamic": True, "bias_bits": 16}, "dynamic"),
        ({"weight_type": "uint8"}, "unknown key weight_type"),
    ],
)
def test_bad_strategies_are_refused_with_their_place(
    options: dict[str, object], where: str
) -> None:
    with pytest.raises(ConfigError, match=where) as caught:
        Strategy.from_mapping("mine", options)
    assert "$.strategies.mine" in str(caught.value)


def test_strategy_names_its_parts() -> None:
    strategy = Strategy.from_mapping("mine", {"symmetric": True, "per_channel": False})
    assert (strategy.symmetry, strategy.granularity) == ("symmetric", "tensor")
    assert strategy.calibration_samples == 512
    assert strategy.description == "symmetric activations, weights per tensor, minmax"
    assert strategy.calibration_id == "minmax_512"
    options = {"calibration": "percentile", "percentile": 99.9, "bins": 1024, "symmetric": True}
    assert Strategy.from_mapping("p", options).calibration_id == "percentile_512_1024_99.9"
    options = {"calibration": "entropy", "calibration_samples": 64, "per_channel": False}
    assert Strategy.from_mapping("e", options).calibration_id == "entropy_64_2048"


# --- the quantised graph --------------------------------------------------------------------------


@pytest.mark.parametrize("strategy", FLAVOURS, ids=lambda s: s.name)
def test_every_flavour_stays_close_to_the_float_network(
    network: onnx.ModelProto, calibration: Calibration, strategy: Strategy
) -> None:
    quantized = quantize(network, calibration, strategy)
    assert fidelity(network, quantized) > 28
    activations = {node.op_type for node in quantized.executable.graph.node}
    assert {"QLinearConv", "QGemm"} <= activations
    layers = integer_layers(quantized.executable)
    assert len(layers) == 3
    assert all((layer.weight_scale.size > 1) == strategy.per_channel for layer in layers)


@pytest.mark.parametrize("strategy", FLAVOURS, ids=lambda s: s.name)
def test_types_and_zero_points_are_what_the_strategy_says(
    network: onnx.ModelProto, calibration: Calibration, strategy: Strategy
) -> None:
    graph = quantize(network, calibration, strategy).executable
    values = initializer_values(graph)
    for node in graph.graph.node:
        if node.op_type == "QLinearConv":
            activation_zero, weights, weight_zero = (values[node.input[i]] for i in (2, 3, 5))
            assert weights.dtype == np.int8 and not weight_zero.any()
            assert weights.min() >= -127
            assert activation_zero.dtype == (np.int8 if strategy.symmetric else np.uint8)
            assert not (strategy.symmetric and activation_zero.any())


def test_scales_are_those_of_the_affine_maths(
    network: onnx.ModelProto, calibration: Calibration
) -> None:
    strategy = Strategy("s", symmetric=False, per_channel=True)
    quantized = quantize(network, calibration, strategy, exact_u8s8=True)
    first = integer_layers(quantized.model)[0]
    entry = calibration.ranges["input"]
    grid = IntegerGrid(8, signed=False)
    expected = parameters_from_range(entry.low, entry.high, grid, symmetric=False)
    assert first.input_scale == float(expected.scale)
    weights = weight_layers(network)[0].channels_first
    largest = np.abs(weights).max(axis=1)
    restricted = IntegerGrid(8, restricted=True)
    rows = parameters_from_range(-largest, largest, restricted, symmetric=True, axis=0)
    assert np.array_equal(first.weight_scale, rows.scale)


def test_quantising_changes_neither_model_nor_calibration(
    network: onnx.ModelProto, calibration: Calibration
) -> None:
    before, ranges = network.SerializeToString(), calibration.to_json()
    first = quantize(network, calibration, Strategy("s", power_of_two=True, bias_bits=16))
    again = quantize(network, calibration, Strategy("s", power_of_two=True, bias_bits=16))
    assert network.SerializeToString() == before
    assert calibration.to_json() == ranges
    assert first.model.SerializeToString() == again.model.SerializeToString()


def test_calibration_of_another_method_is_refused(
    network: onnx.ModelProto, calibration: Calibration
) -> None:
    for given_calibration in (calibration, None):
        with pytest.raises(ModelError, match="entropy"):
            quantize(network, given_calibration, Strategy("s", calibration="entropy"))
    percentile = calibrate(network, images(8), "percentile", bins=512, percentile=99.0)
    options = {"calibration": "percentile", "bins": 512}
    quantize(network, percentile, Strategy("s", percentile=99.0, **options))
    with pytest.raises(ModelError, match=r"percentile.*512.*99\.9"):
        quantize(network, percentile, Strategy("s", percentile=99.9, **options))


def test_outputs_depend_on_neither_batch_nor_threads(
    network: onnx.ModelProto, calibration: Calibration
) -> None:
    model = quantize(network, calibration, Strategy("s")).executable
    inputs = images(50)
    whole = run_onnx(model, inputs, batch=50)["dense_out"]
    for batch, threads in [(1, 1), (7, 2), (32, 1)]:
        parts = run_onnx(model, inputs, batch=batch, threads=threads)["dense_out"]
        assert np.array_equal(whole, parts)


# --- traps ----------------------------------------------------------------------------------------


def test_trap_entropy_is_minmax(network: onnx.ModelProto, calibration: Calibration) -> None:
    # the same four networks come out of ONNX Runtime's default entropy calibration as of minmax
    # (tests/oracles/test_ort_calibrators.py); ours differ, and say which bins ran
    entropy = calibrate(network, images(64), "entropy")
    assert (entropy.bins, entropy.quantized_bins) == (2048, 256)
    by_entropy = quantize(network, entropy, Strategy("s", calibration="entropy"))
    by_minmax = quantize(network, calibration, Strategy("s"))
    assert by_entropy.model.SerializeToString() != by_minmax.model.SerializeToString()
    assert "ranges equal minmax" in by_entropy.note


def test_note_says_why_entropy_and_minmax_coincide() -> None:
    # two values only, both at the ends: any narrower range holds nothing at all
    net = NetworkBuilder()
    weights = np.zeros((3, 3, 3, 3), np.float32)
    weights[range(3), range(3), 1, 1] = 1
    net.conv(3, 3, weights=weights, bias=np.zeros(3))
    model = prepare_model(net.model(rank=4))
    inputs = {"input": np.where(images(8)["input"] > 0, 1, -1).astype(np.float32)}
    entropy = calibrate(model, inputs, "entropy")
    note = quantize(model, entropy, Strategy("s", calibration="entropy")).note
    assert "2 of 2 ranges equal minmax: the full range diverges least" in note


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


@given(value=st.floats(1e-30, 1e30))
def test_power_of_two_is_the_smallest_that_is_not_below(value: float) -> None:
    result = float(power_of_two(value))
    assert np.frexp(result)[0] == 0.5
    assert result / 2 < value <= result


@given(
    low=st.floats(-1e6, 1e6, width=32),
    width=st.floats(2**-10, 1e6, width=32),
    symmetric=st.booleans(),
)
def test_power_of_two_range_gives_that_scale_and_covers(
    low: float, width: float, symmetric: bool
) -> None:
    grid = IntegerGrid(8, signed=symmetric, restricted=symmetric)
    high = low + width
    natural = parameters_from_range(low, high, grid, symmetric=symmetric)
    ends = power_of_two_range(low, high, grid, symmetric=symmetric)
    shifted = parameters_from_range(*ends, grid, symmetric=symmetric)
    assert float(shifted.scale) == float(power_of_two(natural.scale))
    half = float(shifted.scale) / 2 * (1 + 1e-6)
    assert ends[0] <= min(low, 0) + half and ends[1] >= max(high, 0) - half


@pytest.mark.parametrize("strategy", FLAVOURS, ids=lambda s: s.name)
def test_power_of_two_makes_every_multiplier_a_shift(
    network: onnx.ModelProto, calibration: Calibration, strategy: Strategy
) -> None:
    options = {"symmetric": strategy.symmetric, "per_channel": strategy.per_channel}
    shifted = Strategy("shift", format=strategy.format, power_of_two=True, **options)
    quantized = quantize(network, calibration, shifted)
    exact, total = shift_only_multipliers(quantized.executable)
    assert exact == total == (30 if strategy.per_channel else 3)
    assert f"{total} of {total} multipliers are shifts" in quantized.note
    plain = shift_only_multipliers(quantize(network, calibration, strategy).executable)
    assert plain[0] < plain[1]
    assert fidelity(network, quantized) > 22


def test_power_of_two_reaches_constants_of_elementwise_operators() -> None:
    net = NetworkBuilder()
    net.conv(3, 4)
    offsets = net.rng.standard_normal((1, 8, 8)).astype(np.float32)
    net.add("Add", net.constant(offsets, "offsets"))
    net.conv(4, 4)
    quantized = quantized_by(net.model(rank=4), power_of_two=True)
    scales = [
        value
        for name, value in initializer_values(quantized.model).items()
        if name.endswith("_scale") and "bias" not in name
    ]
    assert all(np.all(np.frexp(scale)[0] == 0.5) for scale in scales) and len(scales) >= 6


# --- dynamic quantisation -------------------------------------------------------------------------


def test_dynamic_runs_image_by_image_and_lists_its_float_nodes(network: onnx.ModelProto) -> None:
    quantized = quantize(network, None, Strategy("dynamic", dynamic=True))
    operators = {node.op_type for node in quantized.executable.graph.node}
    assert {"ConvInteger", "DynamicQuantizeLinear"} <= operators
    assert quantized.batch == 1
    assert fidelity(network, quantized) > 28
    assert {"relu_a", "pool", "relu_b", "average"} <= set(quantized.float_nodes)
    assert "batch 1" in quantized.note
    inputs = images(8)
    alone = run_onnx(quantized.executable, inputs, batch=1)["dense_out"]
    together = run_onnx(quantized.executable, inputs, batch=8)["dense_out"]
    assert not np.array_equal(alone, together)


# --- QDQ ------------------------------------------------------------------------------------------


def test_qdq_and_its_optimised_graph_are_the_same_arithmetic(
    network: onnx.ModelProto, calibration: Calibration
) -> None:
    quantized = quantize(network, calibration, Strategy("s", format="qdq"))
    assert {n.op_type for n in quantized.model.graph.node} >= {"Conv", "DequantizeLinear"}
    assert float_nodes(quantized.executable) == ()
    inputs = images(50, seed=5)
    integer = run_onnx(quantized.executable, inputs)["dense_out"]
    for level in ("extended", "all"):
        outputs = run_onnx(quantized.model, inputs, optimization=level)["dense_out"]
        assert np.array_equal(outputs, integer)
    again = optimised_graph(quantized.model)
    assert again.SerializeToString() == quantized.executable.SerializeToString()


def test_signed_qdq_residual_networks_become_integer() -> None:
    # without session.qdqisint8allowed ONNX Runtime leaves int8 additions float on x86
    net = NetworkBuilder()
    branch = net.conv(3, 4)
    net.conv(4, 4)
    net.add("Add", branch, name="sum")
    net.conv(4, 4)
    quantized = quantized_by(net.model(rank=4), symmetric=True, format="qdq")
    assert quantized.float_nodes == ()
    assert "QLinearAdd" in {node.op_type for node in quantized.executable.graph.node}


# --- the unsigned twin ----------------------------------------------------------------------------


@pytest.mark.parametrize("strategy", FLAVOURS, ids=lambda s: s.name)
def test_evaluation_is_bit_identical_to_the_reference_level(
    network: onnx.ModelProto, calibration: Calibration, strategy: Strategy
) -> None:
    quantized = quantize(network, calibration, strategy)
    inputs = {"input": 3 * images(200, seed=11)["input"]}  # saturates often
    reference = run_onnx(quantized.executable, inputs, optimization="extended")["dense_out"]
    assert np.array_equal(evaluate(quantized.executable, inputs)["dense_out"], reference)
    twin = unsigned_twin(quantized.executable)
    assert (twin is not None) == strategy.symmetric
    if twin is not None and has_exact_u8s8(cpu_flags()):
        assert np.array_equal(run_onnx(twin, inputs)["dense_out"], reference)
    if twin is not None:
        values = initializer_values(twin)
        zeros = [values[n.input[2]] for n in twin.graph.node if n.op_type == "QLinearConv"]
        assert all(zero.dtype == np.uint8 and zero == 128 for zero in zeros)


def test_no_twin_where_a_float_expression_holds_the_zero_point(network: onnx.ModelProto) -> None:
    net = NetworkBuilder()
    branch = net.conv(3, 4)
    net.conv(4, 4)
    net.add("Add", branch, name="sum")
    quantized = quantized_by(net.model(rank=4), symmetric=True)
    assert "QLinearAdd" in {node.op_type for node in quantized.executable.graph.node}
    assert unsigned_twin(quantized.executable) is None
    assert unsigned_twin(network) is None
    inputs = images(20)
    reference = run_onnx(quantized.executable, inputs)["sum_out"]
    assert np.array_equal(evaluate(quantized.executable, inputs)["sum_out"], reference)


# --- processors -----------------------------------------------------------------------------------


def test_exactness_follows_the_cpu_flags(tmp_path: Path) -> None:
    listing = tmp_path / "cpuinfo"
    listing.write_text("processor : 0\nflags\t\t: fpu avx2 avx512_vnni\n")
    assert has_exact_u8s8(cpu_flags(listing))
    listing.write_text("processor : 0\nflags\t\t: fpu avx2 avx512f\n")
    assert not has_exact_u8s8(cpu_flags(listing))
    assert cpu_flags(tmp_path / "absent") == frozenset()
    assert not has_exact_u8s8(frozenset())


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


def test_run_onnx_refuses_inputs_that_do_not_fit(network: onnx.ModelProto, tmp_path: Path) -> None:
    with pytest.raises(DataError, match="no data for input"):
        run_onnx(network, {"x": np.zeros((1, 3, 8, 8), np.float32)})
    with pytest.raises(DataError, match="rows"):
        run_onnx(network, {"input": np.zeros((0, 3, 8, 8), np.float32)})
    with pytest.raises(DataError, match="batch 0"):
        run_onnx(network, images(2), batch=0)
    (tmp_path / "broken.onnx").write_bytes(b"not a model")
    with pytest.raises(ModelError, match=r"broken\.onnx"):
        run_onnx(tmp_path / "broken.onnx", images(1))


def test_an_output_without_a_row_a_sample_is_left_out_but_the_first() -> None:
    """A scalar and a transposed output beside scores; five images in pieces of two."""
    model = classifier()
    add = model.graph.node.add
    add().CopyFrom(helper.make_node("ReduceSum", ["dense_out"], ["total"], keepdims=0))
    add().CopyFrom(helper.make_node("Transpose", ["dense_out"], ["turned"], perm=[1, 0]))
    add().CopyFrom(helper.make_node("Neg", ["dense_out"], ["negative"]))
    more = [onnx.ValueInfoProto(name=name) for name in ("total", "turned", "negative")]
    model.graph.output.extend(more)
    outputs = run_onnx(model, images(5), batch=2)
    assert set(outputs) == {"dense_out", "negative"}
    np.testing.assert_array_equal(outputs["negative"], -outputs["dense_out"])
    del model.graph.output[0]
    with pytest.raises(ValueError, match="zero-dimensional"):
        run_onnx(model, images(5), batch=2)


def test_a_layer_that_was_kept_float_runs_in_float() -> None:
    """ONNX Runtime would quantise the weights of a layer between Q and DQ; nothing asked it to."""
    model = prepare_model(classifier())
    calibration = calibrate(model, images(16), "minmax")
    kept = layer_groups(model)["conv_b"]
    for form in ("qoperator", "qdq"):
        strategy = Strategy("s", per_channel=False, format=form)
        executable = quantize(model, calibration, strategy, exclude=kept).executable
        assert [n.op_type for n in executable.graph.node].count("Conv") == 1
        plain = run_onnx(executable, images(8), optimization="disable")
        optimised = run_onnx(executable, images(8), optimization="extended")
        np.testing.assert_array_equal(optimised["dense_out"], plain["dense_out"])


def test_fixed_batch_sizes_are_obeyed() -> None:
    model = classifier()
    model.graph.input[0].type.tensor_type.shape.dim[0].dim_value = 4
    assert run_onnx(model, images(8))["dense_out"].shape == (8, 10)
    with pytest.raises(DataError, match="batch size of 4"):
        run_onnx(model, images(6))


def test_prepare_refuses_what_cannot_run() -> None:
    model = classifier()
    model.graph.node[0].op_type = "NoSuchOperator"
    with pytest.raises(ModelError, match="NoSuchOperator"):
        prepare_model(model)
    del model.opset_import[:]
    with pytest.raises(ModelError, match="operator sets"):
        prepare_model(model)
