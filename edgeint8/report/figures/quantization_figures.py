"""Figures of Part B: what each strategy costs in accuracy and takes in time, layer by layer."""

from typing import Any

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from edgeint8.report.figures.hover import tell
from edgeint8.report.figures.style import (
    COLOURS,
    MARKERS,
    data_source,
    new_figure,
    short_name,
    yardstick,
)
from edgeint8.report.markdown import percent

NOT_EDGE = "x86, not an edge device"
CALIBRATION_COLOURS = {
    "minmax": COLOURS[0],
    "percentile": COLOURS[1],
    "entropy": COLOURS[2],
    "mse": COLOURS[3],
    "dynamic": COLOURS[7],
}
OTHER_COLOUR = COLOURS[4]  # methods of extensions
KIND_MARKERS = {
    "asymmetric, per channel": MARKERS[0],
    "asymmetric, per tensor": MARKERS[1],
    "symmetric, per channel": MARKERS[2],
    "symmetric, per tensor": MARKERS[3],
    "power-of-two scales": MARKERS[5],
}
CONTROL: dict[str, Any] = {
    "linestyle": "",
    "marker": "x",
    "markersize": 4,
    "markeredgewidth": 1,
    "color": COLOURS[7],
}
ON_WHITE = {"facecolor": "white", "edgecolor": "none", "pad": 0.6}
MODES = {
    "alone": ("this layer alone quantised", COLOURS[0], MARKERS[0]),
    "all_but": ("all but this layer quantised", COLOURS[5], MARKERS[1]),
}


def accuracy_by_strategy(quantization: pd.DataFrame) -> Figure:
    """Top-1 accuracy with its 95 % interval, one panel a workload; a line marks FP32.

    Without labels, or without FP32, a workload has no panel.
    """
    quantization = quantization.dropna(subset=["accuracy_delta"])
    figure, panels = _panels(quantization)
    for ax, rows in panels:
        y, percent = np.arange(len(rows)), 100 * rows[_ENDS].to_numpy()
        ends = np.abs(percent[:, 1:] - percent[:, :1]).T
        for index, holds in enumerate(rows["non_inferior"]):
            ax.errorbar(
                percent[index, 0],
                y[index],
                xerr=ends[:, index : index + 1],
                fmt=MARKERS[0],
                color=COLOURS[0],
                markerfacecolor=COLOURS[0] if holds else "white",
                capsize=2.5,
            )
        fp32 = 100 * float((rows["accuracy"] - rows["accuracy_delta"]).iloc[0])
        ax.axvline(fp32, color=COLOURS[5], linestyle="--")
        label = f"FP32 {fp32:.2f} %"
        ax.text(fp32, len(rows) - 0.35, label, color=COLOURS[5], ha="center", bbox=ON_WHITE)
        ax.set_xlabel(f"top-1 accuracy (%), 95 % interval, n = {rows['images'].iloc[0]:,}")
    margin = 100 * float(quantization["margin"].iloc[0]) if len(quantization) else 0.0
    _legend(
        figure,
        [
            _entry(f"loses at most {margin:g} percentage point to FP32 (97.5 % confidence)"),
            _entry("not shown to", hollow=True),
            Line2D([], [], color=COLOURS[5], linestyle="--", label="FP32"),
        ],
    )
    return figure


def latency_by_strategy(quantization: pd.DataFrame) -> Figure:
    """Time over FP32, if there is one, with the spread of its blocks and the control."""
    quantization = quantization.dropna(subset=["latency_ratio"])
    figure, panels = _panels(quantization)
    for ax, rows in panels:
        for y, row in enumerate(rows.to_dict("records")):
            _ratio(ax, row, y)
        ax.axvline(1, color=COLOURS[5], linestyle="--", zorder=1)
        ax.plot(rows["latency_control"], np.arange(len(rows)), **CONTROL)
        _ratio_axis(ax, "x", rows)
    _legend(
        figure,
        [
            _entry("median of blocks, bar 5 to 95 %"),
            _entry("not resolved", hollow=True),
            Line2D([], [], **CONTROL, label="FP32 over FP32 (A/A control)"),
            Line2D([], [], color=COLOURS[5], linestyle="--", label="as fast as FP32"),
        ],
    )
    return figure


