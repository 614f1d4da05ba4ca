"""The figures: each takes one table and knows its columns only. contents.py names the tables."""

from collections.abc import Callable

import numpy as np
import pandas as pd
from matplotlib.figure import Figure

from edgeint8.report.style import COLOURS, HATCHES, MARKERS, legend_below, new_figure


def accuracy_by_strategy(table: pd.DataFrame) -> Figure:
    """Top-1 accuracy with its 95 % interval, one panel a workload; a line marks FP32."""
    workloads = list(dict.fromkeys(table["workload"]))
    height = 1.4 + 0.28 * table.groupby("workload").size().max()
    figure, axes = new_figure(len(workloads), width=4.6 * len(workloads), height=height)
    for ax, workload in zip(axes, workloads, strict=True):
        rows = table[table["workload"] == workload].iloc[::-1]
        y = np.arange(len(rows))
        percent = 100 * rows[["accuracy", "accuracy_low", "accuracy_high"]].to_numpy()
        ax.errorbar(
            percent[:, 0],
            y,
            xerr=np.abs(percent[:, 1:] - percent[:, :1]).T,
            fmt="o",
            color=COLOURS[0],
            capsize=3,
        )
        fp32 = 100 * float((rows["accuracy"] - rows["accuracy_delta"]).iloc[0])
        ax.axvline(fp32, color=COLOURS[5], linestyle="--", label=f"FP32 {fp32:.2f} %")
        ax.set_yticks(y, rows["strategy"])
        ax.set_ylim(-0.6, len(rows) - 0.4)
        ax.grid(axis="x", alpha=0.35)
        ax.set_xlabel(f"top-1 accuracy (%), 95 % interval, n = {rows['images'].iloc[0]:,}")
        ax.set_title(f"{workload} ({_source(rows)})")
        ax.legend(loc="lower left", fontsize=8)
    return figure


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
            ax.bar_label(bars, fontsize=7)
        ax.set_xticks(x, [_short(name) for name in rows.index])
        ax.set_ylim(0, 34)
        ax.axhline(32, color=COLOURS[7], linewidth=0.8, linestyle=":")
        ax.set_ylabel("accumulator width (bits)")
        ax.set_title(f"{workload}, widest of all strategies")
    legend_below(figure, axes[0])
    return figure


def roofline(table: pd.DataFrame) -> Figure:
    """Every layer that computes, under the roofline of each machine."""
    machines = list(dict.fromkeys(table["hardware"]))[:2]
    figure, axes = new_figure(len(machines), width=4.6 * len(machines), height=3.9)
    for ax, machine in zip(axes, machines, strict=True):
        rows = table[(table["hardware"] == machine) & (table["macs"] > 0)]
        peak = float(rows["attainable"].max())
        intensity = np.geomspace(rows["intensity"].min() / 2, rows["intensity"].max() * 2, 200)
        ridge = float(rows["ridge"].iloc[0])
        roof = np.minimum(peak, intensity * peak / ridge) if ridge > 0 else np.full(200, peak)
        ax.plot(intensity, roof, color=COLOURS[7], label="attainable")
        for k, (workload, layers) in enumerate(rows.groupby("workload", sort=False)):
            ax.plot(
                layers["intensity"],
                layers["achieved"],
                MARKERS[k],
                color=COLOURS[k],
                label=str(workload),
            )
        ax.set_xscale("log")
        ax.set_yscale("log")
        ax.grid(which="both", alpha=0.25)
        ax.set_xlabel("intensity (MAC per DRAM byte)")
        ax.set_ylabel("MAC per cycle")
        ax.set_title(machine)
    legend_below(figure, axes[0])
    return figure


FIGURES: dict[str, Callable[[pd.DataFrame], Figure]] = {
    "accuracy": accuracy_by_strategy,
    "accumulator_width": accumulator_width,
    "roofline": roofline,
}


def _source(rows: pd.DataFrame) -> str:
    source = str(rows["data_source"].iloc[0])
    return "STAND-IN data" if source == "stand_in" else f"data: {source}"


def _short(layer: str) -> str:
    """The telling part of a node name: ``/features/features.0/Conv_quant`` -> features.0."""
    parts = [part for part in layer.split("/") if part]
    return parts[-2] if len(parts) > 1 else parts[0]
