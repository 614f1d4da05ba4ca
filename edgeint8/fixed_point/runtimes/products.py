"""FULLY_CONNECTED where a runtime treats it unlike a convolution."""

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial

import numpy as np
import numpy.typing as npt

from edgeint8.conventions import Array
from edgeint8.fixed_point.arithmetic.requantize import (
    Scheme,
    code_range,
    exact_scale,
    requantize,
)
from edgeint8.fixed_point.operators.context import Context, scalar
from edgeint8.fixed_point.operators.linear import gemm_operands
from edgeint8.fixed_point.runtimes.gemmlowp import round_away


@dataclass(frozen=True)
class Product:
    """An operator of its own: how accumulators become codes.

    rounding : its name in manifests
    scale : of x_scale, w_scale and y_scale the scale S of equation (1), a scalar or (M,)
    codes : of accumulators, S, zero-point and type the codes
    """

    rounding: str
    scale: Callable[[Array, Array, Array], Array]
    codes: Callable[[Array, Array, int, npt.DTypeLike], Array]

    def __call__(
        self, context: Context, a: Array, a_scale: Array, a_zero: Array, b: Array, b_scale: Array,
        b_zero: Array, bias: Array, y_scale: Array, y_zero: Array,
    ) -> Array:  # fmt: skip
        """The operator of the graph."""
        acc = context.accumulate(context.node, gemm_operands(context, a, a_zero, b, b_zero, bias))
        scale = self.scale(a_scale.reshape(()), b_scale, y_scale.reshape(()))
        return self.codes(acc, scale, scalar(y_zero), y_zero.dtype)


def _half_away(acc: Array, scale: Array, zero_point: int, dtype: npt.DTypeLike) -> Array:
    """``round(acc * S)`` in float64, ties away from zero, unlike every other reference kernel."""
    rounded = round_away(acc.astype(np.float64) * scale)
    lowest = -(2.0**31)  # what x86 converts to where the value leaves int32
    level = np.where(np.abs(rounded) < -lowest, rounded, lowest).astype(np.int64)
    return np.clip(level + zero_point, *code_range(dtype)).astype(dtype)


def tflm_scale(x_scale: Array, w_scale: Array, y_scale: Array) -> Array:
    """S in float64: one weight scale is multiplied with the input's in float32, (M,) in float64."""
    wide = np.float32 if w_scale.size == 1 else np.float64
    both = np.multiply(x_scale, w_scale, dtype=wide)
    return both.astype(np.float64) / y_scale.astype(np.float64)


LITERT_REF = Product("float64_half_away", exact_scale, _half_away)
"""Source: LiteRT ``reference/integer_ops/fully_connected.h``; google-ai-edge/LiteRT issue 8567."""


def tflm(scheme: Scheme) -> Product:
    """31-bit multiplier.

    Source: tflite-micro, ``GetQuantizedConvolutionMultipler`` in ``kernels/kernel_util.cc``.
    """
    return Product(scheme.value, tflm_scale, partial(requantize, scheme=scheme))
