"""SOFTMAX and HARD_SWISH of codes."""

import numpy as np

from edgeint8.conventions import Array
from edgeint8.errors import ModelError
from edgeint8.fixed_point.arithmetic.requantize import (
    code_range,
    quantize_multiplier,
    rounding_divide_by_power_of_two,
    rounding_doubling_high_mul,
)
from edgeint8.fixed_point.operators.context import Context
from edgeint8.fixed_point.runtimes import gemmlowp
from edgeint8.fixed_point.runtimes.gemmlowp import round_away
from edgeint8.fixed_point.runtimes.sums import centred, to_codes

F32, F64, I64 = np.float32, np.float64, np.int64
SOFTMAX_BITS, SUM_BITS = 5, 12


def exp_float32(x: Array) -> Array:
    """float32 exp through float64: correctly rounded but in the rarest cases, as libm's expf."""
    with np.errstate(over="ignore"):  # infinity is the right float32
        return np.exp(x.astype(F64)).astype(F32)


def _last_axis(context: Context, x: Array) -> tuple[Array, int]:
    axis = context.attribute("axis", -1)
    return np.moveaxis(x, axis, -1), axis


def softmax_fixed_point(
    context: Context, x: Array, x_scale: Array, x_zero: Array, y_scale: Array, y_zero: Array
) -> Array:
    """Exponentials, sum and reciprocal in gemmlowp's numbers (TFLite ``reference/softmax.h``).

    Where gemmlowp's assertions end the real runtime, `ModelError` says so: a sum of 512 or more.
    """
    codes, axis = _last_axis(context, x)
    real = min(F64(x_scale.item()) * 2.0 ** (31 - SOFTMAX_BITS), 2.0**31 - 1)
    if real <= 1:
        raise ModelError(f"softmax of scale {x_scale.item()}", allowed="above 2**-26")
    multiplier = gemmlowp.multiplier_of(real)
    shift = 31 - int(multiplier.shift)
    difference = codes.astype(I64) - codes.max(axis=-1, keepdims=True)
    counts = difference >= -gemmlowp.input_radius(SOFTMAX_BITS, shift)
    scaled = rounding_doubling_high_mul(
        np.where(counts, difference, 0) << shift, multiplier.mantissa
    )
    powers = gemmlowp.exp_of_negative(scaled, SOFTMAX_BITS)
    rescaled = gemmlowp.times_power_of_two(powers, -SUM_BITS)
    total = np.where(counts, rescaled, 0).sum(axis=-1, keepdims=True)
    headroom = 32 - np.frexp(total.astype(F64))[1].astype(I64)
    reciprocal = gemmlowp.reciprocal_of_one_plus((total << headroom) - (1 << 31))
    exponent = SUM_BITS - headroom + 31 - 8
    if exponent.max(initial=0) > 31:
        raise ModelError("softmax whose exponentials add up to 512 or more", allowed="less")
    share = rounding_divide_by_power_of_two(gemmlowp.product(reciprocal, powers), exponent)
    low, high = code_range(x.dtype)
    return np.moveaxis(np.where(counts, np.clip(share + low, low, high), low), -1, axis).astype(
        x.dtype
    )


def softmax_table(
    context: Context, x: Array, x_scale: Array, x_zero: Array, y_scale: Array, y_zero: Array
) -> Array:
    """A float32 table of exponentials, a sum in order, one reciprocal; ties away from zero.

    Source: TFLite ``optimized_ops.h``, ``PopulateSoftmaxLookupTable`` and ``Softmax``.
    """
    codes, axis = _last_axis(context, x)
    table = exp_float32(-F32(x_scale.item()) * np.arange(256, dtype=F32))
    powers = table[codes.max(axis=-1, keepdims=True).astype(I64) - codes]
    total = np.cumsum(powers, axis=-1, dtype=F32)[..., -1:]
    inverse = F32(1) / (total * F32(y_scale.item()))
    return np.moveaxis(to_codes(round_away(powers * inverse).astype(I64), y_zero), -1, axis)


def _high_mul_16(a: Array, b: int) -> Array:
    """``a * b / 2**15`` of int16, rounded, halves towards plus infinity; saturated."""
    nudged = a * b + np.where(a * b >= 0, 1 << 14, 1 - (1 << 14))
    return np.clip(
        np.where(nudged >= 0, nudged >> 15, -((-nudged) >> 15)), -(1 << 15), (1 << 15) - 1
    )


def _multiplier_16(real: np.float32) -> tuple[int, int]:
    """Mantissa of 16 bits and exponent of a real number: ``DownScaleInt32ToInt16Multiplier``."""
    wide = quantize_multiplier(np.asarray(real, F64))
    mantissa = min((int(wide.mantissa) + (1 << 15)) >> 16, (1 << 15) - 1)
    return mantissa, 31 - int(wide.shift)


def _saturate_16(x: Array) -> Array:
    return np.clip(x, -(1 << 15), (1 << 15) - 1)


def hard_swish(
    context: Context, x: Array, x_scale: Array, x_zero: Array, y_scale: Array, y_zero: Array
) -> Array:
    """``x * relu6(x + 3) / 6`` in 16 bits (TFLite ``reference/hard_swish.h``).

    The input gets seven more bits; ``relu6`` becomes saturation at 3 = 2**15 of its own scale.
    """
    fine = F32(1 / 128) * F32(x_scale.item())
    out, out_exponent = _multiplier_16(fine / F32(y_scale.item()))
    relu, relu_exponent = _multiplier_16(fine / (F32(3) / F32(1 << 15)))
    if not -15 <= out_exponent <= 0:
        ratio = x_scale.item() / y_scale.item()
        raise ModelError(f"HARD_SWISH with ratio of scales {ratio}", allowed="2**-9 to 128")
    value = centred(x, x_zero) << 7
    on_output_scale = _high_mul_16(value, out)
    gate = _saturate_16(value << (relu_exponent - 1)) if relu_exponent > 0 else value
    gate = _high_mul_16(gate, relu)
    if relu_exponent > 0:
        gate = _saturate_16(gate << 1)
    gate = gemmlowp.times_power_of_two(gate, min(relu_exponent, 0))
    both = ((gate + (1 << 15)) >> 1) * on_output_scale
    truncated = np.where(both >= 0, both >> 15, -((-both) >> 15))
    return to_codes(gemmlowp.times_power_of_two(truncated, out_exponent), y_zero)
