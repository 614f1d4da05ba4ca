"""Matrix products over slabs, cut so that the BLAS is at its best.

Two facts about OpenBLAS shape this module (measured, one thread): it has a fast path for products
with ``rows * K * M <= 1e6``, so tall matrices are cut into blocks of equal height; and memory
aligned to 64 bytes is faster. One fact about convolutions: in channels-last memory the window's
columns of one kernel row are contiguous, and the kernel's rows are the same columns a few rows
further down. So columns are gathered for one kernel row only, and every kernel row multiplies a
shifted view of them; the partial products are added up when they are requantised.
"""

import functools
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from edgeint8.conventions import Array
from edgeint8.fixed_point.arithmetic.geometry import ConvGeometry
from edgeint8.fixed_point.fast.fast_plan import Plan, border
from edgeint8.fixed_point.fast.slab import Halo, Slab

SMALL_PRODUCT = 1_000_000
SHORTEST_ROW = 32


@dataclass(frozen=True)
class Product:
    """``partial = gather() @ weights``: (R, N, H, W, M) partial sums after a call of `run`."""

    run: Callable[[], object]
    partial: Array


def block_rows(rows: int, depth: int, channels: int) -> int:
    """The tallest equal block of `rows` within OpenBLAS's fast path; all rows if none is tall."""
    tallest = max(SMALL_PRODUCT // (depth * channels), 1)
    best = max(d for d in range(1, min(rows, tallest) + 1) if rows % d == 0)
    return best if best >= 8 else rows


def convolution_product(
    plan: Plan, slab: Slab, weights: Array, geometry: ConvGeometry, size: tuple[int, int]
) -> Product:
    """A convolution of one group as a product; weights (M, C, kh, kw) centred float32."""
    kernel_h, kernel_w = geometry.kernel
    channels, depth_in = weights.shape[:2]
    x = slab.view(border(geometry))
    if geometry.kernel == geometry.strides == (1, 1) and x.flags.c_contiguous:
        return _flat_product(plan, x, weights.reshape(channels, depth_in).T, size)
    if geometry.strides[0] == 1 and kernel_h > 1 and kernel_w * depth_in >= SHORTEST_ROW:
        return _row_product(plan, x, weights, geometry, size)
    source = geometry.windows(x, size)
    columns = plan.scratch("columns", source.shape)
    matrix = weights.transpose(2, 3, 1, 0).reshape(-1, channels)
    product = _flat_product(plan, columns.reshape(*source.shape[:3], -1), matrix, size)

    def run() -> None:
        np.copyto(columns, source)
        product.run()

    return Product(run, product.partial)


def _flat_product(plan: Plan, columns: Array, matrix: Array, size: tuple[int, int]) -> Product:
    """Columns (N, H, W, K), contiguous, times a matrix (K, M)."""
    depth, channels = matrix.shape
    rows = columns.size // depth
    height = block_rows(rows, depth, channels)
    a = columns.reshape(-1, height, depth)
    matrix = np.ascontiguousarray(matrix)
    out = plan.scratch("partial", (len(a), height, channels))
    partial = out.reshape(1, len(columns), *size, channels)
    return Product(functools.partial(np.matmul, a, matrix, out=out), partial)


def _row_product(
    plan: Plan, x: Array, weights: Array, geometry: ConvGeometry, size: tuple[int, int]
) -> Product:
    """One partial product per kernel row, all from columns gathered along the width only."""
    (kernel_h, kernel_w), (out_h, out_w) = geometry.kernel, size
    count, padded_h, channels = len(x), x.shape[1], len(weights)
    depth = kernel_w * x.shape[3]
    source = ConvGeometry(
        (1, kernel_w), (1, geometry.strides[1]), (1, geometry.dilations[1]), (0, 0), (0, 0)
    ).windows(x, (padded_h, out_w))
    columns = plan.scratch("columns", source.shape)
    rows = out_h * out_w
    height = block_rows(rows, depth, channels)
    item = columns.itemsize
    shifted = np.lib.stride_tricks.as_strided(
        columns,
        (kernel_h, count, rows // height, height, depth),
        tuple(
            item * step
            for step in (
                geometry.dilations[0] * out_w * depth,
                padded_h * out_w * depth,
                height * depth,
                depth,
                1,
            )
        ),
    )
    matrix = np.ascontiguousarray(weights.transpose(2, 3, 1, 0)).reshape(
        kernel_h, 1, 1, depth, channels
    )
    out = plan.scratch("partial", (*shifted.shape[:4], channels))

    def run() -> None:
        np.copyto(columns, source)
        np.matmul(shifted, matrix, out=out)

    return Product(run, out.reshape(kernel_h, count, *size, channels))


def dense_product(plan: Plan, slab: Slab, matrix: Array) -> Product:
    """Codes (N, K) times a matrix (K, M)."""
    a = slab.view(Halo()).reshape(len(slab.data), -1)
    matrix = np.ascontiguousarray(matrix)
    out = plan.scratch("partial", (len(a), matrix.shape[1]))
    product = functools.partial(np.matmul, a, matrix, out=out)
    return Product(product, out.reshape(1, len(a), 1, 1, -1))
