"""Figure of Part D on quantisation choices: quality against energy, each choice a point."""

from collections.abc import Mapping
from typing import Any

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from edgeint8.report.figures.hover import tell
from edgeint8.report.figures.labels import place_names
from edgeint8.report.figures.style import COLOURS, MARKERS, data_source, new_figure
from edgeint8.report.findings.codesign_answers import (
    COINCIDE,
    LEVELS,
    base_of,
    on_axis,
)
from edgeint8.report.quality import quality_of

PANEL = 5.2, 3.9  # width and height of one panel in inches
AXES = {
    "strategy": "strategy, 8-bit weights, 32-bit sums",
    "zero_point": "zero-point",
    "requantizer": "requantiser",
    "accumulator": "sums",
    "weight_bits": "weight bits",
    "weights_and_accumulator": "weight bits, sums as wide as needed",
    "learned": "learned codes, sums as wide as needed",
}
FRONTS = {"pareto": "-", "pareto_unlearned": ":"}
SWEEPS = ("weight_bits", "weights_and_accumulator")
SHORT = {
    "int32_half_up": "31-bit multiplier",
    "int16_half_up": "16-bit multiplier",
    "power_of_two": "shift",
    "truncate": "31-bit, truncated",
    "folded": "zero-point in bias",
    "subtracted": "zero-point first",
}
CLOSE = 0.25  # of the close-up's height is left free above and below the strategies


def codesign(table: pd.DataFrame) -> Figure:
    """For each network all choices, and a close-up of those with eight weight bits.

    Energies are relative to the base; a bar reaches over the constants' band, which is the same on
    both sides of the ratio. The line is the front of quality and energy.
    """
    workloads = list(dict.fromkeys(table["workload"]))
    figure, axes = new_figure(2, 2 * PANEL[0], PANEL[1], len(workloads))
    for workload, whole, close in zip(workloads, axes[::2], axes[1::2], strict=True):
        rows = _relative(table[table["workload"] == workload])
        for ax in (whole, close):
            _panel(ax, rows)
        _zoom(close, rows)
        _name_sweep(whole, rows)
        _name_choices(close, rows)
        whole.set_title(_title(workload, rows), fontsize=9)
        close.set_title(f"close-up: {_coincidence(rows)}", fontsize=9)
    figure.legend(
        handles=_legend(set(table["axis"])), loc="outside lower center", ncols=5, fontsize=8
    )
    return figure


def _relative(rows: pd.DataFrame) -> pd.DataFrame:
    """Percent of the base's energy at mid constants and its ends over the band; quality."""
    base = base_of(rows)
    ratios = pd.DataFrame({level: 100 * rows[level] / base[level] for level in LEVELS})
    judged = quality_of(rows)
    quality = rows[judged.column] * (100 if judged.percent else 1)
    return rows.assign(
        energy=ratios["energy_pj"],
        least=ratios.min(axis=1),
        most=ratios.max(axis=1),
        quality=quality.astype(float),
    )


def _in_words(row: Mapping[str, Any]) -> str:
    return f"{row['choice']}: {row['quality']:.2f}, {row['energy']:.1f} % of the base's energy"


def _panel(ax: Axes, rows: pd.DataFrame) -> None:
    for column, line in FRONTS.items():
        if column in rows:
            front = rows[rows[column].astype(bool)].sort_values("energy", kind="stable")
            ax.plot(
                *(front["energy"], front["quality"]),
                color="0.2",
                linestyle=line,
                linewidth=1.0,
                drawstyle="steps-post",
                zorder=1,
            )
    for k, axis in enumerate(AXES):
        chosen = on_axis(rows, axis).sort_values("weight_bits", kind="stable")
        points, *_ = ax.errorbar(
            chosen["energy"],
            chosen["quality"],
            xerr=[chosen["energy"] - chosen["least"], chosen["most"] - chosen["energy"]],
            fmt=MARKERS[k],
            color=COLOURS[k],
            markersize=5,
            markerfacecolor="none" if axis == "strategy" else COLOURS[k],
            linestyle=":" if axis in SWEEPS else "none",
            linewidth=1.0,
            elinewidth=0.8,
            zorder=3,
        )
        tell([points], map(_in_words, chosen.to_dict("records")))
    base = rows[rows["base"].astype(bool)]
    ax.plot(base["energy"], base["quality"], "*", color="black", markersize=9, zorder=4)
    ax.grid(axis="both", alpha=0.3)
    ax.set_xlabel("energy of an inference (% of the base)")
    judged = quality_of(rows)
    labels = {"accuracy": "top-1 accuracy, whole test split (%)"}
    labels |= {"sqnr_db": "SQNR of the logits (dB)"}
    ax.set_ylabel(labels.get(judged.column, f"{judged.name}, whole test split"))


