"""Operators that a quantiser left in float32.

Relu and Clip only compare, Add and Mul round once: these equal ORT bit for bit. The others use
ORT-like formulas and agree within rounding (2 units in the last place, more for long sums).
"""

import functools
from typing import Any

import numpy as np

from edgeint8.conventions import Array
from edgeint8.errors import ModelError
from edgeint8.fixed_point.arithmetic.geometry import ConvGeometry
from edgeint8.fixed_point.operators.context import Context
from edgeint8.fixed_point.operators.elementwise import sigmoid as logistic

F32 = np.float32

BITWISE = frozenset(
    {"Relu", "Clip", "Add", "Sub", "Mul", "Div", "Min", "Max", "Round", "ReduceMin", "ReduceMax"}
    | {"GlobalAveragePool", "Sqrt", "Neg", "Resize", "Sum", "Abs", "Ceil", "Floor"}
    | {"PRelu", "ThresholdedRelu"}
)
"""Float operators that must equal ORT in every bit; others are compared with a tolerance."""


def relu(context: Context, x: Array) -> Array:
    """``max(x, 0)``, also of codes with zero-point 0."""
    return np.maximum(x, x.dtype.type(0))


def clip(context: Context, x: Array, low: Array | None = None, high: Array | None = None) -> Array:
    """Limits from inputs (opset 11 and later) or attributes (before)."""
    lowest = context.attribute("min", None) if low is None else low
    highest = context.attribute("max", None) if high is None else high
    return np.clip(x, lowest, highest).astype(x.dtype)


def add(context: Context, a: Array, b: Array) -> Array:
    """Sum with broadcasting."""
    return a + b


def sub(context: Context, a: Array, b: Array) -> Array:
    """Difference with broadcasting."""
    return a - b


def mul(context: Context, a: Array, b: Array) -> Array:
    """Product with broadcasting."""
    return a * b


