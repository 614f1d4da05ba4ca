"""Narrow accumulators against a brute-force adder in plain Python."""

import math
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from test_executor import small_network
from test_kernels import convolutions

from edgeint8.errors import ModelError
from edgeint8.fixed_point.arithmetic.kernels import accumulate, int8_conv1d_reference
from edgeint8.fixed_point.arithmetic.operands import Operands
from edgeint8.fixed_point.executor import Executor
from edgeint8.fixed_point.studies import overflow
from edgeint8.fixed_point.studies.judging import Judge, outputs_of
from edgeint8.fixed_point.studies.overflow import Limits, Policy

NO_ZERO = np.zeros((), np.int8)


def clamp(value, bits):
    """Saturation of one Python integer."""
    return max(-(2 ** (bits - 1)), min(2 ** (bits - 1) - 1, value))


def brute_force(operands, limits):
    """(N, M, OL) by a scalar adder: bias, then kernel positions, channels fastest."""
    geometry = operands.geometry
    x = geometry.pad(operands.x, operands.border).astype(int) - operands.x_zero_point
    zero = np.broadcast_to(operands.w_zero_point.astype(int).reshape(-1), operands.channels)
    (size,), (stride,), (dilation,) = (
        geometry.output_size(operands.x.shape[2:]), geometry.strides, geometry.dilations,
    )  # fmt: skip
    channels_out, per_group, taps = operands.w.shape
    result = np.zeros((len(x), channels_out, size), int)
    for n, m, i in np.ndindex(*result.shape):
        first = m // (channels_out // geometry.groups) * per_group
        products = [
            int(x[n, first + c, i * stride + r * dilation]) * (int(operands.w[m, c, r]) - zero[m])
            for r in range(taps)
            for c in range(per_group)
        ]
        bias = 0 if operands.bias is None else int(operands.bias[m])
        result[n, m, i] = add_up(products, bias, limits)
    return result


def add_up(products, bias, limits):
    """One accumulator."""
    bits = limits.bits
    if limits.policy is Policy.WRAP:
        return (bias + sum(products) + 2 ** (bits - 1)) % 2**bits - 2 ** (bits - 1)
    if limits.policy is Policy.SATURATE_FINAL:
        return clamp(bias + sum(products), bits)
    rows = 1 if limits.policy is Policy.SATURATE_STEP else limits.tile_rows
    total = clamp(bias, bits)
    for k in range(0, len(products), rows):
        total = clamp(total + sum(products[k : k + rows]), bits)
    return total


@pytest.mark.parametrize("policy", Policy)
@settings(max_examples=60, deadline=None)
@given(operands=convolutions(axes=1), bits=st.integers(8, 32), rows=st.integers(1, 5))
def test_every_policy_equals_a_scalar_adder(policy, operands, bits, rows):
    limits = Limits(bits, policy, rows)
    got = limits.apply(operands, accumulate(operands).astype(np.int64))
    np.testing.assert_array_equal(np.moveaxis(got, -1, 1), brute_force(operands, limits))


@settings(max_examples=60, deadline=None)
@given(operands=convolutions(axes=1))
def test_no_policy_acts_at_the_sufficient_width(operands):
    exact = int8_conv1d_reference(operands)
    bits = max(overflow.sufficient_bits(operands), 8)
    for policy in Policy:
        got = Limits(bits, policy, 2).apply(operands, accumulate(operands).astype(np.int64))
        np.testing.assert_array_equal(np.moveaxis(got, -1, 1), exact)


def product(x, w, bias=None):
    """A matrix product of lists."""
    return Operands(np.array([x], np.int8), np.array(w, np.int8)[:, None], 0, NO_ZERO, bias)


def test_saturation_at_every_step_depends_on_the_order():
    """127*127 twice, then its negative: 16 bits clamp at 32767."""
    forward = product([127, 127, 127], [127, 127, -127])
    backward = product([127, 127, 127], [-127, 127, 127])
    limits = Limits(15, Policy.SATURATE_STEP)
    assert limits.apply(forward, accumulate(forward)).tolist() == [[16383 - 16129]]
    assert limits.apply(backward, accumulate(backward)).tolist() == [[16129]]
    tile = Limits(15, Policy.SATURATE_TILE, tile_rows=3)
    assert tile.apply(forward, accumulate(forward)).tolist() == [[16129]]


@pytest.mark.parametrize("bits, expected", [(16, -32768), (17, 32768)])
def test_wrap_at_the_edge(bits, expected):
    """Two products of 128 * 128 are 32768: one too many for 16 bits."""
    operands = product([-128, -128], [-128, -128])
    got = Limits(bits, Policy.WRAP).apply(operands, accumulate(operands).astype(np.int64))
    assert got.item() == expected


def test_the_bias_is_limited_too():
    operands = product([1], [-1], np.array([1000]))
    assert Limits(8, Policy.SATURATE_STEP).apply(operands, np.array([[999]])).item() == 126
    assert Limits(8, Policy.SATURATE_FINAL).apply(operands, np.array([[999]])).item() == 127


@pytest.mark.parametrize("bits, rows", [(7, 16), (49, 16), (16, 0), (16, 259)])
def test_absurd_accumulators_are_refused(bits, rows):
    with pytest.raises(ModelError):
        Limits(bits, Policy.WRAP, rows)


def test_clamps_are_the_hardware_cost():
    costs = {policy.value: policy.clamps(depth=33, tile_rows=16) for policy in Policy}
    assert costs == {"wrap": 0, "saturate_final": 1, "saturate_tile": 3, "saturate_step": 33}


IMAGES = np.array([[[0, 100, 50, 3], [0, 0, 60, 1]], [[1, 1, 1, 120], [0, 0, 0, 0]]], np.float32)


