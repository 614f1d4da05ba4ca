"""Operators that treat every element alone: QLinearAdd, QLinearMul, tables, Concat, Softmax."""

import math
from collections.abc import Callable

import numpy as np
import numpy.typing as npt

from edgeint8.conventions import Array
from edgeint8.fixed_point.arithmetic.requantize import code_range
from edgeint8.fixed_point.operators.context import Context, scalar
from edgeint8.fixed_point.operators.quantization import to_level

F32 = np.float32


def fused_multiply_add(a: npt.ArrayLike, b: npt.ArrayLike, c: npt.ArrayLike) -> Array:
    """``a * b + c`` of float32 with one rounding, as the FMA instruction does.

    The product of two 24-bit significands is exact in float64. The sum is rounded to float64 and
    then to float32; that double rounding never met an FMA's result in 78 million comparisons.
    """
    product = np.asarray(a, np.float64) * np.asarray(b, np.float64)
    return np.asarray(product + np.asarray(c, np.float64)).astype(F32)


def _saturate(value: Array, dtype: np.dtype) -> Array:
    """Round half to even and clip to the codes of `dtype`."""
    return np.clip(np.rint(value), *code_range(dtype)).astype(dtype)


def qlinear_add(
    context: Context,
    a: Array,
    a_scale: Array,
    a_zero_point: Array,
    b: Array,
    b_scale: Array,
    b_zero_point: Array,
    c_scale: Array,
    c_zero_point: Array,
) -> Array:
    """``C = A + B`` as ORT's AVX2 kernel: raw codes, two FMAs, all constants folded into one."""
    ratio_a, ratio_b = F32(a_scale / c_scale), F32(b_scale / c_scale)
    zero_a, zero_b, zero_c = (F32(scalar(z)) for z in (a_zero_point, b_zero_point, c_zero_point))
    fixed = F32(zero_c - fused_multiply_add(ratio_a, zero_a, F32(ratio_b * zero_b)))
    a_float, b_float = a.astype(F32), b.astype(F32)
    if b.size == 1 and a.size > 1:
        value = fused_multiply_add(a_float, ratio_a, F32(fixed + F32(b_float * ratio_b)))
    elif a.size == 1 and b.size > 1:
        value = fused_multiply_add(b_float, ratio_b, F32(fixed + F32(a_float * ratio_a)))
    else:
        value = fused_multiply_add(a_float, ratio_a, fused_multiply_add(b_float, ratio_b, fixed))
    return _saturate(value, a.dtype)


def qlinear_mul(
    context: Context,
    a: Array,
    a_scale: Array,
    a_zero_point: Array,
    b: Array,
    b_scale: Array,
    b_zero_point: Array,
    c_scale: Array,
    c_zero_point: Array,
) -> Array:
    """``C = A * B``; here, unlike in a convolution, the zero-point is added before the rounding."""
    product = (a.astype(np.int32) - scalar(a_zero_point)) * (
        b.astype(np.int32) - scalar(b_zero_point)
    )
    ratio = F32(F32(a_scale * b_scale) / c_scale)
    return _saturate(product.astype(F32) * ratio + F32(scalar(c_zero_point)), a.dtype)


def through_table(
    x: Array,
    x_scale: Array,
    x_zero_point: Array,
    y_scale: Array,
    y_zero_point: Array,
    function: Callable[[Array], Array],
) -> Array:
    """A float function of codes as a table of 256 entries: dequantise, apply, quantise."""
    codes = np.arange(256, dtype=np.uint8).view(x.dtype)
    real = (codes.astype(np.int32) - scalar(x_zero_point)).astype(F32) * x_scale.reshape(())
    table = to_level(function(real), y_scale.reshape(()), y_zero_point.reshape(()))
    return table[x.view(np.uint8)]


def sigmoid(x: Array) -> Array:
    """Logistic function through float64, rounded once."""
    with np.errstate(over="ignore"):  # 1 / (1 + inf) is the right 0
        return (1 / (1 + np.exp(-x.astype(np.float64)))).astype(F32)


def qlinear_sigmoid(
    context: Context, x: Array, x_scale: Array, x_zp: Array, y_scale: Array, y_zp: Array
) -> Array:
    """Logistic function of codes."""
    return through_table(x, x_scale, x_zp, y_scale, y_zp, sigmoid)


def qlinear_leaky_relu(
    context: Context, x: Array, x_scale: Array, x_zp: Array, y_scale: Array, y_zp: Array
) -> Array:
    """LeakyRelu of codes."""
    alpha = F32(context.attribute("alpha", 0.01))
    return through_table(
        x, x_scale, x_zp, y_scale, y_zp, lambda real: np.where(real >= 0, real, alpha * real)
    )


def qlinear_concat(context: Context, y_scale: Array, y_zero_point: Array, *parts: Array) -> Array:
    """Parts (tensor, scale, zero-point) side by side; equal parameters are copied, not rounded."""
    pieces = []
    for x, scale, zero in zip(parts[0::3], parts[1::3], parts[2::3], strict=True):
        same = scale.item() == y_scale.item() and zero.item() == y_zero_point.item()
        pieces.append(
            x if same else through_table(x, scale, zero, y_scale, y_zero_point, lambda real: real)
        )
    return np.concatenate(pieces, axis=context.attribute("axis", 1))


def qlinear_softmax(
    context: Context,
    x: Array,
    x_scale: Array,
    x_zero_point: Array,
    y_scale: Array,
    y_zero_point: Array,
) -> Array:
    """Softmax of codes as ORT computes it: a table of exponentials, a float32 sum in order.

    The table is shifted so that a sum of all its largest entries still fits float32; the shift's
    logarithm is rounded to float32, which moves the last bits of every entry.
    """
    axis = context.attribute("axis", -1)
    codes = np.moveaxis(x, axis, -1).astype(np.int32) - code_range(x.dtype)[0]
    step, count = float(x_scale.item()), codes.shape[-1]
    largest = F32(math.log(F32(np.finfo(F32).max) / F32(count)))
    headroom = max(0.0, float(largest) - 5) / step
    table = np.array([math.exp((k - 255 + headroom) * step) for k in range(256)]).astype(F32)
    values = table[codes + 255 - codes.max(axis=-1, keepdims=True)]
    total = np.cumsum(values, axis=-1, dtype=F32)[..., -1:]
    inverse = np.floor(F32(1) / y_scale.reshape(())).astype(F32)
    with np.errstate(over="ignore", invalid="ignore"):  # an infinity casts to 0x80..00, as in C++
        level = np.rint(values * inverse / total).astype(np.int64) + scalar(y_zero_point)
    highest = code_range(x.dtype)[1]
    return np.moveaxis(np.minimum(level, highest).astype(x.dtype), -1, axis)


OPERATORS = {
    "QLinearAdd": qlinear_add,
    "QLinearMul": qlinear_mul,
    "QLinearSigmoid": qlinear_sigmoid,
    "QLinearLeakyRelu": qlinear_leaky_relu,
    "QLinearConcat": qlinear_concat,
    "QLinearSoftmax": qlinear_softmax,
}
