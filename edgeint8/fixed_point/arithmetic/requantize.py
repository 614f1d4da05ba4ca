"""Requantisation: from a wide integer accumulator back to eight bits, in one place.

A convolution leaves ``acc``, an integer in units of ``x_scale * w_scale``. The next layer wants a
code in units of ``y_scale``:

    q = clip(round(acc * S) + zero_point, lowest, highest)       S = x_scale * w_scale / y_scale (1)

Everybody agrees on (1) and nobody on ``round`` and on how S is stored. `Scheme` names the choices
that real libraries and chips make; `requantize` is the only function that rounds an accumulator.
"""

from dataclasses import dataclass
from enum import Enum

import ml_dtypes
import numpy as np
import numpy.typing as npt

from edgeint8.conventions import Array
from edgeint8.errors import ModelError


class Scheme(Enum):
    """How an accumulator is multiplied by the real number S and rounded."""

    ORT_FLOAT32 = "ort_float32"
    """float32 product, ties to even: ONNX Runtime (MLAS)."""
    FLOAT64 = "float64"
    """The exact scales in float64, ties to even: in practice the mathematical answer."""
    INT32_HALF_UP = "int32_half_up"
    """31-bit multiplier and shift, one rounding, ties up: TFLite and CMSIS-NN, single rounding."""
    INT32_HALF_EVEN = "int32_half_even"
    """31-bit multiplier and shift, one rounding, ties to even."""
    GEMMLOWP = "gemmlowp"
    """31-bit multiplier, rounded twice: gemmlowp, TFLite's default, CMSIS-NN's default."""
    INT16_HALF_UP = "int16_half_up"
    """16-bit multiplier and shift, one rounding, ties upwards: half the multiplier's area."""
    TRUNCATE = "truncate"
    """31-bit multiplier and an arithmetic shift without rounding (towards minus infinity)."""
    POWER_OF_TWO = "power_of_two"
    """S replaced by the nearest power of two after calibration: a shifter and no multiplier."""


def scheme_named(name: str) -> Scheme:
    """The scheme of this value; `ModelError` for a name that is none."""
    names = [scheme.value for scheme in Scheme]
    if name not in names:
        raise ModelError(f"rounding {name!r}", allowed=", ".join(names))
    return Scheme(name)


@dataclass(frozen=True)
class FixedPointMultiplier:
    """S as integers: ``S = mantissa * 2**-shift``, per tensor (0-d) or per channel (1-d), int64."""

    mantissa: Array
    shift: Array


def ort_scale(x_scale: Array, w_scale: Array, y_scale: Array) -> Array:
    """S of equation (1) as ORT computes it: ``f32(f32(x_scale * w_scale) / y_scale)``, float32."""
    product = np.multiply(x_scale, w_scale, dtype=np.float32)
    return np.divide(product, y_scale, dtype=np.float32)


def exact_scale(x_scale: Array, w_scale: Array, y_scale: Array) -> Array:
    """S of equation (1) in float64: an exact product of two float32 and one rounded division."""
    return np.multiply(x_scale, w_scale, dtype=np.float64) / np.asarray(y_scale, np.float64)


def combined_scale(scheme: Scheme, x_scale: Array, w_scale: Array, y_scale: Array) -> Array:
    """S as `scheme` wants it: float32 steps for ORT, float64 for everybody else."""
    combine = ort_scale if scheme is Scheme.ORT_FLOAT32 else exact_scale
    return combine(np.asarray(x_scale), np.asarray(w_scale), np.asarray(y_scale))


