"""docs/tables.md: every table of a study, column by column, from the declared types.

To write it, or to see whether it is current::

    python -m tools.docs.tables
    python -m tools.docs.tables --check
"""

import sys
from collections.abc import Iterable

from edgeint8.tables.contents import TABLES, TABLES_OF_PART
from edgeint8.tables.table import Column, Part, Table
from tools.docs.pages import DOCS, run

PAGE = DOCS / "tables.md"
HEAD = """\
# The tables

Every number of the report and of its figures stands in a CSV file under `results/tables/`. Each
file is written once, by one rule, and figures and report read nothing else: a figure can be
redrawn without running a model. This page is written from the types that check every table
(`edgeint8/tables/`).

- The columns under *minimum* are promised: they stand first, in this order. The columns under
  *more* follow on the right. A table without a promised column, with one that is not declared
  here, or with a cell of another kind, is not written.
- Only columns whose names begin with `latency_` or `time_` may differ between two runs on one
  machine type (*run-dependent*). All others are the same bytes every time, and nothing is decided
  by a run-dependent column.
- Cycles say whose they are: `scalesim_cycles` SCALE-Sim's (or its exact replica's),
  `bound_cycles` of the physical model (no machine of this kind is faster), `machine_cycles` of a
  machine that waits for tiles and runs in RTL, `schedule_cycles` of a tile-by-tile schedule.
- Shares are between 0 and 1 (0.01 is one percentage point). An empty cell means: does not apply.
  `data_source` says which data a row comes from; `stand_in` means that procedural images took the
  place of a dataset, `own` one's own arrays, `random` inputs that nobody gave.
- Of one's own inputs without labels, all columns about accuracy are empty; SQNR and agreement
  stand for it, and in `recommendation.csv` accuracy is agreement with FP32. A network that came
  quantised has one strategy, `given`: it has accuracy, where there are labels, and nothing that
  compares with FP32.
- A table whose rows a study does not select is not made.
"""
TITLES: dict[Part, str] = {
    "status": "What ran",
    "a": "Part A: the float networks",
    "b": "Part B: quantisation",
    "c": "Part C: integer arithmetic",
    "d": "Part D: systolic arrays",
}
INTRODUCTIONS: dict[Part, str] = {
    "b": "Hold-out: the part of the training split that no network is trained on. Test split: only "
    "reported on, nothing is chosen by it. SQNR is 10 log10 of the power of the FP32 logits over "
    "the power of the difference to them, in dB.",
    "c": "Derivations and equation numbers: [fixed_point_note.md](fixed_point_note.md).",
    "d": "How SCALE-Sim counts: [cost_model.md](cost_model.md). The physical model: "
    "[physical_model.md](physical_model.md).",
}


def page() -> str:
    """The text of docs/tables.md."""
    parts = [HEAD]
    for part, names in TABLES_OF_PART.items():
        parts.append(f"## {TITLES[part]}\n")
        if part in INTRODUCTIONS:
            parts.append(f"{INTRODUCTIONS[part]}\n")
        parts += [_section(TABLES[name]) for name in names]
    return "\n".join(parts)


def _section(table: Table) -> str:
    lines = [f"### {table.name}.csv", "", table.row, "", *_columns("minimum", table.promised)]
    if table.more:
        lines += ["", *_columns("more", table.more)]
    return "\n".join([*lines, ""])


def _columns(heading: str, columns: Iterable[Column]) -> list[str]:
    return [f"| {heading} | unit | meaning |", "|---|---|---|", *map(_row, columns)]


def _row(column: Column) -> str:
    meaning = column.meaning + (" (*run-dependent*)" if column.run_dependent else "")
    return f"| `{column.name}` | {column.unit} | {meaning.strip()} |"


if __name__ == "__main__":
    sys.exit(run(PAGE, page))
