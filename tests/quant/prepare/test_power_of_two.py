"""Scales that are powers of two."""

import numpy as np
import onnx
import pytest
from float_networks import FLAVOURS, NetworkBuilder
from hypothesis import given
from hypothesis import strategies as st
from ptq_networks import fidelity, minmax_ranges, prepared_classifier, quantized_by

from edgeint8.quant.affine import IntegerGrid, parameters_from_range
from edgeint8.quant.calibrate.calibration import Calibration
from edgeint8.quant.graph import (
    initializer_values,
    shift_only_multipliers,
)
from edgeint8.quant.ort.scales import power_of_two, power_of_two_range
from edgeint8.quant.ptq import (
    Strategy,
    quantize,
)

network = pytest.fixture(scope="module")(prepared_classifier)
calibration = pytest.fixture(scope="module")(minmax_ranges)


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
