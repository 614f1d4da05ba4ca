"""Resize of codes and floats, element for element as ORT: coordinates and weights in float32.

A linear Resize of codes truncates towards zero; that of channels-last codes is in fixed point.
"""

import itertools
from collections.abc import Sequence

import numpy as np

from edgeint8.conventions import Array
from edgeint8.errors import ModelError
from edgeint8.fixed_point.arithmetic.graph import Node
from edgeint8.fixed_point.operators.context import Context

F32, HALF = np.float32, np.float32(0.5)
ONE = F32(1 << 10)  # ten bits
TIE = 1e-6
ONLY = {"antialias": 0, "keep_aspect_ratio_policy": "stretch"}
"""Attributes whose other values are refused."""


def _refuse(what: str, allowed: str) -> ModelError:
    return ModelError(f"Resize with {what}", allowed=allowed)


def _targets(
    context: Context, x: Array, scales: Array | None, sizes: Array | None
) -> tuple[list[np.float32], list[int]]:
    """float32 scale and output size of every axis, from scales, or from sizes where these stand."""
    given = context.attribute("axes", range(x.ndim))
    factors, lengths = [np.float32(1)] * x.ndim, list(x.shape)
    for k, axis in enumerate(given):
        if sizes is not None and sizes.size:
            lengths[axis] = int(sizes[k])
            factors[axis] = F32(lengths[axis]) / F32(x.shape[axis])
        elif scales is not None:
            factors[axis] = F32(scales[k])
            lengths[axis] = int(F32(x.shape[axis]) * factors[axis])
    return factors, lengths


def positions(mode: str, scale: np.float32, size: int, length: int) -> Array:
    """Where on an input axis of `size` its `length` outputs lie, float32 (ONNX, Resize)."""
    k = np.arange(length, dtype=F32)
    if mode == "asymmetric":
        return k / scale
    if mode == "half_pixel" or (mode == "pytorch_half_pixel" and length > 1):
        return (k + HALF) / scale - HALF
    if mode == "align_corners" and length > 1:
        return k * F32(size - 1) / F32(length - 1)
    if mode in ("align_corners", "pytorch_half_pixel"):
        return np.zeros(length, F32)
    raise _refuse(
        f"coordinates {mode}", "asymmetric, half_pixel, pytorch_half_pixel, align_corners"
    )


def nearest_index(mode: str, place: Array, shrinks: bool) -> Array:
    """The element that stands for each place; a place within 1e-6 of a half counts as the half."""
    place = place.astype(np.float64)
    below = np.floor(place)
    tie = np.abs(place - below - 0.5) <= TIE
    if mode == "simple":  # before opset 11
        mode = "ceil" if shrinks else "floor"
    if mode == "floor":
        return below
    if mode == "ceil":
        return np.ceil(place)
    if mode == "round_prefer_floor":
        return np.where(tie, below, np.floor(place + 0.5))
    if mode == "round_prefer_ceil":
        return np.where(tie, below + 1, np.floor(place + 0.5))
    raise _refuse(f"nearest_mode {mode}", "floor, ceil, round_prefer_floor, round_prefer_ceil")


def _nearest(mode: str, x: Array, places: Sequence[Array], scales: Sequence[np.float32]) -> Array:
    """One element each."""
    for axis, (place, scale) in enumerate(zip(places, scales, strict=True)):
        index = nearest_index(mode, place, bool(scale < 1))
        x = np.take(x, np.clip(index, 0, x.shape[axis] - 1).astype(np.int64), axis=axis)
    return x


def _neighbours(place: Array, size: int) -> list[tuple[Array, Array]]:
    """Indices and float32 weights of the two elements around each place; at the end, halves."""
    first = place.astype(np.int64)
    second = np.minimum(first + 1, size - 1)
    to_first, to_second = (np.abs(place - index.astype(F32)) for index in (first, second))
    end = first == second
    return [(first, np.where(end, HALF, to_second)), (second, np.where(end, HALF, to_first))]