def div(context: Context, a: Array, b: Array) -> Array:
    """Quotient with broadcasting; integers (shape arithmetic) divide towards zero."""
    if a.dtype.kind in "iu":
        return (np.sign(a) * np.sign(b) * (np.abs(a) // np.abs(b))).astype(a.dtype)
    return a / b


def minimum(context: Context, *parts: Array) -> Array:
    """Smallest of several tensors, element by element."""
    return functools.reduce(np.minimum, parts)


def maximum(context: Context, *parts: Array) -> Array:
    """Largest of several tensors, element by element."""
    return functools.reduce(np.maximum, parts)


def add_all(context: Context, *parts: Array) -> Array:
    """Sum of several tensors, one after the other."""
    return functools.reduce(np.add, parts)


def round_(context: Context, x: Array) -> Array:
    """Nearest integer, ties to even."""
    return np.rint(x)


def floor(context: Context, x: Array) -> Array:
    """Largest integer not above."""
    return np.floor(x)


def ceil(context: Context, x: Array) -> Array:
    """Smallest integer not below."""
    return np.ceil(x)


def absolute(context: Context, x: Array) -> Array:
    """Without its sign."""
    return np.abs(x)


def leaky_relu(context: Context, x: Array) -> Array:
    """``x`` where positive, ``alpha * x`` elsewhere."""
    return np.where(x >= 0, x, F32(context.attribute("alpha", 0.01)) * x)


def sigmoid(context: Context, x: Array) -> Array:
    """Logistic function."""
    return logistic(x)


def tanh(context: Context, x: Array) -> Array:
    """Hyperbolic tangent through float64."""
    return np.tanh(x.astype(np.float64)).astype(F32)


def hard_sigmoid(context: Context, x: Array) -> Array:
    """``clip(alpha * x + beta, 0, 1)``."""
    alpha, beta = F32(context.attribute("alpha", 0.2)), F32(context.attribute("beta", 0.5))
    return np.clip(alpha * x + beta, F32(0), F32(1))


def hard_swish(context: Context, x: Array) -> Array:
    """``x * clip(x / 6 + 1/2, 0, 1)``."""
    return x * np.clip(F32(1 / 6) * x + F32(0.5), F32(0), F32(1))


def softmax(context: Context, x: Array) -> Array:
    """Exponentials over their sum; before opset 13 over all axes from `axis` on."""
    axis = context.attribute("axis", -1 if context.opset >= 13 else 1)
    flat = x if context.opset >= 13 else x.reshape(int(np.prod(x.shape[:axis], dtype=int)), -1)
    along = axis if context.opset >= 13 else -1
    power = np.exp((flat - flat.max(axis=along, keepdims=True)).astype(np.float64))
    return (power / power.sum(axis=along, keepdims=True)).astype(F32).reshape(x.shape)


def _reduction(context: Context, x: Array, axes: Array | None) -> dict[str, Any]:
    """NumPy's axis and keepdims from the input or the attributes; without axes, all of them."""
    given = context.attribute("axes", ()) if axes is None else axes.tolist()
    everything = () if context.attribute("noop_with_empty_axes", 0) else range(x.ndim)
    chosen = tuple(int(axis) for axis in given) or tuple(everything)
    return {"axis": chosen, "keepdims": bool(context.attribute("keepdims", 1))}


def reduce_sum(context: Context, x: Array, axes: Array | None = None) -> Array:
    """Sum over axes, through float64; integers stay integers."""
    kind = np.float64 if x.dtype.kind == "f" else x.dtype
    return np.asarray(x.sum(dtype=kind, **_reduction(context, x, axes))).astype(x.dtype)


def reduce_mean(context: Context, x: Array, axes: Array | None = None) -> Array:
    """Mean over axes, through float64."""
    return np.asarray(x.mean(dtype=np.float64, **_reduction(context, x, axes))).astype(F32)


def reduce_min(context: Context, x: Array, axes: Array | None = None) -> Array:
    """Smallest element over axes."""
    return np.asarray(x.min(**_reduction(context, x, axes)))


def reduce_max(context: Context, x: Array, axes: Array | None = None) -> Array:
    """Largest element over axes."""
    return np.asarray(x.max(**_reduction(context, x, axes)))


def matmul(context: Context, a: Array, b: Array) -> Array:
    """Float matrix product, summed in float64."""
    return np.matmul(a, b, dtype=np.float64).astype(F32)


def gemm(context: Context, a: Array, b: Array, c: Array | None = None) -> Array:
    """``alpha * A @ B + beta * C``, summed in float64."""
    a = a.T if context.attribute("transA", 0) else a
    b = b.T if context.attribute("transB", 0) else b
    total = context.attribute("alpha", 1.0) * np.matmul(a, b, dtype=np.float64)
    if c is not None:
        total = total + context.attribute("beta", 1.0) * c
    return total.astype(F32)


def conv(context: Context, x: Array, w: Array, bias: Array | None = None) -> Array:
    """Float convolution, summed in float64, for layers the user kept out of quantisation."""
    geometry = ConvGeometry.from_attributes(context.node.attributes, w.shape[2:], x.shape[2:])
    geometry.check_shapes(x.shape, w.shape)
    sizes = geometry.output_size(x.shape[2:])
    padded = geometry.pad(np.moveaxis(x, 1, -1).astype(np.float64), 0, channels_last=True)
    groups, per_group = geometry.groups, w.shape[1]
    parts = []
    for g in range(groups):
        block = w[g * len(w) // groups : (g + 1) * len(w) // groups]
        weights = np.moveaxis(block, 1, -1).reshape(len(block), -1).T.astype(np.float64)
        part = padded[..., g * per_group : (g + 1) * per_group]
        columns = geometry.windows(part, sizes).reshape(len(x), *sizes, -1)
        parts.append(columns @ weights)
    total = np.concatenate(parts, axis=-1)
    total = total if bias is None else total + bias
    return np.moveaxis(total.astype(F32), -1, 1)


def _transposed_border(
    context: Context, full: tuple[int, ...], target: tuple[int, ...] | None
) -> tuple[tuple[int, ...], tuple[int, ...]]:
    """First row kept and rows kept per axis of a ConvTranspose of `full` size.

    With a `target` (output_shape, or input times stride for auto_pad SAME) the padding is what
    exceeds it, halved; the odd row goes to the end for SAME_UPPER and to the beginning otherwise.
    """
    axes, auto = len(full), context.attribute("auto_pad", "NOTSET")
    if target is None:
        pads = (0,) * 2 * axes if auto == "VALID" else context.attribute("pads", (0,) * 2 * axes)
        kept = zip(full, pads[:axes], pads[axes:], strict=True)
        return tuple(pads[:axes]), tuple(size - begin - end for size, begin, end in kept)
    excess = [max(size - wanted, 0) for size, wanted in zip(full, target, strict=True)]
    begin = tuple(e // 2 if auto == "SAME_UPPER" else e - e // 2 for e in excess)
    if "output_shape" in context.node.attributes:
        return begin, target
    return begin, tuple(size - e for size, e in zip(full, excess, strict=True))


def conv_transpose(context: Context, x: Array, w: Array, bias: Array | None = None) -> Array:
    """Float transposed convolution, weights (C, M/groups, *kernel), summed in float64.

    Every input element adds its kernel to a window of the output: a convolution's taps, written to
    instead of read.
    """
    attributes = {**context.node.attributes, "auto_pad": "NOTSET", "pads": (0,) * 2 * (x.ndim - 2)}
    geometry = ConvGeometry.from_attributes(attributes, w.shape[2:], x.shape[2:])
    if x.shape[1] != len(w) or len(w) % geometry.groups:
        raise ModelError(f"x {x.shape} with w {w.shape}, {geometry.groups} groups")
    spatial, strides = x.shape[2:], geometry.strides
    extra = context.attribute("output_padding", (0,) * len(spatial))
    full = tuple(
        s * (n - 1) + e + p
        for s, n, e, p in zip(strides, spatial, geometry.extent, extra, strict=True)
    )
    target = context.attribute("output_shape", None)
    if target is None and context.attribute("auto_pad", "NOTSET").startswith("SAME"):
        target = tuple(n * s for n, s in zip(spatial, strides, strict=True))
    begin, sizes = _transposed_border(context, full, target)
    room = [max(f, b + n) for f, b, n in zip(full, begin, sizes, strict=True)]
    groups, depth, width = geometry.groups, len(w) // geometry.groups, w.shape[1]
    total = np.zeros((len(x), *room, groups * width))
    last, weights = np.moveaxis(x, 1, -1).astype(np.float64), np.moveaxis(w, (0, 1), (-2, -1))
    for index, tap in geometry.taps(total, spatial):
        for g in range(groups):
            part, window = slice(g * depth, (g + 1) * depth), tap[..., g * width : (g + 1) * width]
            window += last[..., part] @ weights[index][part]
    kept = tuple(slice(b, b + n) for b, n in zip(begin, sizes, strict=True))
    total = total[(slice(None), *kept)]
    return np.moveaxis((total if bias is None else total + bias).astype(F32), -1, 1)


OPERATORS = {
    "Relu": relu,
    "Clip": clip,
    "Add": add,
    "Sub": sub,
    "Mul": mul,
    "Div": div,
    "Min": minimum,
    "Max": maximum,
    "Sum": add_all,
    "Round": round_,
    "Floor": floor,
    "Ceil": ceil,
    "Abs": absolute,
    "LeakyRelu": leaky_relu,
    "Sigmoid": sigmoid,
    "Tanh": tanh,
    "HardSigmoid": hard_sigmoid,
    "HardSwish": hard_swish,
    "Softmax": softmax,
    "ReduceSum": reduce_sum,
    "ReduceMean": reduce_mean,
    "ReduceMin": reduce_min,
    "ReduceMax": reduce_max,
    "MatMul": matmul,
    "Gemm": gemm,
    "Conv": conv,
    "ConvTranspose": conv_transpose,
}
