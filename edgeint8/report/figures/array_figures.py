"""Figures of Part D on arrays and buffers: cycles, their causes, utilisation."""

import math
from typing import Any

import matplotlib as mpl
import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from edgeint8.dataflow import DATAFLOWS
from edgeint8.report.figures.hover import tell
from edgeint8.report.figures.labels import plain_logarithmic, short_count
from edgeint8.report.figures.style import COLOURS, HATCHES, LINES, MARKERS, new_figure, short_name
from edgeint8.report.findings.array_machines import (
    CAUSES,
    array_axis,
    bandwidth_text,
    causes,
    condition,
    single_points,
    sram_sweep,
    sweep,
)

MOST_LAYERS = 40  # rows of the heat map that can still be read
WIDEST = 13.0  # inches of two panels side by side
LOG_FROM = 8.0  # ratio of largest to smallest from which an axis is logarithmic


def cycles_by_array(table: pd.DataFrame) -> Figure:
    """Cycles by array size, a line a dataflow: the physical model, and SCALE-Sim as its witness.

    A thin line shows the same machines with pipelined folds.
    """
    most = max(array_axis(rows)["tick"].nunique() for _, rows in table.groupby("workload"))
    figure, panels = _panels(table, 4.6 + 0.35 * max(0, most - 5))
    for ax, (workload, rows) in panels:
        rows = array_axis(rows)
        ticks = list(dict.fromkeys(rows["tick"]))
        for k, dataflow in enumerate(DATAFLOWS):
            flow = rows[rows["dataflow"] == dataflow]
            x = np.array([ticks.index(tick) for tick in flow["tick"]])
            swept = flow["tick"].eq(flow["array"]).to_numpy()
            style: dict[str, Any] = {"color": COLOURS[k], "marker": MARKERS[k], "markersize": 4}
            for these, line in ((swept, LINES[k]), (~swept, "none")):
                drawn = ax.plot(x[these], flow["bound_cycles"][these], linestyle=line, **style)
                tell(drawn, _in_words(flow[these], "bound_cycles", "cycles at least"))
            pipelined = flow["bound_pipelined_cycles"]
            ax.plot(x[swept], pipelined[swept], color=COLOURS[k], linewidth=0.7)
            ax.plot(x[~swept], pipelined[~swept], "_", color=COLOURS[k], markersize=9)
            drawn = ax.plot(x, flow["scalesim_cycles"], **_hollow(k))
            tell(drawn, _in_words(flow, "scalesim_cycles", "cycles in SCALE-Sim"))
        ax.set_xticks(range(len(ticks)), ticks, fontsize=7)
        ax.set_xlim(-0.5, len(ticks) - 0.5)
        ax.set_xlabel("array (rows x columns of processing elements)")
        _cycle_axis(ax, rows[["bound_cycles", "bound_pipelined_cycles", "scalesim_cycles"]])
        ax.set_title(f"{workload}{_sweep_condition(rows)}")
    thin = mpl.lines.Line2D([], [], color=COLOURS[7], linewidth=0.7, label="with pipelined folds")
    _dataflow_legend(figure, table, "SCALE-Sim (replica, array layers)", [thin])
    return figure


def _in_words(rows: pd.DataFrame, column: str, meaning: str) -> list[str]:
    known = rows[rows[column].notna()]  # nothing is drawn of the others
    pairs = zip(known["hardware"], known[column], strict=True)
    return [f"{name}: {int(cycles):,} {meaning}" for name, cycles in pairs]


def cycles_by_sram(table: pd.DataFrame) -> Figure:
    """Cycles by buffer size at one array and bandwidth: bound, tile by tile, and SCALE-Sim.

    Single points of other arrays or bandwidths stand beside the lines, named.
    """
    figure, panels = _panels(table, 5.2)
    for ax, (workload, all_rows) in panels:
        rows = sram_sweep(all_rows)
        others = single_points(all_rows)
        others = others[~others["hardware"].isin(rows["hardware"])]
        buffers = pd.concat([rows, others]).sort_values("kb", kind="stable")["sram_kb"]
        ticks = list(dict.fromkeys(buffers))
        for k, dataflow in enumerate(DATAFLOWS):
            flow = rows[rows["dataflow"] == dataflow]
            x = [ticks.index(tick) for tick in flow["sram_kb"]]
            bound, tiled = flow["bound_cycles"], flow["schedule_cycles"]
            style: dict[str, Any] = {"color": COLOURS[k], "marker": MARKERS[k], "markersize": 4}
            drawn = ax.plot(x, bound, linestyle=LINES[k], **style)
            tell(drawn, _in_words(flow, "bound_cycles", "cycles at least"))
            ax.fill_between(x, bound, tiled, color=COLOURS[k], alpha=0.25, linewidth=0)
            ax.plot(x, tiled, color=COLOURS[k], linewidth=0.8)
            ax.plot(x, flow["scalesim_cycles"], **_hollow(k))
        ax.set_xticks(range(len(ticks)), [tick.replace("/", "/\n") for tick in ticks])
        ax.set_xlim(-0.3, len(ticks) - 0.4)
        ax.set_xlabel("SRAM per operand (KiB)")
        columns = ["bound_cycles", "schedule_cycles", "scalesim_cycles"]
        _cycle_axis(ax, pd.concat([rows, others])[columns])
        _beside(ax, others, ticks)
        ax.set_title(f"{workload}\n{_what(rows)}")
    calc = not (sram_sweep(table)["limited"]).any()
    mode = "scalesim_cycles" if calc else "USER cycles"
    band = mpl.patches.Patch(color=COLOURS[7], alpha=0.25, label="bound to tile by tile")
    _dataflow_legend(figure, table, f"SCALE-Sim's {mode} (replica only)", [band])
    return figure


