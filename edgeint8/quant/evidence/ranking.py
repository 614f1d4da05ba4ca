"""The recommendation where accuracy decides nothing: by a metric, else by the worst channel.

The rule of ``quant.evidence.recommend`` with another yardstick, stated before any result:

1. The best strategy has the highest value of the yardstick on the hold-out (then SQNR, then name).
2. Eligible is what is not shown to lose more than a margin: of a metric the lower end of its paired
   bootstrap interval lies above minus `metric_margin`. Without classes and metric the yardstick is
   the SQNR of the worst entry of the first output, and the margin `WORST_MARGIN_DB`.
3. Among the eligible ``quant.evidence.order`` decides.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from edgeint8.conventions import Row
from edgeint8.quant.affine import sqnr_db
from edgeint8.quant.evidence.channels import worst_entry_db
from edgeint8.quant.evidence.metrics import (
    WORST_CHANNEL,
    WORST_MARGIN_DB,
    Judged,
    Metric,
    difference,
    value,
)
from edgeint8.quant.evidence.order import (
    Rival,
    admitted,
    argument,
    exclusions,
    in_order,
    row_of,
)
from edgeint8.quant.evidence.recommend import HardwareCost


@dataclass(frozen=True)
class Standing:
    """A strategy by a yardstick; difference and its lower end are to the best strategy."""

    rival: Rival
    value: float
    difference: float
    difference_low: float

    @property
    def strategy(self) -> str:
        """Its name."""
        return self.rival.strategy


def ranked_rows(
    judged: Mapping[str, Judged],
    costs: Mapping[str, HardwareCost],
    metric: Metric | None,
    spreads: Mapping[str, float] | None = None,
) -> list[Row]:
    """Rows of ``recommendation.csv``, the recommended first; `judged` on the hold-out.

    spreads: dB over calibration draws, of the strategies for which there are any.
    """
    if not judged:
        return []
    rivals = {name: _rival(name, judged[name], costs[name], spreads or {}) for name in judged}
    found = _by_metric(judged, rivals, metric) if metric else _by_worst_channel(judged, rivals)
    margin = metric.margin if metric else WORST_MARGIN_DB
    best = found[0]
    eligible = [s.rival for s in found if s is best or s.difference_low > -margin]
    order = in_order(admitted(eligible))
    names = [rival.strategy for rival in order]
    images = len(next(iter(next(iter(judged.values())).outputs.values())))
    yardstick = metric.name if metric else WORST_CHANNEL
    reasoning = _reasoning(found, eligible, order, yardstick, margin)
    by_name = {s.strategy: s for s in found}
    return [
        {
            "strategy": name,
            "recommended": name == names[0],
            "rank": names.index(name) + 1 if name in names else None,
            "holdout_images": images,
            "holdout_accuracy": None,
            "holdout_difference": by_name[name].difference,
            "holdout_difference_low": by_name[name].difference_low,
            **row_of(by_name[name].rival, margin),
            "reasoning": reasoning if name == names[0] else None,
            "judged_by": yardstick,
            "holdout_value": by_name[name].value,
        }
        for name in [*names, *(name for name in by_name if name not in names)]
    ]


def _rival(name: str, judged: Judged, cost: HardwareCost, spreads: Mapping[str, float]) -> Rival:
    return Rival(name, cost.price, cost.reasons, _sqnr(judged), cost.float_nodes, spreads.get(name))


def _by_metric(
    judged: Mapping[str, Judged], rivals: Mapping[str, Rival], metric: Metric
) -> list[Standing]:
    values = {name: value(metric.scores(entry)) for name, entry in judged.items()}
    order = _best_first(values, rivals)
    pairs = {name: difference(metric, judged[name], judged[order[0]]) for name in order}
    return [
        Standing(rivals[name], values[name], pairs[name].value, pairs[name].low) for name in order
    ]


def _by_worst_channel(judged: Mapping[str, Judged], rivals: Mapping[str, Rival]) -> list[Standing]:
    values = {name: worst_channel_db(entry) for name, entry in judged.items()}
    order = _best_first(values, rivals)
    best = values[order[0]]
    return [Standing(rivals[n], values[n], values[n] - best, values[n] - best) for n in order]


def _best_first(values: Mapping[str, float], rivals: Mapping[str, Rival]) -> list[str]:
    return sorted(values, key=lambda name: (-values[name], -rivals[name].sqnr_db, name))


def worst_channel_db(judged: Judged) -> float:
    """SQNR of the worst entry of the first output; of the whole where it has no entries."""
    return worst_entry_db(*_pair(judged))


def _sqnr(judged: Judged) -> float:
    return sqnr_db(*_pair(judged))


def _pair(judged: Judged) -> tuple[Any, Any]:
    assert judged.fp32 is not None
    return next(iter(judged.fp32.values())), next(iter(judged.outputs.values()))


def _reasoning(
    found: Sequence[Standing],
    eligible: Sequence[Rival],
    order: Sequence[Rival],
    yardstick: str,
    margin: float,
) -> str:
    best = found[0]
    why = (
        "no classes and no metric decide, so the SQNR of the worst entry of the output does: "
        f"{best.strategy} keeps most of it of {len(found)} strategies ({best.value:.2f} dB)"
        if yardstick == WORST_CHANNEL
        else f"{best.strategy} is best by {yardstick} of {len(found)} strategies ({best.value:.4g})"
    )
    within = f"{len(eligible)} of them lose no more than {margin:g}."
    return " ".join([f"On the hold-out {why}.", within, *exclusions(eligible), argument(order)])


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
