"""What judges the choices of one workload in ``codesign.csv``, and how it is said."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import pandas as pd

from edgeint8.conventions import ACCURACY_MARGIN
from edgeint8.report.markdown import percent, points


@dataclass(frozen=True)
class Quality:
    """A yardstick: its column, its name, and how much of it may be lost (None: nobody says)."""

    column: str
    name: str
    margin: float | None

    def known(self, row: Mapping[str, Any] | pd.Series) -> bool:
        """Whether a choice has it."""
        return bool(pd.notna(row[self.column]))

    def text(self, row: Mapping[str, Any] | pd.Series) -> str:
        """What a choice reaches."""
        if self.column == "sqnr_db":
            return f"{row['sqnr_db']:.1f} dB SQNR"
        if not self.known(row):
            return f"{self.name} not known"
        value = float(row[self.column])
        return percent(value) if self.column == "accuracy" else f"{self.name} {value:.4g}"

    def loss(self, value: float) -> str:
        """A difference."""
        return f"{100 * value:.2f} points" if self.column == "accuracy" else f"{value:.3g}"

    @property
    def allowance(self) -> str:
        """How much may be lost."""
        margin = float(self.margin or 0)
        return points(margin) if self.column == "accuracy" else f"{margin:g} of {self.name}"

    @property
    def percent(self) -> bool:
        """Whether it is a share that figures show in per cent."""
        return self.column == "accuracy"


def quality_of(rows: pd.DataFrame) -> Quality:
    """Of one workload: its metric or the worst entry, else accuracy, else SQNR."""
    if "value" in rows and rows["value"].notna().any():
        first = rows[rows["value"].notna()].iloc[0]
        return Quality("value", str(first["judged_by"]), float(first["margin"]))
    if rows["accuracy"].notna().any():
        return Quality("accuracy", "accuracy", ACCURACY_MARGIN)
    return Quality("sqnr_db", "SQNR", None)
