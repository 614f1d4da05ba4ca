"""Operators that take or replace the elements that an index tensor names."""

import numpy as np

from edgeint8.conventions import Array
from edgeint8.errors import ModelError
from edgeint8.fixed_point.operators.context import Context

REDUCTIONS = {"add": np.add, "mul": np.multiply, "min": np.minimum, "max": np.maximum}


def gather(context: Context, x: Array, indices: Array) -> Array:
    """Entries of one axis."""
    return np.take(x, indices, axis=context.attribute("axis", 0))


def gather_elements(context: Context, x: Array, indices: Array) -> Array:
    """For each index the element of its axis, all other places being equal."""
    return np.take_along_axis(x, indices, axis=context.attribute("axis", 0))


def gather_nd(context: Context, x: Array, indices: Array) -> Array:
    """Entries whose leading indices stand in the last axis of `indices`."""
    if context.attribute("batch_dims", 0):
        raise ModelError("GatherND with batch_dims", allowed="0")
    return x[tuple(np.moveaxis(indices, -1, 0))]


def scatter_nd(context: Context, x: Array, indices: Array, updates: Array) -> Array:
    """A copy in which the entries that `indices` names are replaced by or joined with `updates`."""
    result, places = np.copy(x), tuple(np.moveaxis(indices, -1, 0))
    kind = context.attribute("reduction", "none")
    if kind == "none":
        result[places] = updates
    else:
        REDUCTIONS[kind].at(result, places, updates)
    return result


def top_k(context: Context, x: Array, count: Array) -> tuple[Array, Array]:
    """The largest or smallest elements along an axis in order, and where they stood.

    Of equal ones the first comes first.
    """
    if not context.attribute("sorted", 1):
        raise ModelError("TopK that is not sorted, whose order is free", allowed="sorted")
    axis = context.attribute("axis", -1)
    order = x if x.dtype.kind == "f" else x.astype(np.int64)
    order = -order if context.attribute("largest", 1) else order
    index = np.argsort(order, axis=axis, kind="stable")
    index = np.take(index, np.arange(int(count.item())), axis=axis)
    return np.take_along_axis(x, index, axis), index.astype(np.int64)


OPERATORS = {
    "TopK": top_k,
    "Gather": gather,
    "GatherElements": gather_elements,
    "GatherND": gather_nd,
    "ScatterND": scatter_nd,
}
