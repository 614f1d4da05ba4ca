"""The recommendation where accuracy decides nothing: by a metric, else by the worst channel.

The rule of ``quant.evidence.recommend`` with another yardstick, stated before any result:

1. The best strategy has the highest value of the yardstick on the hold-out (then SQNR, then name).
2. Eligible is what is not shown to lose more than a margin: of a metric the lower end of its paired
   bootstrap interval lies above minus `metric_margin`. Without classes and metric the yardstick is
   the SQNR of the worst entry of the first output, and the margin `WORST_MARGIN_DB`.
3. Among the eligible the lowest hardware cost wins, then the highest SQNR, then the name.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from edgeint8.conventions import Row
from edgeint8.quant.affine import sqnr_db
from edgeint8.quant.evidence.channels import channel_columns
from edgeint8.quant.evidence.metrics import Judged, Metric, difference, value
from edgeint8.quant.evidence.recommend import HardwareCost

WORST_MARGIN_DB = 1.0
WORST_CHANNEL = "worst channel"


@dataclass(frozen=True)
class Standing:
    """A strategy by a yardstick; difference and its lower end are to the best strategy."""

    strategy: str
    value: float
    difference: float
    difference_low: float
    sqnr_db: float
    cost: HardwareCost


def ranked_rows(
    judged: Mapping[str, Judged], costs: Mapping[str, HardwareCost], metric: Metric | None
) -> list[Row]:
    """Rows of ``recommendation.csv``, the recommended first; `judged` on the hold-out."""
    if not judged:
        return []
    found = _by_metric(judged, costs, metric) if metric else _by_worst_channel(judged, costs)
    margin = metric.margin if metric else WORST_MARGIN_DB
    best = found[0]
    eligible = [s for s in found if s is best or s.difference_low > -margin]
    eligible.sort(key=lambda s: (s.cost.points, -s.sqnr_db, s.strategy))
    names = [s.strategy for s in eligible]
    images = len(next(iter(next(iter(judged.values())).outputs.values())))
    yardstick = metric.name if metric else WORST_CHANNEL
    reasoning = _reasoning(found, eligible, yardstick, margin)
    ordered = [*eligible, *(s for s in found if s not in eligible)]
    return [
        {
            "strategy": s.strategy,
            "recommended": s is eligible[0],
            "rank": names.index(s.strategy) + 1 if s.strategy in names else None,
            "holdout_images": images,
            "holdout_accuracy": None,
            "holdout_difference": s.difference,
            "holdout_difference_low": s.difference_low,
            "holdout_sqnr_db": s.sqnr_db,
            "margin": margin,
            "hardware_cost": s.cost.points,
            "cost_reasons": "; ".join(s.cost.reasons),
            "reasoning": reasoning if s is eligible[0] else None,
            "judged_by": yardstick,
            "holdout_value": s.value,
        }
        for s in ordered
    ]


def _by_metric(
    judged: Mapping[str, Judged], costs: Mapping[str, HardwareCost], metric: Metric
) -> list[Standing]:
    values = {name: value(metric.scores(entry)) for name, entry in judged.items()}
    fidelity = {name: _sqnr(entry) for name, entry in judged.items()}
    order = sorted(values, key=lambda name: (-values[name], -fidelity[name], name))
    found = []
    for name in order:
        pair = difference(metric, judged[name], judged[order[0]])
        found.append(
            Standing(name, values[name], pair.value, pair.low, fidelity[name], costs[name])
        )
    return found


def _by_worst_channel(
    judged: Mapping[str, Judged], costs: Mapping[str, HardwareCost]
) -> list[Standing]:
    values = {name: worst_channel_db(entry) for name, entry in judged.items()}
    fidelity = {name: _sqnr(entry) for name, entry in judged.items()}
    order = sorted(values, key=lambda name: (-values[name], -fidelity[name], name))
    best = values[order[0]]
    return [
        Standing(n, values[n], values[n] - best, values[n] - best, fidelity[n], costs[n])
        for n in order
    ]


def worst_channel_db(judged: Judged) -> float:
    """SQNR of the worst entry of the first output; of the whole where it has no entries."""
    found = channel_columns(*_pair(judged))["worst_channel_sqnr_db"]
    return _sqnr(judged) if found is None else float(found)


def _sqnr(judged: Judged) -> float:
    return sqnr_db(*_pair(judged))


def _pair(judged: Judged) -> tuple[Any, Any]:
    assert judged.fp32 is not None
    return next(iter(judged.fp32.values())), next(iter(judged.outputs.values()))


def _reasoning(
    found: Sequence[Standing], eligible: Sequence[Standing], yardstick: str, margin: float
) -> str:
    best, first = found[0], eligible[0]
    why = (
        "no classes and no metric decide, so the SQNR of the worst entry of the output does: "
        f"{best.strategy} keeps most of it of {len(found)} strategies ({best.value:.2f} dB)"
        if yardstick == WORST_CHANNEL
        else f"{best.strategy} is best by {yardstick} of {len(found)} strategies ({best.value:.4g})"
    )
    costs = ", ".join(first.cost.reasons) or "nothing counted"
    return (
        f"On the hold-out {why}. {len(eligible)} of them lose no more than {margin:g}; "
        f"{first.strategy} is recommended: of these the lowest hardware cost, {first.cost.points} "
        f"({costs}), then the highest SQNR."
    )


def metric_columns(
    metric: Metric, fp32: Judged | None, judged: Mapping[str, Judged]
) -> dict[str, Row]:
    """Columns of ``quantization.csv``: a metric of every strategy, and what is lost against FP32.

    A metric that compares with FP32 gives it no value of its own, so there is nothing to lose.
    """
    reference = None if fp32 is None or metric.against_fp32 else fp32
    base = None if reference is None else value(metric.scores(reference))
    rows: dict[str, Row] = {}
    for name, entry in judged.items():
        row: Row = {
            "metric": metric.name,
            "metric_value": value(metric.scores(entry)),
            "metric_fp32": base,
            "metric_margin": metric.margin,
        }
        if reference is not None:
            pair = difference(metric, entry, reference)
            row |= {"metric_delta": pair.value, "metric_delta_low": pair.low}
            row |= {"metric_delta_high": pair.high}
            row |= {"metric_non_inferior": pair.low > -metric.margin}
        rows[name] = row
    return rows
