"""Metrics where accuracy is not the question: by hand, by brute force, by a user's function."""

import numpy as np
import pytest

from edgeint8.errors import ConfigError, DataError
from edgeint8.quant.evidence.metrics import (
    BUILT_IN,
    Judged,
    difference,
    fp32_columns,
    metric,
    value,
)

RNG = np.random.default_rng(4)


def judged(outputs, fp32=None, inputs=None, labels=None):
    inputs = outputs if inputs is None else inputs
    return Judged({"y": outputs}, None if fp32 is None else {"y": fp32}, {"x": inputs}, labels)


def test_scores_by_hand():
    """Two samples: a right angle and the same output; errors of half and none of the range 4."""
    fp32 = np.array([[2.0, 0.0], [0.0, 4.0]])
    found = judged(np.array([[0.0, 2.0], [0.0, 4.0]]), fp32, labels=np.array([0, 1]))
    np.testing.assert_allclose(metric("cosine").scores(found), [0, 1])
    np.testing.assert_allclose(metric("psnr").scores(found), [10 * np.log10(16 / 4), 100])
    np.testing.assert_allclose(metric("top1").scores(found), [0, 1])


def test_area_under_the_curve_is_the_share_of_pairs_in_order():
    inputs = RNG.standard_normal((40, 6))
    labels = RNG.integers(0, 2, 40)
    outputs = inputs + np.round(RNG.standard_normal((40, 6)), 1) * (1 + labels[:, None])
    errors = ((outputs - inputs) ** 2).mean(axis=1)
    pairs = [(a > b) + (a == b) / 2 for a in errors[labels == 1] for b in errors[labels == 0]]
    found = metric("reconstruction_auc").scores(judged(outputs, inputs=inputs, labels=labels))
    assert float(found) == pytest.approx(np.mean(pairs))


def test_the_interval_is_paired_and_covers():
    """Both networks stumble over the same samples: unpaired, the interval would be ten times as
    wide; of 40 experiments the 95 % interval holds the true difference in 34 at least."""
    own = metric("top1")
    hits = 0
    for seed in range(40):
        draw = np.random.default_rng(seed)
        hard, lost = draw.random(300) < 0.4, draw.random(300) < 0.05
        labels = np.zeros(300, np.int64)
        first = np.stack([~hard, hard], axis=1).astype(float)
        second = np.stack([~(hard | lost), hard | lost], axis=1).astype(float)
        found = difference(own, judged(second, labels=labels), judged(first, labels=labels))
        assert found.high - found.low < 0.09
        hits += found.low <= -0.05 * 0.6 <= found.high
    assert hits >= 34


def test_a_function_of_one_s_own_and_one_number_of_all(tmp_path):
    file = tmp_path / "my_metrics.py"
    file.write_text(
        "import numpy as np\n"
        "def near(outputs, inputs, labels):\n    return -abs(outputs - labels).mean(axis=1)\n"
        "def all_near(outputs, inputs, labels):\n    return -abs(outputs - labels).mean()\n"
        "def wrong(outputs, inputs, labels):\n    return outputs\n"
        "def broken(outputs, inputs, labels):\n    return outputs['boxes']\n"
    )
    labels = RNG.standard_normal((50, 3))
    good, bad = (judged(labels + k * RNG.standard_normal((50, 3)), labels=labels) for k in (1, 2))
    each, one = (metric(f"{file}:{name}") for name in ("near", "all_near"))
    assert value(each.scores(good)) == pytest.approx(value(one.scores(good)))
    found = [difference(m, bad, good) for m in (each, one)]
    assert found[0].value == pytest.approx(found[1].value)
    assert found[0].low == pytest.approx(found[1].low, rel=0.2) and found[0].high < 0
    for name, said in (("wrong", "scores of shape (50, 3)"), ("broken", "IndexError")):
        with pytest.raises(DataError, match=f"{name}") as caught:
            metric(f"{file}:{name}").scores(good)
        assert said in str(caught.value) and "\n" not in str(caught.value)
    for name in (f"{file}:gone", f"{tmp_path}/no.py:near"):
        with pytest.raises((ConfigError, DataError)):
            metric(name)


def test_margins_are_of_the_metric_s_unit():
    assert [metric(name).margin for name in BUILT_IN] == [0.01, 0.01, 1.0, 0.01]
    assert metric("psnr", 3.0).margin == 3.0


def test_the_float_network_has_a_value_unless_the_metric_compares_with_it():
    """Two of four at the label; PSNR of an output against itself says nothing."""
    scores = np.eye(3)[[0, 1, 2, 0]]
    fp32 = judged(scores, scores, labels=np.array([0, 1, 0, 1]))
    named = {"name": "top1", "margin": None}
    assert fp32_columns(named, fp32) == {"metric": "top1", "metric_value": 0.5}
    against = fp32_columns({"name": "psnr", "margin": 2.0}, fp32)
    assert against == {"metric": "psnr", "metric_value": None}
    assert fp32_columns(None, fp32) == {"metric": None, "metric_value": None}
