"""Integer least squares against brute force: what the search finds, and what it never does."""

from dataclasses import replace
from itertools import product

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from edgeint8.quant.affine import sum_reach, tile_width, with_bias
from edgeint8.quant.learn.moments import least_squares, moments_of, with_ridge
from edgeint8.quant.learn.search import (
    Layer,
    Limits,
    improved,
    refit,
    rounded_in_turn,
    searched,
    smallest_scales,
    solve,
    start_codes,
)
from edgeint8.quant.learn.solver import (
    WIDEST,
    Bound,
    descend,
    exchange,
    fits_everywhere,
    round_in_turn,
    sums_of,
)

STEP = 0.25
# Short of 200, mean and worst excess in percent: from one start, from two.
STATED = ((14, 1.9, 72), (9, 1.0, 72))
seeds = st.integers(0, 2**32 - 1)


def problem(seed, depth, rows=40):
    """Gram matrix and correlation of random, correlated inputs."""
    generator = np.random.default_rng(seed)
    mixing = generator.normal(size=(depth, depth))
    inputs = np.rint(40 * generator.normal(size=(rows, depth)) @ mixing)
    outputs = STEP * inputs @ generator.normal(size=depth) + generator.normal(size=rows)
    return inputs.T @ inputs / rows, inputs.T @ outputs / rows


def correlated(seed, depth):
    """Gram matrix of neighbouring pixels, correlation 0.7 a step, and weights of up to 3 steps."""
    generator = np.random.default_rng(seed)
    distance = np.abs(np.subtract.outer(np.arange(depth), np.arange(depth)))
    inputs = generator.multivariate_normal(np.zeros(depth), 0.7**distance, 60)
    return inputs.T @ inputs / 60, generator.uniform(-3, 3, depth)


def objective(gram, cross, codes):
    q = np.asarray(codes, float)
    return STEP**2 * q @ gram @ q - 2 * STEP * q @ cross


def free(depth):
    return Bound(0, 255, WIDEST, depth, WIDEST, np.zeros(depth), 0.0)


def narrow(depth, bits, generator):
    """A bound of so many bits, with a tile of two and a bias that follows the codes."""
    mean = generator.uniform(0, 250, depth)
    offset = float(generator.uniform(-(2.0 ** (bits - 2)), 2.0 ** (bits - 2)))
    return Bound(0, 255, bits, 2, bits - 1, mean, offset)


def stays_inside(codes, bound):
    """The bound by the note's equations, for the bias code that belongs to the codes."""
    column = np.asarray(codes, np.int64)[:, None]
    bias = np.rint(bound.offset - bound.mean @ codes).astype(np.int64).reshape(1)
    levels = (bound.low, bound.high)
    whole = with_bias(sum_reach(column, levels), bias).width
    return whole <= bound.bits and tile_width(column, levels, bound.tile_rows) <= bound.tile_bits


def in_turn(gram, weights, codes, limit, bound):
    """Rounding in turn, the least G_kk last."""
    order = np.argsort(np.diag(gram))
    root = np.linalg.cholesky(gram[np.ix_(order, order)])
    round_in_turn(root, order, weights, codes, limit, bound)
    return order[::-1]


@given(seeds, st.integers(1, 6), st.sampled_from([1, 3, 7]))
@settings(max_examples=30, deadline=None)
def test_each_code_is_rounded_where_it_is_best_while_later_ones_are_real(seed, depth, limit):
    """Without the triangle: the real codes that are left are solved for anew at every step."""
    gram, weights = correlated(seed, depth)
    weights, codes, fixed = 2 * weights, np.zeros(depth, np.int64), {}
    for k in in_turn(gram, weights, codes, limit, free(depth)):
        left = [i for i in range(depth) if i not in fixed]
        given_ = sum((gram[left, i] * (fixed[i] - weights[i]) for i in fixed), np.zeros(len(left)))
        best = weights[left] - np.linalg.solve(gram[np.ix_(left, left)], given_)
        fixed[k] = np.clip(np.rint(best[left.index(k)]), -limit, limit)
        assert codes[k] == fixed[k]


@given(seeds, st.integers(1, 12), st.integers(9, 14))
@settings(max_examples=40, deadline=None)
def test_rounding_in_turn_stays_inside_the_bound(seed, depth, bits):
    generator = np.random.default_rng(seed)
    gram, weights = correlated(seed, depth)
    bound, codes = narrow(depth, bits, generator), np.zeros(depth, np.int64)
    if fits_everywhere(codes, bound):
        in_turn(gram, 20 * weights, codes, 127, bound)
        assert stays_inside(codes, bound)