def quantize_multiplier(scale: Array, bits: int = 31) -> FixedPointMultiplier:
    """Integers closest to `scale` whose mantissa lies in ``[2**(bits-1), 2**bits)``.

    With 31 bits this is TFLite's ``QuantizeMultiplier`` (``shift = 31 - exponent``). A scale below
    2**-32 becomes 0, as there. A mantissa that rounds up to ``2**bits`` is halved.

    >>> found = quantize_multiplier(np.array(0.25))
    >>> int(found.mantissa) == 2**30, int(found.shift)
    (True, 32)
    """
    real = np.asarray(scale, np.float64)
    if not np.all((real > 0) & (real < 2.0**16)):
        worst = real[~((real > 0) & (real < 2.0**16))].flat[0]
        raise ModelError(f"requantisation scale is {worst}", allowed="above 0 and below 65536")
    fraction, exponent = np.frexp(real)
    mantissa = np.floor(fraction * 2.0**bits + 0.5).astype(np.int64)
    rounded_up = mantissa == 1 << bits
    mantissa = np.where(rounded_up, mantissa >> 1, mantissa)
    shift = bits - (exponent.astype(np.int64) + rounded_up)
    vanishes = shift > bits + 31
    return FixedPointMultiplier(np.where(vanishes, 0, mantissa), np.where(vanishes, bits, shift))


def _half_up(acc: Array, multiplier: FixedPointMultiplier) -> Array:
    """``floor(acc * S + 1/2)``: add half of the last place, shift arithmetically."""
    half = np.int64(1) << (multiplier.shift - 1)
    return (acc * multiplier.mantissa + half) >> multiplier.shift


def _half_even(acc: Array, multiplier: FixedPointMultiplier) -> Array:
    """Half up, then one step back where the value was an exact tie and the result is odd."""
    product = acc * multiplier.mantissa
    mask = (np.int64(1) << multiplier.shift) - 1
    tie = (product & mask) == (np.int64(1) << (multiplier.shift - 1))
    rounded = _half_up(acc, multiplier)
    return rounded - (tie & (rounded & 1 == 1))


def _truncate(acc: Array, multiplier: FixedPointMultiplier) -> Array:
    """``floor(acc * S)``: the shifter's natural behaviour."""
    return (acc * multiplier.mantissa) >> multiplier.shift


def rounding_doubling_high_mul(a: Array, b: Array) -> Array:
    """gemmlowp ``SaturatingRoundingDoublingHighMul``: ``a * b / 2**31``, ties towards +infinity.

    The C++ adds a nudge of 2**30 or 1 - 2**30 and divides with truncation towards zero: both are
    ``floor((a b + 2**30) / 2**31)``. The one saturating case, a = b = -2**31, cannot occur here:
    multipliers are positive.
    """
    return (a * b + (1 << 30)) >> 31


def rounding_divide_by_power_of_two(x: Array, exponent: Array) -> Array:
    """gemmlowp ``RoundingDivideByPOT``: ``x / 2**exponent``, ties away from zero."""
    mask = (np.int64(1) << exponent) - 1
    threshold = (mask >> 1) + (x < 0)
    return (x >> exponent) + ((x & mask) > threshold)


def multiply_gemmlowp(acc: Array, multiplier: FixedPointMultiplier) -> Array:
    """TFLite's ``MultiplyByQuantizedMultiplier``: high multiply, then divide, two roundings.

    A factor above 1 shifts left first, in 32 bits: what leaves them wraps around.
    """
    left = np.maximum(31 - multiplier.shift, 0)
    right = np.maximum(multiplier.shift - 31, 0)
    shifted = (acc << left).astype(np.int32).astype(np.int64) if np.any(left) else acc
    high = rounding_doubling_high_mul(shifted, multiplier.mantissa)
    return rounding_divide_by_power_of_two(high, right)


def _gemmlowp_codes(acc: Array, scale: Array, zero_point: int, dtype: npt.DTypeLike) -> Array:
    """`multiply_gemmlowp`, zero-point and saturation in one compiled pass over (..., M)."""
    from edgeint8.fixed_point.arithmetic.compiled import gemmlowp_rows  # numba takes time to load

    multiplier = quantize_multiplier(scale)
    channels = max(multiplier.mantissa.size, 1)
    shifts = np.maximum(31 - multiplier.shift, 0), np.maximum(multiplier.shift - 31, 0)
    vectors = [np.asarray(v, np.int64).reshape(-1) for v in (multiplier.mantissa, *shifts)]
    rows = np.ascontiguousarray(acc).reshape(-1, channels)
    out = np.empty(rows.shape, dtype)
    gemmlowp_rows(rows, *vectors, np.array([*code_range(dtype), zero_point], np.int64), out)
    return out.reshape(acc.shape)


