"""Figures of Part D: rooflines, utilisation, designs."""

import numpy as np
import pandas as pd
from matplotlib.figure import Figure

from edgeint8.report.style import COLOURS, MARKERS, legend_below, new_figure


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