@given(seeds, st.integers(1, 6), st.sampled_from([1, 3, 7]))
@settings(max_examples=30, deadline=None)
def test_no_single_move_improves_what_descent_found(seed, depth, limit):
    gram, cross = problem(seed, depth)
    codes = np.zeros(depth, np.int64)
    descend(gram, cross, STEP, codes, limit, free(depth), 100)
    best = objective(gram, cross, codes)
    for k in range(depth):
        for level in range(-limit, limit + 1):
            other = codes.copy()
            other[k] = level
            assert objective(gram, cross, other) >= best - 1e-9 * abs(best)


@given(seeds, st.integers(2, 6), st.sampled_from([1, 3]))
@settings(max_examples=30, deadline=None)
def test_no_pair_of_unit_moves_improves_what_exchange_found(seed, depth, limit):
    gram, cross = problem(seed, depth)
    codes = np.zeros(depth, np.int64)
    for _ in range(3):
        descend(gram, cross, STEP, codes, limit, free(depth), 100)
        exchange(gram, cross, STEP, codes, limit, free(depth), 100)
    best = objective(gram, cross, codes)
    scale = STEP**2 * np.diag(gram).mean()
    for i, j in product(range(depth), repeat=2):
        for d_i, d_j in product((-1, 1), repeat=2):
            other = codes.copy()
            other[i] += d_i
            other[j] += d_j
            if i != j and np.abs(other).max() <= limit:
                assert objective(gram, cross, other) >= best - 2e-9 * scale - 1e-9 * abs(best)


def moved(gram, cross, codes):
    """Codes of three bits after all moves."""
    for moves in (descend, exchange, descend):
        moves(gram, cross, STEP, codes, 3, free(len(codes)), 100)
    return codes


def test_the_distance_from_the_global_optimum_is_what_the_document_states():
    """200 problems of five codes of three bits: how often short of the optimum, and how far.

    From the nearest codes alone, and from those rounded in turn too. The excess is relative to what
    is left at the optimum, against the real-valued least squares.
    """
    every = np.array(list(product(range(-3, 4), repeat=5)))
    excess = []
    for seed in range(200):
        gram, weights = correlated(seed, 5)
        cross, turned = STEP * gram @ weights, np.zeros(5, np.int64)
        in_turn(gram, weights, turned, 3, free(5))
        losses = np.einsum("qk,kl,ql->q", every - weights, gram, every - weights)
        starts = np.clip(np.rint(weights), -3, 3).astype(np.int64), turned
        ends = [moved(gram, cross, codes) - weights for codes in starts]
        found = np.array([end @ gram @ end for end in ends])
        assert (found >= losses.min() - 1e-9).all()
        excess.append(np.minimum.accumulate(found) / losses.min() - 1)
    for (short, mean, worst), one in zip(STATED, np.transpose(excess), strict=True):
        assert (short, mean, worst) == (
            (one > 1e-9).sum(),
            round(100 * one.mean(), 1),
            round(100 * one.max()),
        )


@given(seeds, st.integers(1, 12), st.integers(9, 14), st.booleans())
@settings(max_examples=40, deadline=None)
def test_bounded_moves_never_raise_the_objective_nor_leave_the_bound(seed, depth, bits, pairs):
    generator = np.random.default_rng(seed)
    gram, cross = problem(seed, depth)
    cross = 8 * cross  # codes want to be larger than the bound lets them
    bound, codes = narrow(depth, bits, generator), np.zeros(depth, np.int64)
    if not fits_everywhere(codes, bound):
        return
    step = exchange if pairs else descend
    last = 0.0
    for _ in range(6):
        step(gram, cross, STEP, codes, 127, bound, 1)
        now = objective(gram, cross, codes)
        assert now <= last + 1e-9 * abs(last)
        assert stays_inside(codes, bound)
        last = now


@given(seeds, st.integers(1, 8), st.integers(9, 13))
@settings(max_examples=30, deadline=None)
def test_the_bound_admits_nothing_that_the_note_refuses(seed, depth, bits):
    generator = np.random.default_rng(seed)
    codes = generator.integers(-12, 13, depth)
    bound = narrow(depth, bits, generator)
    if fits_everywhere(codes, bound):
        assert stays_inside(codes, bound)


def test_sums_by_hand():
    codes = np.array([3, -2, 0, 1, -5])
    assert sums_of(codes, 2).tolist() == [[4, -7], [3, -2], [1, 0], [0, -5]]


