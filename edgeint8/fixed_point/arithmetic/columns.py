"""An accumulation laid out as hardware walks it: rows of operands along K, group by group."""

import numpy as np

from edgeint8.conventions import Array
from edgeint8.errors import ModelError
from edgeint8.fixed_point.arithmetic.kernels import centre
from edgeint8.fixed_point.arithmetic.operands import Operands


def column_groups(operands: Operands) -> tuple[Array, Array]:
    """Windows (groups, P, K) and weights (groups, K, M/groups), float32, centred.

    P counts output positions over all images. K runs kernel row, kernel column, channel; the
    channel is the fastest.
    """
    weights = operands.weight_matrix().astype(np.float32)
    x, geometry = centre(operands), operands.geometry
    if geometry is None:
        if operands.w.ndim > 2:
            raise ModelError(f"weights have shape {operands.w.shape}", allowed="(K, M)")
        return x.reshape(1, -1, operands.depth), weights
    windows = geometry.windows(x, geometry.output_size(operands.x.shape[2:]))
    split = windows.reshape(*windows.shape[:-1], operands.groups, -1)
    return np.moveaxis(split, -2, 0).reshape(operands.groups, -1, operands.depth), weights


def output_shape(operands: Operands) -> tuple[int, ...]:
    """Shape of the accumulators, channels last: (N, *O, M) or (..., M)."""
    if operands.geometry is None:
        return (*operands.x.shape[:-1], operands.channels)
    sizes = operands.geometry.output_size(operands.x.shape[2:])
    return (len(operands.x), *sizes, operands.channels)


def preloaded(operands: Operands) -> Array:
    """The accumulators before the first product: the bias, (groups, 1, M/groups) int64."""
    bias = np.zeros(operands.channels) if operands.bias is None else operands.bias
    return bias.astype(np.int64).reshape(operands.groups, 1, -1)


def from_groups(acc: Array, operands: Operands) -> Array:
    """Accumulators (groups, P, M/groups) in the shape of `output_shape`."""
    return np.moveaxis(acc, 0, 1).reshape(output_shape(operands))
