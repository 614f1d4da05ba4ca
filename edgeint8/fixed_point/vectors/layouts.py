"""The same numbers in the order in which hardware wants them."""

from dataclasses import replace

import numpy as np

from edgeint8.conventions import Array
from edgeint8.fixed_point.arithmetic.columns import column_groups
from edgeint8.fixed_point.arithmetic.operands import Operands

STREAM_BITS = 16


def per_channel(values: Array, operands: Operands) -> Array:
    """One number or (M,) as (M,)."""
    return np.broadcast_to(np.asarray(values).reshape(-1), (operands.channels,))


def k_by_m(operands: Operands) -> Array:
    """Stored weights as (groups, K, M/groups), K in the order of the manifest's ``k_order``."""
    plain = replace(operands, w_zero_point=np.zeros((), operands.w.dtype))
    return plain.weight_matrix().astype(operands.w.dtype)


def channels_last(values: Array) -> Array:
    """(N, C, *S) as (N, *S, C)."""
    return np.moveaxis(values, 1, -1)


def stream(operands: Operands) -> Array:
    """What the multipliers of an array read for the first image, (groups, P, K) int16.

    A row is one output pixel's window; of a matrix product a row of the first image's, which is one
    row where each image has one. The zero-point is subtracted where the data path subtracts it;
    outside the image stands what the data path has there. A weight-stationary array of R rows takes
    columns f R to f R + R - 1 in fold f, a row each cycle; an output-stationary one R rows at once,
    a column each cycle.
    """
    one = np.atleast_2d(operands.x)[:1]
    if operands.geometry is None:
        one = one.reshape(-1, operands.depth)
    windows, _ = column_groups(replace(operands, x=one))
    return windows.astype(np.int16)
