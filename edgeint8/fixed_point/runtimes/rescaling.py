"""QUANTIZE, RELU between tensors of different scales, and the limits of activations."""

from collections.abc import Callable

import numpy as np
import numpy.typing as npt

from edgeint8.conventions import Array
from edgeint8.fixed_point.arithmetic.requantize import code_range
from edgeint8.fixed_point.operators.context import Context, scalar
from edgeint8.fixed_point.runtimes import gemmlowp
from edgeint8.fixed_point.runtimes.gemmlowp import round_away
from edgeint8.fixed_point.runtimes.sums import centred, to_codes

F32, F64, I64 = np.float32, np.float64, np.int64
Float = type[np.float32] | type[np.float64]
SMALLEST_RATIO, LARGEST_RATIO = 2.0**-8, 2.0**7
"""Ratios of scales that XNNPACK converts; others stay with TFLite's own kernel."""


def quantize(context: Context, x: Array, y_scale: Array, y_zero: Array | None = None) -> Array:
    """Codes of floats, ties away from zero (TFLite ``reference/quantize.h``)."""
    zero = np.zeros((), np.int8) if y_zero is None else y_zero
    level = round_away(np.divide(x, F32(y_scale.item()), dtype=F32)).astype(F64)
    return np.clip(level + scalar(zero), *code_range(zero.dtype)).astype(zero.dtype)


def quantize_xnnpack(
    context: Context, x: Array, y_scale: Array, y_zero: Array | None = None
) -> Array:
    """Codes of floats: times the float32 reciprocal, ties to even (XNNPACK ``f32-qs8-vcvt``)."""
    zero = np.zeros((), np.int8) if y_zero is None else y_zero
    level = np.rint(x * (F32(1) / F32(y_scale.item()))).astype(F64)
    return np.clip(level + scalar(zero), *code_range(zero.dtype)).astype(zero.dtype)


def requantize_gemmlowp(
    context: Context, x: Array, x_scale: Array, x_zero: Array, y_scale: Array, y_zero: Array
) -> Array:
    """gemmlowp multiplier of the ratio of scales (TFLite ``kernels/quantize.cc``)."""
    ratio = F64(x_scale.item()) / F64(y_scale.item())
    return to_codes(gemmlowp.multiply(centred(x, x_zero), ratio), y_zero)


def requantize_xnnpack(
    context: Context, x: Array, x_scale: Array, x_zero: Array, y_scale: Array, y_zero: Array
) -> Array:
    """The ratio as an 8.8 fixed-point number, ties upwards (XNNPACK ``qs8-vcvt``)."""
    ratio = F32(x_scale.item()) / F32(y_scale.item())
    if not SMALLEST_RATIO <= ratio <= LARGEST_RATIO:
        return requantize_gemmlowp(context, x, x_scale, x_zero, y_scale, y_zero)
    factor = int(np.rint(F32(256) * ratio))
    return to_codes((centred(x, x_zero) * factor + (1 << 7)) >> 8, y_zero)


def limit_code(
    value: float,
    scale: Array,
    zero: int,
    ties_even: bool = False,
    dtype: npt.DTypeLike = np.int8,
) -> int:
    """Code of an activation's limit, saturated.

    TFLite ``CalculateActivationRangeQuantized``: ``zp + round(f32(value / scale))``, ties away from
    zero. XNNPACK (``xnn_qs8_quantize``): ``rint(f32(value / scale) + zp)``, ties to even, so the
    zero-point decides too. One code apart where value / scale ends in a half.
    """
    real = np.asarray(F32(value) / F32(scale.item()))
    code = np.rint(real + F32(zero)) if ties_even else round_away(real) + F32(zero)
    return int(np.clip(int(code), *code_range(dtype)))


def _rescaled(x: Array, x_scale: Array, x_zero: Array, y_scale: Array, y_zero: Array) -> Array:
    """Codes on the output's scale, by a gemmlowp multiplier of a ratio divided in float32."""
    ratio = F64(F32(x_scale.item()) / F32(y_scale.item()))
    return to_codes(gemmlowp.multiply(centred(x, x_zero), ratio), y_zero)


