"""Figures of Part B: distributions, where each calibration cuts them, and levels left unused."""

from collections.abc import Sequence
from typing import Any

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from edgeint8.report.figures.style import (
    COLOURS,
    HATCHES,
    LINES,
    data_source,
    legend_below,
    new_figure,
    short_name,
)

COLUMNS = 4  # panels side by side
MOST_PANELS = 8  # tensors shown of one network
METHODS = ("minmax", "percentile", "entropy", "mse")
WEIGHT_LIMITS: tuple[tuple[str, dict[str, Any]], ...] = (
    ("limits of one scale per tensor", {"color": COLOURS[7], "linestyle": LINES[0]}),
    ("of the narrowest channel's own scale", {"color": COLOURS[5], "linestyle": LINES[1]}),
)
# Operators whose output has the levels of their input: a second panel would show nothing new.
MOVERS = ("MaxPool", "Flatten", "Reshape", "Transpose", "Squeeze", "Unsqueeze", "Identity")


def weight_histograms(histograms: pd.DataFrame, layer_traits: pd.DataFrame) -> Figure:
    """Weights of each layer within the limits of one scale per tensor; calibration cuts none."""
    weights = histograms[histograms["kind"] == "weight"] if len(histograms) else histograms
    panels = [
        (workload, name)
        for workload in _workloads(weights)
        for name in _widest(layer_traits[layer_traits["workload"] == workload])
    ]
    figure, axes = _grid(len(panels))
    for ax, (workload, layer) in zip(axes, panels, strict=False):
        rows = _of(weights, workload, "name", layer)
        ratio = _of(layer_traits, workload, "layer", layer)["weight_range_ratio"].iloc[0]
        _steps(ax, rows)
        for (_, style), part in zip(WEIGHT_LIMITS, (1.0, 1 / ratio), strict=True):
            for end in (rows["low"].min(), rows["high"].max()):
                ax.axvline(part * end, **style)
        _title(ax, workload, short_name(layer), rows)
        ax.set_xlabel(f"weight (channel ranges 1 : {ratio:.2f})")
    _legend(figure, WEIGHT_LIMITS)
    return figure


def activation_histograms(histograms: pd.DataFrame, levels: pd.DataFrame) -> Figure:
    """Activations on which the calibration methods disagree most, with the range each keeps."""
    panels = [
        (workload, name) for workload in _workloads(levels) for name in _contested(levels, workload)
    ]
    figure, axes = _grid(len(panels))
    for ax, (workload, tensor) in zip(axes, panels, strict=False):
        ranges = _of(levels, workload, "tensor", tensor)
        rows = _of(histograms, workload, "name", tensor)
        _steps(ax, rows[rows["kind"] == "activation"])
        for row in ranges.to_dict("records"):
            style = _method_style(row["calibration"])
            for end in {row["low"], row["high"]}:
                ax.axvline(end, **style)
        maker = ranges["made_by"].iloc[0]
        _title(ax, workload, _tensor_label(tensor, maker), rows)
        ax.set_xlabel("activation")
    found = dict.fromkeys(levels["calibration"]) if len(levels) else {}
    methods = [name for name in (*METHODS, *found) if name in found]
    _legend(figure, [(f"limits of {name}", _method_style(name)) for name in dict.fromkeys(methods)])
    return figure


def unused_levels(levels: pd.DataFrame) -> Figure:
    """Share of the 256 levels that no calibration image reaches, symmetric against asymmetric."""
    names = _workloads(levels)
    shown = [_one_calibration(levels, name) for name in names]
    tallest = max((len(rows) for rows in shown), default=1)
    columns = max(len(names), 1)
    figure, axes = new_figure(columns, width=4.9 * columns, height=1.7 + 0.36 * tallest)
    for ax, workload, rows in zip(axes, names, shown, strict=False):
        y = np.arange(len(rows))
        bars = (("unused_symmetric", "symmetric", 5, 1), ("unused_asymmetric", "asymmetric", 0, 0))
        for offset, (column, label, colour, hatch) in zip((0.19, -0.19), bars, strict=True):
            values = 100 * rows[column]
            ax.barh(
                y + offset,
                values,
                0.36,
                label=f"{label} activations",
                color=COLOURS[colour],
                hatch=HATCHES[hatch],
                edgecolor="white",
            )
            for place, value in zip(y + offset, values, strict=True):
                ax.text(value + 0.6, place, f"{value:.0f}", va="center", fontsize=7)
        pairs = zip(rows["tensor"], rows["made_by"], strict=True)
        ax.set_yticks(y, [_tensor_label(tensor, maker) for tensor, maker in pairs])
        ax.set_xlim(0, 60)
        ax.grid(axis="x", alpha=0.35)
        ax.grid(axis="y", visible=False)
        ax.set_xlabel(f"levels never used (%), {rows['calibration'].iloc[0]} ranges")
        ax.set_title(f"{workload} ({data_source(rows)})")
    if names:
        legend_below(figure, axes[0])
    return figure