def _power_of_two(acc: Array, scale: Array) -> Array:
    """Shift by ``-log2(S)`` rounded to an integer, half up; a scale of 1 or more shifts left."""
    shift = -np.rint(np.log2(np.asarray(scale, np.float64))).astype(np.int64)
    right = np.clip(shift, 0, 62)
    half = np.where(right > 0, np.int64(1) << np.maximum(right - 1, 0), 0)
    return ((acc << np.maximum(-shift, 0)) + half) >> right


def integer_round(acc: Array, scale: Array, scheme: Scheme) -> Array:
    """Equation (1) without zero-point and clip, int64 to int64, for the integer schemes."""
    if scheme is Scheme.POWER_OF_TWO:
        return _power_of_two(acc, scale)
    if scheme is Scheme.INT16_HALF_UP:
        return _half_up(acc, quantize_multiplier(scale, bits=16))
    rounders = {
        Scheme.GEMMLOWP: multiply_gemmlowp,
        Scheme.INT32_HALF_UP: _half_up,
        Scheme.INT32_HALF_EVEN: _half_even,
        Scheme.TRUNCATE: _truncate,
    }
    return rounders[scheme](acc, quantize_multiplier(scale))


def code_range(dtype: npt.DTypeLike) -> tuple[int, int]:
    """Lowest and highest code of an integer type, of 2 and 4 bits too."""
    try:
        info = ml_dtypes.iinfo(dtype)
    except ValueError:
        raise ModelError(f"{np.dtype(dtype)} is not an integer type", allowed="integers") from None
    return int(info.min), int(info.max)


def requantize(
    acc: Array,
    scale: Array,
    zero_point: int,
    dtype: npt.DTypeLike,
    scheme: Scheme = Scheme.ORT_FLOAT32,
) -> Array:
    """Equation (1): accumulators (bias included) to codes of `dtype`.

    Parameters
    ----------
    acc
        Exact integers, shape (..., M); an integer type, or a float type that holds them exactly.
    scale
        S from `combined_scale`, a scalar or shape (M,).
    zero_point
        Output zero-point in codes.

    ORT's contract: ``v = f32(f32(acc) * S)``; clip to ``[lowest - zp, highest - zp]``; round half
    to even; add the zero-point. The zero-point joins after the rounding, so ties do not move.

    >>> ties = np.array([10, -10, 14, -2])  # 2.5, -2.5, 3.5 and -0.5
    >>> quarter = np.asarray(0.25)
    >>> requantize(ties, quarter, 0, np.int8, Scheme.INT32_HALF_UP).tolist()
    [3, -2, 4, 0]
    >>> requantize(ties, quarter, 0, np.int8, Scheme.GEMMLOWP).tolist()
    [3, -3, 4, -1]
    """
    low, high = code_range(dtype)
    if scheme is Scheme.ORT_FLOAT32:
        value = np.multiply(acc.astype(np.float32, copy=False), scale, dtype=np.float32)
        np.clip(value, np.float32(low - zero_point), np.float32(high - zero_point), out=value)
        np.rint(value, out=value)
        value += np.float32(zero_point)
        return value.astype(dtype)
    if scheme is Scheme.GEMMLOWP:
        return _gemmlowp_codes(acc, scale, zero_point, dtype)
    if scheme is Scheme.FLOAT64:
        rounded = np.rint(acc.astype(np.float64) * scale)
    else:
        rounded = integer_round(acc.astype(np.int64), scale, scheme)
    return np.clip(rounded + zero_point, low, high).astype(dtype)
