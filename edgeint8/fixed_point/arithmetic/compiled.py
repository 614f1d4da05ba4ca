"""gemmlowp's requantisation in one compiled pass; `requantize` holds its definition in NumPy."""

from typing import Any

import numba
import numpy as np

from edgeint8.conventions import Array

_OPTIONS: dict[str, Any] = {"cache": True, "error_model": "numpy"}


@numba.njit(**_OPTIONS)
def gemmlowp_rows(
    acc: Array, mantissa: Array, left: Array, right: Array, limits: Array, out: Array
) -> None:
    """Rows (P, M) of exact integers of any type to codes `out`.

    mantissa, left, right : (M,) int64, the multiplier and its shifts; limits : lowest and highest
    code and zero-point. Both nudges are the equations of `rounding_doubling_high_mul` and
    `rounding_divide_by_power_of_two` without a branch: floor((a b + 2^30) / 2^31), then
    floor((x + 2^(r-1) - [x < 0]) / 2^r).
    """
    low, high, zero = limits[0], limits[1], limits[2]
    for p in range(acc.shape[0]):
        for m in range(acc.shape[1]):
            value = np.int64(acc[p, m])
            if left[m] > 0:
                value = np.int64(np.int32(value << left[m]))
            value = (value * mantissa[m] + (1 << 30)) >> 31
            if right[m] > 0:
                value = (value + (np.int64(1) << (right[m] - 1)) + (value >> 63)) >> right[m]
            out[p, m] = min(max(value + zero, low), high)