def test_the_smallest_example_of_the_document():
    """Two codes: nearest rounds both halves away, learning trades one against the other."""
    gram, cross = np.array([[2.0, 1.9], [1.9, 2.0]]), np.array([2.0, 1.9]) * 0.6
    cross = cross + np.array([1.9, 2.0]) * 0.6
    nearest, codes = np.array([1, 1]), np.array([1, 1], np.int64)
    descend(gram, cross, 1.0, codes, 7, free(2), 10)

    def value(q):
        return float(q @ gram @ q - 2 * q @ cross)

    assert sorted(codes.tolist()) == [0, 1]
    assert value(nearest) - value(codes) == pytest.approx(7.8 - 9.36 - (2.0 - 4.68))


def layer_of(seed, *, per_channel=True, limits=None, shift_only=False, limit=7):
    """A layer of two groups of three channels over ten inputs, from random windows."""
    generator = np.random.default_rng(seed)
    windows = generator.integers(0, 200, (80, 2, 10))
    weights = generator.normal(size=(2, 3, 10))
    outputs = 0.02 * np.einsum("rgk,gmk->rgm", windows, weights) + 0.3
    problem = least_squares(moments_of(windows, outputs), with_bias=True)
    largest = np.abs(weights).max(axis=2)
    natural = (largest if per_channel else np.full_like(largest, largest.max())) / limit
    return Layer(
        problem=with_ridge(problem, 0.02 * weights, 0.01),
        weights=weights,
        input_scale=0.02,
        natural=natural,
        floor=smallest_scales(problem.mean_output / 0.02, limits.bits if limits else 30),
        limit=limit,
        limits=limits or Limits(0, 255),
        settle=lambda scale: scale,
        per_channel=per_channel,
        shift_only=shift_only,
    )


@pytest.mark.parametrize("per_channel", [True, False])
@pytest.mark.parametrize("shift_only", [True, False])
def test_no_step_of_the_search_raises_the_objective(per_channel, shift_only):
    for seed in range(5):
        layer = layer_of(seed, per_channel=per_channel, shift_only=shift_only)
        start = searched(layer, refine=True)
        better = improved(layer, start, start_codes(layer, start.scale))
        refitted = refit(layer, better)
        assert (better.objective <= start.objective + 1e-12).all()
        assert refitted.objective.sum() <= better.objective.sum() + 1e-12
        found = solve(layer)
        assert found.objective.sum() <= start.objective.sum() + 1e-12
        assert layer.objective(found.codes, found.scale) == pytest.approx(found.objective)
        scales = np.unique(found.scale)
        assert per_channel or len(scales) == 1
        assert not shift_only or (np.frexp(scales)[0] == 0.5).all()


@pytest.mark.parametrize("limits", [None, Limits(0, 255, 14, 4, 13)])
@pytest.mark.parametrize("per_channel", [True, False])
def test_a_second_start_never_costs(per_channel, limits):
    """Channel by channel no worse than either start alone, and better in some."""
    gained = 0
    for seed in range(5):
        layer = layer_of(seed, per_channel=per_channel, limits=limits, limit=7)
        start = searched(layer, refine=True)
        nearest = start_codes(layer, start.scale)
        alone = improved(layer, replace(start, codes=nearest, objective=np.full((2, 3), np.inf)))
        both = improved(layer, start, nearest)
        assert (both.objective <= alone.objective).all()
        assert (both.objective <= improved(layer, start).objective).all()
        assert solve(layer).objective.sum() <= both.objective.sum() + 1e-12
        gained += (both.objective < alone.objective - 1e-12).sum()
    assert gained


@pytest.mark.parametrize("bits", [10, 12, 14])
def test_every_channel_of_a_bounded_layer_keeps_its_width(bits):
    limits = Limits(0, 255, bits, 4, bits - 1)
    layer = layer_of(3, limits=limits, limit=127)
    found = solve(layer)
    turned = rounded_in_turn(layer, start_codes(layer, found.scale), found.scale)
    for g, m in np.ndindex(2, 3):
        assert stays_inside(found.codes[g, m], layer.bound(g, m, found.scale))
        assert stays_inside(turned[g, m], layer.bound(g, m, found.scale))


def test_a_ridge_keeps_the_weights_where_inputs_never_vary():
    windows = np.full((20, 1, 4), 9)
    problem = least_squares(moments_of(windows, np.ones((20, 1, 2))), with_bias=True)
    weights = np.array([[[1.0, -2.0, 3.0, 0.0], [0.5, 0.5, -0.5, 2.0]]])
    ridged = with_ridge(problem, weights, 0.01)
    assert ridged.objective(weights.astype(int), np.ones((1, 2)))[0, 0] == pytest.approx(0)