def accuracy_against_latency(quantization: pd.DataFrame) -> Figure:
    """Accuracy over time ratio: colour tells the calibration, marker the kind of strategy."""
    quantization = quantization.dropna(subset=["accuracy_delta", "latency_ratio"])
    names = list(dict.fromkeys(quantization["workload"])) if len(quantization) else []
    figure, axes = new_figure(max(len(names), 1), width=5.2 * max(len(names), 1), height=4.2)
    for ax, name in zip(axes, names, strict=False):
        rows = quantization[quantization["workload"] == name]
        # Each marker is smaller than the one before: equal points stay visible in one another.
        sizes = np.linspace(13, 5, len(rows))
        for size, row in zip(sizes, rows.to_dict("records"), strict=True):
            colour = CALIBRATION_COLOURS.get(row["calibration"], OTHER_COLOUR)
            drawn = ax.plot(
                row["latency_ratio"],
                100 * row["accuracy"],
                marker=KIND_MARKERS[kind(row)],
                color=colour,
                markerfacecolor=colour if row["latency_resolved"] else "white",
                linestyle="",
                markersize=size,
            )
            beside = f"{row['latency_ratio']:.2f} of FP32's latency"
            tell(drawn, [f"{row['strategy']}: {percent(row['accuracy'])}, {beside}"])
        fp32 = 100 * float((rows["accuracy"] - rows["accuracy_delta"]).iloc[0])
        ax.plot(1, fp32, marker="*", color=COLOURS[5], markersize=13, linestyle="")
        _ratio_axis(ax, "x", rows)
        ax.set_ylabel(f"top-1 accuracy (%), n = {rows['images'].iloc[0]:,}")
        ax.grid(axis="both", alpha=0.35)
        ax.set_title(f"{name} ({data_source(rows)})")
    _legend(figure, _strategy_legend(quantization), columns=4)
    return figure


def sensitivity_by_layer(sensitivity: pd.DataFrame, mixed_precision: pd.DataFrame) -> Figure:
    """SQNR and accuracy drop, one row of panels a (workload, strategy); a line: all quantised."""
    groups = _groups(sensitivity)
    layers = max((frame["layer"].nunique() for _, frame in groups), default=1)
    rows = max(len(groups), 1)
    figure, axes = new_figure(2, width=9.2, height=1.35 + 0.3 * layers, rows=rows)
    for index, ((workload, strategy), frame) in enumerate(groups):
        whole = _row_of(mixed_precision, workload, strategy)
        left, right = axes[2 * index : 2 * index + 2]
        _by_layer(left, frame, "sqnr_db", whole.get("sqnr_db_before"), 1)
        judged_by = yardstick(frame)
        if judged_by:
            _by_layer(right, frame, "value", whole.get("value_before"), 1)
        else:
            _by_layer(right, frame, "accuracy_drop", whole.get("accuracy_drop_before"), 100)
        right.set_yticklabels([])
        images = int(frame["images"].iloc[0])
        ends = 100 * frame["accuracy_drop"].agg(["min", "max"])
        if ends.notna().all() and not judged_by:  # without labels there is no accuracy to lose
            right.set_xlim(ends["min"] - 300 / images, ends["max"] + 300 / images)
        left.set_title(f"{workload}, {strategy} ({data_source(frame)})", loc="left")
        left.set_xlabel("SQNR of the logits (dB), more is better")
        lost = (judged_by and f"{judged_by}, more is better") or "accuracy lost (percentage points)"
        right.set_xlabel(f"{lost}, n = {images:,} of the hold-out")
    entries = [_entry(text, colour, marker) for text, colour, marker in MODES.values()]
    whole_line = Line2D([], [], color=COLOURS[7], linestyle="--", label="all layers quantised")
    _legend(figure, [*entries, whole_line])
    return figure


def kind(row: dict) -> str:
    """The family of a strategy in a legend."""
    if row["power_of_two"]:
        return "power-of-two scales"
    return f"{row['symmetry']}, per {row['granularity']}"


_ENDS = ["accuracy", "accuracy_low", "accuracy_high"]


def _panels(quantization: pd.DataFrame) -> tuple[Figure, list[tuple[Axes, pd.DataFrame]]]:
    """A figure with one panel a workload, strategies from top to bottom in the table's order."""
    names = list(dict.fromkeys(quantization["workload"])) if len(quantization) else []
    tallest = int(quantization.groupby("workload").size().max()) if names else 1
    columns = max(len(names), 1)
    figure, axes = new_figure(columns, width=4.9 * columns, height=1.6 + 0.27 * tallest)
    panels = []
    for ax, name in zip(axes, names, strict=False):
        rows = quantization[quantization["workload"] == name].iloc[::-1]
        ax.set_yticks(np.arange(len(rows)), rows["strategy"])
        ax.set_ylim(-0.6, len(rows) + 0.1)
        ax.grid(axis="x", alpha=0.35)
        ax.grid(axis="y", visible=False)
        ax.set_title(f"{name} ({data_source(rows)})")
        panels.append((ax, rows))
    return figure, panels


