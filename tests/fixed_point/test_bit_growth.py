"""Accumulator widths: published table, brute force, and inputs that reach the bound."""

import itertools

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from test_kernels import convolutions

from edgeint8.errors import ModelError
from edgeint8.fixed_point.arithmetic.geometry import ConvGeometry
from edgeint8.fixed_point.arithmetic.kernels import accumulate, simulate_conv_accumulation
from edgeint8.fixed_point.arithmetic.operands import Operands, with_raw_codes
from edgeint8.fixed_point.studies import bit_growth

S8, U8, W127, NINE = (-128, 127), (0, 255), (-127, 127), (-255, 255)


@pytest.mark.parametrize(
    "depth, rule, s8_s8, s8_w127, u8_w127",
    [(27, 21, 20, 20, 21), (576, 26, 25, 25, 26), (4096, 28, 28, 27, 28), (4608, 29, 28, 28, 29)],
)
def test_published_widths(depth, rule, s8_s8, s8_w127, u8_w127):
    assert bit_growth.textbook_width(depth) == rule
    assert bit_growth.worst_case_width(depth, S8, S8) == s8_s8
    assert bit_growth.worst_case_width(depth, S8, W127) == s8_w127
    assert bit_growth.worst_case_width(depth, U8, W127) == u8_w127


@pytest.mark.parametrize("depth, bits", [(27, 22), (576, 27), (4096, 29), (4608, 30)])
def test_the_rule_is_too_small_for_nine_bit_operands(depth, bits):
    assert bit_growth.worst_case_width(depth, NINE, NINE) == bits
    assert bit_growth.textbook_width(depth) < bits


@pytest.mark.parametrize(
    "x, w, depth",
    [
        (S8, S8, 131_071),
        (S8, W127, 132_104),
        (U8, W127, 66_311),
        (U8, S8, 65_793),
        (NINE, NINE, 33_025),
    ],
)
def test_int32_is_safe_up_to_the_published_depth(x, w, depth):
    assert bit_growth.worst_case_width(depth, x, w) == 32
    assert bit_growth.worst_case_width(depth + 1, x, w) == 33


@pytest.mark.parametrize(
    "low, high, bits",
    [(0, 0, 1), (-1, 0, 1), (0, 1, 2), (-128, 127, 8), (-129, 0, 9), (0, 128, 9), (5, 7, 4)],
)
def test_signed_width(low, high, bits):
    assert bit_growth.signed_width(low, high) == bits


def test_empty_ranges_and_depths_are_refused():
    with pytest.raises(ModelError):
        bit_growth.signed_width(1, 0)
    with pytest.raises(ModelError):
        bit_growth.textbook_width(0)
    with pytest.raises(ModelError):
        bit_growth.tile_width(np.ones((4, 1), int), S8, 0)


@given(
    st.lists(st.integers(-5, 5), min_size=1, max_size=4),
    st.integers(-4, 0),
    st.integers(0, 4),
    st.integers(-9, 9),
)
def test_reach_equals_brute_force(weights, low, high, bias):
    """All inputs over {low, high}: extremes of a linear form lie at corners."""
    matrix = np.array(weights)[:, None]
    sums = [np.dot(x, weights) for x in itertools.product((low, high), repeat=len(weights))]
    reach = bit_growth.sum_reach(matrix, (low, high))
    assert (reach.low.item(), reach.high.item()) == (min(sums), max(sums))
    loaded = bit_growth.with_bias(reach, np.array([bias]))
    assert (loaded.low.item(), loaded.high.item()) == (min(sums) + bias, max(sums) + bias)


@settings(max_examples=60, deadline=None)
@given(convolutions(axes=2), st.booleans(), st.data())
def test_the_vertex_input_reaches_the_bound(operands, highest, data):
    """Built and run: the bound is tight, on both data paths."""
    channel = data.draw(st.integers(0, operands.channels - 1))
    try:
        image, where = bit_growth.vertex_input(operands, channel, highest)
    except ModelError as error:
        assert "lies inside" in str(error)
        return
    vertex = Operands(
        image, operands.w, operands.x_zero_point, operands.w_zero_point, None, operands.geometry
    )
    reach = bit_growth.sum_reach(operands.weight_matrix(), operands.x_range)
    expected = (reach.high if highest else reach.low)[channel]
    assert accumulate(vertex)[where] == expected
    assert accumulate(with_raw_codes(vertex))[where] == expected


