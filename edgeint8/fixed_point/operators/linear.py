"""Operators that add up products of codes: convolutions and matrix products."""

import numpy as np

from edgeint8.conventions import Array
from edgeint8.fixed_point.arithmetic.geometry import ConvGeometry
from edgeint8.fixed_point.arithmetic.operands import Operands
from edgeint8.fixed_point.arithmetic.requantize import combined_scale, requantize
from edgeint8.fixed_point.operators.context import Context, scalar

NO_ZERO_POINT = np.zeros((), np.int8)


def conv_operands(
    context: Context,
    x: Array,
    w: Array,
    x_zero_point: Array | None,
    w_zero_point: Array | None,
    bias: Array | None,
) -> Operands:
    """Operands of a convolution node; the weights say how large the kernel is."""
    attributes = context.node.attributes
    geometry = ConvGeometry.from_attributes(attributes, w.shape[2:], x.shape[2:])
    w_zero = NO_ZERO_POINT if w_zero_point is None else w_zero_point
    return Operands(x, w, scalar(x_zero_point), w_zero, bias, geometry)


def qlinear_conv(
    context: Context,
    x: Array,
    x_scale: Array,
    x_zero_point: Array,
    w: Array,
    w_scale: Array,
    w_zero_point: Array,
    y_scale: Array,
    y_zero_point: Array,
    bias: Array | None = None,
) -> Array:
    """Convolution of codes, requantised; w_scale and w_zero_point per tensor or per channel."""
    channels_last = bool(context.attribute("channels_last", 0))
    x = np.moveaxis(x, -1, 1) if channels_last else x
    operands = conv_operands(context, x, w, x_zero_point, w_zero_point, bias)
    acc = context.accumulate(context.node, operands)
    scale = combined_scale(context.scheme, x_scale.reshape(()), w_scale, y_scale.reshape(()))
    y = requantize(acc, scale, scalar(y_zero_point), y_zero_point.dtype, context.scheme)
    return y if channels_last else np.moveaxis(y, -1, 1)


def conv_integer(
    context: Context,
    x: Array,
    w: Array,
    x_zero_point: Array | None = None,
    w_zero_point: Array | None = None,
) -> Array:
    """Convolution of codes, the int32 accumulators themselves."""
    operands = conv_operands(context, x, w, x_zero_point, w_zero_point, None)
    return np.moveaxis(context.accumulate(context.node, operands), -1, 1).astype(np.int32)


def qlinear_matmul(
    context: Context,
    a: Array,
    a_scale: Array,
    a_zero_point: Array,
    b: Array,
    b_scale: Array,
    b_zero_point: Array,
    y_scale: Array,
    y_zero_point: Array,
) -> Array:
    """Matrix product of codes, requantised; b's parameters per tensor or per column.

    A vector on the right is a matrix of one column, which the result loses.
    """
    if b.ndim == 1:
        parts = (a, a_scale, a_zero_point, b[:, None], b_scale, b_zero_point)
        return qlinear_matmul(context, *parts, y_scale, y_zero_point)[..., 0]
    acc = context.accumulate(context.node, Operands(a, b, scalar(a_zero_point), b_zero_point))
    scale = combined_scale(context.scheme, a_scale.reshape(()), b_scale, y_scale.reshape(()))
    return requantize(acc, scale, scalar(y_zero_point), y_zero_point.dtype, context.scheme)


def matmul_integer(
    context: Context,
    a: Array,
    b: Array,
    a_zero_point: Array | None = None,
    b_zero_point: Array | None = None,
) -> Array:
    """Matrix product of codes, the int32 accumulators themselves."""
    b_zero = NO_ZERO_POINT if b_zero_point is None else b_zero_point
    if b.ndim == 1:
        return matmul_integer(context, a, b[:, None], a_zero_point, b_zero_point)[..., 0]
    operands = Operands(a, b, scalar(a_zero_point), b_zero)
    return context.accumulate(context.node, operands).astype(np.int32)


def gemm_operands(
    context: Context,
    a: Array,
    a_zero_point: Array,
    b: Array,
    b_zero_point: Array,
    bias: Array | None,
) -> Operands:
    """Operands of a QGemm node, transposed as it says."""
    a = a.T if context.attribute("transA", 0) else a
    b = b.T if context.attribute("transB", 0) else b
    flat_bias = None if bias is None else bias.reshape(-1)
    return Operands(a, b, scalar(a_zero_point), b_zero_point, flat_bias)


def qgemm(
    context: Context,
    a: Array,
    a_scale: Array,
    a_zero_point: Array,
    b: Array,
    b_scale: Array,
    b_zero_point: Array,
    bias: Array | None = None,
    y_scale: Array | None = None,
    y_zero_point: Array | None = None,
) -> Array:
    """com.microsoft QGemm: ``alpha * A @ B + C`` of codes; float output without y_scale."""
    operands = gemm_operands(context, a, a_zero_point, b, b_zero_point, bias)
    acc = context.accumulate(context.node, operands)
    alpha_a = np.float32(context.attribute("alpha", 1.0)) * a_scale.reshape(())
    if y_scale is None or y_zero_point is None:
        return acc.astype(np.float32) * (alpha_a * b_scale)
    scale = combined_scale(context.scheme, alpha_a, b_scale, y_scale.reshape(()))
    return requantize(acc, scale, scalar(y_zero_point), y_zero_point.dtype, context.scheme)


OPERATORS = {
    "QLinearConv": qlinear_conv,
    "ConvInteger": conv_integer,
    "QLinearMatMul": qlinear_matmul,
    "MatMulInteger": matmul_integer,
    "QGemm": qgemm,
}
