"""Requantisation: ties, corners, and each scheme against rational arithmetic or C's semantics."""

from fractions import Fraction
from math import floor

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from edgeint8.errors import ModelError
from edgeint8.fixed_point.arithmetic.requantize import (
    Scheme,
    combined_scale,
    multiply_gemmlowp,
    ort_scale,
    quantize_multiplier,
    requantize,
    rounding_divide_by_power_of_two,
    rounding_doubling_high_mul,
)


def levels(acc, scale, scheme, zero_point=0, dtype=np.int8):
    """Codes as a list."""
    scale = np.asarray(scale, np.float32 if scheme is Scheme.ORT_FLOAT32 else np.float64)
    return requantize(np.asarray(acc), scale, zero_point, dtype, scheme).tolist()


# accumulators at S = 2**-1: -2.5, -1.5, -0.5, 0.5, 1.5, 2.5 are exact ties
TIES = [-5, -3, -1, 1, 3, 5]
TIE_MATRIX = {
    Scheme.ORT_FLOAT32: [-2, -2, 0, 0, 2, 2],
    Scheme.FLOAT64: [-2, -2, 0, 0, 2, 2],
    Scheme.INT32_HALF_UP: [-2, -1, 0, 1, 2, 3],
    Scheme.INT32_HALF_EVEN: [-2, -2, 0, 0, 2, 2],
    Scheme.GEMMLOWP: [-2, -1, 0, 1, 2, 3],
    Scheme.INT16_HALF_UP: [-2, -1, 0, 1, 2, 3],
    Scheme.TRUNCATE: [-3, -2, -1, 0, 1, 2],
    Scheme.POWER_OF_TWO: [-2, -1, 0, 1, 2, 3],
}
# gemmlowp at S = 2**-2 rounds in its second step, where ties go away from zero
QUARTER_TIES = [-10, -6, -2, 2, 6, 10]
QUARTER_MATRIX = {
    Scheme.ORT_FLOAT32: [-2, -2, 0, 0, 2, 2],
    Scheme.INT32_HALF_UP: [-2, -1, 0, 1, 2, 3],
    Scheme.GEMMLOWP: [-3, -2, -1, 1, 2, 3],
}


def test_every_scheme_has_a_row_in_the_tie_matrix():
    assert set(TIE_MATRIX) == set(Scheme)


@pytest.mark.parametrize("scheme", Scheme)
def test_ties_at_one_half(scheme):
    assert levels(TIES, 0.5, scheme) == TIE_MATRIX[scheme]


@pytest.mark.parametrize("scheme", QUARTER_MATRIX)
def test_ties_at_one_quarter(scheme):
    assert levels(QUARTER_TIES, 0.25, scheme) == QUARTER_MATRIX[scheme]


@pytest.mark.parametrize("zero_point", [0, 1, 3, 117, 255])
@pytest.mark.parametrize("scheme", Scheme)
def test_zero_point_joins_after_the_rounding(scheme, zero_point):
    """An odd zero-point must not turn 'half to even' into 'half to odd'."""
    plain = np.array(TIE_MATRIX[scheme]) + zero_point
    got = levels(TIES, 0.5, scheme, zero_point, np.uint8)
    assert got == np.clip(plain, 0, 255).tolist()


@pytest.mark.parametrize("scheme", Scheme)
@pytest.mark.parametrize("dtype, low, high", [(np.int8, -128, 127), (np.uint8, 0, 255)])
def test_saturation(scheme, dtype, low, high):
    acc = np.array([-(2**31), -(10**6), 10**6, 2**31 - 1])
    got = levels(acc, 0.5, scheme, zero_point=5, dtype=dtype)
    assert got == [low, low, high, high]


def test_ort_scale_rounds_twice_in_float32():
    x, w, y = np.float32(0.1), np.float32(0.0123), np.float32(0.37)
    by_hand = np.float32(np.float32(x * w) / y)
    assert ort_scale(x, w, y) == by_hand
    assert ort_scale(x, w, y).dtype == np.float32
    exact = combined_scale(Scheme.FLOAT64, x, w, y)
    assert exact == float(x) * float(w) / float(y)
    assert exact != by_hand


def test_ort_accumulator_is_rounded_to_float32_first():
    """2**24 + 1 is no float32: ORT sees 2**24, whose half is even; the exact value is above it."""
    acc = np.array([2**24 + 1])
    scale = 2.0**-25
    assert levels(acc, scale, Scheme.ORT_FLOAT32) == [0]
    assert levels(acc, scale, Scheme.FLOAT64) == [1]


scales = st.floats(2.0**-20, 4.0, allow_subnormal=False)
accumulators = st.lists(st.integers(-(2**30), 2**30), min_size=1, max_size=20)


