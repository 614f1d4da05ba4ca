"""Integer convolution and matrix product: the definition in loops, and the same numbers fast.

    acc[n,m,i,j] = bias[m] + sum over c, r, s of
             (x[n, c, i*stride - pad + r*dilation, ...] - x_zp) * (w[m,c,r,s] - w_zp[m])         (2)

A position outside the image holds the zero-point, so it adds nothing. All results are exact.

Fast and exact at once: eight-bit codes are centred (zero-point subtracted) and held in float32,
which represents every integer up to 2**24. If ``max|x| * sum|w| < 2**24`` for every output channel,
no partial sum in any order can leave that range, so a float32 BLAS product is the integer product.
Where the bound fails, K is split into pieces for which it holds, and these are added in float64.
"""

import numpy as np

from edgeint8.conventions import Array
from edgeint8.errors import ModelError
from edgeint8.fixed_point.arithmetic.geometry import ConvGeometry
from edgeint8.fixed_point.arithmetic.operands import Operands
from edgeint8.fixed_point.arithmetic.requantize import code_range, requantize

FLOAT32_EXACT = 1 << 24
COLUMN_BUFFER_BYTES = 1 << 20


def _reference_inputs(operands: Operands, axes: int) -> tuple[ConvGeometry, Array, Array]:
    """Geometry, padded centred input (int64) and one weight zero-point per channel."""
    geometry = operands.geometry
    if geometry is None or len(geometry.kernel) != axes:
        raise ModelError(f"x has shape {operands.x.shape}", allowed=f"a {axes}-D convolution")
    x = geometry.pad(operands.x, operands.border).astype(np.int64) - operands.x_zero_point
    zeros = np.broadcast_to(operands.w_zero_point.astype(np.int64).reshape(-1), operands.channels)
    return geometry, x, zeros


def int8_conv2d_reference(operands: Operands) -> Array:
    """Equation (2) in seven loops; (N, M, OH, OW) int64. Slow on purpose: it is the definition."""
    geometry, x, w_zero = _reference_inputs(operands, axes=2)
    (stride_h, stride_w), (dilation_h, dilation_w) = geometry.strides, geometry.dilations
    out_h, out_w = geometry.output_size(operands.x.shape[2:])
    channels_out, channels_in, kernel_h, kernel_w = operands.w.shape
    acc = np.zeros((len(x), channels_out, out_h, out_w), np.int64)
    for n in range(len(x)):
        for m in range(channels_out):
            first = m // (channels_out // geometry.groups) * channels_in
            for i in range(out_h):
                for j in range(out_w):
                    total = 0 if operands.bias is None else int(operands.bias[m])
                    for c in range(channels_in):
                        for r in range(kernel_h):
                            for s in range(kernel_w):
                                row, col = (
                                    i * stride_h + r * dilation_h,
                                    j * stride_w + s * dilation_w,
                                )
                                weight = int(operands.w[m, c, r, s]) - int(w_zero[m])
                                total += int(x[n, first + c, row, col]) * weight
                    acc[n, m, i, j] = total
    return acc


def int8_conv1d_reference(operands: Operands) -> Array:
    """Equation (2) for signals, in five loops; (N, M, OL) int64."""
    geometry, x, w_zero = _reference_inputs(operands, axes=1)
    (stride,), (dilation,) = geometry.strides, geometry.dilations
    (out_l,) = geometry.output_size(operands.x.shape[2:])
    channels_out, channels_in, kernel = operands.w.shape
    acc = np.zeros((len(x), channels_out, out_l), np.int64)
    for n in range(len(x)):
        for m in range(channels_out):
            first = m // (channels_out // geometry.groups) * channels_in
            for i in range(out_l):
                total = 0 if operands.bias is None else int(operands.bias[m])
                for c in range(channels_in):
                    for r in range(kernel):
                        weight = int(operands.w[m, c, r]) - int(w_zero[m])
                        total += int(x[n, first + c, i * stride + r * dilation]) * weight
                acc[n, m, i] = total
    return acc


def largest_magnitude(operands: Operands) -> int:
    """Largest ``|x - x_zp|`` the type allows, the border included."""
    low, high = operands.x_range
    return max(-low, high, abs(operands.border - operands.x_zero_point))


