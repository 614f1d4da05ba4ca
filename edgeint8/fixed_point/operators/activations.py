"""Less common activations that stay float32, through float64 and rounded once."""

import numpy as np
import scipy

from edgeint8.conventions import Array
from edgeint8.fixed_point.operators.context import Context

F32, F64 = np.float32, np.float64


def elu(context: Context, x: Array) -> Array:
    """``x`` where positive, ``alpha * (e^x - 1)`` elsewhere."""
    return np.where(x > 0, x, context.attribute("alpha", 1.0) * np.expm1(x.astype(F64))).astype(F32)


def selu(context: Context, x: Array) -> Array:
    """Elu times gamma, with the constants of the self-normalising network."""
    alpha = context.attribute("alpha", 1.6732632423543772)
    gamma = context.attribute("gamma", 1.0507009873554805)
    return (gamma * np.where(x > 0, x, alpha * np.expm1(x.astype(F64)))).astype(F32)


def celu(context: Context, x: Array) -> Array:
    """``max(0, x) + min(0, alpha * (e^(x / alpha) - 1))``."""
    alpha = context.attribute("alpha", 1.0)
    below = np.minimum(0, alpha * np.expm1(x.astype(F64) / alpha))
    return (np.maximum(x, 0) + below).astype(F32)


def prelu(context: Context, x: Array, slope: Array) -> Array:
    """``x`` where positive, ``slope * x`` elsewhere."""
    return np.where(x > 0, x, slope * x)


def thresholded_relu(context: Context, x: Array) -> Array:
    """``x`` above alpha, 0 elsewhere."""
    return np.where(x > F32(context.attribute("alpha", 1.0)), x, F32(0))


def softplus(context: Context, x: Array) -> Array:
    """``ln(1 + e^x)``."""
    return np.logaddexp(0, x.astype(F64)).astype(F32)


def softsign(context: Context, x: Array) -> Array:
    """``x / (1 + |x|)``."""
    return x / (1 + np.abs(x))


def mish(context: Context, x: Array) -> Array:
    """``x * tanh(softplus(x))``."""
    return (x * np.tanh(np.logaddexp(0, x.astype(F64)))).astype(F32)


def gelu(context: Context, x: Array) -> Array:
    """``x / 2 * (1 + erf(x / sqrt 2))``, or its approximation by tanh."""
    wide = x.astype(F64)
    if context.attribute("approximate", "none") == "tanh":
        inner = np.tanh(np.sqrt(2 / np.pi) * (wide + 0.044715 * wide**3))
    else:
        inner = scipy.special.erf(wide / np.sqrt(2))
    return (wide / 2 * (1 + inner)).astype(F32)


def log_softmax(context: Context, x: Array) -> Array:
    """Logarithm of Softmax; before opset 13 over all axes from `axis` on."""
    axis = context.attribute("axis", -1 if context.opset >= 13 else 1)
    axes = (axis,) if context.opset >= 13 else tuple(range(axis % x.ndim, x.ndim))
    return scipy.special.log_softmax(x.astype(F64), axis=axes).astype(F32)


OPERATORS = {
    "Elu": elu,
    "Selu": selu,
    "Celu": celu,
    "PRelu": prelu,
    "ThresholdedRelu": thresholded_relu,
    "Softplus": softplus,
    "Softsign": softsign,
    "Mish": mish,
    "Gelu": gelu,
    "LogSoftmax": log_softmax,
}
