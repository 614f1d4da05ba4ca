"""FULLY_CONNECTED where a runtime treats it unlike a convolution."""

from collections.abc import Callable

import numpy as np

from edgeint8.conventions import Array
from edgeint8.fixed_point.arithmetic.requantize import Scheme, exact_scale, requantize
from edgeint8.fixed_point.operators.context import Context, scalar
from edgeint8.fixed_point.operators.linear import gemm_operands
from edgeint8.fixed_point.runtimes.gemmlowp import round_away
from edgeint8.fixed_point.runtimes.sums import to_codes


def gemm_litert_ref(
    context: Context, a: Array, a_scale: Array, a_zero: Array, b: Array, b_scale: Array,
    b_zero: Array, bias: Array, y_scale: Array, y_zero: Array,
) -> Array:  # fmt: skip
    """``round(acc * S)`` in float64, ties away from zero, unlike every other reference kernel.

    Source: LiteRT ``reference/integer_ops/fully_connected.h``; google-ai-edge/LiteRT issue 8567.
    """
    acc = context.accumulate(context.node, gemm_operands(context, a, a_zero, b, b_zero, bias))
    scale = exact_scale(a_scale.reshape(()), b_scale, y_scale.reshape(()))
    rounded = round_away(acc.astype(np.float64) * scale)
    lowest = -(2.0**31)  # what x86 converts to where the value leaves int32
    inside = np.abs(rounded) < -lowest
    return to_codes(np.where(inside, rounded, lowest).astype(np.int64), y_zero)


def gemm_tflm(scheme: Scheme) -> Callable[..., Array]:
    """31-bit multiplier; one weight scale is multiplied with the input's in float32 first.

    Source: tflite-micro, ``GetQuantizedConvolutionMultipler`` in ``kernels/kernel_util.cc``.
    """

    def operator(
        context: Context, a: Array, a_scale: Array, a_zero: Array, b: Array, b_scale: Array,
        b_zero: Array, bias: Array, y_scale: Array, y_zero: Array,
    ) -> Array:  # fmt: skip
        acc = context.accumulate(context.node, gemm_operands(context, a, a_zero, b, b_zero, bias))
        wide = np.float32 if b_scale.size == 1 else np.float64
        both = np.multiply(a_scale.reshape(()), b_scale, dtype=wide)
        scale = both.astype(np.float64) / y_scale.reshape(()).astype(np.float64)
        return requantize(acc, scale, scalar(y_zero), y_zero.dtype, scheme)

    return operator