@settings(max_examples=60, deadline=None)
@given(convolutions(axes=2))
def test_no_running_sum_leaves_the_bound_with_bias(operands):
    if operands.groups > 1:
        return
    for path in (operands, with_raw_codes(operands)):
        reach = bit_growth.sum_reach(path.weight_matrix(), path.x_range)
        bound = bit_growth.with_bias(reach, path.bias)
        sums = simulate_conv_accumulation(path)
        assert (sums >= bound.low).all()
        assert (sums <= bound.high).all()


def test_one_bit_less_than_the_bound_overflows():
    weights = np.array([[100], [-27], [3]])
    reach = bit_growth.sum_reach(weights, U8)
    assert (reach.low.item(), reach.high.item()) == (-27 * 255, 103 * 255)
    assert reach.width == 16
    assert reach.high.item() > 2 ** (15 - 1) - 1


def test_tile_width_is_the_widest_tile():
    weights = np.array([[1], [1], [127], [127]])
    assert bit_growth.tile_width(weights, U8, 2) == bit_growth.signed_width(0, 254 * 255)
    assert bit_growth.tile_width(weights, U8, 1) == bit_growth.signed_width(0, 127 * 255)
    whole = bit_growth.sum_reach(weights, U8).width
    assert bit_growth.tile_width(weights, U8, 16) == whole


def layer(x_zero=100):
    """A 1x1 convolution whose widths are easy to compute."""
    w = np.array([[[127], [-1]], [[1], [1]]], np.int8)
    geometry = ConvGeometry((1,), (1,), (1,), (0,), (0,))
    bias = np.array([70_000, 0], np.int32)
    return Operands(np.zeros((1, 2, 3), np.uint8), w, x_zero, np.zeros((), np.int8), bias, geometry)


def test_layer_width_by_hand():
    """x - 100 lies in [-100, 155]: channel 0 reaches 127*155 + 100 = 19785 and -12855."""
    row = bit_growth.layer_width("a", layer(), (-5, 1000), rows=1)
    assert (row.k, row.bits_rule) == (2, 17)
    assert row.bits_exact == 16
    assert row.bits_exact_with_bias == 18  # 70000 + 19785 < 2**17
    assert row.bits_tile == bit_growth.signed_width(-12700, 19685)
    assert row.bits_observed == 11
    assert row.bits_raw == bit_growth.signed_width(-255, 127 * 255)
    # raw: bias 70000 - 100 * 126 = 57400, plus up to 127 * 255
    assert row.bits_raw_with_bias == bit_growth.signed_width(-255, 57400 + 127 * 255)


@settings(max_examples=60, deadline=None)
@given(convolutions(axes=2))
def test_vertex_inputs_need_the_exact_width(operands):
    reach = bit_growth.sum_reach(operands.weight_matrix(), operands.x_range)
    assert bit_growth.vertex_width(operands, reach) in (reach.width, None)


def test_recommendation_names_the_limiting_layer():
    wide = bit_growth.layer_width("wide", layer(), (-5, 1000), rows=16)
    narrow = bit_growth.layer_width("narrow", layer(0), (-5, 90_000), rows=16)
    best = bit_growth.recommend([narrow, wide])
    assert best.guaranteed == max(wide.bits_exact_with_bias, narrow.bits_exact_with_bias)
    assert best.observed == 18
    with pytest.raises(ModelError):
        bit_growth.recommend([])


def test_depth_table_prints_the_rule():
    table = bit_growth.depth_table([27, 576])
    assert table.splitlines()[2].split() == ["27", "21", "20", "20", "21", "21", "22"]
