"""What one choice is worth: pairs of strategies that differ in nothing else, and how sure that is.

The measure is the SQNR of the logits. A choice has an effect only if its mean gain on the test
split has the sign of the gain in every calibration draw and exceeds what the draws vary by:
otherwise other calibration images would have told another story.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import pandas as pd

OPTIONS = (
    "symmetry",
    "granularity",
    "calibration",
    "bins",
    "percentile",
    "format",
    "power_of_two",
    "bias_bits",
    "calibration_samples",
    "weight_bits",
    "mean_weight_bits",
    "rounding",
    "equalize",
    "bounded_bits",
    "exclude",
    "auto_exclude",
    "split_outputs",
    "clamp_masks",
)
CALIBRATION_OPTIONS = ("calibration", "bins", "percentile")


@dataclass(frozen=True)
class Effect:
    """Gains in dB of `better` over `worse`.

    gains_db: one a pair, on the test split; mean_db is their mean and not negative.
    draws_db: the mean gain over the same pairs in each calibration draw; empty without draws.
    """

    better: Any
    worse: Any
    gains_db: tuple[float, ...]
    draws_db: tuple[float, ...]

    @property
    def mean_db(self) -> float:
        """Mean gain over the pairs."""
        return sum(self.gains_db) / len(self.gains_db)

    @property
    def shown(self) -> bool:
        """Whether every draw agrees and the gain exceeds their spread; without draws, each pair."""
        values = self.draws_db or self.gains_db
        if len(self.draws_db) == 1:  # one draw has no spread, and shows nothing
            return False
        spread = max(self.draws_db, default=0.0) - min(self.draws_db, default=0.0)
        return min(values) > 0 and self.mean_db > spread

    @property
    def evidence(self) -> str:
        """Range over pairs and draws, in brackets."""
        pairs = len(self.gains_db)
        parts = [f"{_span(self.gains_db)} over {pairs} pairs" if pairs > 1 else "one pair"]
        if self.draws_db:
            count = len(self.draws_db)
            parts.append(f"{_span(self.draws_db)} over {count} calibration draws")
        return f"({'; '.join(parts)})"


def effect(
    strategies: pd.DataFrame,
    draws: pd.DataFrame,
    column: str,
    values: tuple[Any, Any],
    free: Sequence[str] = (),
) -> Effect | None:
    """The effect of `column` being one of `values` rather than the other, in one workload.

    strategies: rows of ``quantization.csv``; draws: of ``draws.csv``; free: columns that go with
    `column` and may differ as well. None if no two static strategies differ in these alone.
    """
    names = _pairs(strategies, column, values, {column, *free})
    if not names:
        return None
    fidelity = strategies.set_index("strategy")["sqnr_db"]
    gains = [float(fidelity[first] - fidelity[second]) for first, second in names]
    by_draw = _draw_gains(draws, names)
    if sum(gains) < 0:
        values, gains, by_draw = values[::-1], [-g for g in gains], [-g for g in by_draw]
    return Effect(*values, tuple(gains), tuple(by_draw))


def static(strategies: pd.DataFrame) -> pd.DataFrame:
    """Rows of strategies that are calibrated before they run."""
    return strategies[strategies["calibration"] != "dynamic"]


def of(frame: pd.DataFrame, workload: str) -> pd.DataFrame:
    """The rows of one workload; a table that the study does not make has none."""
    return frame[frame["workload"] == workload] if len(frame) else frame


def _pairs(
    strategies: pd.DataFrame, column: str, values: tuple[Any, Any], free: set[str]
) -> list[tuple[str, str]]:
    """Names of (first, second) for every set of other options in which both values occur once."""
    rows = static(strategies)
    if column != "weight_bits" and "cpu_int8_flags" in rows:
        rows = rows.assign(weight_bits=_weight_bits(rows))
    free |= {"mean_weight_bits"} if "weight_bits" in free else set()
    others = [name for name in OPTIONS if name in rows and name not in free]
    found: dict[tuple[str, ...], dict[Any, list[str]]] = {}
    for row in rows.to_dict("records"):
        key = tuple(str(row[name]) for name in others)
        found.setdefault(key, {}).setdefault(row[column], []).append(row["strategy"])
    both = [[group.get(value, []) for value in values] for group in found.values()]
    return [(first[0], second[0]) for first, second in both if len(first) == len(second) == 1]


def _weight_bits(rows: pd.DataFrame) -> pd.Series:
    """Bits of the weights that each strategy was given: see `cpu_int8_flags` in docs/tables.md."""
    narrowed = (rows["cpu_int8_flags"] == "none") & (rows["symmetry"] == "asymmetric")
    return rows["weight_bits"].where(~narrowed, rows["weight_bits"].clip(upper=7))


def _draw_gains(draws: pd.DataFrame, names: Sequence[tuple[str, str]]) -> list[float]:
    """Mean SQNR gain over the pairs, draw by draw."""
    if draws.empty:
        return []
    table = draws.pivot(index="draw", columns="strategy", values="sqnr_db")
    if not {name for pair in names for name in pair} <= set(table.columns):
        return []
    gains = sum(table[first] - table[second] for first, second in names) / len(names)
    return [float(gain) for gain in gains]


def _span(values: Sequence[float]) -> str:
    return f"{min(values):+.2f} to {max(values):+.2f} dB"