def _grid(panels: int) -> tuple[Figure, list[Axes]]:
    """Small panels, `COLUMNS` to a row; those too many stay empty."""
    rows = max(-(-panels // COLUMNS), 1)
    figure, axes = new_figure(COLUMNS, width=2.6 * COLUMNS, height=2.3, rows=rows)
    for ax in axes[panels:]:
        ax.set_axis_off()
    for ax in axes[:panels:COLUMNS]:
        ax.set_ylabel("share of values (log scale)")
    return figure, axes


def _title(ax: Axes, workload: str, what: str, rows: pd.DataFrame) -> None:
    """A line each: a small panel is narrower than the name of a data source."""
    ax.set_title(f"{workload}\n{what}\n{data_source(rows)}", fontsize=8)


def _steps(ax: Axes, rows: pd.DataFrame) -> None:
    """A histogram as filled steps, logarithmic: a rectified tensor is mostly zero."""
    edges = [*rows["low"], rows["high"].iloc[-1]]
    ax.stairs(rows["share"], edges, fill=True, color=COLOURS[4], baseline=1e-7)
    ax.set_yscale("log")
    ax.set_ylim(max(rows.loc[rows["share"] > 0, "share"].min() / 2, 1e-7), 1.5)


def _contested(levels: pd.DataFrame, workload: str) -> list[str]:
    """Tensors of a network with the largest ratio between the methods' ranges, in graph order."""
    rows = levels[(levels["workload"] == workload) & ~levels["made_by"].isin(MOVERS)]
    spans = (rows["high"] - rows["low"]).groupby(rows["tensor"], sort=False)
    disagreement = spans.max() / spans.min().where(spans.min() > 0)
    chosen = set(disagreement.sort_values(ascending=False, kind="stable").index[:MOST_PANELS])
    return [str(name) for name in dict.fromkeys(rows["tensor"]) if name in chosen]


def _widest(traits: pd.DataFrame) -> list[str]:
    """Layers of a network with the largest ratio of channel ranges, in graph order."""
    ranked = traits.sort_values("weight_range_ratio", ascending=False, kind="stable")
    chosen = set(ranked["layer"][:MOST_PANELS])
    return [str(name) for name in traits["layer"] if name in chosen]


def _one_calibration(levels: pd.DataFrame, workload: str) -> pd.DataFrame:
    """A network's tensors under minmax, or the first method there is; the first tensor on top."""
    rows = levels[(levels["workload"] == workload) & ~levels["made_by"].isin(MOVERS)]
    methods = list(dict.fromkeys(rows["calibration"]))
    method = "minmax" if "minmax" in methods else methods[0]
    return rows[rows["calibration"] == method].iloc[::-1]


def _legend(figure: Figure, lines: Sequence[tuple[str, dict[str, Any]]]) -> None:
    entries = [Line2D([], [], label=label, **style) for label, style in lines]
    figure.legend(handles=entries, loc="outside lower center", ncols=len(entries), fontsize=8)


def _method_style(method: str) -> dict[str, Any]:
    """Colour and line of a method; those of extensions share one."""
    index = METHODS.index(method) if method in METHODS else len(METHODS)
    colour = (COLOURS[7], COLOURS[1], COLOURS[2], COLOURS[5], COLOURS[4])[index]
    return {"color": colour, "linestyle": LINES[index], "linewidth": 1.4}


def _tensor_label(tensor: str, maker: str) -> str:
    return tensor if tensor == maker else f"{short_name(tensor)} ({maker})"


def _of(frame: pd.DataFrame, workload: str, column: str, value: str) -> pd.DataFrame:
    return frame[(frame["workload"] == workload) & (frame[column] == value)]


def _workloads(frame: pd.DataFrame) -> list[str]:
    return [str(name) for name in dict.fromkeys(frame["workload"])] if len(frame) else []
