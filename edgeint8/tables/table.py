"""A table as a type: what one row is, and the name, unit and meaning of every column.

Whatever is written, checked, documented or read of a table comes from its declaration. This module
and the declarations import nothing heavy, because every job of a study reads them.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal

from edgeint8.errors import DataError

Kind = Literal["text", "integer", "number", "flag"]
Part = Literal["status", "a", "b", "c", "d"]
Needs = Literal[
    "",
    "suite",
    "calibrated",
    "priced",
    "budgets",
    "learned",
    "unbounded",
    "static",
    "static_detail",
    "detail",
    "tflite",
    "rtl",
]
RUN_DEPENDENT = ("latency_", "time_")


@dataclass(frozen=True)
class Column:
    """One column: `kind` says what its cells hold; an empty cell always means: does not apply."""

    name: str
    kind: Kind
    unit: str = ""
    meaning: str = ""

    @property
    def run_dependent(self) -> bool:
        """Whether two runs on one machine type may differ in it; nothing is decided by such one."""
        return self.name.startswith(RUN_DEPENDENT)


@dataclass(frozen=True)
class Table:
    """One table of a study.

    Parameters
    ----------
    name
        File name without ``.csv``.
    part
        The part of the study that it belongs to.
    row
        What one row is, as a sentence.
    promised
        Columns that stand first and in this order in every file of this name.
    more
        Columns that may follow on the right, in any order.
    needs
        What of a study makes the table besides its part; see `tables_of_study`.
    """

    name: str
    part: Part
    row: str
    promised: tuple[Column, ...]
    more: tuple[Column, ...] = ()
    needs: Needs = ""

    def __post_init__(self) -> None:
        names = [column.name for column in self]
        twice = {name for name in names if names.count(name) > 1}
        if twice or "cycles" in names:
            raise DataError(
                f"columns {sorted(twice) or ['cycles']}",
                where=f"table {self.name}",
                allowed="each name once, and cycles that say whose they are",
            )

    def __iter__(self) -> Iterator[Column]:
        return iter((*self.promised, *self.more))

    @property
    def columns(self) -> list[str]:
        """Names of the promised columns, in order."""
        return [column.name for column in self.promised]


def text(name: str, meaning: str = "", unit: str = "") -> Column:
    """A column of words; `unit` where some of them are numbers."""
    return Column(name, "text", unit, meaning)


def integer(name: str, unit: str = "", meaning: str = "") -> Column:
    """A column of whole numbers."""
    return Column(name, "integer", unit, meaning)


def number(name: str, unit: str = "", meaning: str = "") -> Column:
    """A column of numbers."""
    return Column(name, "number", unit, meaning)


def flag(name: str, meaning: str = "") -> Column:
    """A column that is true or false."""
    return Column(name, "flag", "", meaning)


WORKLOAD = text("workload", "name in the study file")
STRATEGY = text("strategy", "name in the study file")
LAYER = text("layer", "name of its node")
HARDWARE = text("hardware", "id, or the name of a preset or of a design")
DATA_SOURCE = text("data_source", "where the data came from: see the head of this page")
JUDGED = (
    text(
        "judged_by",
        "the metric, or `worst channel`, as in `recommendation.csv`; empty: accuracy",
    ),
    number("value", "the yardstick's", "of `judged_by`"),
)
"""What takes the place of accuracy, in every table that has an accuracy of its own."""