def _ratio(ax: Axes, row: dict, y: int) -> None:
    """One strategy's ratio; hollow and named where the control does not resolve it."""
    ratio, resolved = row["latency_ratio"], bool(row["latency_resolved"])
    ends = [[max(ratio - row["latency_ratio_p5"], 0)], [max(row["latency_ratio_p95"] - ratio, 0)]]
    ax.errorbar(
        ratio,
        y,
        xerr=ends,
        fmt=MARKERS[0],
        color=COLOURS[0],
        markerfacecolor=COLOURS[0] if resolved else "white",
        capsize=2.5,
    )
    if not resolved:
        ax.annotate(
            "not resolved",
            (ratio, y),
            xytext=(0, 5),
            ha="center",
            textcoords="offset points",
            fontsize=7,
        )


def _ratio_axis(ax: Axes, axis: str, rows: pd.DataFrame) -> None:
    """A logarithmic axis of time ratios that names the machine."""
    ax.set_xscale("log")
    low = min(rows["latency_ratio_p5"].min(), 1) / 1.6
    high = max(rows["latency_ratio_p95"].max(), 1) * 1.6
    ax.set_xlim(low, high)
    ticks = [tick for tick in (0.1, 0.2, 0.3, 0.5, 1, 2, 3, 5, 10, 20, 50) if low <= tick <= high]
    ax.set_xticks(ticks, [f"{tick:g}" for tick in ticks])
    ax.set_xticks([], minor=True)
    ax.set_xlabel(f"time over FP32, batch 1 ({NOT_EDGE})")


def _by_layer(
    ax: Axes, frame: pd.DataFrame, column: str, whole: float | None, factor: float
) -> None:
    """Both modes of every layer in one panel, the first layer on top."""
    layers = list(dict.fromkeys(frame["layer"]))[::-1]
    places = {layer: y for y, layer in enumerate(layers)}
    for offset, (mode, (_, colour, marker)) in zip((0.12, -0.12), MODES.items(), strict=True):
        rows = frame[frame["mode"] == mode]
        y = [places[layer] + offset for layer in rows["layer"]]
        ax.plot(factor * rows[column], y, linestyle="", color=colour, marker=marker, markersize=6)
    if whole is not None and np.isfinite(whole):
        ax.axvline(factor * whole, color=COLOURS[7], linestyle="--")
    ax.set_yticks(np.arange(len(layers)), [short_name(layer) for layer in layers])
    ax.set_ylim(-0.6, len(layers) - 0.4)
    ax.grid(axis="x", alpha=0.35)


def _groups(frame: pd.DataFrame) -> list[tuple[tuple[str, str], pd.DataFrame]]:
    """Rows of every (workload, strategy), in the order of the table."""
    if frame.empty:
        return []
    grouped = frame.groupby(["workload", "strategy"], sort=False)
    return [((str(name[0]), str(name[1])), rows) for name, rows in grouped]


def _row_of(frame: pd.DataFrame, workload: str, strategy: str) -> dict:
    if frame.empty:
        return {}
    rows = frame[(frame["workload"] == workload) & (frame["strategy"] == strategy)]
    return rows.to_dict("records")[0] if len(rows) else {}


def _strategy_legend(quantization: pd.DataFrame) -> list[Line2D]:
    """Entries for the markers and colours that the table uses."""
    rows = quantization.to_dict("records")
    kinds = [name for name in KIND_MARKERS if name in {kind(row) for row in rows}]
    found = dict.fromkeys(row["calibration"] for row in rows)
    used = dict.fromkeys(name for name in (*CALIBRATION_COLOURS, *found) if name in found)
    return [
        *(_entry(name, "grey", KIND_MARKERS[name]) for name in kinds),
        *(_entry(name, CALIBRATION_COLOURS.get(name, OTHER_COLOUR), MARKERS[0]) for name in used),
        _entry("FP32", COLOURS[5], "*"),
        _entry("time not resolved", hollow=True),
    ]


def _entry(
    label: str, colour: str = COLOURS[0], marker: str = MARKERS[0], *, hollow: bool = False
) -> Line2D:
    face = "white" if hollow else colour
    return Line2D(
        [], [], linestyle="", marker=marker, color=colour, markerfacecolor=face, label=label
    )


def _legend(figure: Figure, entries: list[Line2D], columns: int | None = None) -> None:
    figure.legend(
        handles=entries, loc="outside lower center", ncols=columns or len(entries), fontsize=8
    )
