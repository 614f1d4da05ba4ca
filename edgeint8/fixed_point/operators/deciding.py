"""Comparisons, logic, the place of an extreme, and If: what a graph decides by its data."""

from collections.abc import Callable

import numpy as np

from edgeint8.conventions import Array
from edgeint8.fixed_point.operators.context import Context

Operator = Callable[..., Array]


def _of(ufunc: np.ufunc) -> Operator:
    """A NumPy function with broadcasting as an operator."""
    return lambda context, *inputs: ufunc(*inputs)


def _place(context: Context, x: Array, extreme: Callable[..., Array]) -> Array:
    """Index of the first extreme along an axis, or of the last with select_last_index."""
    axis = context.attribute("axis", 0)
    last = context.attribute("select_last_index", 0)
    index = extreme(np.flip(x, axis) if last else x, axis=axis, keepdims=True)
    index = x.shape[axis] - 1 - index if last else index
    kept = context.attribute("keepdims", 1)
    return (index if kept else np.squeeze(index, axis)).astype(np.int64)


def arg_max(context: Context, x: Array) -> Array:
    """Where the largest element stands."""
    return _place(context, x, np.argmax)


def arg_min(context: Context, x: Array) -> Array:
    """Where the smallest element stands."""
    return _place(context, x, np.argmin)


def if_(context: Context, condition: Array, *captured: Array) -> tuple[Array, ...]:
    """One of two subgraphs, which read what `captured` holds of the graph around them."""
    branch = context.attribute("then_branch" if condition.reshape(-1)[0] else "else_branch", None)
    return context.run_branch(branch, dict(zip(context.node.captured, captured, strict=True)))


OPERATORS: dict[str, Operator | Callable[..., tuple[Array, ...]]] = {
    "Equal": _of(np.equal),
    "Greater": _of(np.greater),
    "GreaterOrEqual": _of(np.greater_equal),
    "Less": _of(np.less),
    "LessOrEqual": _of(np.less_equal),
    "And": _of(np.logical_and),
    "Or": _of(np.logical_or),
    "Xor": _of(np.logical_xor),
    "Not": _of(np.logical_not),
    "ArgMax": arg_max,
    "ArgMin": arg_min,
    "If": if_,
}
