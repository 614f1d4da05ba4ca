"""LOGISTIC and TANH of codes: what becomes of each of the 256."""

from collections.abc import Callable

import numpy as np

from edgeint8.conventions import Array
from edgeint8.fixed_point.arithmetic.requantize import multiply_gemmlowp
from edgeint8.fixed_point.operators.context import Context, scalar
from edgeint8.fixed_point.runtimes import gemmlowp
from edgeint8.fixed_point.runtimes.functions import exp_float32
from edgeint8.fixed_point.runtimes.gemmlowp import ONE, round_away
from edgeint8.fixed_point.runtimes.sums import to_codes

F32, F64, I64 = np.float32, np.float64, np.int64
INTEGER_BITS = 4
CODES = np.arange(-128, 128)


def _table(x: Array, function: Callable[[Array], Array], x_scale: Array, x_zero: Array,
           y_scale: Array, y_zero: Array) -> Array:  # fmt: skip
    """Each code through a float32 function; ties away from zero.

    Source: LiteRT ``kernels/activations.cc``, ``PopulateLookupTable``.
    """
    real = function(F32(x_scale.item()) * (CODES - scalar(x_zero)).astype(F32))
    level = round_away(real * (F32(1) / F32(y_scale.item()))).astype(I64)
    return to_codes(level, y_zero)[x.astype(I64) + 128]


def logistic_table(
    context: Context, x: Array, x_scale: Array, x_zero: Array, y_scale: Array, y_zero: Array
) -> Array:
    """``1 / (1 + exp(-x))`` in float32."""

    def logistic(real: Array) -> Array:
        return F32(1) / (F32(1) + exp_float32(-real))

    return _table(x, logistic, x_scale, x_zero, y_scale, y_zero)


def tanh_table(
    context: Context, x: Array, x_scale: Array, x_zero: Array, y_scale: Array, y_zero: Array
) -> Array:
    """tanh in float32, through float64: correctly rounded but in the rarest cases."""

    def tanh(real: Array) -> Array:
        return np.tanh(real.astype(F64)).astype(F32)

    return _table(x, tanh, x_scale, x_zero, y_scale, y_zero)


def _fixed_point(
    x: Array, x_scale: Array, x_zero: Array, function: Callable[[Array], Array]
) -> Array:
    """Each code with four integer bits through `function`; the ends where it no longer fits."""
    multiplier = gemmlowp.multiplier_of(F64(x_scale.item()) * 2.0 ** (31 - INTEGER_BITS))
    radius = gemmlowp.input_radius(INTEGER_BITS, 31 - int(multiplier.shift))
    value = CODES - scalar(x_zero)
    z = multiply_gemmlowp(np.clip(value, -radius, radius).astype(I64), multiplier)
    codes = np.clip(function(z), -128, 127)
    table = np.where(value <= -radius, -128, np.where(value >= radius, 127, codes))
    return table.astype(x.dtype)[x.astype(I64) + 128]


def logistic_fixed_point(
    context: Context, x: Array, x_scale: Array, x_zero: Array, y_scale: Array, y_zero: Array
) -> Array:
    """gemmlowp's logistic function of a clipped input.

    Source: tflite-micro ``logistic_common.cc``, TFLite ``reference/integer_ops/logistic.h``.
    """

    def logistic(z: Array) -> Array:
        powers = gemmlowp.exp_of_negative(-np.abs(z), INTEGER_BITS)
        above = gemmlowp.reciprocal_of_one_plus(powers)
        share = np.where(z == 0, 1 << 30, np.where(z > 0, above, ONE - above))
        return gemmlowp.times_power_of_two(share, -23) - 128

    return _fixed_point(x, x_scale, x_zero, logistic)


def tanh_fixed_point(
    context: Context, x: Array, x_scale: Array, x_zero: Array, y_scale: Array, y_zero: Array
) -> Array:
    """gemmlowp's ``(1 - exp(-2 |x|)) / (1 + exp(-2 |x|))`` with the sign of x.

    Source: tflite-micro ``tanh.cc``, TFLite ``reference/integer_ops/tanh.h``. Twice x is x with one
    integer bit more.
    """

    def tanh(z: Array) -> Array:
        powers = gemmlowp.exp_of_negative(-np.abs(z), INTEGER_BITS + 1)
        share = np.sign(z) * gemmlowp.one_minus_over_one_plus(powers)
        return gemmlowp.times_power_of_two(share, -24)

    return _fixed_point(x, x_scale, x_zero, tanh)