def _what(rows: pd.DataFrame) -> str:
    """What the machines of an SRAM sweep have in common; presets have names."""
    if rows["preset"].all():
        return ", ".join(str(name).replace("_", " ") for name in rows["hardware"])
    first = rows.iloc[0]
    return f"{first['array']}, {bandwidth_text(first['bandwidth'])}"


def _beside(ax: Axes, others: pd.DataFrame, ticks: list[str]) -> None:
    """Machines of other arrays and bandwidths: the same markers, no line, one name a place."""
    for (buffers, name), rows in others.groupby(["sram_kb", others.apply(_other, axis=1)]):
        x = ticks.index(str(buffers)) + 0.12
        for row in rows.to_dict("records"):
            k = DATAFLOWS.index(row["dataflow"])
            ends = [row["bound_cycles"], row["schedule_cycles"]]
            ax.plot([x, x], ends, color=COLOURS[k], alpha=0.5, linewidth=2)
            ax.plot(x, ends[0], color=COLOURS[k], marker=MARKERS[k], markersize=4)
            ax.plot(x, row["scalesim_cycles"], **_hollow(k))
        top = float(rows["bound_cycles"].max())
        ax.annotate(name, (x, top), (5, 0), textcoords="offset points", fontsize=6, va="center")


def _other(row: pd.Series) -> str:
    if row["preset"]:
        return str(row["hardware"]).replace("_", " ")
    bandwidth = "unlimited" if not row["limited"] else f"{row['bandwidth']} B"
    return f"{row['array']}\n{bandwidth}"


def cycle_causes(roofline: pd.DataFrame, dse: pd.DataFrame) -> Figure:
    """What the cycles go to, as shares, by array: why a larger array wins less than its size.

    A black bar shows where the same machine would end with pipelined folds.
    """
    most = max(len(array_axis(rows)) for _, rows in dse.groupby("workload"))
    figure, panels = _panels(dse, width=max(6.4, 1.2 + 0.56 * most))
    for ax, (workload, rows) in panels:
        rows = array_axis(rows)
        rows = rows.assign(order=rows["dataflow"].map(DATAFLOWS.index))
        rows = rows.sort_values("order", kind="stable")
        parts = pd.DataFrame(
            [causes(_layers(roofline, workload, name)) for name in rows["hardware"]]
        )
        x = np.arange(len(rows)) + 0.6 * rows["order"].to_numpy()
        bottom = np.zeros(len(rows))
        total = parts.sum(axis=1)
        for k, name in enumerate(CAUSES):
            share = 100 * (parts[name] / total.where(total > 0, 1)).to_numpy()
            ax.bar(x, share, 0.8, bottom, color=COLOURS[k], hatch=HATCHES[k], edgecolor="white")
            bottom += share
        left = 100 * rows["bound_pipelined_cycles"] / rows["bound_cycles"].clip(lower=1)
        ax.hlines(left, x - 0.46, x + 0.46, color="black", linewidth=1.8)
        for place, count in zip(x, rows["bound_cycles"], strict=True):
            ax.text(place, 101, short_count(count), ha="center", va="bottom", fontsize=6.5)
        labels = rows["dataflow"] + "\n" + rows["tick"]
        ax.set_xticks(x, labels, fontsize=6.5)
        ax.set_xlim(min(x.min() - 1, -1.5), max(x.max() + 1, 2.5))
        ax.set_ylim(0, 108)
        ax.set_ylabel("share of cycles (%); total above")
        ax.set_title(f"{workload}{_sweep_condition(rows)}")
    handles: list[mpl.artist.Artist] = [
        mpl.patches.Patch(facecolor=COLOURS[k], hatch=HATCHES[k], edgecolor="white", label=label)
        for k, label in enumerate(CAUSES.values())
    ]
    label = "all, with pipelined folds"
    handles.append(mpl.lines.Line2D([], [], color="black", linewidth=1.8, label=label))
    figure.legend(handles=handles, loc="outside lower center", ncols=len(handles), fontsize=8)
    return figure


