"""Pools over codes and floats. All keep the memory order of their input."""

import numpy as np

from edgeint8.conventions import Array
from edgeint8.errors import ModelError
from edgeint8.fixed_point.arithmetic.geometry import ConvGeometry
from edgeint8.fixed_point.arithmetic.requantize import code_range, requantize
from edgeint8.fixed_point.operators.context import Context, scalar

F32 = np.float32


def pool_geometry(context: Context, spatial: tuple[int, ...]) -> ConvGeometry:
    """The pool's window; ``ceil_mode`` becomes padding at the end, which no window may start in."""
    geometry = ConvGeometry.from_attributes(
        context.node.attributes, context.node.attributes["kernel_shape"], spatial
    )
    if not context.attribute("ceil_mode", 0):
        return geometry
    ends = []
    for size, extent, stride, begin, end in zip(
        spatial, geometry.extent, geometry.strides, geometry.pads_begin, geometry.pads_end,
        strict=True,
    ):  # fmt: skip
        count = -(-(size + begin + end - extent) // stride) + 1
        count -= (count - 1) * stride >= size + begin
        ends.append(max(end, (count - 1) * stride + extent - size - begin))
    return ConvGeometry(
        geometry.kernel, geometry.strides, geometry.dilations, geometry.pads_begin, tuple(ends)
    )


def max_pool(context: Context, x: Array) -> Array | tuple[Array, Array]:
    """Largest element of every window; padding never wins. With a second output, where it stood."""
    if len([name for name in context.node.outputs if name]) > 1:
        return _max_pool_with_indices(context, x)
    channels_last = np.moveaxis(x, 1, -1)
    geometry = pool_geometry(context, channels_last.shape[1:-1])
    sizes = geometry.output_size(channels_last.shape[1:-1])
    lowest = -np.inf if x.dtype.kind == "f" else code_range(x.dtype)[0]
    taps = geometry.taps(geometry.pad(channels_last, lowest, channels_last=True), sizes)
    result = np.copy(taps[0][1], order="K")
    for _, tap in taps[1:]:
        np.maximum(result, tap, out=result)
    return np.moveaxis(result, -1, 1)


def _max_pool_with_indices(context: Context, x: Array) -> tuple[Array, Array]:
    """The largest elements, and their places in the flattened (N, C, *S); of equals the first."""
    if context.attribute("storage_order", 0):
        raise ModelError("MaxPool with storage_order 1", allowed="0")
    last = np.moveaxis(x, 1, -1)
    spatial = last.shape[1:-1]
    geometry = pool_geometry(context, spatial)
    sizes = geometry.output_size(spatial)
    lowest = -np.inf if x.dtype.kind == "f" else code_range(x.dtype)[0]
    flat = np.moveaxis(np.arange(x.size, dtype=np.int64).reshape(x.shape), 1, -1)
    values = geometry.taps(geometry.pad(last, lowest, channels_last=True), sizes)
    places = geometry.taps(geometry.pad(flat, -1, channels_last=True), sizes)
    best, where = np.copy(values[0][1]), np.copy(places[0][1])
    for (_, value), (_, place) in zip(values[1:], places[1:], strict=True):
        better = (place >= 0) & ((value > best) | (where < 0))
        best, where = np.where(better, value, best), np.where(better, place, where)
    return np.moveaxis(best, -1, 1), np.moveaxis(where, -1, 1)


def nhwc_max_pool(context: Context, x: Array) -> Array:
    """com.microsoft NhwcMaxPool: MaxPool on (N, *S, C)."""
    return np.moveaxis(np.asarray(max_pool(context, np.moveaxis(x, -1, 1))), 1, -1)


def _counted_positions(
    context: Context, geometry: ConvGeometry, spatial: tuple[int, ...], whole: bool
) -> Array:
    """1 where a padded position counts in the divisor, (1, *padded, 1).

    The image counts; with count_include_pad its pads do too, but what ceil_mode adds only if
    `whole`.
    """
    image = np.ones((1, *spatial, 1), F32)
    if not context.attribute("count_include_pad", 0):
        return geometry.pad(image, 0, channels_last=True)
    if whole:
        return geometry.pad(image, 1, channels_last=True)
    attributes = {**context.node.attributes, "ceil_mode": 0}
    declared = ConvGeometry.from_attributes(attributes, geometry.kernel, spatial)
    with_pads = declared.pad(image, 1, channels_last=True)
    extra = [
        (0, now - before) for now, before in zip(geometry.pads_end, declared.pads_end, strict=True)
    ]
    return np.pad(with_pads, [(0, 0), *extra, (0, 0)])


def window_sum(context: Context, x: Array, whole: bool = False) -> tuple[Array, Array]:
    """float32 sum of every window of `x` (N, C, *S), one tap after the other, and its divisor.

    The divisor counts the taps inside the image, or with count_include_pad those inside the padded
    image; if `whole`, also those beyond it, where ceil_mode starts a window that is not full.
    """
    last = np.moveaxis(x, 1, -1)
    spatial = last.shape[1:-1]
    geometry = pool_geometry(context, spatial)
    sizes = geometry.output_size(spatial)
    counted = _counted_positions(context, geometry, spatial, whole)
    counts = sum(tap for _, tap in geometry.taps(counted, sizes))
    total = np.zeros((len(last), *sizes, last.shape[-1]), F32)
    for _, tap in geometry.taps(geometry.pad(last, 0, channels_last=True), sizes):
        total += tap
    return np.moveaxis(total, -1, 1), np.moveaxis(np.asarray(counts), -1, 1)


def average_pool(context: Context, x: Array) -> Array:
    """float32 AveragePool."""
    total, count = window_sum(context, x)
    return total / count


def lane_sum(values: Array) -> Array:
    """float32 sum over the last axis in the order of MLAS: four lanes, then (0+2)+(1+3), the rest.

    Lane i adds elements i, i+4, i+8 ...; elements after the last full four join one by one.
    """
    full = values.shape[-1] // 4 * 4
    lanes = np.zeros((*values.shape[:-1], 4), F32)
    for k in range(0, full, 4):
        lanes += values[..., k : k + 4]
    total = (lanes[..., 0] + lanes[..., 2]) + (lanes[..., 1] + lanes[..., 3])
    for k in range(full, values.shape[-1]):
        total = total + values[..., k]
    return total


def global_average_pool(context: Context, x: Array) -> Array:
    """float32 mean over all spatial axes, bit for bit as ORT up to its level EXTENDED."""
    flat = x.reshape(*x.shape[:2], -1)
    return (lane_sum(flat) / F32(flat.shape[-1])).reshape(x.shape[:2] + (1,) * (x.ndim - 2))


def global_max_pool(context: Context, x: Array) -> Array:
    """Largest element of every channel, codes or floats."""
    return np.asarray(x.max(axis=tuple(range(2, x.ndim)), keepdims=True))


def qlinear_global_average_pool(
    context: Context, x: Array, x_scale: Array, x_zp: Array, y_scale: Array, y_zp: Array
) -> Array:
    """``(sum(x) - zp*L) * (x_scale / (y_scale*L))``, requantised like a convolution."""
    first = 1 if context.attribute("channels_last", 0) else 2
    axes = tuple(range(first, first + x.ndim - 2))
    count = int(np.prod([x.shape[axis] for axis in axes]))
    acc = x.sum(axis=axes, keepdims=True, dtype=np.int32) - scalar(x_zp) * count
    scale = F32(x_scale.reshape(()) / F32(y_scale.reshape(()) * F32(count)))
    return requantize(acc, np.asarray(scale), scalar(y_zp), x.dtype, context.scheme)


def qlinear_average_pool(
    context: Context, x: Array, x_scale: Array, x_zp: Array, y_scale: Array, y_zp: Array
) -> Array:
    """Average of codes; over the whole image it is the global rule, else float32 arithmetic.

    Unlike the float pool, ORT's counts the whole window under ceil_mode and count_include_pad.
    """
    channels_last = bool(context.attribute("channels_last", 0))
    first = np.moveaxis(x, -1, 1) if channels_last else x
    kernel = tuple(context.node.attributes["kernel_shape"])
    if kernel == first.shape[2:] and not any(context.attribute("pads", (0,))):
        return qlinear_global_average_pool(context, x, x_scale, x_zp, y_scale, y_zp)
    real = (first.astype(np.int32) - scalar(x_zp)).astype(F32) * x_scale.reshape(())
    total, count = window_sum(context, real, whole=True)
    level = np.rint(total / count / y_scale.reshape(()) + F32(scalar(y_zp)))
    y = np.clip(level, *code_range(x.dtype)).astype(x.dtype)
    return np.moveaxis(y, 1, -1) if channels_last else y


OPERATORS = {
    "MaxPool": max_pool,
    "NhwcMaxPool": nhwc_max_pool,
    "AveragePool": average_pool,
    "GlobalAveragePool": global_average_pool,
    "GlobalMaxPool": global_max_pool,
    "QLinearGlobalAveragePool": qlinear_global_average_pool,
    "QLinearAveragePool": qlinear_average_pool,
}
