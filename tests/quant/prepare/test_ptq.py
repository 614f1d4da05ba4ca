"""Quantisation, trap by trap: each on a network that was built to trigger it."""

import numpy as np
import onnx
import pytest
from float_networks import FLAVOURS, NetworkBuilder, images
from ptq_networks import fidelity, minmax_ranges, prepared_classifier

from edgeint8.errors import ConfigError, ModelError
from edgeint8.quant.affine import IntegerGrid, parameters_from_range
from edgeint8.quant.calibrate.calibration import Calibration
from edgeint8.quant.graph import (
    initializer_values,
    integer_layers,
    weight_layers,
)
from edgeint8.quant.ptq import (
    Strategy,
    calibrate,
    prepare_model,
    quantize,
    run_onnx,
)

network = pytest.fixture(scope="module")(prepared_classifier)
calibration = pytest.fixture(scope="module")(minmax_ranges)


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