def utilization(roofline: pd.DataFrame, dse: pd.DataFrame) -> Figure:
    """MACs done of the MACs the array could do in that time, layers by machines, as a heat map."""
    workloads = list(dict.fromkeys(dse["workload"]))
    shares = [_utilization(roofline, dse[dse["workload"] == name], name) for name in workloads]
    heights = [1.0 + 0.22 * len(share) for share in shares]
    widest = max(share.shape[1] for share in shares)
    figure, axes = new_figure(
        1, width=max(4.6, 2.4 + 0.55 * widest), height=sum(heights) / len(heights), rows=len(shares)
    )
    grid = axes[0].get_gridspec()
    if grid is not None:
        grid.set_height_ratios(heights)
    for ax, workload, share in zip(axes, workloads, shares, strict=True):
        image = ax.imshow(100 * share, cmap="cividis", vmin=0, vmax=100, aspect="auto")
        for (row, column), value in np.ndenumerate(share.to_numpy()):
            colour = "black" if value > 0.5 else "white"
            text = f"{100 * value:.0f}" if value >= 0.095 else f"{100 * value:.1g}"
            ax.text(column, row, text, ha="center", va="center", color=colour, fontsize=7)
        ax.set_yticks(range(len(share)), [short_name(name) for name in share.index], fontsize=7)
        ax.set_xticks(range(share.shape[1]), list(share.columns), fontsize=7)
        ax.grid(visible=False)
        title = f"{workload}{_sweep_condition(array_axis(dse[dse['workload'] == workload]))}"
        ax.set_title(title)
    figure.colorbar(image, ax=axes, label="utilisation (%)", shrink=0.8)
    return figure


def _utilization(roofline: pd.DataFrame, dse: pd.DataFrame, workload: str) -> pd.DataFrame:
    """Share by layer (rows, at most `MOST_LAYERS`, those with most MACs) and machine (columns)."""
    columns = {}
    for row in array_axis(dse).to_dict("records"):
        layers = _layers(roofline, workload, row["hardware"])
        layers = layers[layers["macs"] > 0].set_index("layer")
        columns[f"{row['dataflow']}\n{row['tick']}"] = layers["achieved"] / row["pes"]
        macs = layers["macs"]
    frame = pd.DataFrame(columns)
    largest = macs.sort_values(ascending=False, kind="stable").index[:MOST_LAYERS]
    return frame[frame.index.isin(largest)]


def _layers(roofline: pd.DataFrame, workload: str, hardware: str) -> pd.DataFrame:
    return roofline[(roofline["workload"] == workload) & (roofline["hardware"] == hardware)]


def _panels(
    table: pd.DataFrame, width: float = 4.6
) -> tuple[Figure, list[tuple[Axes, tuple[str, pd.DataFrame]]]]:
    """One panel a workload, at most two in a row, one where they are wide."""
    groups = [(str(name), rows) for name, rows in table.groupby("workload", sort=False)]
    columns = min(2 if 2 * width <= WIDEST else 1, len(groups))
    figure, axes = new_figure(columns, width * columns, 3.6, -(-len(groups) // columns))
    for ax in axes[len(groups) :]:
        ax.set_axis_off()
    return figure, list(zip(axes, groups, strict=False))


def _sweep_condition(rows: pd.DataFrame) -> str:
    swept = sweep(rows)
    return f"\n{condition(swept.iloc[0])}" if len(swept) else ""


def _cycle_axis(ax: Axes, cycles: pd.DataFrame) -> None:
    lowest, highest = float(cycles.min().min()), float(cycles.max().max())
    if lowest > 0 and highest / lowest >= LOG_FROM:
        ax.set_yscale("log")
        plain_logarithmic(ax.yaxis)
    else:
        ax.set_ylim(0, 1.1 * highest)
        ax.yaxis.set_major_formatter(lambda value, _: short_count(value))
    ax.set_ylabel("cycles an inference")


def _hollow(k: int) -> dict[str, Any]:
    return {
        "color": COLOURS[k],
        "marker": MARKERS[k],
        "markersize": 8,
        "markerfacecolor": "none",
        "linestyle": "none",
    }


def _dataflow_legend(
    figure: Figure, table: pd.DataFrame, witness: str, more: list[mpl.artist.Artist]
) -> None:
    handles: list[mpl.artist.Artist] = [
        mpl.lines.Line2D(
            [],
            [],
            color=COLOURS[k],
            marker=MARKERS[k],
            linestyle=LINES[k],
            markersize=4,
            label=f"{dataflow}, physical model",
        )
        for k, dataflow in enumerate(DATAFLOWS)
        if dataflow in set(table["dataflow"])
    ]
    hollow = {**_hollow(7), "marker": "o"}
    handles.append(mpl.lines.Line2D([], [], label=witness, **hollow))
    handles += more
    width = figure.get_size_inches()[0]
    figure.legend(
        handles=handles,
        loc="outside lower center",
        ncols=max(1, math.floor(width / 2.4)),
        fontsize=8,
    )
