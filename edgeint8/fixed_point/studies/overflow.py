"""What an accumulator that is too narrow does to a network.

Four policies for an accumulator of P bits. The bias is preloaded (and limited itself); products
join it in the order of K: kernel row, kernel column, channel, the channel fastest.

    wrap            two's complement: ((a + 2**(P-1)) mod 2**P) - 2**(P-1); order does not matter
    saturate_final  the sum is exact, a clamp behind the adder tree limits what leaves
    saturate_step   a clamp after every addition; the result depends on the order
    saturate_tile   the array adds `tile_rows` products exactly, a clamp follows each such tile
"""

import math
from collections.abc import Iterable
from dataclasses import dataclass, replace
from enum import Enum
from typing import TypeGuard

import numba
import numpy as np
import onnx

from edgeint8.conventions import IMAGES_AT_ONCE, Array
from edgeint8.errors import ModelError
from edgeint8.fixed_point.arithmetic.columns import column_groups, from_groups, preloaded
from edgeint8.fixed_point.arithmetic.graph import Node
from edgeint8.fixed_point.arithmetic.operands import Operands
from edgeint8.fixed_point.executor import Executor, Images, as_feeds, exact_accumulate
from edgeint8.fixed_point.studies.bit_growth import DEFAULT_TILE_ROWS
from edgeint8.fixed_point.studies.judging import Judge, Outputs, outputs_of, predictions
from edgeint8.quant.affine import sum_reach, with_bias

WIDTHS = (8, 48)


