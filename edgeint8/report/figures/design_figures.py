"""Figures of Part D on single machines: roofline, energy by part."""

from collections.abc import Mapping
from typing import Any

import matplotlib as mpl
import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from edgeint8.dataflow import DATAFLOWS
from edgeint8.report.figures.hover import tell
from edgeint8.report.figures.labels import place_names, plain_logarithmic, short_count
from edgeint8.report.figures.style import COLOURS, HATCHES, MARKERS, new_figure, short_name
from edgeint8.report.findings.array_machines import (
    CAUSES,
    bandwidth_text,
    machines,
    single_points,
)

PANEL = 3.3, 3.4  # width and height of one roofline in inches
MOST_LABELS = 6  # layers named in one panel of the roofline; the others are points
ENERGY_PARTS = {
    "mac": "MACs",
    "registers": "registers",
    "clock": "clock",
    "ifmap_sram": "ifmap SRAM",
    "filter_sram": "filter SRAM",
    "ofmap_sram": "ofmap SRAM",
    "sram_leakage": "SRAM leakage",
    "dram": "DRAM",
}
PJ_PER_UJ = 1e6


def representatives(dse: pd.DataFrame) -> list[str]:
    """One machine a dataflow, the fastest in sum over the workloads, then all single points.

    Machines are compared that as many workloads as any have: a sum over fewer is smaller. They have
    a limited bandwidth if such machines have all dataflows of the study; if not, the fastest with a
    limited bandwidth is added.
    """
    frame = machines(dse)
    shared = frame.groupby("hardware")["workload"].transform("nunique")
    frame = frame[shared == shared.max()]
    total = frame.groupby("hardware", sort=False)["bound_cycles"].sum()
    known = frame.drop_duplicates("hardware").set_index("hardware")
    plain = known[~known["preset"]]
    limited = plain[plain["limited"]]
    covered = set(limited["dataflow"]) == set(plain["dataflow"])
    pool = limited if covered else plain[~plain["limited"]]
    by_flow = [pool.index[pool["dataflow"] == dataflow] for dataflow in DATAFLOWS]
    chosen = [str(total[names].idxmin()) for names in by_flow if len(names)]
    if len(limited) and not covered:
        chosen.append(str(total[limited.index].idxmin()))
    single = single_points(dse[dse["workload"] == dse["workload"].iloc[0]])
    return list(dict.fromkeys([*chosen, *map(str, single["hardware"])]))


def panels_of(dse: pd.DataFrame, names: list[str]) -> dict[str, list[str]]:
    """`names` by panel: machines that differ in their buffers only have one roof, and share one."""
    known = machines(dse).drop_duplicates("hardware").set_index("hardware")
    panels: dict[str, list[str]] = {}
    for name in names:
        row = known.loc[name]
        title = f"{row['dataflow']} {row['array']}, {bandwidth_text(row['bandwidth'])}"
        panels.setdefault(name if row["preset"] else title, []).append(name)
    return panels


def roofline(table: pd.DataFrame, dse: pd.DataFrame) -> Figure:
    """Layers under the rooflines of representative machines; those with most cycles by name."""
    names = representatives(dse)
    sharing = panels_of(dse, names)
    workloads = list(dict.fromkeys(table["workload"]))
    count = len(sharing)
    columns = count if count <= 4 else min((4, 3), key=lambda columns: -count % columns)
    padded = [*sharing, *[""] * (-len(sharing) % columns)]
    panels = [(workload, title) for workload in workloads for title in padded]
    figure, axes = new_figure(
        columns, width=max(4.8, PANEL[0] * columns), height=PANEL[1], rows=len(panels) // columns
    )
    for ax, (workload, title) in zip(axes, panels, strict=True):
        mine = sharing.get(title, [])
        rows = table[(table["workload"] == workload) & table["hardware"].isin(mine)]
        if rows.empty:
            ax.set_axis_off()
            continue
        _roofline_panel(ax, rows[rows["macs"] > 0], _peak(dse, mine[0]), mine[0])
        ax.set_title(f"{workload}\n{title}\n{_buffers(dse, mine)}", fontsize=8)
    drawn = table[(table["macs"] > 0) & table["hardware"].isin(names)]
    figure.legend(
        handles=_bound_legend(set(drawn["bound_by"])),
        loc="outside lower center",
        ncols=6 if columns > 2 else 2,
        fontsize=8,
    )
    return figure