def exact_outputs(model, batch):
    return outputs_of(Executor(model), model, IMAGES, batch)


def test_rows_of_a_whole_network():
    """Accumulators by hand, per image: 4; x0 - 2 x1 + 4 per column; 4 (x in half units)."""
    limits = Limits(8, Policy.WRAP)
    exact = exact_outputs(small_network(), 1)
    row = overflow.overflow_row(small_network(), IMAGES, np.array([1, 4]), limits, exact, batch=1)
    # image 0: 4 | 4, 204, 100-240+4=-136, 6 ; image 1: 4 | 6, 6, 6, 244  -- small_network pads 1
    exact_acc = np.array([[4, 4, 204, -136, 6], [4, 6, 6, 6, 244]])
    wrapped = (exact_acc + 128) % 256 - 128
    assert row.overflow_rate == np.mean(wrapped != exact_acc) == 0.3
    assert row.max_error == 256
    assert row.mean_error == np.abs(wrapped - exact_acc).mean()
    assert (row.images, row.accumulator_bits, row.policy) == (2, 8, "wrap")
    assert row.clamps_per_image == 0


def test_rows_cover_every_width_and_policy():
    rows = overflow.overflow_rows(small_network(), IMAGES, None, bits=(8, 12, 32))
    assert len(rows) == 3 * len(Policy)
    assert all(row.accuracy == 1.0 for row in rows if row.accumulator_bits >= 12)
    assert {row.clamps_per_image for row in rows if row.policy == "saturate_step"} == {10}


def test_rows_that_were_not_run_equal_rows_that_were():
    """From the sufficient width on, one run stands for all; here each is run after all."""
    model, bits = small_network(), range(8, 16)
    exact = exact_outputs(model, 2)
    for row in overflow.overflow_rows(model, IMAGES, None, bits, tile_rows=1):
        limits = Limits(row.accumulator_bits, Policy(row.policy), 1)
        assert row == overflow.overflow_row(model, IMAGES, None, limits, exact)
        assert row.sufficient_bits == 10  # 252 + 2 * 3 + 4 = 262 at most, -3 - 2 * 252 + 4 at least
    assert len(overflow.overflow_rows(model, IMAGES, None, bits)) == 8 * len(Policy)


def test_breaking_points():
    """By the lower end, not by what was seen: 18 bits lose nothing and are not shown to."""
    lows = {16: -0.9, 17: -0.005, 18: -0.0101, 19: -0.0099, 20: 0.0}
    rows = [row_of(bits, low) for bits, low in lows.items()]
    assert overflow.breaking_points(rows) == {"wrap": 19}
    assert overflow.breaking_points(rows, tolerance=0.011) == {"wrap": 17}


def row_of(bits, low, *, sufficient=24, judged=(None, None, None)):
    """A row whose accuracy is whole, and what its interval says."""
    exact = (9, 1.0, 0.0, 0, 0.0, 1.0, 0, 16)
    return overflow.OverflowRow(bits, "wrap", *exact, sufficient, *judged, 0.0, low)


def test_a_proven_width_needs_no_images():
    """Nothing is shown, as a table gives it, and no input makes any policy act from 20 bits on."""
    rows = [row_of(bits, math.nan, sufficient=20) for bits in range(18, 23)]
    assert overflow.breaking_points(rows) == {"wrap": 20}
    assert overflow.breaking_points([replace(row, sufficient_bits=24) for row in rows]) == {}


def test_a_yardstick_is_held_to_its_own_margin():
    """A decibel may be lost of the one; an accuracy beside it, its cells empty, has 0.01."""
    judged = ("psnr", 40.0, 1.0)
    rows = [row_of(18, -2.0, judged=judged), row_of(19, -0.9, judged=judged)]
    assert overflow.breaking_points(rows) == {"wrap": 19}
    plain = [replace(row, judged_by=None, value=math.nan, margin=math.nan) for row in rows]
    assert overflow.breaking_points(plain) == {}


def test_what_judges_sees_the_outputs_of_every_width():
    """The sum of all outputs: with 8 bits and wraparound it is another one, with 12 it is exact."""
    model = small_network()

    def total(outputs):
        return float(sum(v.sum() for v in outputs.values()))

    def gain(outputs, exact):
        return total(outputs) - total(exact), total(outputs) - total(exact) - 1.0

    judge = Judge("sum", total, gain, 2.0)
    rows = overflow.overflow_rows(model, IMAGES, None, (8, 12), (Policy.WRAP,), judge=judge)
    whole = total(exact_outputs(model, 2))
    assert [row.accumulator_bits for row in rows] == [8, 12]
    assert rows[0].value != rows[1].value == whole
    assert [row.difference for row in rows] == [rows[0].value - whole, 0.0]
    assert [row.difference_low for row in rows] == [rows[0].value - whole - 1, -1.0]
    assert {(row.judged_by, row.margin) for row in rows} == {("sum", 2.0)}
    assert np.isnan([row.accuracy for row in rows]).all(), "no labels, no accuracy"


def test_a_judge_of_accuracy_pairs_and_names_nothing():
    """What pairs accuracies leaves accuracy in its place; margins of accuracy are the caller's."""
    judge = Judge(None, lambda _: 7.0, lambda *_: (-0.5, -0.6), 0.01)
    rows = overflow.overflow_rows(small_network(), IMAGES, None, (8, 12), judge=judge)
    assert {(row.judged_by, row.value, row.margin) for row in rows} == {(None, None, None)}
    assert {(row.difference, row.difference_low) for row in rows} == {(-0.5, -0.6)}
    assert not np.isnan([row.accuracy for row in rows]).any()


def test_no_images_is_an_error():
    with pytest.raises(ModelError):
        overflow.overflow_rows(small_network(), IMAGES[:0], None)
