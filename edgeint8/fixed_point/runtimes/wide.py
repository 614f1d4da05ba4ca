"""16-bit activations with 8-bit weights: CONV_2D, DEPTHWISE_CONV_2D, FULLY_CONNECTED, ADD.

All zero-points are 0, biases and sums have 64 bits.
"""

import numpy as np

from edgeint8.conventions import Array
from edgeint8.fixed_point.arithmetic.requantize import exact_scale, quantize_multiplier
from edgeint8.fixed_point.operators.context import Context
from edgeint8.fixed_point.operators.linear import conv_operands, gemm_operands
from edgeint8.fixed_point.runtimes import gemmlowp
from edgeint8.fixed_point.runtimes.sums import to_codes

I64 = np.int64
LARGEST_MULTIPLIER = (1 << 15) - 1
ADD_SHIFT = 15
"""Bits that both addends get before they are scaled (``op_params->left_shift``, int16)."""


def multiply_64(acc: Array, scale: Array) -> Array:
    """``acc * scale`` with a multiplier of 15 bits, one rounding, ties upwards.

    Source: TFLite ``kernels/internal/common.cc``, ``MultiplyByQuantizedMultiplier`` of int64_t.
    """
    wide = quantize_multiplier(scale)
    mantissa = np.minimum((wide.mantissa + (1 << 15)) >> 16, LARGEST_MULTIPLIER)
    shift = wide.shift - 16
    return (acc.astype(I64) * mantissa + (np.int64(1) << (shift - 1))) >> shift


def conv(
    context: Context, x: Array, x_scale: Array, x_zero: Array, w: Array, w_scale: Array,
    w_zero: Array, y_scale: Array, y_zero: Array, bias: Array | None = None,
) -> Array:  # fmt: skip
    """Convolution (TFLite ``reference/integer_ops/conv.h`` and ``depthwise_conv.h``)."""
    acc = context.accumulate(context.node, conv_operands(context, x, w, x_zero, w_zero, bias))
    scale = exact_scale(x_scale.reshape(()), w_scale, y_scale.reshape(()))
    return np.moveaxis(to_codes(multiply_64(acc, scale), y_zero), -1, 1)


def gemm(
    context: Context, a: Array, a_scale: Array, a_zero: Array, b: Array, b_scale: Array,
    b_zero: Array, bias: Array, y_scale: Array, y_zero: Array,
) -> Array:  # fmt: skip
    """Product (``reference/integer_ops/fully_connected.h``), as tflite-micro runs it."""
    acc = context.accumulate(context.node, gemm_operands(context, a, a_zero, b, b_zero, bias))
    scale = exact_scale(a_scale.reshape(()), b_scale, y_scale.reshape(()))
    return to_codes(multiply_64(acc, scale), y_zero)


def add(
    context: Context, a: Array, a_scale: Array, a_zero: Array, b: Array, b_scale: Array,
    b_zero: Array, c_scale: Array, c_zero: Array,
) -> Array:  # fmt: skip
    """Three multipliers, as of int8 but 15 bits to the left (TFLite ``kernels/add.cc``)."""
    left, right, out = (np.float64(scale.item()) for scale in (a_scale, b_scale, c_scale))
    twice = 2 * max(left, right)
    first = gemmlowp.multiply(a.astype(I64) << ADD_SHIFT, left / twice)
    second = gemmlowp.multiply(b.astype(I64) << ADD_SHIFT, right / twice)
    return to_codes(gemmlowp.multiply(first + second, twice / (2.0**ADD_SHIFT * out)), c_zero)


CONV, GEMM, ADD = "QLinearConv16x8", "QGemm16x8", "QLinearAdd16"
"""What the graph calls them."""
