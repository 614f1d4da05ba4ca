"""Learned codes in the report: how few bits, what they save, and what each part is worth."""

import pandas as pd

from edgeint8.report.findings.effects import of
from edgeint8.report.markdown import Tables, heading, percent, table
from edgeint8.report.quality import quality_of

PARTS = {
    "nearest": "nearest codes",
    "equalised": "+ equalised layers",
    "bias": "+ bias",
    "scale": "+ scale",
    "codes": "+ codes",
    "codes_unequalised": "the same, not equalised",
}


def section(tables: Tables) -> list[str]:
    """Heading, answer and tables; nothing where the study learns no codes."""
    learning = tables.get("learning", pd.DataFrame())
    if learning.empty:
        return []
    parts = [heading("How few bits", tables, "learning", "ablation", "codesign")]
    for workload in dict.fromkeys(learning["workload"]):
        sentences = how_few(of(tables["codesign"], workload))
        parts += ["\n".join([f"**{workload}**", "", *(f"- {s}" for s in sentences)])]
        parts += [learned_table(of(learning, workload), of(tables["quantization"], workload))]
        parts += ablation_tables(of(tables["ablation"], workload))
    return parts


def how_few(codesign: pd.DataFrame) -> list[str]:
    """The most frugal learned choice within the margin, against eight bits at a proven width."""
    rows = codesign[codesign["axis"] == "learned"] if len(codesign) else codesign
    if rows.empty or quality_of(codesign).margin is None:
        return ["No learned network was priced and judged by labels or a metric."]
    quality, base = quality_of(codesign), codesign[codesign["base"].astype(bool)].iloc[0]
    lost = float(base[quality.column]) - rows[quality.column]
    within = rows[lost <= quality.margin].sort_values("energy_pj", kind="stable")
    if within.empty:
        best = rows.loc[rows[quality.column].idxmax()]
        loss = quality.loss(base[quality.column] - best[quality.column])
        return [
            f"No learned choice stays within {quality.allowance} of `{base['strategy']}`; the best "
            f"loses {loss} ({_bits(best)})."
        ]
    row = within.iloc[0]
    sentences = [
        f"The most frugal learned choice within {quality.allowance} of `{base['strategy']}` has "
        f"{_bits(row)}: {quality.text(row)} for {quality.text(base)}. Against "
        f"that strategy at the width that its own weights can need, it takes "
        f"{_change(row['energy_vs_proven'])} energy and {_change(row['area_vs_proven'])} area."
    ]
    same = codesign[codesign["axis"] == "weights_and_accumulator"]
    same = same[same["weight_bits"] == row["weight_bits"]]
    if len(same):
        nearest = same.iloc[0]
        sentences.append(
            f"The nearest codes of {int(row['weight_bits'])} bits reach {quality.text(nearest)}."
        )
    return sentences


def learned_table(learning: pd.DataFrame, quantization: pd.DataFrame) -> str:
    """One line a strategy: error before and after, codes that changed, widths, accuracy."""
    judged = quantization.set_index("strategy")
    lines = []
    for strategy, rows in learning.groupby("strategy", sort=False):
        codes = int((rows["k"] * rows["channels"]).sum())
        delta, bits = judged["accuracy_delta"].get(strategy), rows["weight_bits"]
        lines.append(
            {
                "strategy": f"`{strategy}`",
                "bits": " to ".join(map(str, sorted({bits.min(), bits.max()}))),
                "before": f"{rows['error_before'].mean():.1e}",
                "after": f"{rows['error_after'].mean():.1e}",
                "changed": percent(rows["codes_changed"].sum() / codes),
                "sums": int(rows["bits_guaranteed"].max()),
                "tiles": f"{int(rows['bits_tile'].max())} ({int(rows['tile_rows'].max())} rows)",
                "delta": "" if pd.isna(delta) else f"{100 * delta:+.2f}",
            }
        )
    columns = {
        "strategy": "strategy",
        "bits": "weight bits",
        "before": "mean error of a layer, nearest",
        "after": "learned",
        "changed": "codes changed",
        "sums": "sums need (bits)",
        "tiles": "tiles need",
        "delta": "points against FP32",
    }
    return table(pd.DataFrame(lines), columns)


def ablation_tables(ablation: pd.DataFrame) -> list[str]:
    """What each part adds, one table a strategy."""
    found = []
    for strategy, rows in ablation.groupby("strategy", sort=False) if len(ablation) else ():
        frame = rows.assign(
            name=[PARTS[part] for part in rows["part"]],
            share=["" if pd.isna(a) else percent(a) for a in rows["accuracy"]],
            delta=["" if pd.isna(d) else f"{100 * d:+.2f}" for d in rows["accuracy_delta"]],
            before=["" if pd.isna(p) else f"{p:.2g}" for p in rows["mcnemar_p_before"]],
        )
        columns = {
            "name": f"`{strategy}`",
            "share": "accuracy",
            "delta": "points against FP32",
            "before": "p against the line above",
            "sqnr_db": "SQNR (dB)",
        }
        if "value" in rows and rows["value"].notna().any():
            frame["value"] = [f"{value:.4g}" for value in rows["value"]]
            columns["value"] = str(rows["judged_by"].iloc[0])
        found.append(table(frame, columns))
    return found


def _bits(row: pd.Series) -> str:
    return f"{int(row['weight_bits'])}-bit weights and {int(row['accumulator_bits'])}-bit sums"


def _change(ratio: float) -> str:
    return f"{100 * (ratio - 1):+.1f} %"
