"""Bits per layer: the search against brute force, and networks whose layers have different ones."""

from itertools import product

import numpy as np
import pytest
from float_networks import images
from varied_networks import one_dimensional, varied

from edgeint8.errors import ConfigError, ModelError
from edgeint8.fixed_point.compare import compare_model
from edgeint8.fixed_point.executor import as_feeds
from edgeint8.fixed_point.studies.bit_growth import exact_widths
from edgeint8.quant.bits.allocation import BITS, Prices, by_weights, predicted, spend, uniform
from edgeint8.quant.bits.measure import layer_noise
from edgeint8.quant.bits.spend import spend_bits
from edgeint8.quant.evidence.table_rows import mean_weight_bits
from edgeint8.quant.graph import initializer_values, weight_layers
from edgeint8.quant.learn.integer_nodes import integer_nodes
from edgeint8.quant.ort.reference import batches
from edgeint8.quant.ptq import calibrate_for, prepare_model, quantize
from edgeint8.quant.strategy import Budget, Strategy


def curve(*noise):
    """Noise at 2, 3 ... 8 bits; the last value stays."""
    values = [*noise, *[noise[-1]] * (len(BITS) - len(noise))]
    return dict(zip(BITS, values, strict=True))


def best_of_all(noise, prices, budget):
    """Every allocation, the least noise that the budget allows."""
    found = [dict(zip(noise, bits, strict=True)) for bits in product(BITS, repeat=len(noise))]
    return min(predicted(noise, bits) for bits in found if prices.cost(bits) <= budget)


def drawn(rng, layers=3):
    """Layers whose noise falls by a factor of 2 to 6 a bit, with weights of 10 to 1,000."""
    names = [f"layer{k}" for k in range(layers)]
    noise = {
        name: curve(*(rng.uniform(0.1, 1) / rng.uniform(2, 6, len(BITS)).cumprod()))
        for name in names
    }
    return noise, {name: int(rng.integers(10, 1000)) for name in names}


def test_the_walk_by_hand():
    """Ten weights that lose 8 or 3 and thirty that lose 9 or 6: gains a price of 0.5 and 0.1."""
    noise = {"small": curve(8, 3), "large": curve(9, 6)}
    prices = by_weights({"small": 10, "large": 30})
    assert spend(noise, prices, budget=2 * 40 + 10) == {"small": 3, "large": 2}
    assert spend(noise, prices, budget=2 * 40 + 30) == {"small": 3, "large": 2}  # 20 left, not 30
    assert spend(noise, prices, budget=2 * 40 + 40) == {"small": 3, "large": 3}
    several = {"a": curve(8, 5), "b": curve(8, 5), "large": curve(9, 4)}  # 6 for 20, or 5 for 30
    prices = by_weights({"a": 10, "b": 10, "large": 30})
    assert spend(several, prices, budget=2 * 50 + 30) == {"a": 3, "b": 3, "large": 2}


def test_a_step_may_skip_bits_that_win_nothing():
    noise = {"flat": curve(5, 5, 5, 0), "other": curve(2, 1, 0.5)}
    bits = spend(noise, by_weights({"flat": 1, "other": 1}), budget=4 + 3)
    assert bits == {"flat": 5, "other": 2}  # three bits for 5, against 1 for the first one


def test_the_search_against_every_allocation():
    """200 networks of three layers, all 343 allocations of each; quoted in learned_codes.md."""
    rng = np.random.default_rng(0)
    excess = []
    for _ in range(200):
        noise, weights = drawn(rng)
        prices, total = by_weights(weights), sum(weights.values())
        budget = rng.uniform(2.2, 7.5) * total
        bits = spend(noise, prices, budget)
        assert prices.cost(bits) <= budget * (1 + 1e-6)
        least = best_of_all(noise, prices, budget)
        excess.append(predicted(noise, bits) / least - 1)
    assert min(excess) >= -1e-9
    assert sum(value < 1e-9 for value in excess) == 174
    assert np.mean(excess) == pytest.approx(0.018, abs=5e-4)
    assert max(excess) == pytest.approx(0.76, abs=5e-3)


