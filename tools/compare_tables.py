"""Compare the tables of two studies, columns under their old and new names.

A study before the columns were renamed (docs/decisions/0008) and one after it are equal::

    python -m tools.compare_tables OLD/results/tables NEW/results/tables

Run-dependent columns and columns that only one side has are named and left out. The status is 1 if
a value differs. With ``--rename FOLDER`` the tables in a folder get their new names.
"""

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path

import pandas as pd

from edgeint8.tables.table import RUN_DEPENDENT

_DESIGN = {"cycles": "bound_cycles", "bound": "bound_by"}
RENAMED: dict[str, dict[str, str]] = {
    "dse": {
        "cycles": "scalesim_cycles",
        "stall_cycles": "scalesim_stall_cycles",
        "utilization": "scalesim_utilization",
        "bound": "bound_by",
        "physical_cycles": "bound_cycles",
        "physical_cycles_tile_by_tile": "schedule_cycles",
        "physical_stall_cycles": "bound_stall_cycles",
        "physical_cycles_pipelined": "bound_pipelined_cycles",
    },
    "roofline": {
        **_DESIGN,
        "cycles_tile_by_tile": "schedule_cycles",
        "cycles_lower_bound": "lower_bound_cycles",
        "cycles_upper_bound": "upper_bound_cycles",
    },
    "scaling": {
        "cycles_now": "bound_cycles_now",
        "cycles_doubled": "bound_cycles_doubled",
        "bound_now": "bound_by_now",
        "bound_doubled": "bound_by_doubled",
    },
    "energy": {"cycles": "bound_cycles"},
    "switching": {f"cycles_{name}": f"bound_cycles_{name}" for name in ("ws", "os", "is", "best")},
    "packing": {f"cycles_{name}": f"bound_cycles_{name}" for name in ("alone", "packed")},
    "pareto": _DESIGN,
    "best": {
        **_DESIGN,
        "cycles_scale_sim": "scalesim_cycles",
        "scale_sim_choice": "scalesim_choice",
    },
    "codesign": {"cycles": "bound_cycles"},
    "front_check": {"scale_sim": "scalesim", "scale_sim_difference": "scalesim_difference"},
}
RENAMED_VALUES = {"front_check": {"quantity": {"cycles": "bound_cycles"}}}


def renamed(table: str, frame: pd.DataFrame) -> pd.DataFrame:
    """A table of before, under the names of today."""
    values = RENAMED_VALUES.get(table, {})
    return frame.rename(columns=RENAMED.get(table, {})).replace(values)


def differences(old: Path, new: Path) -> list[str]:
    """One line a table or column that differs, or that only one of two folders has."""
    lines = []
    names = sorted({path.stem for folder in (old, new) for path in folder.glob("*.csv")})
    for name in names:
        paths = [folder / f"{name}.csv" for folder in (old, new)]
        if not all(path.is_file() for path in paths):
            lines.append(f"{name}: only in {new if paths[1].is_file() else old}")
            continue
        frames = [pd.read_csv(path, dtype=str, keep_default_na=False) for path in paths]
        lines += [f"{name}: {what}" for what in _columns(renamed(name, frames[0]), frames[1])]
    return lines


def _columns(old: pd.DataFrame, new: pd.DataFrame) -> list[str]:
    if len(old) != len(new):
        return [f"{len(old)} rows, now {len(new)}"]
    told = [f"{column} is gone" for column in old if column not in new]
    told += [f"{column} is new" for column in new if column not in old]
    for column in old:
        if column in new and not str(column).startswith(RUN_DEPENDENT):
            changed = int((old[column] != new[column]).sum())
            told += [f"{column} differs in {changed} of {len(old)} rows"] if changed else []
    return told


def main(arguments: Sequence[str] | None = None) -> int:
    """The command."""
    parser = argparse.ArgumentParser(description="Compare the tables of two studies.")
    parser.add_argument("old", type=Path, nargs="?")
    parser.add_argument("new", type=Path, nargs="?")
    parser.add_argument("--rename", type=Path, help="a folder whose tables get their new names")
    chosen = parser.parse_args(arguments)
    if chosen.rename:
        for path in sorted(chosen.rename.glob("*.csv")):
            frame = pd.read_csv(path, dtype=str, keep_default_na=False)
            renamed(path.stem, frame).to_csv(path, index=False, lineterminator="\n")
        return 0
    told = differences(chosen.old, chosen.new)
    print("\n".join(told) or "all tables are equal")
    return int(any("differs in" in line or "rows, now" in line for line in told))


if __name__ == "__main__":
    sys.exit(main())
