"""Integer kernels: loops, BLAS form and torch's float64 convolution agree on every integer."""

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from edgeint8.errors import ModelError
from edgeint8.fixed_point.arithmetic import kernels
from edgeint8.fixed_point.arithmetic.geometry import ConvGeometry
from edgeint8.fixed_point.arithmetic.operands import Operands, with_raw_codes
from edgeint8.fixed_point.arithmetic.requantize import code_range, requantize

NO_ZERO = np.zeros((), np.int8)


def torch_oracle(operands):
    """Accumulators by torch in float64, which is exact here; padding is made by hand."""
    geometry, axes = operands.geometry, operands.x.ndim - 2
    x = operands.x.astype(np.int64) - operands.x_zero_point
    border = list(zip(geometry.pads_begin, geometry.pads_end, strict=True))
    x = np.pad(x, [(0, 0), (0, 0), *border])
    zero = np.broadcast_to(operands.w_zero_point.astype(np.int64).reshape(-1), operands.channels)
    w = operands.w.astype(np.int64) - zero.reshape((-1,) + (1,) * (axes + 1))
    convolve = {1: torch.nn.functional.conv1d, 2: torch.nn.functional.conv2d}[axes]
    bias = None if operands.bias is None else torch.from_numpy(operands.bias.astype(np.float64))
    acc = convolve(
        torch.from_numpy(x.astype(np.float64)),
        torch.from_numpy(w.astype(np.float64)),
        bias,
        stride=geometry.strides,
        dilation=geometry.dilations,
        groups=geometry.groups,
    )
    return acc.numpy().astype(np.int64)


@st.composite
def convolutions(draw, axes):
    """Random operands of a 1-D or 2-D convolution with every feature the kernels have."""
    size = st.integers(1, 3)
    kernel = tuple(draw(size) for _ in range(axes))
    strides = tuple(draw(size) for _ in range(axes))
    dilations = tuple(draw(st.integers(1, 2)) for _ in range(axes))
    before = tuple(draw(st.integers(0, 2)) for _ in range(axes))
    after = tuple(draw(st.integers(0, 2)) for _ in range(axes))
    groups, per_group = draw(st.sampled_from([(1, 1), (1, 5), (2, 3), (4, 1)]))
    channels_out = groups * draw(size)
    geometry = ConvGeometry(kernel, strides, dilations, before, after, groups)
    spatial = [extent + draw(st.integers(0, 3)) for extent in geometry.extent]
    x_type, w_type = (
        draw(st.sampled_from([np.int8, np.uint8])),
        draw(st.sampled_from([np.int8, np.uint8])),
    )
    rng = np.random.default_rng(draw(st.integers(0, 2**32)))
    extremes = draw(st.booleans())
    x = codes(rng, (draw(size), groups * per_group, *spatial), x_type, extremes)
    w = codes(rng, (channels_out, per_group, *kernel), w_type, extremes)
    per_channel = draw(st.booleans())
    w_zero = codes(rng, (channels_out,) if per_channel else (), w_type, extremes)
    bias = rng.integers(-(2**20), 2**20, channels_out) if draw(st.booleans()) else None
    x_zero = int(codes(rng, (), x_type, extremes))
    return Operands(x, w, x_zero, w_zero, bias, geometry)


def codes(rng, shape, dtype, extremes):
    """Uniform codes, or only the two ends of the range."""
    low, high = code_range(dtype)
    if extremes:
        return np.asarray(rng.choice([low, high], shape)).astype(dtype)
    return np.asarray(rng.integers(low, high + 1, shape)).astype(dtype)


@settings(max_examples=120, deadline=None)
@given(convolutions(axes=2))
def test_2d_loops_blas_and_torch_agree(operands):
    expected = torch_oracle(operands)
    np.testing.assert_array_equal(kernels.int8_conv2d_reference(operands), expected)
    np.testing.assert_array_equal(kernels.conv_accumulator(operands), expected)


@settings(max_examples=120, deadline=None)
@given(convolutions(axes=1))
def test_1d_loops_blas_and_torch_agree(operands):
    expected = torch_oracle(operands)
    np.testing.assert_array_equal(kernels.int8_conv1d_reference(operands), expected)
    np.testing.assert_array_equal(kernels.conv_accumulator(operands), expected)


@settings(max_examples=60, deadline=None)
@given(convolutions(axes=2))
def test_raw_codes_and_corrected_bias_give_the_same_sums(operands):
    raw = with_raw_codes(operands)
    assert raw.border == operands.x_zero_point
    np.testing.assert_array_equal(kernels.conv_accumulator(raw), kernels.conv_accumulator(operands))


@pytest.mark.parametrize("depth", [1, 257, 258, 259, 300, 5000, 40_000])
def test_matmul_stays_exact_past_the_float32_limit(depth):
    """All corners: 255 * -255 summed `depth` times leaves 2**24 at a depth of 258."""
    a = np.full((2, depth), 255, np.float32)
    b = np.full((depth, 3), -255, np.float32)
    expected = np.full((2, 3), -255 * 255 * depth)
    np.testing.assert_array_equal(kernels.exact_matmul(a, b, 255), expected)
    odd = np.random.default_rng(depth).integers(-255, 256, (depth, 3))
    got = kernels.exact_matmul(a, odd.astype(np.float32), 255)
    np.testing.assert_array_equal(got, (255 * odd.sum(axis=0))[None].repeat(2, axis=0))