def _linear(x: Array, places: Sequence[Array], axes: Sequence[int], fixed_point: bool) -> Array:
    """Weighted sum of the corners around each place: float32, in ORT's order.

    In fixed point places keep ten bits behind the point, and the sum is one of integers.
    """
    around = []
    for axis in axes:
        place = np.clip(places[axis], F32(0), F32(x.shape[axis] - 1))
        if fixed_point:
            place = np.floor(place * ONE) / ONE
        around.append(_neighbours(place, x.shape[axis]))
    kind = np.float64 if fixed_point else F32  # integers below 2**53: exact
    total: Array = np.zeros((), kind)
    for corner in itertools.product((0, 1), repeat=len(axes)):
        weight, part = np.ones((), kind), x.astype(kind)
        for axis, pair, side in reversed(list(zip(axes, around, corner, strict=True))):
            index, share = pair[side]
            weight = weight * share.astype(kind).reshape(-1, *(1,) * (x.ndim - 1 - axis))
            part = np.take(part, index, axis=axis)
        total = total + weight * part
    return np.trunc(total).astype(x.dtype) if x.dtype.kind in "iu" else total


def _cubic(context: Context, x: Array, places: Sequence[Array], axes: Sequence[int]) -> Array:
    """Weighted sum of four neighbours on each axis (Keys 1981); float64, rounded once.

    Beyond the border the last element stands for the missing ones, or with exclude_outside they
    count nothing and the others more.
    """
    a, total = float(context.attribute("cubic_coeff_a", -0.75)), x.astype(np.float64)
    for axis in axes:
        place, size = places[axis].astype(np.float64), x.shape[axis]
        first, parts, weights = np.floor(place).astype(np.int64), [], []
        for k in range(-1, 3):
            distance = np.abs(place - (first + k))
            near = ((a + 2) * distance - (a + 3)) * distance**2 + 1
            far = ((a * distance - 5 * a) * distance + 8 * a) * distance - 4 * a
            inside = (first + k >= 0) & (first + k < size)
            counted = inside if context.attribute("exclude_outside", 0) else True
            weights.append(np.where(counted, np.where(distance <= 1, near, far), 0.0))
            parts.append(np.take(total, np.clip(first + k, 0, size - 1), axis=axis))
        shares = np.stack(weights) / np.sum(weights, axis=0)
        shape = (-1, *(1,) * (x.ndim - 1 - axis))
        total = sum(
            (part * share.reshape(shape) for part, share in zip(parts, shares, strict=True)),
            np.zeros(()),
        )
    return total.astype(x.dtype)


def resize(
    context: Context,
    x: Array,
    roi: Array | None = None,
    scales: Array | None = None,
    sizes: Array | None = None,
) -> Array:
    """Nearest, linear or cubic; before opset 11 scales come second, coordinates are asymmetric.

    ORT interpolates the last two axes, all three of a tensor (C, H, W) or (N, C, W), the last
    three of (N, C, D, H, W), and the middle two of (N, H, W, C).
    """
    for name, only in ONLY.items():
        if context.attribute(name, only) != only:
            raise _refuse(f"{name} {context.attribute(name, only)}", str(only))
    old = context.opset < 11
    factors, lengths = _targets(context, x, roi if old else scales, sizes)
    kind = context.attribute("mode", "nearest")
    if kind not in ("nearest", "linear") and not (kind == "cubic" and x.dtype == F32):
        raise _refuse(f"mode {kind} of {x.dtype}", "nearest, linear, cubic of float32")
    coordinates = context.attribute(
        "coordinate_transformation_mode", "asymmetric" if old else "half_pixel"
    )
    places = [positions(coordinates, *each) for each in zip(factors, x.shape, lengths, strict=True)]
    if tuple(lengths) == x.shape:
        return x
    if kind == "nearest":
        mode = context.attribute("nearest_mode", "simple" if old else "round_prefer_floor")
        return _nearest(mode, x, places, factors)
    if kind == "cubic":
        return _cubic(context, x, places, [k for k in range(x.ndim) if lengths[k] != x.shape[k]])
    channels_last = x.ndim == 4 and factors[1] != 1 and factors[3] == 1
    count = 3 if x.ndim in (3, 5) else 2
    axes = (1, 2) if channels_last else range(max(x.ndim - count, 0), x.ndim)
    return _linear(x, places, axes, channels_last and x.dtype.kind in "iu")


def only_moves(node: Node) -> bool:
    """Whether a node is a Resize that computes no new values."""
    return node.op_type == "Resize" and node.attribute("mode", "nearest") == "nearest"


def approximates(node: Node) -> bool:
    """Whether a node is a Resize that is close to ORT's, but not in every bit."""
    return node.op_type == "Resize" and node.attribute("mode", "nearest") == "cubic"


OPERATORS = {"Resize": resize}
