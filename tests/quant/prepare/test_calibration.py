"""Calibration: streaming, memory, and each method against brute force or a hand-derived case."""

import json
import tracemalloc

import numpy as np
import onnx
import pytest
from float_networks import NetworkBuilder, classifier, images
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from edgeint8.errors import ConfigError, DataError
from edgeint8.quant.affine import IntegerGrid, fake_quantize, mse, parameters_from_range
from edgeint8.quant.calibrate import histogram as histogram_module
from edgeint8.quant.calibrate.calibration import (
    Calibration,
    TensorRange,
    calibrate,
    calibrate_from,
    entropy_divergences,
    entropy_range,
    minmax_range,
    mse_range,
    percentile_range,
)
from edgeint8.quant.calibrate.draws import calibration_draws, spread
from edgeint8.quant.calibrate.histogram import TensorHistogram, count, observe
from edgeint8.quant.evidence.layer_traits import layer_traits, outlier_ratio, unused_levels
from edgeint8.quant.prepare.prepare import prepare_model

METHODS = ("minmax", "percentile", "entropy", "mse")


def histogram_of(values: NDArray, bins: int = 2048) -> TensorHistogram:
    """The histogram of one array, as `observe` would make it."""
    array = np.asarray(values, np.float32)
    low, high = float(array.min()), float(array.max())
    counts = count(array, max(abs(low), abs(high)), bins)
    return TensorHistogram(low, high, counts, int((array == 0).sum()))


@pytest.fixture(scope="module")
def network() -> onnx.ModelProto:
    return prepare_model(classifier())


def test_extremes_of_every_tensor_are_those_of_the_reference_evaluator(
    network: onnx.ModelProto,
) -> None:
    inputs = images(40)
    seen = observe(network, inputs, bins=64, batch=16)
    watched = onnx.ModelProto()
    watched.CopyFrom(network)
    names = [name for node in network.graph.node for name in node.output]
    del watched.graph.output[:]
    watched.graph.output.extend(onnx.ValueInfoProto(name=name) for name in names)
    tensors = onnx.reference.ReferenceEvaluator(watched).run(names, inputs)
    assert list(seen) == ["input", *names]
    for name, values in zip(seen, [inputs["input"], *tensors], strict=True):
        assert seen[name].minimum == pytest.approx(values.min(), rel=1e-5, abs=1e-6)
        assert seen[name].maximum == pytest.approx(values.max(), rel=1e-5, abs=1e-6)
        assert seen[name].counts.sum() == values.size


def test_the_cut_into_chunks_does_not_matter(network: onnx.ModelProto) -> None:
    inputs = images(60)
    whole = observe(network, inputs, bins=256, batch=60)
    for batch in (1, 7, 32):
        parts = observe(network, inputs, bins=256, batch=batch)
        for name in whole:
            assert parts[name].minimum == whole[name].minimum
            assert np.array_equal(parts[name].counts, whole[name].counts)
            assert parts[name].zeros == whole[name].zeros


def test_memory_does_not_grow_with_the_number_of_images() -> None:
    net = NetworkBuilder(shape=(2, 6, 6))
    net.conv(2, 4)
    net.add("Relu")
    model = prepare_model(net.model(rank=4))
    peaks = {}
    for number in (100, 10_000):
        inputs = images(number, shape=(2, 6, 6))
        tracemalloc.start()
        observe(model, inputs, bins=512, batch=20)
        peaks[number] = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
    activations_bytes = 10_000 * 4 * 6 * 6 * 4
    # A hundred times the images; what importing and caching take differs by a few per cent a run.
    assert peaks[10_000] < 1.5 * peaks[100]
    assert peaks[10_000] < activations_bytes / 10


