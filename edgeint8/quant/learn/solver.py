"""Integer least squares, one output channel at a time: the codes that no single or paired move
improves, and that a bound admits.

For codes q of one channel, with step t = s_x s_w, equation (3) of docs/learned_codes.md is

    J(q) = t^2 q'Gq - 2 t q'c + constant,        residual  r = c - t G q.

Moving code k by d changes J by t^2 G_kk d^2 - 2 t d r_k; moving i and j changes it by the sum of
both plus 2 t^2 G_ij d_i d_j (equations 5 and 6). A move is made only if it lowers J, so J never
rises and the search ends. Which moves are admitted is decided in integers, by equations (7) and (8)
of ``quant.affine`` over the whole of K and over every tile.
"""

from typing import Any, NamedTuple

import numba
import numpy as np
from numpy.typing import NDArray

from edgeint8.quant.affine import extreme_sum

_OPTIONS: dict[str, Any] = {"cache": True, "error_model": "numpy"}
_extreme_sum = numba.njit(inline="always", **_OPTIONS)(extreme_sum)

WIDEST = 62  # bits: a bound that admits everything
PAIR_GAIN = 1e-9  # of J's scale: what a pair must win, so that rounding moves nothing to and fro


class Bound(NamedTuple):
    """What the sums of one channel may reach.

    low, high: centred activation levels; bits: of every partial sum, bias included; tile_rows,
    tile_bits: of every `tile_rows` consecutive products, without the bias. mean: (K,) mean levels
    and offset: mean output over the step; the bias code that belongs to codes q is
    ``offset - q'mean`` (equation 4).
    """

    low: int
    high: int
    bits: int
    tile_rows: int
    tile_bits: int
    mean: NDArray[np.float64]
    offset: float


