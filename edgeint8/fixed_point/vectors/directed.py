"""Directed vectors that no network produces by chance: ties, corner products, overflow edges."""

from collections.abc import Iterator

import numpy as np

from edgeint8.conventions import Array
from edgeint8.fixed_point.arithmetic.kernels import accumulate
from edgeint8.fixed_point.arithmetic.operands import Operands
from edgeint8.fixed_point.arithmetic.requantize import Scheme, quantize_multiplier, requantize
from edgeint8.fixed_point.studies.overflow import Limits, Policy

Case = tuple[str, str, dict[str, Array]]
TIE_SHIFTS = (1, 2, 9)
TIE_ZERO_POINTS = (0, 1, -3, 117)


def directed_cases() -> Iterator[Case]:
    """Name, what it is about, and named arrays of every directed case."""
    for scheme in Scheme:
        yield _ties(scheme)
    yield _products()
    for policy in Policy:
        for offset in (-1, 0, 1):
            yield _overflow_edge(policy, offset)


def _ties(scheme: Scheme) -> Case:
    """Accumulators around every tie of power-of-two scales, with odd and even zero-points."""
    rows = [
        (tie + delta, shift, zero)
        for shift in TIE_SHIFTS
        for zero in TIE_ZERO_POINTS
        for tie in ((2 * k + 1) << (shift - 1) for k in range(-130, 131))
        for delta in (-1, 0, 1)
    ]
    acc, shift, zero = np.array(rows, np.int32).T
    scale = 2.0 ** -shift.astype(np.float64)
    outputs = np.empty(len(rows), np.int8)
    for point in TIE_ZERO_POINTS:
        at = zero == point
        real = scale[at].astype(np.float32 if scheme is Scheme.ORT_FLOAT32 else np.float64)
        outputs[at] = requantize(acc[at], real, point, np.int8, scheme)
    multiplier = quantize_multiplier(scale, 16 if scheme is Scheme.INT16_HALF_UP else 31)
    arrays = {
        "acc": acc,
        "zero_point": zero,
        "scale_float32": scale.astype(np.float32),
        "multiplier": multiplier.mantissa.astype(np.int32),
        "shift": multiplier.shift.astype(np.int32),
        "ofm": outputs,
    }
    return f"ties_{scheme.value}", "accumulators at and beside ties; power-of-two scales", arrays


def _products() -> Case:
    """All corner products, -128 * -128 among them: the one that needs 16 bits."""
    corners = np.array([-128, -127, -1, 0, 1, 127], np.int8)
    x, w = np.repeat(corners, len(corners)), np.tile(corners, len(corners))
    arrays = {"x": x, "w": w, "product": x.astype(np.int32) * w}
    return "products", "products of corner codes", arrays


def _overflow_edge(policy: Policy, offset: int) -> Case:
    """A sum that needs exactly 20 bits in an adder of 19, 20 and 21 bits."""
    weights = np.array([[127], [-128], [127], [127]] * 8, np.int8)
    x = np.where(weights[:, 0] > 0, 127, -128).astype(np.int8)[None]
    operands = Operands(x, weights, 0, np.zeros((), np.int8), np.array([7], np.int64))
    exact = accumulate(operands).astype(np.int64)
    bits = 20 + offset
    acc = Limits(bits, policy, tile_rows=4).apply(operands, exact)
    arrays: dict[str, Array] = {
        "x": x,
        "w": weights,
        "exact": exact.astype(np.int32),
        "acc": acc.astype(np.int32),
    }
    about = f"{policy.value} at {bits} bits of a sum that needs 20; bias 7; tiles of 4 products"
    return f"overflow_{policy.value}_{bits}_bits", about, arrays
