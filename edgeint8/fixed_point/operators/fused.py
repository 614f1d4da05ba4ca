"""Float operators that ONNX Runtime's optimiser makes of several (domain com.microsoft)."""

from collections.abc import Callable
from dataclasses import replace

import numpy as np

from edgeint8.conventions import Array
from edgeint8.errors import ModelError
from edgeint8.fixed_point.operators import activations, floating, normalising
from edgeint8.fixed_point.operators.context import Context

# Functions of one tensor, and the attributes that a fused node's parameters become, in order.
FUSED: dict[str, tuple[Callable[..., Array], tuple[str, ...]]] = {
    "Relu": (floating.relu, ()),
    "Sigmoid": (floating.sigmoid, ()),
    "Tanh": (floating.tanh, ()),
    "LeakyRelu": (floating.leaky_relu, ("alpha",)),
    "HardSigmoid": (floating.hard_sigmoid, ("alpha", "beta")),
    "Clip": (floating.clip, ("min", "max")),
}


def _activated(context: Context, x: Array, parameters: tuple[float, ...]) -> Array:
    """The activation that the node names, of what it computed."""
    kind = context.attribute("activation", "")
    if not kind:
        return x
    if kind not in FUSED:
        raise ModelError(f"activation {kind}", allowed=", ".join(FUSED))
    function, names = FUSED[kind]
    attributes = dict(zip(names, parameters, strict=False))
    return function(replace(context, node=replace(context.node, attributes=attributes)), x)


def fused_conv(
    context: Context, x: Array, w: Array, bias: Array | None = None, added: Array | None = None
) -> Array:
    """Conv, the sum with another tensor, an activation."""
    y = floating.conv(context, x, w, bias)
    y = y if added is None else y + added
    return _activated(context, y, tuple(context.attribute("activation_params", ())))


def fused_gemm(context: Context, a: Array, b: Array, c: Array | None = None) -> Array:
    """Gemm and an activation."""
    names = ("activation_alpha", "activation_beta", "activation_gamma")
    given = tuple(context.attribute(name, None) for name in names)
    parameters = tuple(value for value in given if value is not None)
    return _activated(context, floating.gemm(context, a, b, c), parameters)


def fused_matmul(context: Context, a: Array, b: Array) -> Array:
    """``alpha * A @ B`` with the last two axes of either exchanged."""
    if context.attribute("transBatchA", 0) or context.attribute("transBatchB", 0):
        raise ModelError("FusedMatMul that moves the batch axis", allowed="transA and transB")
    a = np.swapaxes(a, -1, -2) if context.attribute("transA", 0) else a
    b = np.swapaxes(b, -1, -2) if context.attribute("transB", 0) else b
    product = np.matmul(a, b, dtype=np.float64)
    return (context.attribute("alpha", 1.0) * product).astype(np.float32)


def bias_gelu(context: Context, x: Array, bias: Array) -> Array:
    """Gelu of a sum."""
    return activations.gelu(context, x + bias)


def fast_gelu(context: Context, x: Array, bias: Array | None = None) -> Array:
    """Gelu of a sum, by tanh."""
    tanh = replace(context, node=replace(context.node, attributes={"approximate": "tanh"}))
    return activations.gelu(tanh, x if bias is None else x + bias)


def quick_gelu(context: Context, x: Array) -> Array:
    """``x * sigmoid(alpha * x)``."""
    wide = x.astype(np.float64)
    return (wide / (1 + np.exp(-context.attribute("alpha", 1.702) * wide))).astype(np.float32)


def skip_layer_normalization(
    context: Context,
    x: Array,
    skip: Array,
    scale: Array,
    shift: Array | None = None,
    bias: Array | None = None,
) -> tuple[Array | None, ...]:
    """LayerNormalization of a sum over the last axis; the fourth output is the sum."""
    total = x + skip if bias is None else x + skip + bias
    node = replace(context.node, attributes={**context.node.attributes, "axis": -1})
    y = normalising.layer_normalization(replace(context, node=node), total, scale, shift)
    return y, None, None, total


OPERATORS = {
    "FusedConv": fused_conv,
    "FusedGemm": fused_gemm,
    "FusedMatMul": fused_matmul,
    "BiasGelu": bias_gelu,
    "FastGelu": fast_gelu,
    "QuickGelu": quick_gelu,
    "SkipLayerNormalization": skip_layer_normalization,
}
