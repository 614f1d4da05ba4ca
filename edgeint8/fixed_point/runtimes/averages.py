"""AVERAGE_POOL_2D and MEAN of codes."""

import numpy as np

from edgeint8.conventions import Array
from edgeint8.fixed_point.arithmetic.requantize import (
    FixedPointMultiplier,
    code_range,
    multiply_gemmlowp,
)
from edgeint8.fixed_point.operators.context import Context, scalar
from edgeint8.fixed_point.operators.pooling import window_sum
from edgeint8.fixed_point.runtimes import gemmlowp
from edgeint8.fixed_point.runtimes.sums import to_codes

F32, F64, I64 = np.float32, np.float64, np.int64


def average_pool(
    context: Context, x: Array, x_scale: Array, x_zero: Array, y_scale: Array, y_zero: Array
) -> Array:
    """Sum of raw codes over their number, ties away from zero; scales do not matter.

    Source: TFLite ``reference/integer_ops/pooling.h``. A sum is below 2**24, so float32 is exact.
    """
    total, count = (np.asarray(part).astype(I64) for part in window_sum(context, x.astype(F32)))
    return gemmlowp.divide_away(total, count).astype(x.dtype)


def _sum(context: Context, x: Array) -> tuple[Array, int]:
    """Sum of codes over the node's axes, those of the image by default, and of how many."""
    axes = tuple(context.attribute("axes", range(2, x.ndim)))
    total = x.sum(axis=axes, keepdims=bool(context.attribute("keepdims", 1)), dtype=I64)
    return total, int(np.prod([x.shape[axis] for axis in axes], dtype=int))


def mean_gemmlowp(
    context: Context, x: Array, x_scale: Array, x_zero: Array, y_scale: Array, y_zero: Array
) -> Array:
    """gemmlowp's multiplication of the sum by `mean_multiplier`."""
    total, count = _sum(context, x)
    multiplier = mean_multiplier(x_scale, y_scale, count)
    return to_codes(multiply_gemmlowp(total - count * scalar(x_zero), multiplier), y_zero)


def mean_multiplier(x_scale: Array, y_scale: Array, count: int) -> FixedPointMultiplier:
    """Multiplier of the scales, its mantissa divided by the count as an integer.

    The mantissa is shifted left as far as the count allows before the division, so that no bit is
    lost. Source: TFLite ``reference/reduce.h``, ``QuantizedMeanOrSum``.
    """
    ratio = gemmlowp.multiplier_of(F64(x_scale.item()) / F64(y_scale.item()))
    exponent = 31 - int(ratio.shift)
    shift = min(count.bit_length() - 1, 32, 31 + exponent)
    mantissa = (int(ratio.mantissa) << shift) // count
    return FixedPointMultiplier(np.asarray(mantissa), np.asarray(31 - (exponent - shift)))


def mean_xnnpack(
    context: Context, x: Array, x_scale: Array, x_zero: Array, y_scale: Array, y_zero: Array
) -> Array:
    """One float32 constant holds both zero-points and is added before the rounding, ties to even.

    Source: XNNPACK ``qs8-rdsum`` with ``qs8-vcvt`` parameters of a mean.
    """
    total, count = _sum(context, x)
    scale = F32(F32(x_scale.item()) / F32(y_scale.item())) * F32(F32(1) / F32(count))
    fixed = F32(scalar(y_zero)) - F32(F32(count * scalar(x_zero)) * scale)
    value = total.astype(F32) * scale + fixed
    return np.clip(np.rint(value), *code_range(y_zero.dtype)).astype(y_zero.dtype)