def _buffers(dse: pd.DataFrame, names: list[str]) -> str:
    """``64 kB (also 32, 128)``: the labelled machine's buffers, then those of the hollow points."""
    known = dse.drop_duplicates("hardware").set_index("hardware")
    first, *others = (str(known.loc[name, "sram_kb"]) for name in names)
    return f"{first} kB" + (f" (hollow: {', '.join(others)})" if others else "")


def _bound_legend(bounds: set[str]) -> list[mpl.artist.Artist]:
    handles: list[mpl.artist.Artist] = [
        mpl.lines.Line2D(
            [],
            [],
            color=COLOURS[k],
            marker=MARKERS[k],
            linestyle="none",
            label=f"bound by {label}",
        )
        for k, (name, label) in enumerate(CAUSES.items())
        if name in bounds
    ]
    return [*handles, mpl.lines.Line2D([], [], color=COLOURS[7], label="attainable")]


def energy_by_part(table: pd.DataFrame, dse: pd.DataFrame) -> Figure:
    """Energy of an inference by part at mid constants, INT8 beside FP32; bars from low to high."""
    names = representatives(dse)
    workloads = list(dict.fromkeys(table["workload"]))
    bars = 2 * len(names)
    width = max(4.6, 1.2 + 0.62 * bars)
    columns = 2 if len(workloads) > 1 and width < 6 else 1
    figure, axes = new_figure(columns, width * columns, 3.6, -(-len(workloads) // columns))
    for ax in axes[len(workloads) :]:
        ax.set_axis_off()
    for ax, workload in zip(axes, workloads, strict=False):
        rows = table[table["workload"] == workload]
        mine = [name for name in names if name in set(rows["hardware"])]
        _energy_panel(ax, rows, mine or representatives(dse[dse["workload"] == workload]), dse)
        ax.set_title(f"{workload}: mid constants; line from low to high")
    handles = [
        mpl.patches.Patch(facecolor=COLOURS[k], hatch=HATCHES[k], edgecolor="white", label=label)
        for k, label in enumerate(ENERGY_PARTS.values())
    ]
    figure.legend(
        handles=handles, loc="outside lower center", ncols=6 if columns > 1 else 3, fontsize=8
    )
    return figure


def _peak(dse: pd.DataFrame, hardware: str) -> int:
    row = dse[dse["hardware"] == hardware].iloc[0]
    return int(row["rows"]) * int(row["cols"])


def _layer_in_words(row: Mapping[str, Any]) -> str:
    return (
        f"{row['layer']} on {row['hardware']}: {row['achieved']:.3g} MACs a cycle, "
        f"{row['intensity']:.3g} MACs a byte, bound by {CAUSES[row['bound_by']]}"
    )


def _roofline_panel(ax: Axes, rows: pd.DataFrame, peak: int, first: str) -> None:
    """The roof, the layers on `first` filled and named, those on the other machines hollow."""
    ridge = float(rows["ridge"].iloc[0])
    low = min(rows["intensity"].min(), ridge or np.inf) / 3
    high = max(rows["intensity"].max(), ridge) * 4
    intensity = np.geomspace(low, high, 200)
    roof = np.minimum(peak, intensity * peak / ridge) if ridge > 0 else np.full(200, float(peak))
    ax.plot(intensity, roof, color=COLOURS[7], linewidth=1.2)
    for row in rows.to_dict("records"):
        k = list(CAUSES).index(row["bound_by"])
        style: dict[str, Any] = {"color": COLOURS[k], "markersize": 5, "linestyle": "none"}
        if row["hardware"] != first:
            style |= {"markersize": 8, "markerfacecolor": "none", "markeredgewidth": 0.8}
        drawn = ax.plot(row["intensity"], row["achieved"], marker=MARKERS[k], **style)
        tell(drawn, [_layer_in_words(row)])
    ax.set_xscale("log")
    ax.set_yscale("log")
    ax.set_xlim(low, high)
    ax.set_ylim(rows["achieved"].min() / 2.5, peak * 2)
    for axis in (ax.xaxis, ax.yaxis):
        plain_logarithmic(axis)
    ax.grid(which="major", axis="both", alpha=0.3)
    ax.set_xlabel("MACs per DRAM byte")
    ax.set_ylabel("MACs per cycle")
    _name_layers(ax, rows[rows["hardware"] == first], np.column_stack([intensity, roof]))


def _name_layers(ax: Axes, rows: pd.DataFrame, roof: np.ndarray) -> None:
    """Names beside the points of the layers with most cycles."""
    order = _merged(rows)
    points = order[["intensity", "achieved"]].to_numpy()
    low, high = (np.log10(ends) for ends in zip(ax.get_xlim(), ax.get_ylim(), strict=True))
    size = 72 * PANEL[0] * 0.72, 72 * PANEL[1] * 0.68  # the axes without ticks and labels

    def position(values: np.ndarray) -> list[tuple[float, float]]:
        scaled = (np.log10(values) - low) / (high - low) * size
        return [(float(x), float(y)) for x, y in scaled]

    names = [str(name) for name in order["name"][:MOST_LABELS]]
    others = [*position(points[MOST_LABELS:]), *position(roof)]
    centres = place_names(position(points[:MOST_LABELS]), names, size, others)
    for name, point, centre in zip(names, points, centres, strict=False):
        place = 10 ** (low + np.array(centre) / size * (high - low))
        ax.annotate(
            name,
            point,
            place,
            ha="center",
            va="center",
            fontsize=6.5,
            arrowprops={"arrowstyle": "-", "linewidth": 0.4, "color": "0.5", "shrinkB": 2},
        )


def _merged(rows: pd.DataFrame) -> pd.DataFrame:
    """One row a point, most cycles first: equal layers share a name such as ``conv2 +1``."""
    points = rows.groupby(["intensity", "achieved"], sort=False).agg(
        layer=("layer", "first"), count=("layer", "size"), cycles=("bound_cycles", "sum")
    )
    more = [f" +{count - 1}" if count > 1 else "" for count in points["count"]]
    names = [short_name(str(name)) + tail for name, tail in zip(points["layer"], more, strict=True)]
    points = points.assign(name=names).reset_index()
    return points.sort_values("cycles", ascending=False, kind="stable")


def _energy_panel(ax: Axes, rows: pd.DataFrame, names: list[str], dse: pd.DataFrame) -> None:
    known = dse.drop_duplicates("hardware").set_index("hardware")
    places, labels = [], []
    for k, name in enumerate(names):
        for j, number_format in enumerate(("int8", "fp32")):
            here = rows[(rows["hardware"] == name) & (rows["number_format"] == number_format)]
            levels = here.set_index("level")
            place, bottom = 2.4 * k + j, 0.0
            for c, part in enumerate(ENERGY_PARTS):
                height = levels.loc["mid", f"{part}_pj"] / PJ_PER_UJ
                ax.bar(
                    place,
                    height,
                    0.85,
                    bottom,
                    color=COLOURS[c],
                    hatch=HATCHES[c],
                    edgecolor="white",
                )
                bottom += height
            total = levels["total_pj"] / PJ_PER_UJ
            error = [[total["mid"] - total["low"]], [total["high"] - total["mid"]]]
            ax.errorbar(place, total["mid"], error, color=COLOURS[7], capsize=3, linewidth=1)
            places.append(place)
            labels.append(number_format.upper())
    ax.set_xticks(places, labels, fontsize=7)
    ax.set_xlim(min(-0.7, 0.5 * places[-1] - 3), max(places[-1] + 0.7, 0.5 * places[-1] + 3))
    ax.yaxis.set_major_formatter(lambda value, _: short_count(value))
    for k, name in enumerate(names):
        ax.annotate(
            _machine_label(known.loc[name], name),
            (2.4 * k + 0.5, 0),
            (0, -16),
            xycoords=("data", "axes fraction"),
            textcoords="offset points",
            ha="center",
            va="top",
            fontsize=7,
        )
    ax.set_xlabel(" \n \n ", fontsize=7)  # room for the machines under the formats
    ax.set_ylabel("energy of an inference (µJ, 45 nm)")


def _machine_label(row: pd.Series, name: str) -> str:
    if not name.startswith(f"{row['dataflow']}_{row['rows']}x{row['cols']}_"):
        return name.replace("_", "\n")
    bandwidth = bandwidth_text(row["bandwidth"]).replace(" per cycle and port", "/cycle")
    return f"{row['dataflow']} {row['rows']}x{row['cols']}\n{row['sram_kb']} kB\n{bandwidth}"