def test_where_the_hull_ends_exactly_the_search_is_optimal():
    """Equation 11: convex noise and a budget that a walk without limit passes through."""
    rng = np.random.default_rng(1)
    for _ in range(20):
        noise, weights = drawn(rng)
        noise = {name: curve(*(0.25 ** np.arange(7) * rng.uniform(0.1, 1))) for name in noise}
        prices = by_weights(weights)
        gains = sorted(
            (
                ((noise[n][b] - noise[n][b + 1]) / weights[n], n, b + 1)
                for n in noise
                for b in BITS[:-1]
            ),
            reverse=True,
        )
        bits = dict.fromkeys(noise, 2)
        for _, name, more in gains[: int(rng.integers(1, len(gains)))]:
            bits[name] = more
        budget = prices.cost(bits)
        assert spend(noise, prices, budget) == bits
        assert predicted(noise, bits) == pytest.approx(best_of_all(noise, prices, budget))


def test_one_wide_layer_pays_for_the_multiplier_of_all():
    """Two layers, the widest bits cost 10 each from 4 on: 5 bits where they win too little."""
    noise = {"a": curve(9, 4, 2, 1.9), "b": curve(9, 4, 2, 1.9)}
    widest = {bits: 10.0 * bits for bits in BITS}
    prices = Prices({"a": 1.0, "b": 1.0}, widest)
    assert spend(noise, prices, budget=40 + 8) == {"a": 4, "b": 4}
    assert sorted(spend(noise, prices, budget=40 + 7).values()) == [3, 4]
    assert spend(noise, prices, budget=40 + 5) == {"a": 3, "b": 3}  # 4 and 2 cost 46
    dear = Prices(prices.bit, widest | dict.fromkeys(range(4, 9), 100.0))
    assert spend(noise, dear, budget=109) == {"a": 5, "b": 4}
    assert spend(noise, dear, budget=105) == {"a": 3, "b": 3}


def test_what_cannot_be_afforded_is_refused_with_what_could():
    noise = {"a": curve(1, 0.5)}
    prices = Prices({"a": 1.0}, {bits: 8.0 * bits for bits in BITS})
    with pytest.raises(ConfigError, match=r"allowed: 0\.25 or more: that is 2 bits"):
        spend(noise, prices, 0.2 * prices.range[1])


def test_the_same_bits_everywhere_are_as_many_as_fit():
    prices = by_weights({"a": 10, "b": 30})
    assert uniform(prices, 4.9 * 40) == {"a": 4, "b": 4}
    assert uniform(prices, 5 * 40) == {"a": 5, "b": 5}


NETWORKS = {"varied": (varied, (3, 12, 12)), "1-D": (one_dimensional, (2, 40))}
OPTIONS = {
    "channel": {},
    "tensor qdq": {"per_channel": False, "format": "qdq"},
    "symmetric": {"symmetric": True},
    "power of two": {"power_of_two": True},
    "equalised": {"equalize": True},
    "learned": {"rounding": "learned"},
    "learned tensor": {"rounding": "learned", "per_channel": False, "symmetric": True},
    "learned qdq": {"rounding": "learned", "format": "qdq"},
    "bounded": {"rounding": "learned", "accumulator_bits": 14, "tile_rows": 4, "tile_bits": 13},
}


def prepared(name):
    build, shape = NETWORKS[name]
    return prepare_model(build()), images(48, shape=shape), images(64, seed=9, shape=shape)


def mixed(name, **options):
    """A network under 4.5 bits in the mean, what was spent, and images that nobody saw."""
    model, inputs, fresh = prepared(name)
    strategy = Strategy("s", weight_bits=Budget(mean=4.5), **options)
    calibration = calibrate_for(model, inputs, strategy)
    found = spend_bits(
        model, calibration, strategy, inputs, images(32, seed=5, shape=NETWORKS[name][1])
    )
    spent = strategy.spent(found.bits)
    return quantize(model, calibration, spent, images=inputs), found, fresh


CASES = [*(("varied", name) for name in OPTIONS), ("1-D", "channel"), ("1-D", "bounded")]


