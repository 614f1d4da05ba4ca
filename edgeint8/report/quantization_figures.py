"""Figures of Part B: strategies, accuracy, calibration."""

import numpy as np
import pandas as pd
from matplotlib.figure import Figure

from edgeint8.report.style import COLOURS, data_source, new_figure


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
        ax.set_title(f"{workload} ({data_source(rows)})")
        ax.legend(loc="lower left", fontsize=8)
    return figure
