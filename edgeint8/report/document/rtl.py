"""The same layers by SCALE-Sim, bound, machine and RTL, from ``rtl.csv``: totals, what adds up."""

import pandas as pd

from edgeint8.report.markdown import Tables, heading, table

MACHINE = {
    "compute_cycles": "computing",
    "tiling_cycles": "tiling",
    "first_tile_cycles": "first tile",
    "waits_cycles": "waits",
    "array_drain_pipeline_cycles": "pipeline",
    "last_store_cycles": "last store",
}
BOUND = ("compute_cycles", "bound_ends_cycles", "bound_dram_cycles")
COUNTS = {
    "scalesim_cycles": "SCALE-Sim",
    "bound_cycles": "bound",
    "machine_cycles": "machine",
    "rtl_cycles": "RTL",
}


def scalesim_terms(rows: pd.DataFrame) -> list[str]:
    """Columns of the terms between the bound and SCALE-Sim."""
    names = (str(name) for name in rows.columns)
    return [n for n in names if n.startswith("scalesim_") and n not in (*COUNTS, "scalesim_by")]


def unbalanced(rows: pd.DataFrame) -> int:
    """Layers in which one of the three accounts leaves a remainder."""
    known = rows["scalesim_cycles"].notna()
    wrong = rows["rtl_cycles"] != rows[list(MACHINE)].sum(axis=1)
    wrong |= rows["bound_cycles"] != rows[list(BOUND)].sum(axis=1)
    beyond = rows["bound_cycles"] + rows[scalesim_terms(rows)].sum(axis=1)
    return int((wrong | (known & (rows["scalesim_cycles"] != beyond))).sum())


def four_counts(tables: Tables) -> list[str]:
    """Totals of the layers on the array, a row a network, strategy and machine."""
    every = tables.get("rtl", pd.DataFrame())
    rows = every.dropna(subset=["words"]) if len(every) else every
    if rows.empty:
        return []
    wrong = unbalanced(rows)
    verdict = (
        f"**in {wrong:,} of {len(rows):,} layers they do not add up.**"
        if wrong
        else f"in all {len(rows):,} layers they add up without remainder."
    )
    keys = ["workload", "strategy", "hardware"]
    array = rows.dropna(subset=["scalesim_cycles"])
    totals = array.groupby(keys, sort=False)[[*COUNTS, *MACHINE]].sum().astype(int).reset_index()
    names = {"workload": "network", "strategy": "strategy", "hardware": "machine's name"}
    return [
        heading("The same layers four times", tables, "rtl"),
        "Cycles of the layers on the array: SCALE-Sim's by its replica, the bound, the machine "
        "that waits for tiles, and the same machine in RTL with what its cycles go to. Terms lead "
        f"from RTL over machine and bound to SCALE-Sim; {verdict}",
        table(totals, names | COUNTS | MACHINE),
    ]