@given(scales, st.integers(2, 31))
def test_multiplier_is_the_closest_with_its_bits(scale, bits):
    multiplier = quantize_multiplier(np.asarray(scale), bits)
    mantissa, shift = int(multiplier.mantissa), int(multiplier.shift)
    assert 2 ** (bits - 1) <= mantissa < 2**bits
    error = abs(Fraction(mantissa, 1) / Fraction(2) ** shift - Fraction(scale))
    assert error <= Fraction(1, 2) / Fraction(2) ** shift


def rational(acc, scale, bits):
    """acc * S as a fraction, with S as the integer scheme stores it."""
    multiplier = quantize_multiplier(np.asarray(scale), bits)
    return acc * Fraction(int(multiplier.mantissa)) / Fraction(2) ** int(multiplier.shift)


@pytest.mark.parametrize(
    "scheme, bits, rule",
    [
        (Scheme.INT32_HALF_UP, 31, lambda v: floor(v + Fraction(1, 2))),
        (Scheme.INT32_HALF_EVEN, 31, round),
        (Scheme.INT16_HALF_UP, 16, lambda v: floor(v + Fraction(1, 2))),
        (Scheme.TRUNCATE, 31, floor),
    ],
)
@given(acc=accumulators, scale=scales)
def test_one_rounding_schemes_equal_rational_arithmetic(scheme, bits, rule, acc, scale):
    expected = [max(-128, min(127, rule(rational(a, scale, bits)))) for a in acc]
    assert levels(acc, scale, scheme) == expected


@given(acc=accumulators, scale=scales)
def test_float64_equals_rational_rounding_of_the_product(acc, scale):
    expected = [max(-128, min(127, round(Fraction(float(a) * scale)))) for a in acc]
    assert levels(acc, scale, Scheme.FLOAT64) == expected


@given(acc=accumulators, exponent=st.integers(-20, 1))
def test_power_of_two_shifts(acc, exponent):
    expected = [floor(a * Fraction(2) ** exponent + Fraction(1, 2)) for a in acc]
    got = levels(acc, 2.0**exponent * 1.2, Scheme.POWER_OF_TWO)
    assert got == [max(-128, min(127, v)) for v in expected]


def c_divide(a, b):
    """Integer division of C: towards zero."""
    return abs(a) // abs(b) * (1 if (a >= 0) == (b >= 0) else -1)


@given(st.integers(-(2**31), 2**31 - 1), st.integers(2**30, 2**31 - 1))
def test_high_multiply_follows_the_cpp_source(a, b):
    nudge = 2**30 if a * b >= 0 else 1 - 2**30
    expected = c_divide(a * b + nudge, 2**31)
    assert int(rounding_doubling_high_mul(np.asarray(a), np.asarray(b))) == expected


@given(st.integers(-(2**31), 2**31 - 1), st.integers(0, 31))
def test_rounding_divide_is_half_away_from_zero(x, exponent):
    magnitude = floor(Fraction(abs(x), 2**exponent) + Fraction(1, 2))
    got = rounding_divide_by_power_of_two(np.asarray(x), np.asarray(exponent))
    assert int(got) == (magnitude if x >= 0 else -magnitude)


@pytest.mark.parametrize("scale", [0.0, -1.0, np.nan, np.inf, 65536.0])
def test_absurd_scales_are_refused(scale):
    with pytest.raises(ModelError, match="requantisation scale"):
        quantize_multiplier(np.asarray(scale))


def test_vanishing_scale_gives_the_zero_point():
    """Below 2**-32 TFLite's multiplier is 0."""
    assert levels([2**31 - 1, -(2**31)], 2.0**-45, Scheme.INT32_HALF_UP, 9) == [9, 9]


def test_the_compiled_pass_equals_its_definition():
    """Ties of both roundings, both signs, multipliers around 1, any type of accumulator."""
    rng = np.random.default_rng(0)
    scales = np.array([2.0**-1, 2.0**-7, 0.3, 2.0**-12 * 1.5, 3.7, 1.0, 2.0**-20])
    acc = np.concatenate([np.arange(-600, 600), rng.integers(-(2**22), 2**22, 4000)])
    acc = np.repeat(acc[:, None], scales.size, axis=1)
    want = np.clip(multiply_gemmlowp(acc, quantize_multiplier(scales)) + 5, -128, 127)
    for dtype in (np.int64, np.int32, np.float32, np.float64):
        got = requantize(acc.astype(dtype), scales, 5, np.int8, Scheme.GEMMLOWP)
        np.testing.assert_array_equal(got, want)


def test_the_high_product_equals_the_c_code():
    """gemmlowp adds a nudge by sign and divides with truncation; here it is one shift."""
    rng = np.random.default_rng(1)
    a = np.concatenate([rng.integers(-(2**31), 2**31, 5000), np.arange(-4, 5) * 2**20])
    for b in (2**30, 2**31 - 1, 1518500250, 1 << 29):
        for x, found in zip(a.tolist(), rounding_doubling_high_mul(a, np.int64(b)), strict=True):
            nudged = x * b + (2**30 if x * b >= 0 else 1 - 2**30)
            assert found == (abs(nudged) // 2**31) * (1 if nudged >= 0 else -1)
