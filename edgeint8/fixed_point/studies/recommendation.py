"""The accumulator to build: one row of ``accumulator.csv``."""

from collections.abc import Sequence
from typing import Any

from edgeint8.fixed_point.studies.bit_growth import LayerWidth, recommend
from edgeint8.fixed_point.studies.overflow import OverflowRow, Policy, breaking_points

TOLERANCE = 0.01
"""Accuracy that a policy may lose against exact sums; another yardstick has its own margin."""


def accumulator_row(
    widths: Sequence[LayerWidth], overflow: Sequence[OverflowRow]
) -> dict[str, Any]:
    """Widths without overflow, on both data paths, and the narrowest that each policy endures.

    The columns ``narrowest_<policy>`` are empty for strategies whose overflow was not studied.
    """
    centred, raw = recommend(widths), recommend(widths, raw_codes=True)
    narrowest = breaking_points(overflow, TOLERANCE)
    return {
        "bits_guaranteed": centred.guaranteed,
        "bits_observed": centred.observed,
        "bits_tile": centred.tile,
        "bits_guaranteed_raw_codes": raw.guaranteed,
        "bits_tile_raw_codes": raw.tile,
        "limiting_layer": centred.limiting_layer,
        **{f"narrowest_{policy.value}": narrowest.get(policy.value) for policy in Policy},
        "tolerance": overflow[0].allowed(TOLERANCE) if overflow else TOLERANCE,
        "overflow_images": overflow[0].images if overflow else None,
        "judged_by": overflow[0].judged_by if overflow else None,
    }