def exact_matmul(a: Array, b: Array, a_max: int) -> Array:
    """Integer product of `a` (..., K) and `b` (..., K, M), both integers held in float32.

    `a_max` bounds ``|a|``. The result is float32 where ``a_max * sum|b| < 2**24`` proves it exact,
    else float64: K is cut into pieces that satisfy the proof, and float64 adds the pieces.
    """
    if a_max * float(np.abs(b).sum(axis=-2, dtype=np.float64).max(initial=0)) < FLOAT32_EXACT:
        return np.matmul(a, b)
    largest = max(float(np.abs(b).max()), 1.0)
    step = max(1, int((FLOAT32_EXACT - 1) // (a_max * largest)))
    total: Array = np.zeros(1)
    for k in range(0, a.shape[-1], step):
        total = total + np.matmul(a[..., k : k + step], b[..., k : k + step, :], dtype=np.float32)
    return total


def centre(operands: Operands) -> Array:
    """``x - x_zp`` in float32 with its border, channels last: (N, *S padded, C)."""
    geometry = operands.geometry
    if geometry is None:
        return np.subtract(operands.x, np.float32(operands.x_zero_point), dtype=np.float32)
    source = np.moveaxis(operands.x, 1, -1)
    sizes = [
        size + before + after
        for size, before, after in zip(
            source.shape[1:-1], geometry.pads_begin, geometry.pads_end, strict=True
        )
    ]
    border = np.float32(operands.border - operands.x_zero_point)
    padded = np.full((source.shape[0], *sizes, source.shape[-1]), border, np.float32)
    inside = tuple(
        slice(before, before + size)
        for before, size in zip(geometry.pads_begin, source.shape[1:-1], strict=True)
    )
    zero = np.float32(operands.x_zero_point)
    np.subtract(source, zero, out=padded[(slice(None), *inside)], dtype=np.float32)
    return padded


def _depthwise(
    x: Array, weights: Array, geometry: ConvGeometry, sizes: tuple[int, ...], x_max: int
) -> Array:
    """One input channel per group: shift the image, scale it, add it.

    x (N, *S, C) float32, weights (C, K, multiplier) float32; (N, *sizes, C * multiplier).
    `x_max` bounds ``|x|``: with 255 float32 is exact up to 258 taps.
    """
    groups, depth, multiplier = weights.shape
    exact = np.float32 if depth * x_max * 255 < FLOAT32_EXACT else np.float64
    acc = np.zeros((x.shape[0], *sizes, groups, multiplier), exact)
    for k, (_, tap) in enumerate(geometry.taps(x, sizes)):
        acc += tap[..., None] * weights[:, k]
    return acc.reshape(*acc.shape[:-2], groups * multiplier)


def _grouped(
    x: Array, weights: Array, geometry: ConvGeometry, sizes: tuple[int, ...], x_max: int
) -> Array:
    """im2col and one exact product per group; x (N, *S, C), weights (groups, K, M/groups)."""
    groups, depth, _ = weights.shape
    per_group = x.shape[-1] // groups
    results = []
    for g in range(groups):
        part = x[..., g * per_group : (g + 1) * per_group]
        columns = geometry.windows(part, sizes).reshape(x.shape[0], *sizes, depth)
        results.append(exact_matmul(columns, weights[g], x_max))
    return results[0] if groups == 1 else np.concatenate(results, axis=-1)


def convolve(operands: Operands) -> Array:
    """Equation (2) without bias, channels last: (N, *O, M), float32 or float64, exact integers."""
    geometry = operands.geometry
    if geometry is None:
        raise ModelError("convolve needs a window geometry")
    sizes = geometry.output_size(operands.x.shape[2:])
    weights = operands.weight_matrix().astype(np.float32)
    x_max = largest_magnitude(operands)
    x = centre(operands)
    if operands.groups == x.shape[-1] and operands.groups > 1:
        return _depthwise(x, weights, geometry, sizes, x_max)
    per_image = int(np.prod(sizes)) * operands.depth * 4
    step = max(1, COLUMN_BUFFER_BYTES // per_image)
    pieces = [
        _grouped(x[n : n + step], weights, geometry, sizes, x_max) for n in range(0, len(x), step)
    ]
    return np.concatenate(pieces) if len(pieces) != 1 else pieces[0]


def accumulate(operands: Operands) -> Array:
    """Equation (2) with bias, channels last: (N, *O, M) or (..., M); exact integers.

    float32 where the sum with bias provably stays below 2**24, else float64.
    """
    if operands.geometry is not None:
        acc = convolve(operands)
    else:
        weights = operands.weight_matrix().astype(np.float32)
        weights = weights[0] if operands.w.ndim == 2 else weights
        acc = exact_matmul(centre(operands), weights, largest_magnitude(operands))
    if operands.bias is None:
        return acc
    return add_bias(acc, operands)


def add_bias(acc: Array, operands: Operands) -> Array:
    """`acc` (..., M) plus bias; float64 where float32 might round the sum."""
    bias = np.asarray(operands.bias, np.int64)
    reach = np.abs(operands.weight_matrix()).sum(axis=-2, dtype=np.int64).reshape(-1)
    fits = np.all(reach * largest_magnitude(operands) + np.abs(bias) < FLOAT32_EXACT)
    if acc.dtype == np.float32 and fits:
        acc += bias.astype(np.float32)
        return acc
    return acc + bias.astype(np.float64)


def conv_accumulator(operands: Operands) -> Array:
    """Equation (2), channels first like the references: (N, M, *O) int32 (wraps as int32 does)."""
    acc = np.moveaxis(accumulate(operands), -1, 1)
    return acc.astype(np.int64).astype(np.int32)


def quantize_bias(bias: Array, x_scale: float, w_scale: Array) -> Array:
    """Float bias (M,) in units of the accumulator: ``rint(bias / (x_scale * w_scale))``, int32.

    Values beyond int32 are saturated; that happens to channels whose weights are almost zero.
    """
    level = np.rint(np.asarray(bias, np.float64) / (float(x_scale) * np.asarray(w_scale)))
    info = np.iinfo(np.int32)
    return np.clip(level, info.min, info.max).astype(np.int32)


def simulate_conv_accumulation(operands: Operands) -> Array:
    """Running sums of the first image in hardware order, (K + 1, *O, M) int64, the bias first.

    Entry k is the accumulator after k products; K runs kernel row, kernel column, channel.
    """
    geometry = operands.geometry
    if geometry is None or operands.groups != 1:
        raise ModelError("needs a convolution of one group")
    sizes = geometry.output_size(operands.x.shape[2:])
    x = centre(operands)[:1].astype(np.int64)
    columns = geometry.windows(x, sizes).reshape(*sizes, operands.depth)
    weights = operands.weight_matrix()[0].astype(np.int64)
    bias = np.zeros(operands.channels, np.int64) if operands.bias is None else operands.bias
    start = np.broadcast_to(bias, (1, *sizes, operands.channels)).astype(np.int64)
    products = np.moveaxis(columns, -1, 0)[..., None] * weights.reshape(
        operands.depth, *(1,) * len(sizes), operands.channels
    )
    return np.cumsum(np.concatenate([start, products]), axis=0)


def validate_against_float(codes: Array, scale: float, zero_point: int, real: Array) -> float:
    """Share of outputs whose code is within one step of the float result, saturated like it."""
    low, high = code_range(codes.dtype)
    ideal = np.clip(real / scale + zero_point, low, high)
    return float(np.mean(np.abs(codes - ideal) <= 1.0))


def _demonstration() -> str:
    """A 3x3 convolution of random codes: loops against BLAS, and the result against floats."""
    generator = np.random.default_rng(0)
    x = generator.integers(0, 256, (1, 8, 10, 10)).astype(np.uint8)
    w = generator.integers(-127, 128, (4, 8, 3, 3)).astype(np.int8)
    x_scale, w_scale, x_zero = 0.02, 0.01, 128
    real_bias = generator.normal(size=4)
    geometry = ConvGeometry((3, 3), (1, 1), (1, 1), (1, 1), (1, 1))
    bias = quantize_bias(real_bias, x_scale, np.asarray(w_scale))
    operands = Operands(x, w, x_zero, np.zeros((), np.int8), bias, geometry)
    loops, fast = int8_conv2d_reference(operands), conv_accumulator(operands)
    real = fast * (x_scale * w_scale) + (real_bias - bias * x_scale * w_scale)[:, None, None]
    y_scale = float(np.abs(real).max() / 127)
    codes = requantize(fast, np.asarray(x_scale * w_scale / y_scale), 0, np.int8)
    steps = simulate_conv_accumulation(operands)
    return "\n".join(
        [
            f"convolution x {x.shape} uint8, w {w.shape} int8, {fast.size} accumulators",
            f"  loops and BLAS differ in     {np.count_nonzero(loops != fast)} elements",
            f"  accumulators                 {fast.min()} .. {fast.max()}",
            f"  running sums                 {steps.min()} .. {steps.max()}",
            f"  within one step of float     {validate_against_float(codes, y_scale, 0, real):.1%}",
        ]
    )


if __name__ == "__main__":
    print(_demonstration())