@pytest.mark.parametrize("taps", [3, 17])
def test_depthwise_stays_exact_past_the_float32_limit(taps):
    """17 x 17 taps of 255 * 255 are above 2**24."""
    x = np.full((1, 2, taps, taps), 255, np.uint8)
    w = np.full((2, 1, taps, taps), 255, np.uint8)
    geometry = ConvGeometry((taps, taps), (1, 1), (1, 1), (0, 0), (0, 0), groups=2)
    acc = kernels.conv_accumulator(Operands(x, w, 0, NO_ZERO, None, geometry))
    assert acc.tolist() == [[[[255 * 255 * taps * taps]]] * 2]


def test_bias_beyond_float32_is_added_exactly():
    x, w = np.ones((1, 1), np.uint8), np.ones((1, 2), np.int8)
    bias = np.array([2**24 + 1, -(2**31) + 1], np.int32)
    acc = kernels.accumulate(Operands(x, w, 0, NO_ZERO, bias))
    assert acc.astype(np.int64).tolist() == [[2**24 + 2, -(2**31) + 2]]


def test_corner_products():
    """-128 * -128 is the one product that needs 16 bits."""
    x, w = np.full((1, 1), -128, np.int8), np.full((1, 1), -128, np.int8)
    assert kernels.accumulate(Operands(x, w, 0, NO_ZERO)).item() == 16384
    assert kernels.accumulate(Operands(x, w, 127, NO_ZERO)).item() == 32640


def test_bias_is_rounded_to_even_and_saturated():
    bias = np.array([0.5, 1.5, -2.5, 1e30, -1e30])
    got = kernels.quantize_bias(bias, 0.5, np.array([2.0]))
    assert got.tolist() == [0, 2, -2, 2**31 - 1, -(2**31)]
    assert got.dtype == np.int32


def test_running_sums_end_in_the_accumulator():
    rng = np.random.default_rng(3)
    x, w = codes(rng, (2, 3, 5, 5), np.uint8, False), codes(rng, (4, 3, 3, 3), np.int8, False)
    geometry = ConvGeometry((3, 3), (1, 1), (1, 1), (1, 0), (0, 1))
    bias = rng.integers(-999, 999, 4)
    operands = Operands(x, w, 7, NO_ZERO, bias, geometry)
    steps = kernels.simulate_conv_accumulation(operands)
    assert len(steps) == 27 + 1
    assert (steps[0] == bias).all()
    first = (x[0, 0, 0, 0].astype(int) - 7) * w[:, 0, 1, 0].astype(int)
    # window (0, 0): row padding makes kernel row 0 read zeros; K index 9 is row 1, column 0, c 0
    np.testing.assert_array_equal(steps[10, 0, 0] - steps[9, 0, 0], first)
    last = kernels.int8_conv2d_reference(operands)[0]
    np.testing.assert_array_equal(np.moveaxis(steps[-1], -1, 0), last)


def test_quantised_layer_stays_within_one_step_of_float():
    rng = np.random.default_rng(5)
    real_x, real_w = rng.normal(size=(1, 16, 12, 12)), rng.normal(size=(8, 16, 3, 3)) / 12
    real_bias = rng.normal(size=8)
    x_scale, w_scale = np.abs(real_x).max() / 127, np.abs(real_w).max((1, 2, 3)) / 127
    x = np.rint(real_x / x_scale).astype(np.int8)
    w = np.rint(real_w / w_scale[:, None, None, None]).astype(np.int8)
    geometry = ConvGeometry((3, 3), (1, 1), (1, 1), (1, 1), (1, 1))
    bias = kernels.quantize_bias(real_bias, x_scale, w_scale)
    acc = kernels.accumulate(Operands(x, w, 0, NO_ZERO, bias, geometry))
    real = torch.nn.functional.conv2d(
        *(torch.from_numpy(v) for v in (real_x, real_w, real_bias)), padding=1
    ).numpy()
    y_scale = np.abs(real).max() / 127
    y = requantize(acc, x_scale * w_scale / y_scale, 0, np.int8)
    share = kernels.validate_against_float(np.moveaxis(y, -1, 1), y_scale, 0, real)
    assert share > 0.95


@pytest.mark.parametrize(
    "change",
    [
        {"x": np.zeros((1, 3, 4, 4), np.float32)},
        {"w": np.zeros((2, 3, 3, 3), np.int16)},
        {"w": np.zeros((2, 4, 3, 3), np.int8)},
        {"w_zero_point": np.zeros(3, np.int8)},
    ],
)
def test_operands_that_do_not_fit_are_refused(change):
    good = {
        "x": np.zeros((1, 3, 4, 4), np.uint8),
        "w": np.zeros((2, 3, 3, 3), np.int8),
        "x_zero_point": 0,
        "w_zero_point": NO_ZERO,
        "geometry": ConvGeometry((3, 3), (1, 1), (1, 1), (0, 0), (0, 0)),
    }
    Operands(**good)
    with pytest.raises(ModelError):
        Operands(**{**good, **change})


def test_window_larger_than_image_is_refused():
    geometry = ConvGeometry((5, 5), (1, 1), (1, 1), (0, 0), (0, 0))
    with pytest.raises(ModelError, match="larger than the image"):
        geometry.output_size((4, 9))
