"""Operators on codes that ONNX Runtime has no kernel for: dequantise, compute, quantise.

They bear the domain ``edgeint8``; networks that came as .tflite hold them, with these bodies.
"""

import numpy as np

from edgeint8.conventions import Array
from edgeint8.fixed_point.operators import floating
from edgeint8.fixed_point.operators.context import Context, scalar
from edgeint8.fixed_point.operators.quantization import to_level

F32 = np.float32
BILINEAR_BITS = 10
"""Bits of a place between two elements in TFLite's RESIZE_BILINEAR."""


def _real(x: Array, scale: Array, zero_point: Array) -> Array:
    """DequantizeLinear of codes with one scale."""
    return (x.astype(np.int32) - scalar(zero_point)).astype(F32) * scale.reshape(())


def _level(x: Array, scale: Array, zero_point: Array) -> Array:
    """QuantizeLinear with one scale."""
    return to_level(x, scale.reshape(()), zero_point.reshape(()))


def qlinear_sub(
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
    """Difference of codes."""
    difference = _real(a, a_scale, a_zero_point) - _real(b, b_scale, b_zero_point)
    return _level(difference, c_scale, c_zero_point)


def qlinear_mean(
    context: Context, x: Array, x_scale: Array, x_zp: Array, y_scale: Array, y_zp: Array
) -> Array:
    """Mean of codes over `axes`; its float sum may differ from ORT's in the last place."""
    axes, keep = tuple(context.attribute("axes", ())), bool(context.attribute("keepdims", 1))
    return _level(_real(x, x_scale, x_zp).mean(axes, keepdims=keep, dtype=F32), y_scale, y_zp)


def qlinear_hard_swish(
    context: Context, x: Array, x_scale: Array, x_zp: Array, y_scale: Array, y_zp: Array
) -> Array:
    """HardSwish of codes."""
    return _level(floating.hard_swish(context, _real(x, x_scale, x_zp)), y_scale, y_zp)


def qlinear_requantize(
    context: Context, x: Array, x_scale: Array, x_zp: Array, y_scale: Array, y_zp: Array
) -> Array:
    """The same numbers on another scale."""
    return _level(_real(x, x_scale, x_zp), y_scale, y_zp)


def qlinear_relu(
    context: Context, x: Array, x_scale: Array, x_zp: Array, y_scale: Array, y_zp: Array
) -> Array:
    """Relu, on another scale."""
    return _level(np.maximum(_real(x, x_scale, x_zp), F32(0)), y_scale, y_zp)


def qlinear_relu6(
    context: Context, x: Array, x_scale: Array, x_zp: Array, y_scale: Array, y_zp: Array
) -> Array:
    """Clip to [0, 6], on another scale."""
    return _level(np.clip(_real(x, x_scale, x_zp), F32(0), F32(6)), y_scale, y_zp)


def qlinear_relu_n1_to_1(
    context: Context, x: Array, x_scale: Array, x_zp: Array, y_scale: Array, y_zp: Array
) -> Array:
    """Clip to [-1, 1], on another scale."""
    return _level(np.clip(_real(x, x_scale, x_zp), F32(-1), F32(1)), y_scale, y_zp)


def qlinear_tanh(
    context: Context, x: Array, x_scale: Array, x_zp: Array, y_scale: Array, y_zp: Array
) -> Array:
    """Tanh of codes."""
    return _level(floating.tanh(context, _real(x, x_scale, x_zp)), y_scale, y_zp)


def qlinear_clip(
    context: Context, x: Array, low: Array, high: Array, low_even: Array, high_even: Array
) -> Array:
    """Clip of codes whose limits are ties: given as rounded away from zero, and to even."""
    return np.clip(x, low.reshape(()), high.reshape(()))


def blend(total: Array, axis: int, bits: int, below: Array, above: Array, far: Array) -> Array:
    """Weighted sum of two neighbours along an axis, `bits` to the left."""
    first, second = np.take(total, below, axis=axis), np.take(total, above, axis=axis)
    return first * ((1 << bits) - far) + second * far


def qlinear_resize_bilinear(
    context: Context, x: Array, row: Array, row_above: Array, row_far: Array, column: Array,
    column_above: Array, column_far: Array,
) -> Array:  # fmt: skip
    """Sum of four corners of codes (N, C, H, W) in integers, ties away from zero.

    Source: TFLite ``reference/resize_bilinear.h``, ``ResizeBilinearInteger``.
    """
    total = blend(x.astype(np.int64), 2, BILINEAR_BITS, row, row_above, row_far)
    total = blend(total, 3, BILINEAR_BITS, column, column_above, column_far)
    half = 1 << (2 * BILINEAR_BITS - 1)
    size = (np.abs(total) + half) >> (2 * BILINEAR_BITS)
    return (np.sign(total) * size).astype(x.dtype)


OPERATORS = {
    "QLinearSub": qlinear_sub,
    "QLinearMean": qlinear_mean,
    "QLinearHardSwish": qlinear_hard_swish,
    "QLinearRequantize": qlinear_requantize,
    "QLinearRelu": qlinear_relu,
    "QLinearRelu6": qlinear_relu6,
    "QLinearReluN1To1": qlinear_relu_n1_to_1,
    "QLinearTanh": qlinear_tanh,
    "QLinearClip": qlinear_clip,
    "QLinearResizeBilinear": qlinear_resize_bilinear,
}
