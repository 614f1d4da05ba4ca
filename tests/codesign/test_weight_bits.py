"""Weights of fewer bits in an int8 container: every level, and ONNX Runtime as the witness."""

import numpy as np
import onnx
import pytest
from float_networks import FLAVOURS, classifier, images

from edgeint8.errors import ConfigError
from edgeint8.fixed_point.compare import compare_model
from edgeint8.quant.affine import sqnr_db
from edgeint8.quant.calibrate.calibration import Calibration
from edgeint8.quant.graph import QUANTIZED_SUFFIX, initializer_values, weight_layers
from edgeint8.quant.ort.reference import batches
from edgeint8.quant.ptq import Strategy, calibrate, prepare_model, quantize, run_onnx


@pytest.fixture(scope="module")
def network() -> onnx.ModelProto:
    return prepare_model(classifier())


@pytest.fixture(scope="module")
def calibration(network: onnx.ModelProto) -> Calibration:
    return calibrate(network, images(64), "minmax")


def narrowed(flavour: Strategy, bits: int) -> Strategy:
    return Strategy(
        "narrow", flavour.symmetric, flavour.per_channel, format=flavour.format, weight_bits=bits
    )


@pytest.mark.parametrize("bits", range(2, 9))
@pytest.mark.parametrize("flavour", FLAVOURS, ids=lambda s: s.name)
def test_every_weight_is_the_nearest_of_its_few_levels(
    network: onnx.ModelProto, calibration: Calibration, flavour: Strategy, bits: int
) -> None:
    quantized = quantize(network, calibration, narrowed(flavour, bits), exact_u8s8=True)
    stored = initializer_values(quantized.model)
    largest = 2 ** (bits - 1) - 1
    for layer in weight_layers(network):
        levels = stored[layer.weight_name + QUANTIZED_SUFFIX]
        rows = layer.channels_first.astype(np.float64)
        reach = np.abs(rows).max(axis=1 if flavour.per_channel else None, keepdims=True)
        exact = rows * largest / reach
        got = np.moveaxis(levels, layer.axis, 0).reshape(rows.shape)
        assert levels.dtype == np.int8 and np.abs(got).max() == largest
        assert (np.abs(got - exact) <= 0.5 + 1e-4).all()


@pytest.mark.parametrize("exact", [True, False], ids=["exact", "saturating"])
def test_narrow_weights_do_not_depend_on_the_processor(
    network: onnx.ModelProto, calibration: Calibration, exact: bool
) -> None:
    """A processor that saturates gets 7-bit weights; four bits are four bits on either."""
    strategy = narrowed(FLAVOURS[4], 4)
    quantized = quantize(network, calibration, strategy, exact_u8s8=exact)
    stored = initializer_values(quantized.model)
    for layer in weight_layers(network):
        assert np.abs(stored[layer.weight_name + QUANTIZED_SUFFIX]).max() == 7


@pytest.mark.parametrize("flavour", FLAVOURS, ids=lambda s: s.name)
def test_the_executor_equals_onnx_runtime_at_three_bits(
    network: onnx.ModelProto, calibration: Calibration, flavour: Strategy
) -> None:
    quantized = quantize(network, calibration, narrowed(flavour, 3))
    comparison = compare_model(
        quantized.executable, batches(quantized.executable, images(16, seed=3))
    )
    assert comparison.mismatches == 0 and comparison.images == 16


def test_each_bit_more_gains_fidelity(network: onnx.ModelProto, calibration: Calibration) -> None:
    inputs = images(64, seed=9)
    name = network.graph.output[0].name
    exact = run_onnx(network, inputs)[name]
    ratios = [
        sqnr_db(
            exact,
            run_onnx(
                quantize(network, calibration, narrowed(FLAVOURS[4], bits)).executable, inputs
            )[name],
        )
        for bits in (2, 3, 4, 5, 6)
    ]
    assert (np.diff(ratios) > 3).all()  # twice the levels are 6 dB of each weight's own noise


def test_eight_bits_are_what_there_was(network: onnx.ModelProto, calibration: Calibration) -> None:
    plain = quantize(network, calibration, Strategy("s"))
    eight = quantize(network, calibration, Strategy("s", weight_bits=8))
    assert eight.model.SerializeToString() == plain.model.SerializeToString()


@pytest.mark.parametrize(
    "options", [{"weight_bits": 1}, {"weight_bits": 9}, {"weight_bits": 4, "dynamic": True}]
)
def test_widths_that_cannot_be_are_refused(options: dict[str, object]) -> None:
    with pytest.raises(ConfigError):
        Strategy("s", **options)


def test_the_description_names_narrow_weights() -> None:
    assert "4-bit weights" in Strategy("s", weight_bits=4).description
    assert "-bit weights" not in Strategy("s").description