def _zoom(ax: Axes, rows: pd.DataFrame) -> None:
    """Limits around the strategies' qualities and the energies of all eight-bit choices."""
    strategies = on_axis(rows, "strategy")["quality"]
    low, high = strategies.min(), strategies.max()
    free = max(CLOSE * (high - low), 0.1)
    ax.set_ylim(low - free, high + free)
    inside = rows[~rows["axis"].isin((*SWEEPS, "learned"))]
    left, right = inside["least"].min(), inside["most"].max()
    ax.set_xlim(left - 0.08 * (right - left) - 0.1, right + 0.08 * (right - left) + 0.1)


def _name_sweep(ax: Axes, rows: pd.DataFrame) -> None:
    """Bits and quality beside the points of the frugal sweep."""
    narrow = on_axis(rows, SWEEPS[-1])
    names = [
        f"{bits} bits: {quality:.1f}"
        for bits, quality in zip(narrow["weight_bits"], narrow["quality"], strict=True)
    ]
    _write(ax, rows, narrow, names)


def _name_choices(ax: Axes, rows: pd.DataFrame) -> None:
    """Names of what is neither a strategy nor outside the close-up."""
    named = rows[(rows["axis"] != "strategy") & (rows["axis"] != SWEEPS[0])]
    named = named[
        named["quality"].between(*ax.get_ylim()) & named["energy"].between(*ax.get_xlim())
    ].drop_duplicates(["energy", "quality"])
    _write(ax, rows, named, [_name(row) for row in named.to_dict("records")])


def _name(row: dict[str, object]) -> str:
    if row["axis"] in (SWEEPS[-1], "learned"):
        return f"{row['weight_bits']}-bit weights, {row['accumulator_bits']}-bit sums"
    if row["axis"] == "accumulator":
        return f"{row['accumulator_bits']}-bit sums"
    return SHORT.get(str(row["choice"]), str(row["choice"]))


def _write(ax: Axes, rows: pd.DataFrame, named: pd.DataFrame, names: list[str]) -> None:
    """Names in free places; all other points are left free."""
    (left, right), (low, high) = ax.get_xlim(), ax.get_ylim()
    start, extent = np.array([left, low]), np.array([right - left, high - low])
    size = 72 * PANEL[0] * 0.85, 72 * PANEL[1] * 0.72  # the axes without ticks, labels and title

    def position(frame: pd.DataFrame) -> list[tuple[float, float]]:
        values = frame[["energy", "quality"]].dropna().to_numpy()
        return [(float(x), float(y)) for x, y in (values - start) / extent * size]

    centres = place_names(position(named), names, size, position(rows), font_size=7)
    targets = named[["energy", "quality"]].to_numpy()
    for name, target, centre in zip(names, targets, centres, strict=True):
        ax.annotate(
            name,
            target,
            start + np.array(centre) / size * extent,
            ha="center",
            va="center",
            fontsize=7,
            bbox={"facecolor": "white", "edgecolor": "none", "pad": 0.4, "alpha": 0.85},
            arrowprops={"arrowstyle": "-", "linewidth": 0.4, "color": "0.5", "shrinkB": 2},
        )
    ax.set_xlim(left, right)
    ax.set_ylim(low, high)


def _title(workload: str, rows: pd.DataFrame) -> str:
    """The base in absolute numbers, with its band."""
    base = base_of(rows)
    low, mid, high = (base[level] / 1e6 for level in LEVELS)
    return (
        f"{workload} on {base['hardware']} ({data_source(rows)})\n"
        f"base {base['strategy']}: {quality_of(rows).text(base)}, {mid:.3g} µJ "
        f"[{low:.3g} to {high:.3g}]"
    )


def _coincidence(rows: pd.DataFrame) -> str:
    """What the eye cannot see: how many points lie on one another, and on which axis."""
    strategies = on_axis(rows, "strategy")
    energies = strategies["energy_pj"].nunique()
    spread = strategies["energy_pj"].max() / strategies["energy_pj"].min() - 1
    verdict = "coincide in energy" if spread <= COINCIDE else "differ in energy"
    slower = rows["bound_cycles"].max() / rows["bound_cycles"].min() - 1
    latency = "of all choices is the same" if slower == 0 else f"differs by up to {slower:.1%}"
    return (
        f"the {len(strategies)} strategies {verdict}\n"
        f"({energies} energies within {100 * spread:.1f} %); latency {latency}"
    )


def _legend(axes: set[str]) -> list[Line2D]:
    handles = [
        Line2D(
            *([], []),
            color=COLOURS[k],
            marker=MARKERS[k],
            markerfacecolor="none" if axis == "strategy" else COLOURS[k],
            linestyle=":" if axis in SWEEPS else "none",
            markersize=5,
            label=label,
        )
        for k, (axis, label) in enumerate(AXES.items())
        if axis in axes
    ]
    handles.append(Line2D([], [], color="black", marker="*", linestyle="none", label="base"))
    handles.append(Line2D([], [], color="0.2", linewidth=1.0, label="front"))
    if "learned" in axes:
        label = "front without learning"
        handles.append(Line2D([], [], color="0.2", linestyle=":", linewidth=1.0, label=label))
    handles.append(Line2D([], [], color=COLOURS[4], linewidth=0.8, label="low to high constants"))
    return handles
