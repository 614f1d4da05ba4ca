"""Bits per layer in the report: what a budget was spent on, and whether that beat equal bits."""

import pandas as pd

from edgeint8.report.markdown import Tables, heading, percent, table


def section(tables: Tables) -> list[str]:
    """Heading, a sentence and a table for each strategy with a budget; nothing without any."""
    bits = tables.get("bits", pd.DataFrame())
    if bits.empty:
        return []
    parts = [heading("Bits per layer", tables, "bits")]
    for (workload, strategy), rows in bits.groupby(["workload", "strategy"], sort=False):
        frame = rows.assign(share=[percent(n / rows["weights"].sum()) for n in rows["weights"]])
        columns = {"layer": "layer", "share": "of the weights", "weight_bits": "bits"}
        parts += [f"**{workload}**, `{strategy}`: {spent(rows.iloc[0])}", table(frame, columns)]
    return parts


def spent(row: pd.Series) -> str:
    """What the hold-out said of the bits that were chosen, from any row of a strategy."""
    equal = f"{int(row['uniform_bits'])} bits in every layer"
    if row["choice"] == "uniform":
        return f"{equal} kept more of the hold-out's SQNR than bits layer by layer."
    return (
        f"{row['mean_bits']:.2f} bits a weight in the mean keep {row['holdout_sqnr_db']:.1f} dB on "
        f"the hold-out, {equal} {row['uniform_sqnr_db']:.1f} dB."
    )
