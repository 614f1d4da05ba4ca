"""Between floats and codes: QuantizeLinear, DequantizeLinear, DynamicQuantizeLinear."""

import numpy as np
import onnx

from edgeint8.conventions import Array
from edgeint8.fixed_point.arithmetic.requantize import code_range
from edgeint8.fixed_point.operators.context import Context

UINT8 = onnx.TensorProto.UINT8


def spread(context: Context, values: Array, x: Array) -> Array:
    """A scale or zero-point shaped to broadcast over `x`: per tensor, per axis or per block."""
    axis, block = context.attribute("axis", 1), context.attribute("block_size", 0)
    if values.size == 1:
        return values.reshape(())
    if block:
        return np.repeat(values, block, axis=axis).take(range(x.shape[axis]), axis=axis)
    shape = [1] * x.ndim
    shape[axis] = -1
    return values.reshape(shape)


def to_level(x: Array, scale: Array, zero_point: Array) -> Array:
    """The one function that rounds a float to a code: ``saturate(rint(f32(x / scale)) + zp)``.

    A true division, not a product with 1/scale; ties to even; the zero-point after the rounding.
    """
    low, high = code_range(zero_point.dtype)
    level = np.rint(np.divide(x, scale, dtype=np.float32)).astype(np.float64)
    return np.clip(level + zero_point.astype(np.float64), low, high).astype(zero_point.dtype)


def quantize_linear(
    context: Context, x: Array, y_scale: Array, y_zero_point: Array | None = None
) -> Array:
    """Codes of a float tensor; uint8 where neither zero-point nor output_dtype says otherwise."""
    declared = onnx.helper.tensor_dtype_to_np_dtype(context.attribute("output_dtype", 0) or UINT8)
    zero = np.zeros(y_scale.shape, declared) if y_zero_point is None else y_zero_point
    return to_level(x, spread(context, y_scale, x), spread(context, zero, x))


def dequantize_linear(
    context: Context, x: Array, x_scale: Array, x_zero_point: Array | None = None
) -> Array:
    """``f32(x - zp) * scale``; float codes (float8, float4) are refused."""
    code_range(x.dtype)
    zero = np.zeros(1, x.dtype) if x_zero_point is None else x_zero_point
    centred = x.astype(np.int64) - spread(context, zero, x).astype(np.int64)
    return centred.astype(np.float32) * spread(context, x_scale, x)


def dynamic_quantize_linear(context: Context, x: Array) -> tuple[Array, Array, Array]:
    """uint8 codes whose scale and zero-point come from this very tensor's range with 0."""
    lowest = np.minimum(x.min(), np.float32(0))
    highest = np.maximum(x.max(), np.float32(0))
    scale = np.float32(highest - lowest) / np.float32(255)
    scale = np.float32(1) if scale == 0 else scale
    zero = np.clip(np.rint(np.float32(0) - np.float32(lowest / scale)), 0, 255).astype(np.uint8)
    return to_level(x, np.asarray(scale), np.asarray(zero)), np.asarray(scale), np.asarray(zero)


OPERATORS = {
    "QuantizeLinear": quantize_linear,
    "DequantizeLinear": dequantize_linear,
    "DynamicQuantizeLinear": dynamic_quantize_linear,
}
