"""Values at the ends of float32, and limits that are computed: none of them ends a study."""

import numpy as np
import pytest
from messy_networks import node, weights
from onnx import TensorProto
from role_networks import LARGEST, masked, network, normal

from edgeint8.fixed_point.compare import compare_model
from edgeint8.quant.calibrate.calibration import ASYMMETRIC, SYMMETRIC
from edgeint8.quant.calibrate.histogram import TensorHistogram, count
from edgeint8.quant.evidence.draw_study import draw_rows
from edgeint8.quant.ort.reference import batches
from edgeint8.quant.ort.scales import power_of_two_range
from edgeint8.quant.ptq import Strategy, calibrate, prepare_model, quantize

METHODS = ("minmax", "percentile", "entropy", "mse")


@pytest.mark.parametrize("limit", [1e-45, 1e-40, 1e-31, 1.0, 1e30, 3e38, LARGEST])
def test_every_value_is_counted_whatever_the_range(limit):
    values = np.random.default_rng(0).uniform(-1, 1, 1000) * limit
    values = np.concatenate([values, [-limit, limit]]).astype(np.float32)
    counts = count(values, float(np.abs(values).max()), 2048)
    assert counts.sum() == values.size
    edges = TensorHistogram(float(values.min()), float(values.max()), counts).edges
    assert np.isfinite(edges).all() and (np.diff(edges) >= 0).all()


@pytest.mark.parametrize("method", METHODS)
def test_a_mask_at_the_end_of_float32_is_calibrated(method):
    model, feeds = masked()
    prepared = prepare_model(model)
    quantized = quantize(
        prepared, calibrate(prepared, feeds, method), Strategy("s", calibration=method)
    )
    assert compare_model(quantized.executable, batches(quantized.executable, feeds)).mismatches == 0


@pytest.mark.parametrize("grid", [ASYMMETRIC, SYMMETRIC], ids=["unsigned", "signed"])
@pytest.mark.parametrize("limit", [1e-38, 1.0, LARGEST / 2, LARGEST])
def test_a_power_of_two_is_finite_at_both_ends(grid, limit):
    low, high = power_of_two_range(-limit, limit, grid, symmetric=grid.signed)
    step = np.float32(high - low) / np.float32(grid.qmax - grid.qmin)
    assert np.isfinite(np.float32([low, high, step])).all() and np.frexp(step)[0] == 0.5


def test_draws_of_minmax_alone_count_nothing(monkeypatch):
    """Counting needs a second run of all images, and on odd ranges it could fail."""
    model, feeds = masked()

    def never(*_):
        raise AssertionError("counted")

    monkeypatch.setattr("edgeint8.quant.calibrate.histogram.count", never)
    strategies = [Strategy("s", calibration_samples=8), Strategy("t", True, calibration_samples=8)]
    rows = draw_rows(prepare_model(model), feeds, (feeds, None), strategies, 0, 2)
    assert len(rows) == 4


@pytest.mark.parametrize("source", ["shape", "data"])
def test_a_clip_whose_limit_is_computed_stays_float(source):
    """From the image's size, as boxes are clipped, or from data."""
    limit = {
        "shape": [
            node("Shape", ["x"], ["sizes"], "shape"),
            node("Gather", ["sizes", "two"], ["height"], "gather"),
            node("Cast", ["height"], ["limit"], "cast", to=TensorProto.FLOAT),
        ],
        "data": [node("ReduceMax", ["x"], ["limit"], "max", keepdims=0)],
    }[source]
    stored = {**weights(1, w=(4, 3, 3, 3)), "zero": np.float32(0), "two": np.int64(2)}
    nodes = [
        node("Conv", ["x", "w"], ["a"], "conv"),
        *limit,
        node("Clip", ["a", "zero", "limit"], ["y"], "clip"),
    ]
    prepared = prepare_model(network(nodes, stored, {"x": (3, 8, 8)}, "y"))
    feeds = {"x": normal(2, 16, 3, 8, 8)}
    calibration = calibrate(prepared, feeds, "minmax")
    for strategy in (Strategy("sym", True), Strategy("asym"), Strategy("qdq", format="qdq")):
        quantized = quantize(prepared, calibration, strategy)
        assert "clip" in quantized.float_nodes
        pairs = batches(quantized.executable, feeds)
        assert compare_model(quantized.executable, pairs).mismatches == 0