@numba.njit(**_OPTIONS)
def sums_of(codes: NDArray[Any], tile_rows: int) -> NDArray[np.int64]:
    """Sums of the positive and of the negative codes: (1 + tiles, 2), the whole of K first."""
    tiles = (codes.size + tile_rows - 1) // tile_rows
    sums = np.zeros((1 + tiles, 2), np.int64)
    for k in range(codes.size):
        sign = 0 if codes[k] > 0 else 1
        sums[0, sign] += codes[k]
        sums[1 + k // tile_rows, sign] += codes[k]
    return sums


@numba.njit(**_OPTIONS)
def _move(sums: NDArray[Any], tile_rows: int, k: int, old: int, new: int) -> None:
    """Keep `sums` true when code k changes."""
    for value, sign in ((old, -1), (new, 1)):
        side = 0 if value > 0 else 1
        sums[0, side] += sign * value
        sums[1 + k // tile_rows, side] += sign * value


@numba.njit(**_OPTIONS)
def _holds(low: float, high: float, bits: int) -> bool:
    limit = 2.0 ** (bits - 1)
    return low >= -limit and high <= limit - 1


@numba.njit(**_OPTIONS)
def fits(sums: NDArray[Any], k: int, bias: float, bound: Any) -> bool:
    """Whether the whole sum, and the tile of code k, stay inside `bound` for every input.

    `bias` is real: the code that it is rounded to lies within a half, and float32 adds what is
    relative to it, so the sum keeps a distance of that much.
    """
    tile = 1 + k // bound.tile_rows
    lowest = _extreme_sum(sums[tile, 0], sums[tile, 1], bound.low, bound.high)
    highest = _extreme_sum(sums[tile, 0], sums[tile, 1], bound.high, bound.low)
    if not _holds(lowest, highest, bound.tile_bits):
        return False
    slack = 1.0 + abs(bias) * 2.0**-22
    lowest = _extreme_sum(sums[0, 0], sums[0, 1], bound.low, bound.high)
    highest = _extreme_sum(sums[0, 0], sums[0, 1], bound.high, bound.low)
    return _holds(min(lowest, 0) + bias - slack, max(highest, 0) + bias + slack, bound.bits)


@numba.njit(**_OPTIONS)
def fits_everywhere(codes: NDArray[Any], bound: Any) -> bool:
    """Whether the sum and all tiles of these codes stay inside `bound`."""
    sums = sums_of(codes, bound.tile_rows)
    bias = bound.offset - (bound.mean * codes).sum()
    for k in range(0, codes.size, bound.tile_rows):  # noqa: SIM110  Numba has no generators in all()
        if not fits(sums, k, bias, bound):
            return False
    return True


@numba.njit(**_OPTIONS)
def _admits(
    codes: NDArray[Any], sums: NDArray[Any], bias: float, k: int, new: int, bound: Any
) -> bool:
    """Whether code k may become `new`; `sums` is left as it was."""
    old = codes[k]
    _move(sums, bound.tile_rows, k, old, new)
    admitted = fits(sums, k, bias - bound.mean[k] * (new - old), bound)
    _move(sums, bound.tile_rows, k, new, old)
    return admitted


@numba.njit(**_OPTIONS)
def _shift(
    gram: NDArray[Any],
    step: float,
    codes: NDArray[Any],
    residual: NDArray[Any],
    sums: NDArray[Any],
    k: int,
    new: int,
    tile_rows: int,
) -> None:
    """Give code k its new value, and keep residual and sums true."""
    delta = new - codes[k]
    _move(sums, tile_rows, k, codes[k], new)
    codes[k] = new
    for i in range(codes.size):
        residual[i] -= step * delta * gram[k, i]


@numba.njit(**_OPTIONS)
def round_in_turn(
    root: NDArray[np.float64],
    order: NDArray[np.int64],
    wished: NDArray[np.float64],
    codes: NDArray[np.int64],
    limit: int,
    bound: Any,
) -> None:
    """Successive rounding in place: what one rounding loses, codes that are still real make good.

    root (K, K): lower triangle L with L L' = G, rows and columns in `order`; wished (K,): the real
    codes of the least J; codes (K,): admitted to begin with. From the last of `order` to the first,
    each becomes the admitted level nearest to what is best for it now (equation 12).
    """
    sums = sums_of(codes, bound.tile_rows)
    bias = bound.offset - (bound.mean * codes).sum()
    carried = np.zeros(codes.size)  # in `order`
    for place in range(codes.size - 1, -1, -1):
        k, row = order[place], root[place]
        best = wished[k] + carried[place] / row[place]
        new = int(min(max(np.rint(best), -limit), limit))
        toward = 1 if new > codes[k] else -1
        while new != codes[k] and not _admits(codes, sums, bias, k, new, bound):
            new -= toward
        bias -= bound.mean[k] * (new - codes[k])
        _move(sums, bound.tile_rows, k, codes[k], new)
        codes[k] = new
        for later in range(place):
            carried[later] += row[later] * (wished[k] - new)


@numba.njit(**_OPTIONS)
def descend(
    gram: NDArray[np.float64],
    cross: NDArray[np.float64],
    step: float,
    codes: NDArray[np.int64],
    limit: int,
    bound: Any,
    sweeps: int,
) -> None:
    """Coordinate descent in place: each code in turn takes the best level that the bound admits.

    gram (K, K), cross (K,), codes (K,) in [-limit, limit], admitted to begin with. The best level
    is the one nearest to q_k + r_k / (t G_kk), because J is a parabola in q_k; and what a bound
    admits of one code is an interval around 0, so the nearest admitted one is found by walking.
    """
    order = np.argsort(-np.diag(gram))
    residual = cross - step * (gram @ codes.astype(np.float64))
    sums = sums_of(codes, bound.tile_rows)
    bias = bound.offset - (bound.mean * codes).sum()
    for _ in range(sweeps):
        moved = False
        for k in order:
            if gram[k, k] <= 0:
                continue
            wished = residual[k] / (step * gram[k, k])
            new = int(min(max(np.rint(codes[k] + wished), -limit), limit))
            toward = 1 if new > codes[k] else -1
            while new != codes[k] and not _admits(codes, sums, bias, k, new, bound):
                new -= toward
            delta = new - codes[k]
            if delta * delta >= 2 * delta * wished:  # no move, or one that wins nothing
                continue
            bias -= bound.mean[k] * delta
            _shift(gram, step, codes, residual, sums, k, new, bound.tile_rows)
            moved = True
        if not moved:
            break


@numba.njit(**_OPTIONS)
def _has_partner(
    row: NDArray[Any],
    step: float,
    residual: NDArray[Any],
    half: NDArray[Any],
    up: float,
    down: float,
) -> bool:
    """Whether equation (6) is low enough for any partner of a code, before any level or bound.

    row (K,): the code's row of G; half (K,): t G_jj / 2; up, down: what ``|t G_ij -+ r_j| - half``
    has to pass for a step of the code up or down. Without branches, so that it runs in SIMD: most
    codes have no partner, and the search for one costs eight times as much.
    """
    found = 0
    for j in range(row.size):
        both = step * row[j]
        found += (abs(both - residual[j]) - half[j] > up) | (
            abs(both + residual[j]) - half[j] > down
        )
    return found > 0


@numba.njit(**_OPTIONS)
def _best_partner(
    gram: NDArray[Any], step: float, codes: NDArray[Any], residual: NDArray[Any], limit: int, i: int
) -> tuple[int, int, int, float]:
    """The pair (i by d_i, j by d_j), each a step of one, that lowers J most, before any bound."""
    found, own, other, best = -1, 0, 0, 0.0
    for d_i in (-1, 1):
        if abs(codes[i] + d_i) > limit:
            continue
        alone = step * step * gram[i, i] - 2 * step * d_i * residual[i]
        for j in range(codes.size):
            if j == i:
                continue
            slope = step * step * d_i * gram[i, j] - step * residual[j]
            d_j = -1 if slope > 0 else 1
            change = alone + step * step * gram[j, j] + 2 * d_j * slope
            if change < best and abs(codes[j] + d_j) <= limit:
                found, own, other, best = j, d_i, d_j, change
    return found, own, other, best


@numba.njit(**_OPTIONS)
def exchange(
    gram: NDArray[np.float64],
    cross: NDArray[np.float64],
    step: float,
    codes: NDArray[np.int64],
    limit: int,
    bound: Any,
    sweeps: int,
) -> None:
    """Paired moves in place: two codes, a step of one each, where that lowers J.

    What single moves cannot do: trade one code against another at a full bound, or follow a valley
    that lies across the axes. The pair is made in the order in which every step is admitted.
    """
    residual = cross - step * (gram @ codes.astype(np.float64))
    sums = sums_of(codes, bound.tile_rows)
    bias = bound.offset - (bound.mean * codes).sum()
    half = step * np.diag(gram) / 2
    least = -PAIR_GAIN * step * 2 * half.mean()
    for _ in range(sweeps):
        moved = False
        for i in range(codes.size):
            up, down = half[i] - residual[i], half[i] + residual[i]
            if not _has_partner(gram[i], step, residual, half, up, down):
                continue
            j, d_i, d_j, change = _best_partner(gram, step, codes, residual, limit, i)
            if j < 0 or change >= least:
                continue
            old_i, old_j = codes[i], codes[j]
            _move(sums, bound.tile_rows, i, old_i, old_i + d_i)
            _move(sums, bound.tile_rows, j, old_j, old_j + d_j)
            later = bias - bound.mean[i] * d_i - bound.mean[j] * d_j
            admitted = fits(sums, i, later, bound) and fits(sums, j, later, bound)
            _move(sums, bound.tile_rows, i, old_i + d_i, old_i)
            _move(sums, bound.tile_rows, j, old_j + d_j, old_j)
            if not admitted:
                continue
            bias = later
            _shift(gram, step, codes, residual, sums, i, old_i + d_i, bound.tile_rows)
            _shift(gram, step, codes, residual, sums, j, old_j + d_j, bound.tile_rows)
            moved = True
        if not moved:
            break