def test_batches_shrink_until_their_activations_fit(
    network: onnx.ModelProto, monkeypatch: pytest.MonkeyPatch
) -> None:
    inputs = images(10)
    sizes = []
    chosen = histogram_module.chunks

    def spy(session: object, feeds: dict, batch: int) -> object:
        sizes.append(batch)
        return chosen(session, feeds, batch)

    monkeypatch.setattr(histogram_module, "chunks", spy)
    whole = observe(network, inputs)
    assert sizes == [1, 32]
    monkeypatch.setattr(histogram_module, "CHUNK_BYTES", 40_000)
    small = observe(network, inputs)
    # 3x8x8, twice 8x8x8, 8x4x4, twice 12x4x4, 12, 12 and 10 numbers of 4 bytes: 7,048 bytes
    assert sizes[2:] == [1, 40_000 // 7_048]
    assert small["dense_out"].maximum == whole["dense_out"].maximum


def test_nan_and_infinity_are_refused_by_name(network: onnx.ModelProto) -> None:
    for bad in (np.nan, np.inf):
        inputs = images(4)
        inputs["input"][2, 0, 0, 0] = bad
        with pytest.raises(DataError, match="tensor input"):
            calibrate(network, inputs, "minmax")


@given(
    values=st.lists(st.integers(-40, 40), min_size=1, max_size=200),
    percentile=st.floats(60, 100),
)
def test_percentile_never_leaves_more_than_its_share_below(
    values: list[int], percentile: float
) -> None:
    array = np.asarray(values, np.float32)
    histogram = histogram_of(array, 64)
    entry = percentile_range(histogram, percentile)
    assert histogram.minimum <= entry.low <= entry.high <= histogram.maximum
    below = np.mean(array < entry.low)
    assert below <= (100 - percentile) / 200 + 1e-12


def test_percentile_by_hand() -> None:
    # 100 values 1..100 over [-100, 100] in 200 bins of width 1; the value k lies in [k, k + 1)
    # but 100 shares the last bin with 99. Two percent on either side: 2 and 98.
    histogram = histogram_of(np.arange(1, 101), 200)
    entry = percentile_range(histogram, 96.0)
    assert (entry.low, entry.high, entry.limit) == (2.0, 98.0, 98.0)


def test_percentile_100_and_minmax_hold_everything() -> None:
    values = np.random.default_rng(0).standard_normal(500)
    histogram = histogram_of(values)
    entry = minmax_range(histogram)
    assert (entry.low, entry.high) == (histogram.minimum, histogram.maximum)
    assert entry.is_full(symmetric=True) and entry.is_full(symmetric=False)
    assert percentile_range(histogram, 100.0).low == histogram.minimum


def test_divergence_by_hand() -> None:
    # Four bins to two levels, one candidate: [1, 3, 2, 2] merges to [4, 4] and spreads to [2, 2,
    # 2, 2]; nothing is empty, so nothing is smoothed.
    p = np.asarray([1, 3, 2, 2]) / 8
    by_hand = float(np.sum(p * np.log(p / 0.25)))
    divergences = entropy_divergences(np.asarray([1, 3, 2, 2]), 4)
    assert divergences.tolist() == [0.0]  # as many levels as bins lose nothing
    divergences = entropy_divergences(np.asarray([1, 3, 2, 2]), 2)
    assert divergences.size == 2
    assert divergences[1] == pytest.approx(by_hand, rel=1e-5)


def test_entropy_searches_and_clips_outliers() -> None:
    rng = np.random.default_rng(0)
    values = np.append(rng.standard_normal(100_000), [40.0, -35.0])
    entry = entropy_range(histogram_of(values))
    assert entry.high < 20 and entry.low > -20
    assert not entry.is_full(symmetric=False)


@pytest.mark.parametrize("bins", [128, 256, 510])
def test_entropy_without_anything_to_search_is_refused(bins: int) -> None:
    with pytest.raises(ConfigError, match="512 bins or more"):
        entropy_range(histogram_of(np.arange(9), bins), 256)


SAMPLES = {
    "normal": np.random.default_rng(2).standard_normal(50_000),
    "laplace": np.random.default_rng(3).laplace(size=50_000),
    "relu": np.maximum(np.random.default_rng(4).laplace(size=50_000), 0),
    "shifted": np.random.default_rng(5).standard_t(4, 50_000) + 3,
    "uniform": np.random.default_rng(6).uniform(-1, 2, 50_000),
}


@pytest.mark.parametrize("name", SAMPLES)
@pytest.mark.parametrize("symmetric", [True, False])
def test_mse_range_is_as_good_as_brute_force_on_the_values(name: str, symmetric: bool) -> None:
    values = SAMPLES[name].astype(np.float32)
    grid = IntegerGrid(8, signed=symmetric, restricted=symmetric)

    def error(low: float, high: float) -> float:
        parameters = parameters_from_range(low, high, grid, symmetric=symmetric)
        return mse(values, fake_quantize(values, parameters))

    histogram = histogram_of(values)
    chosen = error(*mse_range(histogram).bounds(symmetric=symmetric))
    fractions = np.linspace(0.1, 1, 46)
    lows = [min(values.min(), 0) * fraction for fraction in fractions]
    highs = [max(values.max(), 0) * fraction for fraction in fractions]
    if symmetric:
        tried = [error(-histogram.limit * f, histogram.limit * f) for f in fractions]
    elif name == "relu":
        tried = [error(0, high) for high in highs]
    else:
        tried = [error(low, high) for low in lows[::3] for high in highs[::3]]
    assert chosen <= 1.03 * min(tried)
    assert chosen <= error(*minmax_range(histogram).bounds(symmetric=symmetric)) * 1.001


@pytest.mark.parametrize("method", METHODS)
def test_zero_and_constant_tensors(method: str) -> None:
    for value in (0.0, 2.5, -2.5):
        calibration = calibrate_from({"t": histogram_of(np.full(50, value))}, method, images=50)
        entry = calibration.ranges["t"]
        low, high = min(entry.low, 0.0), max(entry.high, 0.0)
        assert low <= value <= high or method != "minmax"
        assert entry.limit <= abs(value)
        assert low >= min(value, 0) and high <= max(value, 0)


@pytest.mark.parametrize("method", METHODS)
def test_json_reads_back_equal(network: onnx.ModelProto, method: str) -> None:
    calibration = calibrate(network, images(20), method)
    text = json.dumps(calibration.to_json(), allow_nan=False)
    assert Calibration.from_json(json.loads(text)) == calibration
    assert calibration.images == 20
    assert calibration.bins == (None if method == "minmax" else 2048)


@pytest.mark.parametrize(
    "value", [{}, {"method": "minmax"}, [], {"method": "minmax", "images": 1, "ranges": {"a": {}}}]
)
def test_malformed_json_is_a_data_error(value: object) -> None:
    with pytest.raises(DataError, match="not a calibration"):
        Calibration.from_json(value)


def test_unknown_and_refused_methods(network: onnx.ModelProto) -> None:
    for method in ("distribution", "kl", ""):
        with pytest.raises(ConfigError, match="minmax, percentile, entropy, mse"):
            calibrate(network, images(2), method)
    with pytest.raises(DataError, match="low <= high"):
        TensorRange(1.0, 0.0, 1.0, 0.0, 1.0)
    with pytest.raises(DataError, match="finite"):
        TensorRange(0.0, np.inf, 1.0, 0.0, 1.0)


def test_draws_are_disjoint_seeded_and_sorted() -> None:
    sets = calibration_draws(1000, 128, seed=3)
    assert sets.shape == (5, 128)
    assert len(np.unique(sets)) == 5 * 128
    assert (np.diff(sets, axis=1) > 0).all()
    assert np.array_equal(sets, calibration_draws(1000, 128, seed=3))
    assert not np.array_equal(sets, calibration_draws(1000, 128, seed=4))
    crowded = calibration_draws(100, 60, seed=0)
    assert all(len(np.unique(row)) == 60 for row in crowded)
    with pytest.raises(ConfigError, match="1 to 10"):
        calibration_draws(10, 11, seed=0)


def test_spread_by_hand() -> None:
    result = spread([1.0, 2.0, 6.0])
    assert (result.mean, result.low, result.high) == (3.0, 1.0, 6.0)
    assert result.deviation == pytest.approx(np.sqrt(7))
    assert spread([4.0]).deviation == 0.0


def test_traits_by_hand() -> None:
    weights = np.zeros((4, 3, 3, 3), np.float32)
    weights[0, 0, 0, 0], weights[1, 2, 1, 1], weights[2] = 8.0, -0.5, 1.0
    net = NetworkBuilder()
    net.conv(3, 4, weights=weights, name="conv")
    inputs = images(8)
    inputs["input"] = np.clip(inputs["input"], -1, 1)
    inputs["input"][0, 0, 0, 0] = 10.0
    model = prepare_model(net.model(rank=4))
    traits = layer_traits(model, observe(model, inputs, bins=2000))[0]
    assert (traits.k, traits.channels, traits.dead_channels) == (27, 4, 1)
    assert traits.weight_range_ratio == 16.0
    # 1 outlier in 1,536 values is beyond the 99.9 % quantile: 10 over the bin that ends at 1.01
    assert traits.activation_outlier_ratio == pytest.approx(10 / 1.01)
    assert outlier_ratio(histogram_of(np.zeros(5))) == 1.0


def test_symmetric_activations_waste_half_of_the_levels_after_a_relu() -> None:
    rectified = minmax_range(histogram_of(np.linspace(0, 6, 1000)))
    assert unused_levels(rectified, symmetric=False) == 0.0
    assert unused_levels(rectified, symmetric=True) == pytest.approx(127 / 255)
    both = minmax_range(histogram_of(np.linspace(-6, 6, 1000)))
    assert unused_levels(both, symmetric=True) == 0.0
