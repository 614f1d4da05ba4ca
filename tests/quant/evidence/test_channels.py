"""The worst channel of an output, by hand."""

import numpy as np
import pytest
from scipy.stats import entropy

from edgeint8.quant.evidence.channels import channel_columns, output_rows, softmax_kl
from edgeint8.quant.evidence.table_rows import evidence_rows


@pytest.mark.parametrize("last", [False, True])
def test_lost_scores_beside_kept_boxes(last):
    """Boxes to 300 are off by 3, scores to 0.5 are all 0: 39.8 dB over all, 0 dB for them."""
    want = np.concatenate([np.full((5, 2, 7), 300.0), np.full((5, 3, 7), 0.5)], axis=1)
    got = np.concatenate([np.full((5, 2, 7), 303.0), np.zeros((5, 3, 7))], axis=1)
    if last:
        want, got = want.swapaxes(1, 2), got.swapaxes(1, 2)
    found = channel_columns(want, got)
    assert found["worst_channel_sqnr_db"] == 0 and found["range_ratio"] == 600
    assert found["worst_channel"] == f"entry 2 of axis {2 if last else 1}"
    row = evidence_rows(None, want, {"s": got})["s"]
    assert row["sqnr_db"] == pytest.approx(39.823, abs=0.001) and row["worst_channel_sqnr_db"] == 0


def test_silent_channels_and_outputs_that_cannot_be_compared_have_none():
    want = np.array([[0.0, 1.0], [0.0, 2.0]])
    found = channel_columns(want, want + 0.1)
    assert found["worst_channel"] == "entry 1 of axis 1" and found["range_ratio"] == 1
    for pair in ((None, want), (want * 0, want), (want, want[:, :1]), (want[:, 0], want[:, 0])):
        assert set(channel_columns(*pair).values()) == {None}


def test_every_output_has_its_range_and_its_sqnr():
    """The second one lost a tenth of its amplitude: 20 dB; the first nothing."""
    scores, boxes = np.array([[1.0, -2.0], [3.0, 0.5]]), np.full((2, 4), 200.0)
    rows = output_rows({"scores": scores, "boxes": boxes}, {"scores": scores, "boxes": 0.9 * boxes})
    assert [row["output"] for row in rows] == ["scores", "boxes"]
    assert (rows[0]["fp32_low"], rows[0]["high"], rows[0]["sqnr_db"]) == (-2.0, 3.0, np.inf)
    assert rows[1]["sqnr_db"] == pytest.approx(20) and rows[1]["fp32_high"] == 200.0
    assert output_rows(None, {"scores": scores})[0]["sqnr_db"] is None


def test_divergence_is_that_of_scipy_for_scores_and_for_shares():
    draw = np.random.default_rng(2).standard_normal
    fp32, found = draw((9, 5)) * 4, draw((9, 5))
    shares = [np.exp(x) / np.exp(x).sum(axis=1, keepdims=True) for x in (fp32, found)]
    want = np.mean(entropy(*shares, axis=1))
    assert softmax_kl(fp32, found) == pytest.approx(want)
    assert softmax_kl(*shares) == pytest.approx(want, rel=1e-3)  # a share counts 2**-16 at least
    assert softmax_kl(fp32, fp32 + 100) == pytest.approx(0, abs=1e-12)
    assert np.isfinite(softmax_kl(np.eye(3), np.zeros((3, 3))))
