"""Fidelity channel by channel: what one number over a whole output may hide.

A YOLO head joins boxes to 320 pixels and scores to 1: their common SQNR is that of the boxes.
"""

from collections.abc import Mapping
from typing import Any

import numpy as np
import scipy
from numpy.typing import NDArray

from edgeint8.quant.affine import sqnr_db


def channel_columns(
    fp32: NDArray[Any] | None, found: NDArray[Any]
) -> dict[str, float | str | None]:
    """The worst channel of an output (N, C, ...): its SQNR in dB, its place, the ratio of ranges.

    Channels are the entries of axis 1 or of the last axis, whichever has its ranges further apart:
    exporters write (N, channels, anchors) and (N, anchors, channels). Channels that are always 0 in
    floating point have no range and no SQNR.
    """
    nothing: dict[str, float | str | None] = {
        "worst_channel_sqnr_db": None, "worst_channel": None, "range_ratio": None
    }  # fmt: skip
    if fp32 is None or fp32.ndim < 2 or fp32.shape != found.shape:
        return nothing
    axes = sorted({1, fp32.ndim - 1}, key=lambda axis: -_ratio(_ranges(fp32, axis)))
    axis = axes[0]
    ranges = _ranges(fp32, axis)
    live = np.flatnonzero(ranges)
    if not live.size:
        return nothing
    want, got = np.moveaxis(fp32, axis, 0), np.moveaxis(found, axis, 0)
    fidelity = [sqnr_db(want[channel], got[channel]) for channel in live]
    worst = int(np.argmin(fidelity))
    return {
        "worst_channel_sqnr_db": fidelity[worst],
        "worst_channel": f"entry {live[worst]} of axis {axis}",
        "range_ratio": _ratio(ranges),
    }


def are_scores(output: NDArray[Any]) -> bool:
    """Whether an output is (N, classes), so that its largest value is a decision."""
    return output.ndim == 2 and output.shape[1] > 1


def worst_entry_db(fp32: NDArray[Any], found: NDArray[Any]) -> float:
    """SQNR of the worst channel, of the whole where it has none."""
    worst = channel_columns(fp32, found)["worst_channel_sqnr_db"]
    return sqnr_db(fp32, found) if worst is None else float(worst)


def output_rows(
    fp32: Mapping[str, NDArray[Any]] | None, found: Mapping[str, NDArray[Any]]
) -> list[dict[str, Any]]:
    """One row an output: its range in floating point and as found, its SQNR, its worst entry."""
    rows = []
    for name, output in found.items():
        want = None if fp32 is None else fp32.get(name)
        judged = want is not None and want.shape == output.shape
        rows.append(
            {
                "output": name,
                "fp32_low": float(want.min()) if want is not None and want.size else None,
                "fp32_high": float(want.max()) if want is not None and want.size else None,
                "low": float(output.min()) if output.size else None,
                "high": float(output.max()) if output.size else None,
                "sqnr_db": sqnr_db(want, output) if want is not None and judged else None,
            }
            | channel_columns(want, output)
        )
    return rows


def softmax_kl(fp32: NDArray[Any], found: NDArray[Any]) -> float:
    """Kullback and Leibler's divergence of decisions from FP32's, nats, mean over images.

    Both (N, classes): scores, or shares where every row of FP32 adds up to 1. What FP32 is sure of
    weighs most, which is why it follows lost decisions closer than the SQNR of all scores.
    """
    shares = bool((fp32 >= 0).all() and np.allclose(fp32.sum(axis=1), 1, atol=1e-3))
    p, q = (_log_shares(scores, shares) for scores in (fp32, found))
    return float((np.exp(p) * (p - q)).sum(axis=1).mean())


def _log_shares(scores: NDArray[Any], shares: bool) -> NDArray[np.float64]:
    """Logarithms of shares; an INT8 share may be 0, and counts as 2**-16."""
    given = scores.astype(np.float64)
    logits = np.log(np.maximum(given, 2.0**-16)) if shares else given
    return np.asarray(logits - scipy.special.logsumexp(logits, axis=1, keepdims=True))


def _ranges(output: NDArray[Any], axis: int) -> NDArray[np.float64]:
    """Largest magnitude of every entry of an axis."""
    others = tuple(k for k in range(output.ndim) if k != axis)
    return np.asarray(np.abs(output.astype(np.float64)).max(axis=others, initial=0.0))


def _ratio(ranges: NDArray[np.float64]) -> float:
    """Largest over smallest range; 1 where there is none."""
    live = ranges[ranges > 0]
    return float(live.max() / live.min()) if live.size else 1.0
