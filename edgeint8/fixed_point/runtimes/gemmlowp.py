"""gemmlowp's fixed-point numbers, which TFLite, tflite-micro and CMSIS-NN calculate with.

A raw int32 ``a`` with ``b`` integer bits means ``a / 2**(31 - b)``. Everything here is int64 that
holds int32 values. Source: gemmlowp, ``fixedpoint/fixedpoint.h``.
"""

import numpy as np

from edgeint8.conventions import Array
from edgeint8.fixed_point.arithmetic.requantize import (
    FixedPointMultiplier,
    multiply_gemmlowp,
    quantize_multiplier,
    rounding_divide_by_power_of_two,
    rounding_doubling_high_mul,
)

ONE = (1 << 31) - 1
"""1 with no integer bits: the largest int32."""
EXP_MINUS_EIGHTH = 1895147668
ONE_THIRD = 715827883
# exp(-2**k) with no integer bits, for k from -2 on
EXP_OF_POWERS = (1672461947, 1302514674, 790015084, 290630308, 39332535, 720401, 242)
FORTY_EIGHT_17THS, MINUS_THIRTY_TWO_17THS = 1515870810, -1010580540  # with two integer bits


def multiply(x: Array, real: float) -> Array:
    """``x * real`` as ``MultiplyByQuantizedMultiplier`` of ``QuantizeMultiplier(real)``."""
    return multiply_gemmlowp(x.astype(np.int64), quantize_multiplier(np.asarray(real, np.float64)))


def multiplier_of(real: float) -> FixedPointMultiplier:
    """31-bit mantissa and shift of any positive number, also of 65536 and more."""
    fraction, exponent = np.frexp(np.float64(real))
    mantissa = int(np.floor(fraction * 2.0**31 + 0.5))
    if mantissa == 1 << 31:
        mantissa, exponent = mantissa >> 1, exponent + 1
    return FixedPointMultiplier(np.asarray(mantissa, np.int64), np.asarray(31 - int(exponent)))


def product(a: Array, b: Array | int) -> Array:
    """Product of two fixed-point numbers; their integer bits add up."""
    return rounding_doubling_high_mul(a, np.asarray(b, np.int64))


def times_power_of_two(a: Array, exponent: int) -> Array:
    """``a * 2**exponent``: rounded to the right, saturated to the left."""
    if exponent < 0:
        return rounding_divide_by_power_of_two(a, np.asarray(-exponent, np.int64))
    return np.clip(a << exponent, -ONE - 1, ONE)


def _exp_of_a_quarter(a: Array) -> Array:
    """exp(a) for a in [-1/4, 0), no integer bits: a Taylor polynomial around -1/8."""
    x = a + (1 << 28)
    square = product(x, x)
    cube, fourth = product(square, x), product(square, square)
    high_terms = product(times_power_of_two(fourth, -2) + cube, ONE_THIRD) + square
    return EXP_MINUS_EIGHTH + product(x + times_power_of_two(high_terms, -1), EXP_MINUS_EIGHTH)


def exp_of_negative(a: Array, integer_bits: int) -> Array:
    """exp(a) for a <= 0 with `integer_bits`; the result has none.

    The last quarter by `_exp_of_a_quarter`, each higher bit of -a by a factor exp(-2**k).
    """
    fractional = 31 - integer_bits
    quarter = 1 << (fractional - 2)
    last = (a & (quarter - 1)) - quarter
    result = _exp_of_a_quarter(times_power_of_two(last, integer_bits))
    rest = last - a
    for k, factor in enumerate(EXP_OF_POWERS, start=-2):
        if integer_bits > k:
            bit = np.int64(1) << (fractional + k)
            result = np.where(rest & bit, product(result, factor), result)
    return np.where(a == 0, ONE, result)


def _two_over_one_plus(a: Array) -> Array:
    """2 / (1 + a) for a in [0, 1) with two integer bits: three steps of Newton and Raphson."""
    half_denominator = (a + (1 << 31)) >> 1
    x = FORTY_EIGHT_17THS + product(half_denominator, MINUS_THIRTY_TWO_17THS)
    for _ in range(3):
        missing = (1 << 29) - product(half_denominator, x)
        x = x + times_power_of_two(product(x, missing), 2)
    return x


def reciprocal_of_one_plus(a: Array) -> Array:
    """1 / (1 + a) for a in [0, 1), no integer bits."""
    return times_power_of_two(_two_over_one_plus(a), 1)


def one_minus_over_one_plus(a: Array) -> Array:
    """(1 - a) / (1 + a) for a in [0, 1), no integer bits: 2 / (1 + a) - 1."""
    return times_power_of_two(_two_over_one_plus(a) - (1 << 29), 2)


def input_radius(integer_bits: int, shift: int) -> int:
    """Largest input whose rescaled value has `integer_bits`: ``CalculateInputRadius``."""
    largest = ((1 << integer_bits) - 1) * (1 << (31 - integer_bits))
    return int(np.floor(np.float64(largest) / 2.0**shift))


def divide_away(total: Array, count: Array) -> Array:
    """Quotient of integers, ties away from zero, as C divides after adding half of the count."""
    half = count // 2
    return np.where(total > 0, (total + half) // count, -((half - total) // count))


def round_away(x: Array) -> Array:
    """Nearest integer, ties away from zero: C's ``round``."""
    return np.trunc(x + np.copysign(np.asarray(0.5, x.dtype), x))
