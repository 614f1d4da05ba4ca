"""SCALE-Sim minus physics as stacked terms, by SRAM size and for machines named one by one."""

from collections.abc import Sequence

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patches import Patch
from numpy.typing import NDArray

from edgeint8.report.figures.labels import short_count
from edgeint8.report.figures.style import COLOURS, HATCHES, new_figure
from edgeint8.report.findings.account_answers import (
    FAMILY,
    PHYSICS,
    TERMS,
    accounts,
    families,
)
from edgeint8.report.findings.array_machines import (
    FEW,
    MOST_EXTRA_TICKS,
    bandwidth_text,
    single_points,
)

LEAST_SHARE = 0.005  # of the highest bar: smaller terms are drawn together
PANELS = {
    "cycles": ("total_cycles",),
    "DRAM bytes": ("ifmap_dram_bytes", "filter_dram_bytes", "ofmap_dram_bytes"),
}
GREY = "0.75"


def account(physics: pd.DataFrame, dse: pd.DataFrame) -> Figure:
    """The physical model and on it every term that makes SCALE-Sim's value.

    A bar for each SRAM size of one array, dataflow and bandwidth, then one for each machine that
    the study names by itself.
    """
    if physics.empty:
        figure, axes = new_figure()
        axes[0].set_title("no layer of this study is on the array")
        return figure
    wide = accounts(physics)
    workloads = list(dict.fromkeys(wide["workload"]))
    sums = {
        name: family_sums(wide[wide["workload"] == name], named_machines(dse)) for name in workloads
    }
    shown = _shown([frame for panels in sums.values() for frame in panels.values()])
    figure, axes = new_figure(len(PANELS), width=9.6, height=3.4, rows=len(workloads))
    for k, (workload, panels) in enumerate(sums.items()):
        for j, (words, frame) in enumerate(panels.items()):
            ax = axes[len(PANELS) * k + j]
            _stack(ax, frame, shown)
            ax.set_ylabel(f"{words}, all layers")
            ax.set_title(f"{workload}\n{frame.attrs['family']}")
    handles = [Patch(facecolor=GREY, label="physical model")]
    handles += [
        Patch(facecolor=colour, hatch=hatch, edgecolor="white", label=name.replace("_", " "))
        for name, (colour, hatch) in shown.items()
    ]
    handles.append(Patch(facecolor="white", edgecolor="black", label="other terms"))
    figure.legend(handles=handles, loc="outside lower center", ncols=5, fontsize=8)
    return figure


def named_machines(dse: pd.DataFrame) -> list[str]:
    """Machines that get a bar of their own: all of a few, else those outside every sweep."""
    if dse["hardware"].nunique() > FEW:
        dse = single_points(dse)
    return [str(name) for name in dse["hardware"].drop_duplicates()][:MOST_EXTRA_TICKS]


def family_sums(wide: pd.DataFrame, single: Sequence[str]) -> dict[str, pd.DataFrame]:
    """Physics and terms over all layers, a row an SRAM size, of the family that tells most.

    A limited bandwidth goes first, then most SRAM sizes, then what SCALE-Sim overstates most.
    Machines that no id describes stand alone, under their names. The machines in `single` that are
    not of the family have rows below it.
    """
    described = families(wide)
    if described.empty:
        described = wide.assign(dataflow=wide["hardware"], array="", bandwidth="", kb=0)
    cycles = described[described["quantity"] == "total_cycles"]
    groups = dict(iter(cycles.groupby(FAMILY, sort=False)))

    def interest(key: tuple[str, ...]) -> tuple[bool, int, float]:
        rows = groups[key]
        ratio = rows["scalesim"].sum() / max(1, rows[PHYSICS].sum())
        return key[2] != "unlimited", rows["kb"].nunique(), float(ratio)

    best = max(groups, key=interest)
    frame = described[(described[FAMILY] == list(best)).all(axis=1)]
    others = wide[wide["hardware"].isin(set(single) - set(frame["hardware"]))]
    panels = {}
    for words, quantities in PANELS.items():
        total = _sums(frame, "kb", quantities)
        total.index = pd.Index([f"{kb} kB" if kb else "" for kb in total.index])
        beside = _sums(others, "hardware", quantities)
        beside.index = pd.Index([str(name).replace("_", "\n") for name in beside.index])
        total = pd.concat([total, beside]) if len(beside) else total
        bandwidth = f", {bandwidth_text(best[2])}" if best[2] else ""
        total.attrs["family"] = f"{best[0]} {best[1]}".strip() + bandwidth
        panels[words] = total
    return panels


def _sums(rows: pd.DataFrame, key: str, quantities: Sequence[str]) -> pd.DataFrame:
    """SCALE-Sim's value, the model's and every term, over all layers, a row for each `key`."""
    rows = rows[rows["quantity"].isin(quantities)]
    return rows.groupby(key)[["scalesim", PHYSICS, *TERMS]].sum()


def _shown(frames: list[pd.DataFrame]) -> dict[str, tuple[str, str]]:
    """Colour and hatch of each term that can be seen in some panel."""
    names = [
        name
        for name in TERMS
        if any(frame[name].abs().max() > LEAST_SHARE * frame["scalesim"].max() for frame in frames)
    ]
    return {
        name: (COLOURS[k % (len(COLOURS) - 1)], HATCHES[k % len(HATCHES)])
        for k, name in enumerate(names)
    }


def _stack(ax: Axes, frame: pd.DataFrame, shown: dict[str, tuple[str, str]]) -> None:
    """What is added stands on the physical model, what is taken away hangs below zero."""
    x = np.arange(len(frame))
    top: NDArray[np.float64] = frame[PHYSICS].to_numpy(float, copy=True)
    bottom: NDArray[np.float64] = np.zeros(len(frame))
    ax.bar(x, top, 0.7, color=GREY)
    others = frame[[name for name in TERMS if name not in shown]].sum(axis=1)
    layers = [(frame[name], *style) for name, style in shown.items()]
    for values, colour, hatch in [*layers, (others, "white", "")]:
        amounts = values.to_numpy(float)
        place = np.where(amounts >= 0, top, bottom + amounts)
        edge = "black" if colour == "white" else "white"
        ax.bar(x, np.abs(amounts), 0.7, place, color=colour, hatch=hatch, edgecolor=edge, lw=0.4)
        top += np.maximum(amounts, 0)
        bottom += np.minimum(amounts, 0)
    for middle, high, value in zip(x, top, frame["scalesim"], strict=True):
        text, above = short_count(value), (0, 3)
        ax.annotate(
            text, (middle, high), above, textcoords="offset points", ha="center", fontsize=7
        )
    ax.set_xticks(x, [str(label) for label in frame.index], fontsize=7 if len(frame) > 5 else None)
    room = max(0.8, 2.0 - len(frame) / 2)
    ax.set_xlim(-room, len(frame) - 1 + room)
    ax.set_ylim(1.1 * bottom.min(), 1.12 * top.max() or 1)
    ax.yaxis.set_major_formatter(
        lambda value, _: short_count(value) if value >= 0 else f"-{short_count(-value)}"
    )
    ax.set_xlabel("SRAM per operand, or machine; SCALE-Sim's value above")
