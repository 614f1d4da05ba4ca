"""What depthwise and grouped layers cost on an array, and what packing them wins, in words."""

import pandas as pd

from edgeint8.report.findings.array_answers import rows_of
from edgeint8.report.findings.array_machines import reference
from edgeint8.report.markdown import Tables, link, percent

WORTH = 1.005  # a speed-up below half a per cent is none


def packing(tables: Tables, workload: str) -> list[str]:
    """One sentence on the reference machine; none for a network without such layers."""
    rows, dse = rows_of(tables, "packing", workload), rows_of(tables, "dse", workload)
    if rows.empty or dse.empty:
        return []
    hardware = reference(dse)
    rows = rows[rows["hardware"] == hardware]
    count = f"{len(rows)} layer{'s' if len(rows) > 1 else ''}"
    alone, packed = rows["bound_cycles_alone"].sum(), rows["bound_cycles_packed"].sum()
    head = (
        f"Group by group the {count} of this kind keep {_busy(rows, 'alone')} of the array's "
        f"cells at work on `{hardware}`. "
    )
    if alone < packed * WORTH:
        return [f"{head}Packing groups block-diagonally wins nothing there ({link('packing')})."]
    return [
        f"{head}Packed block-diagonally, up to {rows['groups_together'].max()} groups at once, "
        f"they keep {_busy(rows, 'packed')} at work and take {packed:,} instead of {alone:,} "
        f"cycles, {alone / packed:.2f}x faster, with zeros between the blocks ({link('packing')})."
    ]


def _busy(rows: pd.DataFrame, how: str) -> str:
    """Useful share of all cells and cycles over these layers, weighted by their cycles."""
    cycles = rows[f"bound_cycles_{how}"]
    return percent((rows[f"utilization_{how}"] * cycles).sum() / cycles.sum(), 1)
