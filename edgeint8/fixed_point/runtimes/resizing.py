"""RESIZE_BILINEAR of codes (N, C, H, W) as XNNPACK orders it."""

import numpy as np

from edgeint8.conventions import Array
from edgeint8.fixed_point.operators.context import Context
from edgeint8.fixed_point.operators.detours import blend

F32, I64 = np.float32, np.int64
BITS = 11


def bilinear_xnnpack(
    context: Context, x: Array, rows: Array, _above: Array, _far: Array, columns: Array, *_: Array
) -> Array:
    """Places in float32, weights of eleven bits, one rounding, ties upwards.

    Source: XNNPACK ``indirection.c``, ``resize_bilinear2d_hwc_q11``, and ``s8-ibilinear``.
    """
    mode = context.attribute("coordinate_transformation_mode", "half_pixel")
    total = x.astype(I64)
    for axis, length in ((3, columns.size), (2, rows.size)):
        below, above, far = _places(mode, x.shape[axis], length)
        far = far.reshape(-1, *(1,) * (3 - axis))
        total = blend(total, axis, BITS, below, above, far)
    return ((total + (1 << (2 * BITS - 1))) >> (2 * BITS)).astype(x.dtype)


def _places(mode: str, size: int, length: int) -> tuple[Array, Array, Array]:
    """The element below and above each place, and how far it is, in 1/2048."""
    less = int(mode == "align_corners" and length != 1)
    scale = F32(size - less) / F32(length - less)
    place = np.arange(length, dtype=F32) * scale
    if mode == "half_pixel":
        place = np.clip(place + (F32(0.5) * scale - F32(0.5)), F32(0), F32(size - 1))
    below = place.astype(I64)
    distance = np.rint((place - below.astype(F32)) * F32(1 << BITS)).astype(I64)
    return below, np.minimum(below + 1, size - 1), distance
