"""Figures of Part C: accumulator width, overflow, rounding."""

import numpy as np
import pandas as pd
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from edgeint8.report.figures.hover import tell
from edgeint8.report.figures.style import (
    COLOURS,
    HATCHES,
    LINES,
    MARKERS,
    data_source,
    legend_below,
    new_figure,
    short_name,
    yardstick,
)
from edgeint8.report.markdown import percent

POLICY_LABELS = {
    "wrap": "wraparound",
    "saturate_final": "saturate the final sum",
    "saturate_step": "saturate every step",
    "saturate_tile": "saturate every K-tile",
}
ROOM = 8  # layers whose names and widths can be written side by side


def accumulator_width(table: pd.DataFrame) -> Figure:
    """Accumulator width by layer, the widest of all strategies: rule, exact bound, seen on data."""
    series = (
        ("bits_rule", "textbook rule"),
        ("bits_exact_with_bias", "exact bound from the weights, bias included"),
        ("bits_observed", "seen on test images"),
    )
    widest = table.groupby(["workload", "layer"], sort=False)[[name for name, _ in series]].max()
    workloads = list(dict.fromkeys(table["workload"]))
    figure, axes = new_figure(len(workloads), width=4.6 * len(workloads), height=3.6)
    for ax, workload in zip(axes, workloads, strict=True):
        rows = widest.loc[workload]
        x = np.arange(len(rows))
        for k, (column, label) in enumerate(series):
            bars = ax.bar(
                x + (k - 1) * 0.27,
                rows[column],
                0.27,
                label=label,
                color=COLOURS[k],
                hatch=HATCHES[k],
                edgecolor="white",
            )
            if len(rows) <= ROOM:
                ax.bar_label(bars, fontsize=7)
            for bar, name, bits in zip(bars, rows.index, rows[column], strict=True):
                tell([bar], [f"{name}: {bits:g} bits, {label}"])
        ax.set_xticks(x, [short_name(name) for name in rows.index])
        if len(rows) > ROOM:
            ax.tick_params(axis="x", labelrotation=90, labelsize=6)
        ax.set_ylim(0, 34)
        ax.axhline(32, color=COLOURS[7], linewidth=0.8, linestyle=":")
        ax.set_ylabel("accumulator width (bits)")
        source = data_source(table[table["workload"] == workload])
        ax.set_title(f"{workload}, widest of all strategies\n({source})")
    legend_below(figure, axes[0])
    return figure


def overflow(table: pd.DataFrame) -> Figure:
    """Accuracy of the whole network by accumulator width, one line a policy, a panel a network."""
    panels = list(table.groupby(["workload", "strategy"], sort=False))
    figure, axes = new_figure(
        min(2, len(panels)), width=4.6 * min(2, len(panels)), rows=-(-len(panels) // 2)
    )
    for ax, ((workload, strategy), rows) in zip(axes, panels, strict=False):
        judged_by = yardstick(rows)
        for k, (policy, line) in enumerate(rows.groupby("policy", sort=False)):
            drawn = ax.plot(
                line["accumulator_bits"],
                line["value"] if judged_by else 100 * line["accuracy"],
                color=COLOURS[k],
                marker=MARKERS[k],
                linestyle=LINES[k],
                markersize=4,
                label=POLICY_LABELS[str(policy)],
            )
            points = zip(line["accumulator_bits"], line["accuracy"], strict=True)
            tell(drawn, [f"{policy}, {bits} bits: {percent(share)}" for bits, share in points])
        ax.set_xlabel("accumulator width (bits)")
        ax.set_ylabel(f"{judged_by or 'top-1 accuracy (%)'}, n = {rows['images'].iloc[0]:,}")
        ax.set_title(f"{workload}, {strategy}\n({data_source(rows)})")
        ax.xaxis.set_major_locator(MaxNLocator(integer=True))
        if not judged_by:
            ax.set_ylim(0, 100)
    legend_below(figure, axes[0])
    return figure
