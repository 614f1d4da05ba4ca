"""The scale and the codes of one layer: a search over scales, then integer least squares.

Equations are those of docs/learned_codes.md.
"""

from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from edgeint8.quant.learn.moments import LeastSquares
from edgeint8.quant.learn.solver import (
    WIDEST,
    Bound,
    descend,
    exchange,
    fits_everywhere,
    round_in_turn,
)
from edgeint8.quant.ort.scales import power_of_two

Array = NDArray[np.float64]
Codes = NDArray[np.int64]

# Fractions of the scale that just covers the largest weight. Set before any test image was seen.
FINE = np.linspace(0.85, 1.0, 7)  # eight bits: clipping hardly pays
COARSE = np.linspace(0.45, 1.0, 23)
HALVINGS = np.array([1.0, 0.5, 0.25])
# Multiples that a bound may ask for: fewer levels are used, so that sums stay small.
WIDER = 2.0 ** (np.arange(13) / 2)
DOUBLINGS = 2.0 ** np.arange(8)
SWEEPS, ROUNDS = 20, 2


@dataclass(frozen=True)
class Limits:
    """What the sums of a layer may reach: activation levels, bits of sums, bits of tiles."""

    low: int
    high: int
    bits: int | None = None
    tile_rows: int | None = None
    tile_bits: int | None = None

    @property
    def binding(self) -> bool:
        """Whether any width is imposed."""
        return self.bits is not None or self.tile_bits is not None

    def of_channel(self, mean: Array, offset: float) -> Bound:
        """The bound of one channel with mean inputs (K,) and mean output over the step."""
        return Bound(
            self.low,
            self.high,
            self.bits or WIDEST,
            self.tile_rows or len(mean),
            self.tile_bits or WIDEST,
            np.ascontiguousarray(mean),
            float(offset),
        )


@dataclass(frozen=True)
class Layer:
    """One layer's problem.

    problem: equation (3) in centred codes; weights (G, M, K) as floats; input_scale: s_x;
    natural (G, M): the scales that cover the largest weight; floor (G, M): the smallest allowed;
    limit: the largest code; settle: a scale as ONNX Runtime will derive it; per_channel,
    shift_only: the form that scales must have.
    """

    problem: LeastSquares
    weights: Array
    input_scale: float
    natural: Array
    floor: Array
    limit: int
    limits: Limits
    settle: Callable[[Array], Array]
    per_channel: bool
    shift_only: bool

    def shaped(self, scale: Array) -> Array:
        """Scales in the form that is imposed: at least the floor, shared, powers of two."""
        wanted = np.maximum(scale, self.floor)
        if not self.per_channel:
            wanted = np.full_like(wanted, wanted.max())
        return self.settle(power_of_two(wanted) if self.shift_only else wanted)

    @cached_property
    def roots(self) -> list[tuple[NDArray[np.int64], Array, Array]]:
        """What rounding in turn needs of every group, whatever the scale.

        The order, least G_kk first; the lower triangle L (K, K) with L L' = G in that order; and
        the real weights of the least J, G^-1 c (K, M).
        """
        found = []
        for gram, cross in zip(self.problem.gram, self.problem.cross, strict=True):
            order = np.argsort(np.diag(gram))
            root = np.linalg.cholesky(gram[np.ix_(order, order)])
            found.append((order, root, np.linalg.solve(gram, cross)))
        return found

    def nearest(self, scale: Array) -> Codes:
        """The levels nearest to the weights, (G, M, K)."""
        levels = np.rint(self.weights / scale[..., None])
        return np.clip(levels, -self.limit, self.limit).astype(np.int64)

    def objective(self, codes: Codes, scale: Array) -> Array:
        """J of every channel, (G, M)."""
        return self.problem.objective(codes, self.input_scale * scale)

    def bound(self, g: int, m: int, scale: Array) -> Bound:
        """The bound of one channel at its scale."""
        step = self.input_scale * scale[g, m]
        problem = self.problem
        return self.limits.of_channel(problem.mean_input[g], problem.mean_output[g, m] / step)


