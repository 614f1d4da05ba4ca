"""ADD, SUB and MUL of codes, as each runtime orders them."""

from collections.abc import Callable, Iterable
from typing import Any

import numpy as np

from edgeint8.conventions import Array
from edgeint8.errors import ModelError
from edgeint8.fixed_point.arithmetic.requantize import (
    Scheme,
    code_range,
    integer_round,
    requantize,
)
from edgeint8.fixed_point.operators.context import Context, scalar
from edgeint8.fixed_point.runtimes import gemmlowp

F32, F64, I64 = np.float32, np.float64, np.int64
Operator = Callable[..., Array]
RATIOS = (2.0**-10, 2.0**8)
PRODUCT_RATIOS = (2.0**-16, 2.0**8)
"""Ratios of input to output scales that XNNPACK takes; others stay with TFLite's own kernel."""
LEFT_SHIFT = 20
"""Both addends get so many more bits before they are scaled (``op_params->left_shift``, int8)."""


def xnnpack_takes(ratios: Iterable[Any], limits: tuple[float, float]) -> bool:
    """Whether XNNPACK computes it; below its limits TFLite's kernel does, as `add_fixed_point`.

    Above them an optimised kernel of TFLite runs that nobody has repeated: `ModelError`.
    """
    found = [float(ratio) for ratio in ratios]
    if max(found) >= limits[1]:
        raise ModelError(f"ratio of scales {max(found)}", allowed=f"below {limits[1]:g} on XNNPACK")
    return min(found) >= limits[0]


def centred(x: Array, zero_point: Array) -> Array:
    """``x - zero_point`` in int64."""
    return x.astype(I64) - scalar(zero_point)


def to_codes(value: Array, zero_point: Array) -> Array:
    """Zero-point added, saturated."""
    dtype = zero_point.dtype
    return np.clip(value + scalar(zero_point), *code_range(dtype)).astype(dtype)


def _scaled_codes(zero_point: Array, real: float, scheme: Scheme) -> Array:
    """Every int8 code, centred, shifted and scaled; by its bits read as uint8."""
    codes = np.arange(256, dtype=np.uint8).view(np.int8)
    shifted = centred(codes, zero_point) << LEFT_SHIFT
    return integer_round(shifted, np.asarray(real), scheme).astype(np.int32)


def add_fixed_point(sign: int, scheme: Scheme = Scheme.GEMMLOWP) -> Operator:
    """a + sign * b with three multipliers, each rounded as `scheme` says.

    Source: TFLite ``reference/add.h``, ``sub.h``; CMSIS-NN ``arm_elementwise_add_s8.c``.
    """

    def operator(
        context: Context, a: Array, a_scale: Array, a_zero: Array, b: Array, b_scale: Array,
        b_zero: Array, c_scale: Array, c_zero: Array,
    ) -> Array:  # fmt: skip
        left, right, real = addition_scales(a_scale, b_scale, c_scale)
        first = _scaled_codes(a_zero, left, scheme)[a.view(np.uint8)]
        second = sign * _scaled_codes(b_zero, right, scheme)[b.view(np.uint8)]
        return requantize(first + second, np.asarray(real), scalar(c_zero), c_zero.dtype, scheme)

    return operator


def addition_scales(a_scale: Array, b_scale: Array, c_scale: Array) -> tuple[float, float, float]:
    """What TFLite's addition multiplies both addends by, and then their sum."""
    left, right, out = (float(scale.item()) for scale in (a_scale, b_scale, c_scale))
    twice = 2 * max(left, right)
    return left / twice, right / twice, twice / (2.0**LEFT_SHIFT * out)


def add_xnnpack(sign: int) -> Operator:
    """a + sign * b with two 21-bit multipliers, one bias and one shift.

    Source: XNNPACK, ``xnn_init_qs8_add_minmax_scalar_params`` and ``qs8-vadd``; the larger ratio of
    scales gets 21 bits, ties round upwards, the sum saturates at 16 bits.
    """
    otherwise = add_fixed_point(sign)

    def operator(
        context: Context, a: Array, a_scale: Array, a_zero: Array, b: Array, b_scale: Array,
        b_zero: Array, c_scale: Array, c_zero: Array,
    ) -> Array:  # fmt: skip
        left, right = (F32(scale.item()) / F32(c_scale.item()) for scale in (a_scale, b_scale))
        if not xnnpack_takes((left, right), RATIOS):
            return otherwise(context, a, a_scale, a_zero, b, b_scale, b_zero, c_scale, c_zero)
        shift = LEFT_SHIFT - int(np.frexp(max(left, right))[1] - 1)
        first, second = (int(np.rint(F64(ratio) * 2.0**shift)) for ratio in (left, right))
        second *= sign
        fixed = (1 << (shift - 1)) - first * scalar(a_zero) - second * scalar(b_zero)
        total = (fixed + a.astype(I64) * first + b.astype(I64) * second) >> shift
        return to_codes(np.clip(total, -(1 << 15), (1 << 15) - 1), c_zero)

    return operator


def _product(a: Array, a_zero: Array, b: Array, b_zero: Array) -> Array:
    return centred(a, a_zero) * centred(b, b_zero)


def _float32_ratio(a_scale: Array, b_scale: Array, c_scale: Array) -> np.float32:
    """``f32(f32(a * b) / c)``."""
    return F32(F32(a_scale.item()) * F32(b_scale.item())) / F32(c_scale.item())


def mul_litert(
    context: Context, a: Array, a_scale: Array, a_zero: Array, b: Array, b_scale: Array,
    b_zero: Array, c_scale: Array, c_zero: Array,
) -> Array:  # fmt: skip
    """gemmlowp multiplier of a scale computed in float32 (TFLite ``kernels/mul.cc``)."""
    ratio = F64(_float32_ratio(a_scale, b_scale, c_scale))
    return to_codes(gemmlowp.multiply(_product(a, a_zero, b, b_zero), ratio), c_zero)


def mul_tflm(scheme: Scheme) -> Operator:
    """31-bit multiplier of a scale computed in float64 (tflite-micro ``mul_common.cc``)."""

    def operator(
        context: Context, a: Array, a_scale: Array, a_zero: Array, b: Array, b_scale: Array,
        b_zero: Array, c_scale: Array, c_zero: Array,
    ) -> Array:  # fmt: skip
        ratio = np.asarray(F64(a_scale.item()) * F64(b_scale.item()) / F64(c_scale.item()))
        return to_codes(integer_round(_product(a, a_zero, b, b_zero), ratio, scheme), c_zero)

    return operator


def mul_xnnpack(
    context: Context, a: Array, a_scale: Array, a_zero: Array, b: Array, b_scale: Array,
    b_zero: Array, c_scale: Array, c_zero: Array,
) -> Array:  # fmt: skip
    """float32 product, ties to even, then the zero-point (XNNPACK ``qs8-vmul``)."""
    ratio = np.asarray(_float32_ratio(a_scale, b_scale, c_scale))
    if not xnnpack_takes([ratio], PRODUCT_RATIOS):
        return mul_litert(context, a, a_scale, a_zero, b, b_scale, b_zero, c_scale, c_zero)
    acc = _product(a, a_zero, b, b_zero)
    return requantize(acc, ratio, scalar(c_zero), c_zero.dtype, Scheme.ORT_FLOAT32)
