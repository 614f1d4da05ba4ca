"""The worst channel of an output, by hand."""

import numpy as np
import pytest

from edgeint8.quant.evidence.channels import channel_columns
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