@dataclass(frozen=True)
class Solution:
    """Codes (G, M, K), scales (G, M) and J (G, M)."""

    codes: Codes
    scale: Array
    objective: Array


def smallest_scales(mean_output: Array, bits: int) -> Array:
    """The scales at which a mean output, in units of s_x, is a bias of `bits` bits (equation 8).

    Codes that are all 0 leave it as the bias, so from there on something is always admitted. Both
    margins are for roundings: of the bias to a code, and of scales to float32.
    """
    return np.abs(mean_output) / (2.0 ** (bits - 1) * (1 - 2.0**-20) - 8)


def solve(layer: Layer, *, scale: bool = True, codes: bool = True) -> Solution:
    """The best scales and codes that were found; either part can be left at the nearest levels.

    Every step after the search lowers J or leaves it: descent, exchange, refitted scales.
    """
    start = searched(layer, refine=codes) if scale else at_scale(layer, layer.natural, codes)
    if not codes:
        return start
    best = improved(layer, start, start_codes(layer, start.scale))
    for _ in range(ROUNDS if scale else 0):
        refitted = refit(layer, best)
        if refitted is best:
            break
        best = improved(layer, refitted)
    return best


def at_scale(layer: Layer, scale: Array, refine: bool) -> Solution:
    """The nearest codes at a scale, or those rounded in turn.

    J is infinite for channels whose bias alone exceeds the bound.
    """
    scale = layer.shaped(scale)
    if not refine:
        codes = layer.nearest(scale)
        return Solution(codes, scale, layer.objective(codes, scale))
    codes = rounded_in_turn(layer, start_codes(layer, scale), scale)
    objective = layer.objective(codes, scale)
    if layer.limits.binding:
        objective = np.where(admissible(layer, codes, scale), objective, np.inf)
    return Solution(codes, scale, objective)


def start_codes(layer: Layer, scale: Array) -> Codes:
    """The nearest codes; under a bound, the shrunken ones that it admits."""
    codes = layer.nearest(scale)
    return admitted(layer, codes, scale) if layer.limits.binding else codes


def rounded_in_turn(layer: Layer, codes: Codes, scale: Array) -> Codes:
    """Codes after rounding every one in turn, which begins with what stands in `codes`."""
    result = codes.copy()
    for g, (order, root, weights) in enumerate(layer.roots):
        for m in range(scale.shape[1]):
            bound = layer.bound(g, m, scale)
            if fits_everywhere(result[g, m], bound):
                wished = weights[:, m] / (layer.input_scale * scale[g, m])
                round_in_turn(root, order, wished, result[g, m], layer.limit, bound)
    return result


def factors(layer: Layer) -> Array:
    """The multiples of the natural scale that are tried."""
    if not layer.limits.binding:
        return HALVINGS if layer.shift_only else FINE if layer.limit >= 64 else COARSE
    if layer.shift_only:
        return np.unique(np.concatenate([HALVINGS, DOUBLINGS]))
    return WIDER if layer.limit >= 64 else np.concatenate([COARSE[:-1:4], WIDER])


def searched(layer: Layer, refine: bool) -> Solution:
    """The factor with the least J: per channel, or one for the tensor."""
    best = None
    for factor in factors(layer):
        tried = at_scale(layer, layer.natural * factor, refine)
        best = tried if best is None else _better(layer, best, tried)
    assert best is not None  # there is at least one factor
    return best


def _better(layer: Layer, old: Solution, new: Solution) -> Solution:
    """The better of two solutions, channel by channel where channels have scales of their own."""
    if not layer.per_channel:
        return new if new.objective.sum() < old.objective.sum() else old
    wins = new.objective < old.objective
    return Solution(
        np.where(wins[..., None], new.codes, old.codes),
        np.where(wins, new.scale, old.scale),
        np.where(wins, new.objective, old.objective),
    )


