"""The recommendation by a metric, and by the worst entry of an output that decides nothing."""

import numpy as np
import pytest

from edgeint8.quant.evidence.metrics import Judged, metric
from edgeint8.quant.evidence.ranking import WORST_CHANNEL, metric_columns, ranked_rows
from edgeint8.quant.evidence.recommend import HardwareCost

RNG = np.random.default_rng(8)
COSTS = {"boxes_first": HardwareCost(1, ("a",)), "fair": HardwareCost(3, ("b",))}


def head():
    """A detector's head, boxes to 320 beside scores to 1, (N, 5, anchors)."""
    fp32 = RNG.random((20, 5, 30))
    fp32[:, :4] *= 320
    return fp32


def judged(outputs, fp32, labels=None):
    return Judged({"y": outputs}, {"y": fp32}, {"x": fp32}, labels)


def chosen(rows):
    return [row["strategy"] for row in rows if row["recommended"]]


def test_without_classes_and_metric_the_worst_entry_decides():
    """All scores are lost in one, at a higher SQNR of the whole and a lower cost."""
    fp32 = head()
    lost, fair = (
        fp32.copy(),
        fp32 + RNG.standard_normal(fp32.shape) * fp32.std((0, 2))[:, None] / 30,
    )
    lost[:, 4] = 0
    seen = {"boxes_first": judged(lost, fp32), "fair": judged(fair, fp32)}
    rows = ranked_rows(seen, COSTS, None)
    assert chosen(rows) == ["fair"] and rows[0]["judged_by"] == WORST_CHANNEL
    by_name = {row["strategy"]: row for row in rows}
    assert by_name["boxes_first"]["holdout_sqnr_db"] > by_name["fair"]["holdout_sqnr_db"]
    assert by_name["boxes_first"]["holdout_value"] == 0.0 and by_name["boxes_first"]["rank"] is None
    assert "no classes and no metric" in rows[0]["reasoning"]


def test_what_is_within_the_margin_is_decided_by_cost():
    fp32 = head()
    noise = RNG.standard_normal(fp32.shape) * fp32.std((0, 2))[:, None] / 30
    seen = {"boxes_first": judged(fp32 + 1.05 * noise, fp32), "fair": judged(fp32 + noise, fp32)}
    assert chosen(ranked_rows(seen, COSTS, None)) == ["boxes_first"]  # 0.4 dB
    seen["boxes_first"] = judged(fp32 + 1.3 * noise, fp32)  # 2.3 dB
    assert chosen(ranked_rows(seen, COSTS, None)) == ["fair"]


@pytest.mark.parametrize(("margin", "expected"), [(0.001, "fair"), (0.2, "boxes_first")])
def test_a_metric_decides_within_its_own_margin(margin, expected):
    fp32 = 0.4 + 0.2 * np.eye(2)[RNG.integers(0, 2, 400)]  # narrow decisions: 22 dB is kept
    labels = fp32.argmax(axis=1)
    wrong = RNG.random(400) < 0.1
    flipped = np.where(wrong[:, None], 1 - fp32, fp32)
    seen = {
        "boxes_first": judged(flipped, fp32, labels),
        "fair": judged(fp32, fp32, labels),
    }
    rows = ranked_rows(seen, COSTS, metric("top1", margin))
    assert chosen(rows) == [expected]
    columns = metric_columns(metric("top1", margin), seen["fair"], seen)["boxes_first"]
    assert columns["metric_delta"] == pytest.approx(-wrong.mean())
    assert columns["metric_delta_low"] < -wrong.mean() < columns["metric_delta_high"]
    assert columns["metric_non_inferior"] == (margin == 0.2)


def test_a_metric_against_fp32_has_nothing_to_lose_against_it():
    fp32 = head()
    seen = {"fair": judged(fp32 + 1, fp32)}
    columns = metric_columns(metric("psnr"), seen["fair"], seen)["fair"]
    assert columns["metric_fp32"] is None and "metric_delta" not in columns