def relu(
    context: Context, x: Array, x_scale: Array, x_zero: Array, y_scale: Array, y_zero: Array
) -> Array:
    """Rescaled, then not below the code of 0 (TFLite ``reference_ops.h``, ``ReluX``)."""
    return np.maximum(_rescaled(x, x_scale, x_zero, y_scale, y_zero), y_zero.reshape(()))


def relu6(
    context: Context, x: Array, x_scale: Array, x_zero: Array, y_scale: Array, y_zero: Array
) -> Array:
    """Rescaled, then between the codes of 0 and 6 on the output's scale."""
    highest = np.int8(limit_code(6, y_scale, scalar(y_zero)))
    return np.minimum(relu(context, x, x_scale, x_zero, y_scale, y_zero), highest)


def relu_n1_to_1(
    context: Context, x: Array, x_scale: Array, x_zero: Array, y_scale: Array, y_zero: Array
) -> Array:
    """Rescaled, then between the codes of -1 and 1 on the output's scale."""
    low, high = (np.int8(limit_code(end, y_scale, scalar(y_zero))) for end in (-1, 1))
    return np.clip(_rescaled(x, x_scale, x_zero, y_scale, y_zero), low, high)


def leaky_relu(kind: Float) -> Callable[..., Array]:
    """One gemmlowp multiplier above zero and one below, of scales divided in a float `kind`.

    Source: TFLite ``reference/leaky_relu.h``. The factors are float32 in LiteRT's
    ``activations.cc`` and float64 in tflite-micro's ``leaky_relu_common.cc``.
    """

    def operator(
        context: Context, x: Array, x_scale: Array, x_zero: Array, y_scale: Array, y_zero: Array
    ) -> Array:
        value = centred(x, x_zero)
        factors = _slopes(context, x_scale, y_scale, kind)
        above, below = (gemmlowp.multiply(value, F64(factor)) for factor in factors)
        return to_codes(np.where(value >= 0, above, below), y_zero)

    return operator


def leaky_relu_xnnpack(
    context: Context, x: Array, x_scale: Array, x_zero: Array, y_scale: Array, y_zero: Array
) -> Array:
    """Both factors as 8.8 fixed-point numbers, ties upwards (XNNPACK ``qs8-vlrelu``)."""
    factors = _slopes(context, x_scale, y_scale, F32)
    if min(factors) < SMALLEST_RATIO or max(factors) > LARGEST_RATIO:
        return leaky_relu(F32)(context, x, x_scale, x_zero, y_scale, y_zero)
    value = centred(x, x_zero)
    above, below = (int(np.rint(F32(256) * factor)) for factor in factors)
    return to_codes((value * np.where(value >= 0, above, below) + (1 << 7)) >> 8, y_zero)


def _slopes(
    context: Context, x_scale: Array, y_scale: Array, kind: Float
) -> tuple[np.floating, np.floating]:
    """Factors of positive and of negative values."""
    x, y = kind(x_scale.item()), kind(y_scale.item())
    return x / y, x * kind(F32(context.attribute("alpha", 0.01))) / y


def relu6_tflm(
    context: Context, x: Array, x_scale: Array, x_zero: Array, y_scale: Array, y_zero: Array
) -> Array:
    """Raw codes between 0 and 6 on the input's scale; the output's is not looked at.

    Source: tflite-micro ``kernels/activations_common.cc``, ``Relu6Quantized``.
    """
    highest = limit_code(6, x_scale, scalar(x_zero))
    return np.clip(x, x_zero.reshape(()), np.int8(highest))


def clip_ties_even(
    context: Context, x: Array, low: Array, high: Array, low_even: Array, high_even: Array
) -> Array:
    """Limits as XNNPACK rounds them."""
    return np.clip(x, low_even.reshape(()), high_even.reshape(()))