def improved(layer: Layer, start: Solution, *others: Codes) -> Solution:
    """The best, channel by channel, that moves reach from `start` and from other codes there."""
    best = start
    for codes in (start.codes, *others):
        moved = refined(layer, codes, start.scale)
        objective = layer.objective(moved, start.scale)
        if layer.limits.binding:
            objective = np.where(admissible(layer, moved, start.scale), objective, np.inf)
        wins = objective < best.objective
        best = Solution(
            np.where(wins[..., None], moved, best.codes),
            start.scale,
            np.where(wins, objective, best.objective),
        )
    return best


def refined(layer: Layer, codes: Codes, scale: Array) -> Codes:
    """Codes after descent, exchange, and descent again, at the scales as they are."""
    result = codes.copy()
    for g, m in np.ndindex(scale.shape):
        cross = np.ascontiguousarray(layer.problem.cross[g, :, m])
        step, bound = layer.input_scale * scale[g, m], layer.bound(g, m, scale)
        if fits_everywhere(result[g, m], bound):
            for moves in (descend, exchange, descend):
                arguments = (cross, step, result[g, m], layer.limit, bound, SWEEPS)
                moves(layer.problem.gram[g], *arguments)
    return result


def refit(layer: Layer, found: Solution) -> Solution:
    """Scales that fit the codes best, t = q'c / q'Gq (equation 7), where they lower J."""
    if layer.shift_only:
        return found
    q = found.codes.astype(np.float64)
    linear = np.einsum("gmk,gkm->gm", q, layer.problem.cross)
    square = np.einsum("gmk,gmk->gm", q @ layer.problem.gram, q)
    if not layer.per_channel:
        linear, square = (np.full_like(part, part.sum()) for part in (linear, square))
    usable = (square > 0) & (linear > 0)
    step = np.where(usable, linear / np.where(usable, square, 1.0), 0.0)
    scale = layer.shaped(np.where(usable, step / layer.input_scale, found.scale))
    objective = layer.objective(found.codes, scale)
    if layer.limits.binding:
        inside = admissible(layer, found.codes, scale)
        objective = np.where(inside, objective, np.inf)
    better = _better(layer, found, Solution(found.codes, scale, objective))
    return found if (better.scale == found.scale).all() else better


def admissible(layer: Layer, codes: Codes, scale: Array) -> NDArray[np.bool_]:
    """Which channels (G, M) stay inside the bound."""
    inside = np.empty(scale.shape, bool)
    for g, m in np.ndindex(scale.shape):
        inside[g, m] = fits_everywhere(codes[g, m], layer.bound(g, m, scale))
    return inside


def admitted(layer: Layer, codes: Codes, scale: Array) -> Codes:
    """Codes that the bound admits: where the nearest are refused, weights shrink towards 0.

    The shrinkage, the same for all weights of a channel, is the least that is admitted, found by
    bisection: sums of absolute values fall with it, and so do all that bounds count.
    """
    result = codes.copy()
    for g, m in np.ndindex(scale.shape):
        bound = layer.bound(g, m, scale)
        if fits_everywhere(result[g, m], bound):
            continue
        real = layer.weights[g, m] / scale[g, m]
        low, high = 0.0, float(np.abs(real).max()) + 1.0
        for _ in range(20):
            middle = (low + high) / 2
            inside = fits_everywhere(_shrunken(real, middle, layer.limit), bound)
            low, high = (low, middle) if inside else (middle, high)
        result[g, m] = _shrunken(real, high, layer.limit)
    return result


def _shrunken(real: Array, by: float, limit: int) -> NDArray[np.int64]:
    """Soft threshold, then nearest."""
    levels = np.sign(real) * np.rint(np.maximum(np.abs(real) - by, 0.0))
    return np.clip(levels, -limit, limit).astype(np.int64)
