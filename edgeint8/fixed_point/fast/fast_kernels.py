"""Compiled loops around the matrix products: what NumPy would do in many passes, in one.

All arrays are float32 and hold integers, channels last. `finish_row` is the requantisation of
`requantize.requantize` (ORT's float32 contract) without the zero-point: slabs are centred. Float
arithmetic is strict but for NaNs and the sign of zero, which do not occur or do not matter.
"""

from typing import Any

import numba
import numpy as np

from edgeint8.conventions import Array

_OPTIONS: dict[str, Any] = {"cache": True, "error_model": "numpy", "fastmath": {"nnan", "nsz"}}


@numba.njit(inline="always", **_OPTIONS)
def finish_row(
    total: Array, bias: Array, scale: Array, low: float, high: float, out: Array
) -> None:
    """``rint(clip((total + bias) * scale, low, high))`` of one position's channels."""
    for m in range(out.shape[0]):
        value = (total[m] + bias[m]) * scale[m]
        out[m] = np.rint(min(max(value, low), high))


@numba.njit(**_OPTIONS)
def finish(
    partial: Array, bias: Array, scale: Array, low: float, high: float, out: Array, at: Array
) -> None:
    """Add up partial products (R, N, H, W, M), requantise, write into `out` at row, column `at`."""
    parts, count, height, width, channels = partial.shape
    total = np.empty(channels, np.float32)
    for n in range(count):
        for i in range(height):
            for j in range(width):
                first = partial[0, n, i, j]
                for m in range(channels):
                    total[m] = first[m]
                for r in range(1, parts):
                    more = partial[r, n, i, j]
                    for m in range(channels):
                        total[m] += more[m]
                finish_row(total, bias, scale, low, high, out[n, at[0] + i, at[1] + j])


@numba.njit(**_OPTIONS)
def finish_pooled(
    partial: Array,
    bias: Array,
    scale: Array,
    low: float,
    high: float,
    out: Array,
    at: Array,
    pool: Array,
    size: Array,
) -> None:
    """`finish` behind a max-pool over accumulators.

    Exact, because scale > 0: bias, multiplication, clip and rint keep the order of accumulators.
    `pool` is kernel height, width, stride down, right, padding above, left; `size` the output.
    """
    parts, count, height, width, channels = partial.shape
    total, best = np.empty(channels, np.float32), np.empty(channels, np.float32)
    for n in range(count):
        for i in range(size[0]):
            top = i * pool[2] - pool[4]
            for j in range(size[1]):
                left = j * pool[3] - pool[5]
                for m in range(channels):
                    best[m] = -np.float32(np.inf)
                for h in range(max(top, 0), min(top + pool[0], height)):
                    for w in range(max(left, 0), min(left + pool[1], width)):
                        first = partial[0, n, h, w]
                        for m in range(channels):
                            total[m] = first[m]
                        for r in range(1, parts):
                            more = partial[r, n, h, w]
                            for m in range(channels):
                                total[m] += more[m]
                        for m in range(channels):
                            best[m] = max(best[m], total[m])
                finish_row(best, bias, scale, low, high, out[n, at[0] + i, at[1] + j])


@numba.njit(**_OPTIONS)
def depthwise(
    x: Array,
    weights: Array,
    steps: Array,
    bias: Array,
    scale: Array,
    low: float,
    high: float,
    out: Array,
    at: Array,
    size: Array,
) -> None:
    """Convolution channel by channel: x (N, H, W, C), weights (kh, kw, C).

    `steps` is stride down, right, dilation down, right, and the first row and column of `x`.
    """
    kernel_h, kernel_w, channels = weights.shape
    total = np.empty(channels, np.float32)
    for n in range(x.shape[0]):
        for i in range(size[0]):
            for j in range(size[1]):
                for c in range(channels):
                    total[c] = np.float32(0)
                for r in range(kernel_h):
                    for s in range(kernel_w):
                        row = steps[4] + i * steps[0] + r * steps[2]
                        source = x[n, row, steps[5] + j * steps[1] + s * steps[3]]
                        factor = weights[r, s]
                        for c in range(channels):
                            total[c] += source[c] * factor[c]
                finish_row(total, bias, scale, low, high, out[n, at[0] + i, at[1] + j])


@numba.njit(**_OPTIONS)
def max_pool(
    x: Array, start: Array, extent: Array, out: Array, at: Array, pool: Array, size: Array
) -> None:
    """Max-pool of centred codes; `start` and `extent` say where the image lies in `x`."""
    channels = x.shape[3]
    for n in range(x.shape[0]):
        for i in range(size[0]):
            top = i * pool[2] - pool[4]
            for j in range(size[1]):
                left = j * pool[3] - pool[5]
                best = out[n, at[0] + i, at[1] + j]
                for m in range(channels):
                    best[m] = -np.float32(np.inf)
                for h in range(max(top, 0), min(top + pool[0], extent[0])):
                    for w in range(max(left, 0), min(left + pool[1], extent[1])):
                        source = x[n, start[0] + h, start[1] + w]
                        for m in range(channels):
                            best[m] = max(best[m], source[m])


@numba.njit(**_OPTIONS)
def add(
    a: Array, a_at: Array, b: Array, b_at: Array, ratios: Array, zeros: Array, fixed: float,
    low: float, high: float, out: Array, at: Array, size: Array,
) -> None:  # fmt: skip
    """QLinearAdd of centred codes: two fused multiply-adds, emulated in float64, on raw codes."""
    channels = out.shape[3]
    for n in range(out.shape[0]):
        for i in range(size[0]):
            for j in range(size[1]):
                left, right = a[n, a_at[0] + i, a_at[1] + j], b[n, b_at[0] + i, b_at[1] + j]
                row = out[n, at[0] + i, at[1] + j]
                for m in range(channels):
                    code = np.float64(right[m]) + zeros[1]
                    inner = np.float32(code * ratios[1] + fixed)
                    code = np.float64(left[m]) + zeros[0]
                    value = np.float32(code * ratios[0] + np.float64(inner))
                    row[m] = np.float32(min(max(np.rint(value), low), high) - zeros[2])


@numba.njit(**_OPTIONS)
def quantize(x: Array, scale: float, low: float, high: float, out: Array, at: Array) -> None:
    """QuantizeLinear of a float tensor (N, C, H, W) to centred codes."""
    for n in range(x.shape[0]):
        for c in range(x.shape[1]):
            for i in range(x.shape[2]):
                for j in range(x.shape[3]):
                    level = np.rint(x[n, c, i, j] / scale)
                    out[n, at[0] + i, at[1] + j, c] = min(max(level, low), high)


@numba.njit(**_OPTIONS)
def lookup(
    x: Array, x_at: Array, table: Array, offset: int, out: Array, at: Array, size: Array
) -> None:
    """Centred codes through a table of centred codes; entry 0 belongs to the lowest code."""
    for n in range(out.shape[0]):
        for i in range(size[0]):
            for j in range(size[1]):
                source, target = x[n, x_at[0] + i, x_at[1] + j], out[n, at[0] + i, at[1] + j]
                for m in range(out.shape[3]):
                    target[m] = table[np.int64(source[m]) + offset]