class Policy(Enum):
    """What happens to a sum that does not fit."""

    WRAP = "wrap"
    SATURATE_FINAL = "saturate_final"
    SATURATE_STEP = "saturate_step"
    SATURATE_TILE = "saturate_tile"

    def clamps(self, depth: int, tile_rows: int) -> int:
        """Clamp operations per output: the hardware cost of the policy.

        A wrapping adder needs none. Every clamp is a comparison and a selection of P bits, and
        an adder one bit wider in front of it.
        """
        tiles = -(-depth // tile_rows)
        return {"wrap": 0, "saturate_final": 1, "saturate_tile": tiles}.get(self.value, depth)


def wrap(acc: Array, bits: int) -> Array:
    """`acc` (int64) reduced to a two's complement integer of `bits` bits.

    >>> wrap(np.array([127, 128, -129]), 8).tolist()
    [127, -128, 127]
    """
    half = np.int64(1) << (bits - 1)
    return ((acc + half) & ((np.int64(1) << bits) - 1)) - half


@numba.njit(cache=True, fastmath={"nnan", "nsz"})
def _saturating_sums(acc: Array, columns: Array, weights: Array, low: float, high: float) -> None:
    """Add ``columns (P, K) * weights (K, M)`` to `acc` (P, M), clamped after every product.

    Integers in floats: the compiler turns the inner loop into vector instructions.
    """
    for p in range(columns.shape[0]):
        for k in range(columns.shape[1]):
            x = columns[p, k]
            if x != 0:
                for m in range(acc.shape[1]):
                    acc[p, m] = min(max(acc[p, m] + x * weights[k, m], low), high)


def saturate_every_step(operands: Operands, bits: int) -> Array:
    """Accumulators (N, *O, M) int64 of an adder that saturates after each product."""
    low, high = -(1 << (bits - 1)), (1 << (bits - 1)) - 1
    columns, weights = column_groups(operands)
    kind = np.float32 if bits <= 24 else np.float64  # holds acc + product exactly
    start = np.clip(preloaded(operands), low, high).astype(kind)
    shape = (len(columns), columns.shape[1], weights.shape[-1])
    acc = np.broadcast_to(start, shape).copy()
    for group, total in enumerate(acc):
        x, w = (part[group].astype(kind, order="C") for part in (columns, weights))
        _saturating_sums(total, x, w, kind(low), kind(high))
    return from_groups(acc, operands).astype(np.int64)


def saturate_every_tile(operands: Operands, bits: int, tile_rows: int) -> Array:
    """Accumulators (N, *O, M) int64; exact inside a tile of `tile_rows` products."""
    low, high = -(1 << (bits - 1)), (1 << (bits - 1)) - 1
    columns, weights = column_groups(operands)
    acc = np.clip(preloaded(operands), low, high).astype(np.float64)
    for k in range(0, columns.shape[-1], tile_rows):
        tile = np.matmul(columns[..., k : k + tile_rows], weights[:, k : k + tile_rows])
        acc = np.clip(acc + tile, low, high)
    return from_groups(acc, operands).astype(np.int64)


@dataclass(frozen=True)
class Limits:
    """An accumulator: its width in bits, its policy, and the height of a K-tile."""

    bits: int
    policy: Policy
    tile_rows: int = DEFAULT_TILE_ROWS

    def __post_init__(self) -> None:
        if not WIDTHS[0] <= self.bits <= WIDTHS[1]:
            raise ModelError(f"accumulator of {self.bits} bits", allowed="8 to 48")
        if not 1 <= self.tile_rows <= 258:  # 258 products of 255 * 255 are exact in float32
            raise ModelError(f"tile of {self.tile_rows} rows", allowed="1 to 258")

    def apply(self, operands: Operands, exact: Array) -> Array:
        """Limited accumulators, int64, given the exact ones."""
        if self.policy is Policy.WRAP:
            return wrap(exact, self.bits)
        if self.policy is Policy.SATURATE_FINAL:
            return np.clip(exact, -(1 << (self.bits - 1)), (1 << (self.bits - 1)) - 1)
        if self.policy is Policy.SATURATE_TILE:
            return saturate_every_tile(operands, self.bits, self.tile_rows)
        return saturate_every_step(operands, self.bits)


def sufficient_bits(operands: Operands) -> int:
    """Width at which no policy ever acts, whatever the input: bias, sum and every partial sum."""
    return with_bias(sum_reach(operands.weight_matrix(), operands.x_range), operands.bias).width


class LimitedAccumulator:
    """An `Accumulate` function that limits every layer and counts what that changed."""

    def __init__(self, limits: Limits) -> None:
        self.limits = limits
        self.elements = self.changed = self.clamps = self.needed_bits = 0
        self.max_error, self.total_error = 0, 0.0

    def __call__(self, node: Node, operands: Operands) -> Array:
        """Limited accumulators; errors are measured against the exact sum of the same inputs."""
        acc = exact_accumulate(node, operands)
        self.elements += acc.size
        self.clamps += acc.size * self.limits.policy.clamps(operands.depth, self.limits.tile_rows)
        needed = sufficient_bits(operands)
        self.needed_bits = max(self.needed_bits, needed)
        if needed <= self.limits.bits:
            return acc
        exact = acc.astype(np.int64)
        limited = self.limits.apply(operands, exact)
        error = np.abs(limited - exact)
        self.changed += int(np.count_nonzero(error))
        self.max_error = max(self.max_error, int(error.max()))
        self.total_error += float(error.sum(dtype=np.float64))
        return limited


@dataclass(frozen=True)
class OverflowRow:
    """One row of ``overflow.csv``; errors in units of the accumulator.

    accuracy : share of right top-1 answers; without labels, agreement with the exact network; NaN
        where there are no labels and something else judges
    overflow_rate : share of accumulators that the policy changed
    max_error, mean_error : against the exact sum of the same inputs, over all accumulators
    clamps_per_image : clamp operations, the policy's hardware cost
    sufficient_bits : width from which on no input makes any policy act
    judged_by, value, margin : what judges the network in the place of accuracy, what it gives, and
        how much of it may be lost
    difference, difference_low : of accuracy or of that, to exact sums on the same images, and the
        lower end of its paired 95 % interval; None where nothing judges in pairs
    """

    accumulator_bits: int
    policy: str
    images: int
    accuracy: float
    overflow_rate: float
    max_error: int
    mean_error: float
    agreement: float
    clamps_per_image: int
    tile_rows: int
    sufficient_bits: int
    judged_by: str | None = None
    value: float | None = None
    margin: float | None = None
    difference: float | None = None
    difference_low: float | None = None

    def allowed(self, tolerance: float) -> float:
        """How much may be lost: the yardstick's margin, else `tolerance` of accuracy."""
        return self.margin if _given(self.margin) else tolerance

    def endures(self, tolerance: float) -> bool:
        """Whether no policy acts, which is proven, or the images show that too little is lost."""
        if self.accumulator_bits >= self.sufficient_bits:
            return True
        return _given(self.difference_low) and self.difference_low > -self.allowed(tolerance)


def _given(number: float | None) -> TypeGuard[float]:
    """Whether a cell of a table, or a field, holds a number."""
    return number is not None and not math.isnan(number)


def overflow_row(
    model: onnx.ModelProto,
    images: Images,
    labels: Array | None,
    limits: Limits,
    exact: Outputs,
    batch: int = IMAGES_AT_ONCE,
    judge: Judge | None = None,
) -> OverflowRow:
    """Run the whole network, each layer fed by the limited layers before it.

    exact: outputs of exact sums for the same images.
    """
    accumulator = LimitedAccumulator(limits)
    outputs = outputs_of(Executor(model, accumulate=accumulator), model, images, batch)
    top1, unlimited = predictions(outputs), predictions(exact)
    elements = max(accumulator.elements, 1)
    right = float(np.mean(top1 == (unlimited if labels is None else labels)))
    named = judge is not None and judge.name is not None
    difference, low = judge.difference(outputs, exact) if judge else (None, None)
    return OverflowRow(
        accumulator_bits=limits.bits,
        policy=limits.policy.value,
        images=len(top1),
        accuracy=math.nan if named and labels is None else right,
        overflow_rate=accumulator.changed / elements,
        max_error=accumulator.max_error,
        mean_error=accumulator.total_error / elements,
        agreement=float(np.mean(top1 == unlimited)),
        clamps_per_image=accumulator.clamps // len(top1),
        tile_rows=limits.tile_rows,
        sufficient_bits=accumulator.needed_bits,
        margin=judge.margin if judge and named else None,
        difference=difference,
        difference_low=low,
        **(judge.columns(outputs) if judge else {}),
    )


def overflow_rows(
    model: onnx.ModelProto,
    images: Images,
    labels: Array | None,
    bits: Iterable[int] = range(12, 33),
    policies: Iterable[Policy] = tuple(Policy),
    tile_rows: int = DEFAULT_TILE_ROWS,
    batch: int = IMAGES_AT_ONCE,
    judge: Judge | None = None,
) -> list[OverflowRow]:
    """All rows of one model: every width under every policy, ascending.

    From `sufficient_bits` on no policy can act, so one run stands for all such widths.
    """
    if not len(next(iter(as_feeds(model, images).values()))):
        raise ModelError("overflow study without images", allowed="1 or more")
    exact = outputs_of(Executor(model), model, images, batch)
    widths, rows = sorted(set(bits), reverse=True), []
    for policy in policies:
        row: OverflowRow | None = None
        group = []
        for width in widths:
            if row is None or width < row.sufficient_bits:
                limits = Limits(width, policy, tile_rows)
                row = overflow_row(model, images, labels, limits, exact, batch, judge)
            group.append(replace(row, accumulator_bits=width))
        rows += group[::-1]
    return rows


def breaking_points(rows: Iterable[OverflowRow], tolerance: float = 0.01) -> dict[str, int]:
    """Per policy the narrowest width from which on every width `endures`: one bit less breaks.

    The rule that strategies are admitted by: the lower end of a paired 95 % interval lies above
    minus the margin. So few images show nothing, and then only the proven width is left.
    """
    result: dict[str, int] = {}
    by_policy: dict[str, list[OverflowRow]] = {}
    for row in rows:
        by_policy.setdefault(row.policy, []).append(row)
    for policy, group in by_policy.items():
        for row in sorted(group, key=lambda row: -row.accumulator_bits):
            if not row.endures(tolerance):
                break
            result[policy] = row.accumulator_bits
    return result
