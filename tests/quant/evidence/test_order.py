"""The order of strategies that lose little enough, by tables made by hand."""

import pandas as pd
import pytest

from edgeint8.quant.evidence.order import (
    Rival,
    admitted,
    argument,
    exclusions,
    in_order,
    spreads,
)


def rival(name, price=3, decibel=30.0, floats=0, spread=None):
    return Rival(name, price, ("a multiplier per channel",), decibel, floats, spread)


def names(rivals):
    return [entry.strategy for entry in in_order(rivals)]


def test_a_difference_within_the_spread_of_draws_falls_to_fewer_float_nodes():
    """34.57 against 34.56 dB with a spread of 1.47 chose a graph with seven float nodes."""
    seven, none = rival("a", decibel=34.57, floats=7, spread=1.47), rival("b", decibel=34.56)
    assert names([seven, none]) == ["b", "a"]
    assert argument(in_order([seven, none])) == (
        "b is recommended: hardware cost 3 (a multiplier per channel), shared with a, and a tie in "
        "SQNR, 34.56 against 34.57 dB with a spread of 1.47 dB over calibration draws; it has "
        "fewer float nodes, 0 against 7."
    )


def test_without_draws_the_difference_counts_and_no_spread_is_spoken_of():
    pair = [rival("a", decibel=34.57, floats=7), rival("b", decibel=34.56)]
    assert names(pair) == ["a", "b"]
    assert "spread" not in argument(in_order(pair))


def test_a_difference_beyond_the_spread_is_none_and_equal_float_nodes_fall_to_the_name():
    assert names([rival("b", decibel=32.0, spread=1.0), rival("a", spread=1.0)]) == ["b", "a"]
    assert names([rival("b", decibel=31.0, spread=1.0), rival("a", spread=1.0)]) == ["a", "b"]


@pytest.mark.parametrize(("price", "first"), [(102.0, "dear"), (102.1, "cheap")])
def test_prices_within_two_per_cent_are_equal(price, first):
    pair = [rival("cheap", price=100.0), rival("dear", price=price, decibel=31.0)]
    assert names(pair)[0] == first


def test_equal_prices_are_told_apart_in_words():
    """1.012 and 1 are within 2 %: the dearer one has the higher SQNR and says what it is beside."""
    pair = [rival("cheap", price=1.0), rival("dear", price=1.0123, decibel=31.0)]
    assert argument(in_order(pair)) == (
        "dear is recommended: hardware cost 1.012 (a multiplier per channel), within 2 % of the 1 "
        "of cheap, and the higher SQNR, 31.00 against 30.00 dB."
    )
    apart = [rival("cheap", price=0.65432), rival("dear", price=1.0123, decibel=31.0)]
    assert argument(in_order(apart)).endswith(
        "the lowest of the eligible; next is dear with 1.012."
    )


def test_whoever_keeps_less_than_15_db_is_out_unless_nobody_keeps_more():
    """The cheapest has 13 dB at the same accuracy."""
    low, edge, fine = rival("low", 1, 13.0), rival("edge", 2, 15.0), rival("fine", 3, 30.0)
    assert admitted([low, edge, fine]) == [edge, fine]
    assert exclusions([low, edge, fine]) == ["Below 15 dB of SQNR, and out: low (13.0 dB)."]
    assert admitted([low]) == [low]
    assert exclusions([low]) == ["None keeps 15 dB of SQNR, so that decides nothing."]
    assert exclusions([fine]) == []


def test_the_spread_is_most_minus_least_and_one_draw_has_none():
    draws = pd.DataFrame({"strategy": ["a", "a", "b"], "sqnr_db": [30.0, 31.5, 20.0]})
    assert spreads(draws) == {"a": 1.5} and spreads(pd.DataFrame()) == {}
