"""Float operators of normalisation layers and transformers, computed in float64, rounded once."""

import numpy as np
import scipy

from edgeint8.conventions import Array
from edgeint8.fixed_point.operators.context import Context

F32, F64 = np.float32, np.float64


def batch_normalization(
    context: Context, x: Array, scale: Array, bias: Array, mean: Array, variance: Array
) -> Array:
    """``(x - mean) / sqrt(variance + epsilon) * scale + bias`` per channel."""
    shape = (1, -1, *(1,) * (x.ndim - 2))
    epsilon = context.attribute("epsilon", 1e-5)
    factor = scale.astype(F64) / np.sqrt(variance.astype(F64) + epsilon)
    shift = bias - mean * factor
    return (x * factor.reshape(shape) + shift.reshape(shape)).astype(F32)


def layer_normalization(
    context: Context, x: Array, scale: Array, bias: Array | None = None
) -> Array:
    """Zero mean and unit variance over the axes from `axis` on, then scale and bias."""
    axes = tuple(range(context.attribute("axis", -1) % x.ndim, x.ndim))
    centred = x - x.mean(axis=axes, keepdims=True, dtype=F64)
    variance = np.mean(centred**2, axis=axes, keepdims=True)
    y = centred / np.sqrt(variance + context.attribute("epsilon", 1e-5)) * scale
    return (y if bias is None else y + bias).astype(F32)


def instance_normalization(context: Context, x: Array, scale: Array, bias: Array) -> Array:
    """Zero mean and unit variance over the image of every channel, then scale and bias."""
    axes, shape = tuple(range(2, x.ndim)), (1, -1, *(1,) * (x.ndim - 2))
    centred = x - x.mean(axis=axes, keepdims=True, dtype=F64)
    variance = np.mean(centred**2, axis=axes, keepdims=True)
    y = centred / np.sqrt(variance + context.attribute("epsilon", 1e-5))
    return (y * scale.reshape(shape) + bias.reshape(shape)).astype(F32)


def local_response_normalization(context: Context, x: Array) -> Array:
    """``x / (bias + alpha / size * sum of squares over neighbouring channels) ** beta``."""
    size = context.node.attributes["size"]
    before, after = (size - 1) // 2, size // 2
    border = [(0, 0), (before, after), *[(0, 0)] * (x.ndim - 2)]
    squares = np.pad(x.astype(F64) ** 2, border)
    total = sum(squares[:, k : k + x.shape[1]] for k in range(size))
    share = context.attribute("alpha", 1e-4) / size * total
    return (x / (context.attribute("bias", 1.0) + share) ** context.attribute("beta", 0.75)).astype(
        F32
    )


def erf(context: Context, x: Array) -> Array:
    """Error function."""
    return scipy.special.erf(x.astype(F64)).astype(F32)


def square_root(context: Context, x: Array) -> Array:
    """Square root, correctly rounded."""
    return np.sqrt(x)


def power(context: Context, x: Array, exponent: Array) -> Array:
    """``x ** exponent``."""
    return np.power(x.astype(F64), exponent).astype(x.dtype)


def exponential(context: Context, x: Array) -> Array:
    """``e ** x``."""
    return np.exp(x.astype(F64)).astype(F32)


def logarithm(context: Context, x: Array) -> Array:
    """Natural logarithm."""
    return np.log(x.astype(F64)).astype(F32)


def reciprocal(context: Context, x: Array) -> Array:
    """``1 / x``."""
    return np.reciprocal(x)


def negative(context: Context, x: Array) -> Array:
    """``-x``."""
    return -x


OPERATORS = {
    "BatchNormalization": batch_normalization,
    "LayerNormalization": layer_normalization,
    "InstanceNormalization": instance_normalization,
    "LRN": local_response_normalization,
    "Erf": erf,
    "Sqrt": square_root,
    "Pow": power,
    "Exp": exponential,
    "Log": logarithm,
    "Reciprocal": reciprocal,
    "Neg": negative,
}
