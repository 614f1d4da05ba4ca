"""Figure of Part D on the space of designs: the Pareto front."""

from collections.abc import Mapping
from typing import Any

import matplotlib as mpl
import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from edgeint8.dataflow import DATAFLOWS
from edgeint8.report.figures.hover import tell
from edgeint8.report.figures.labels import place_names, plain_logarithmic
from edgeint8.report.figures.style import COLOURS, MARKERS, new_figure
from edgeint8.report.findings.design_answers import chosen_designs

PJ_PER_UJ = 1e6
EDGE_STYLES = {"low": ":", "high": "--"}
PANEL_POINTS = 235.0, 180.0  # the axes without ticks, labels and colour bar
AXIS_LABELS = {
    "energy_uj": "energy of an inference (µJ, 45 nm)",
    "area_mm2": "area (mm², 45 nm)",
}


def pareto_front(table: pd.DataFrame, dse: pd.DataFrame, best: pd.DataFrame) -> Figure:
    """All designs on the front: latency against energy by area, and against area by bandwidth.

    The energy band: the front's lower edge (least energy within each latency) at low and at high
    constants, and lines as far at the chosen designs.
    """
    workloads = list(dict.fromkeys(table["workload"]))
    figure, axes = new_figure(2, 10.4, 3.6, len(workloads))
    for workload, left, right in zip(workloads, axes[::2], axes[1::2], strict=True):
        rows = _micro(table[table["workload"] == workload])
        known = _micro(dse[dse["workload"] == workload])
        chosen = _chosen(rows, best[best["workload"] == workload])
        _by_area(left, rows)
        _by_bandwidth(right, rows)
        _front_panel(left, rows, known, "energy_uj", chosen)
        _front_panel(right, rows, known, "area_mm2", chosen)
        left.set_title(f"{workload}: {len(rows):,} designs on the front")
        right.set_title(f"{workload}: the same designs")
    figure.legend(
        handles=_front_legend(set(table["dataflow"])),
        loc="outside lower center",
        ncols=4,
        fontsize=8,
    )
    return figure


def _micro(rows: pd.DataFrame) -> pd.DataFrame:
    """Energies in microjoules, latency in microseconds."""
    names = {"energy_uj_low": "energy_pj_low", "energy_uj": "energy_pj"}
    names |= {"energy_uj_high": "energy_pj_high"}
    energies = {name: rows[column] / PJ_PER_UJ for name, column in names.items()}
    return rows.assign(latency_us=1e3 * rows["model_ms"], **energies)


def _chosen(rows: pd.DataFrame, best: pd.DataFrame) -> dict[int, str]:
    """Place in the table -> what the design there is."""
    chosen: dict[int, str] = {}
    for name, place in chosen_designs(rows).items():
        chosen[place] = f"{chosen[place]}, {name}" if place in chosen else name
    recommended = rows.index[rows["hardware"].isin(best["hardware"].head(1))]
    for place in map(int, recommended):
        chosen[place] = f"{chosen[place]}, recommended" if place in chosen else "recommended"
    return chosen


def _front_panel(
    ax: Axes, rows: pd.DataFrame, known: pd.DataFrame, vertical: str, chosen: dict[int, str]
) -> None:
    """Latency against `vertical`, with the study's machines and the chosen designs."""
    drawn = ax.plot(known["latency_us"], known[vertical], "x", color="0.45", markersize=4, zorder=1)
    tell(drawn, (_in_words(row, vertical) for row in known.to_dict("records")))
    ax.set_xscale("log")
    ax.set_yscale("log")
    _mark_chosen(ax, rows, vertical, chosen)
    for axis in (ax.xaxis, ax.yaxis):
        plain_logarithmic(axis)
    ax.grid(which="major", axis="both", alpha=0.3)
    ax.set_xlabel("latency of an inference (µs)")
    ax.set_ylabel(AXIS_LABELS[vertical])


def _in_words(row: Mapping[Any, Any] | pd.Series, vertical: str) -> str:
    place = f"{row['latency_us']:.4g} µs, {row[vertical]:.3g} {AXIS_LABELS[vertical]}"
    return f"{row['hardware']}: {place}"


def _by_area(ax: Axes, rows: pd.DataFrame) -> None:
    """Latency against energy, coloured by area."""
    low, high = rows["area_mm2"].min(), rows["area_mm2"].max()
    norm = mpl.colors.LogNorm(low, max(high, 1.001 * low))
    points = _scatter(ax, rows, "energy_uj", rows["area_mm2"], norm)
    latency, *edges = lower_edge(rows)
    for edge, style in zip(edges, EDGE_STYLES.values(), strict=True):
        ax.step(latency, edge, where="post", color=COLOURS[5], linestyle=style, linewidth=1)
    bar = ax.figure.colorbar(points, ax=ax, label=AXIS_LABELS["area_mm2"])
    plain_logarithmic(bar.ax.yaxis)