@pytest.mark.parametrize(("network", "options"), CASES)
def test_layers_keep_their_bits_and_the_executor_agrees(network, options):
    quantized, found, fresh = mixed(network, **OPTIONS[options])
    graph = quantized.executable
    values, nodes = initializer_values(graph), integer_nodes(graph)
    assert set(found.bits) == set(nodes)
    for name, bits in found.bits.items():
        assert np.abs(values[nodes[name].weights].astype(int)).max() <= 2 ** (bits - 1) - 1
    sizes = {row["layer"]: row["weights"] for row in found.rows}
    assert sum(sizes.values()) == sum(values[nodes[name].weights].size for name in nodes)
    assert mean_weight_bits(quantized) == pytest.approx(found.rows[0]["mean_bits"])
    assert found.rows[0]["mean_bits"] <= 4.5 + 1e-9
    assert found.rows[0]["holdout_sqnr_db"] >= found.rows[0]["uniform_sqnr_db"]
    compared = compare_model(graph, batches(graph, fresh))
    assert compared.elements and compared.mismatches == 0
    widths = exact_widths(graph, as_feeds(graph, {"input": fresh["input"][:1]}))
    by_name = {layer.name: layer.bits_guaranteed for layer in (quantized.learned or NOTHING).layers}
    assert all(
        width.bits_exact_with_bias == by_name[width.layer.removesuffix("_quant")]
        for width in widths
        if width.layer.removesuffix("_quant") in by_name
    )
    if "accumulator_bits" in OPTIONS[options]:
        assert max(width.bits_exact_with_bias for width in widths) <= 14


class NOTHING:
    """What a strategy with nearest codes learned."""

    layers = ()


def test_noise_alone_is_that_of_a_network_with_one_narrow_layer():
    """Built by hand: eight bits everywhere, but for the layer that is measured."""
    model, inputs, fresh = prepared("1-D")
    strategy = Strategy("s", weight_bits=Budget(mean=4))
    calibration = calibrate_for(model, inputs, strategy)
    noise = layer_noise(model, calibration, strategy, inputs, fresh)
    assert list(noise) == [layer.weight_name for layer in weight_layers(model)]
    first, *others = weight_layers(model)
    narrow = strategy.spent({first.weight_name: 3})
    values = initializer_values(quantize(model, calibration, narrow).executable)
    wide = initializer_values(quantize(model, calibration, Strategy("w")).executable)
    quantised = f"{first.weight_name}_quantized"
    assert np.abs(values[quantised]).max() == 3 < np.abs(wide[quantised]).max()
    for layer in others:
        quantised = f"{layer.weight_name}_quantized"
        assert (values[quantised] == wide[quantised]).all()
    assert all(curve[2] > curve[5] > 0 for curve in noise.values())
    assert len({curve[8] for curve in noise.values()}) == 1  # nobody is narrow


def test_only_the_hold_out_decides():
    """Other images to judge by can change the bits; images to learn from cannot, without codes."""
    model, inputs, fresh = prepared("varied")
    strategy = Strategy("s", weight_bits=Budget(mean=4))
    calibration = calibrate_for(model, inputs, strategy)
    found = [spend_bits(model, calibration, strategy, seen, fresh) for seen in (inputs, fresh)]
    assert found[0] == found[1]
    zeros = {"input": np.zeros_like(fresh["input"])}
    other = spend_bits(model, calibration, strategy, inputs, zeros)
    assert other.rows[0]["holdout_sqnr_db"] != found[0].rows[0]["holdout_sqnr_db"]


def test_a_budget_is_one_number_in_its_range():
    for bad in ({}, {"mean": 1.9}, {"mean": 8.1}, {"energy_share": 0}, {"energy_share": 1.1}):
        with pytest.raises(ConfigError, match="mean from 2 to 8, or energy_share above 0"):
            Strategy.from_mapping("s", {"weight_bits": bad})
    with pytest.raises(ConfigError, match=r"unknown key bits @ \$.strategies.s.weight_bits"):
        Strategy.from_mapping("s", {"weight_bits": {"bits": 4}})
    with pytest.raises(ConfigError, match="unknown key layer_bits"):
        Strategy.from_mapping("s", {"layer_bits": []})
    with pytest.raises(ConfigError, match="dynamic"):
        Strategy.from_mapping("s", {"weight_bits": {"mean": 4}, "dynamic": True})
    assert "4.5 bits a weight" in Strategy("s", weight_bits=Budget(mean=4.5)).description


def test_what_is_not_spent_is_not_quantised():
    model, inputs, _ = prepared("1-D")
    strategy = Strategy("s", weight_bits=Budget(mean=4))
    with pytest.raises(ModelError, match="a budget of 4 bits a weight"):
        quantize(model, calibrate_for(model, inputs, strategy), strategy)
    with pytest.raises(ConfigError, match="energy_share without prices"):
        shared = Strategy("s", weight_bits=Budget(energy_share=0.5))
        spend_bits(model, calibrate_for(model, inputs, shared), shared, inputs, inputs)