def lower_edge(rows: pd.DataFrame) -> tuple[pd.Series, pd.Series, pd.Series]:
    """(latency, least energy within it at low constants, at high constants), by latency."""
    ordered = rows.sort_values("latency_us", kind="stable")
    edges = (ordered[name].cummin() for name in ("energy_uj_low", "energy_uj_high"))
    return ordered["latency_us"], *edges


def _by_bandwidth(ax: Axes, rows: pd.DataFrame) -> None:
    """Latency against area, coloured by bandwidth."""
    names = sorted(rows["bandwidth"].astype(str).unique(), key=_bandwidth_order)
    ranks = rows["bandwidth"].astype(str).map(names.index)
    norm = mpl.colors.BoundaryNorm(np.arange(len(names) + 1) - 0.5, 256)
    points = _scatter(ax, rows, "area_mm2", ranks, norm)
    bar = ax.figure.colorbar(
        points, ax=ax, ticks=range(len(names)), label="DRAM bytes per cycle and port"
    )
    bar.ax.set_yticklabels(names)
    bar.ax.minorticks_off()


def _bandwidth_order(bandwidth: str) -> float:
    return np.inf if bandwidth == "unlimited" else float(bandwidth)


def _scatter(
    ax: Axes, rows: pd.DataFrame, vertical: str, shades: pd.Series, norm: mpl.colors.Normalize
) -> mpl.cm.ScalarMappable:
    """Designs with the marker of their dataflow."""
    for k, dataflow in enumerate(DATAFLOWS):
        flow = rows[rows["dataflow"] == dataflow]
        ax.scatter(
            flow["latency_us"],
            flow[vertical],
            c=shades[flow.index],
            norm=norm,
            cmap="cividis",
            marker=MARKERS[k],
            s=9,
            linewidths=0,
            rasterized=True,
        )
    return mpl.cm.ScalarMappable(norm, "cividis")


def _mark_chosen(ax: Axes, rows: pd.DataFrame, vertical: str, chosen: dict[int, str]) -> None:
    """Rings around the chosen designs, with the energy band where energy is drawn."""
    ends = [np.log10(limits) for limits in (ax.get_xlim(), ax.get_ylim())]
    low, high = np.array(ends).T
    marked = rows.loc[list(chosen), ["latency_us", vertical]].to_numpy()
    places = (np.log10(marked) - low) / (high - low) * PANEL_POINTS
    points = [(float(x), float(y)) for x, y in places]
    centres = place_names(points, list(chosen.values()), PANEL_POINTS, font_size=8)
    for (place, name), centre in zip(chosen.items(), centres, strict=True):
        row = rows.loc[place]
        if vertical == "energy_uj":
            band = [row["energy_uj_low"], row["energy_uj_high"]]
            ax.plot([row["latency_us"]] * 2, band, color=COLOURS[5], marker="_", linewidth=1)
        drawn = ax.plot(
            row["latency_us"],
            row[vertical],
            "o",
            markersize=9,
            markerfacecolor="none",
            color=COLOURS[5],
            markeredgewidth=1.5,
        )
        tell(drawn, [f"{name}: {_in_words(row, vertical)}"])
        ax.annotate(
            name,
            (row["latency_us"], row[vertical]),
            tuple(10 ** (low + np.array(centre) / PANEL_POINTS * (high - low))),
            ha="center",
            va="center",
            fontsize=8,
            bbox={"facecolor": "white", "edgecolor": "none", "pad": 0.5, "alpha": 0.8},
            arrowprops={"arrowstyle": "-", "linewidth": 0.6, "color": COLOURS[5]},
        )


def _front_legend(dataflows: set[str]) -> list[mpl.artist.Artist]:
    def point(marker: str, label: str, colour: str = "0.35") -> mpl.artist.Artist:
        return mpl.lines.Line2D(
            [], [], color=colour, marker=marker, linestyle="none", markersize=5, label=label
        )

    handles = [
        point(MARKERS[k], f"{dataflow} design")
        for k, dataflow in enumerate(DATAFLOWS)
        if dataflow in dataflows
    ]
    handles.append(point("x", "machine of the study"))
    for level, style in EDGE_STYLES.items():
        label = f"lower edge, {level} constants"
        handles.append(mpl.lines.Line2D([], [], color=COLOURS[5], linestyle=style, label=label))
    handles.append(point("_", "chosen design, low to high constants", COLOURS[5]))
    return handles
