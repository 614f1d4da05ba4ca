"""How every figure looks: readable in print, for the colour-blind, the same bytes every time."""

from io import StringIO
from pathlib import Path

import matplotlib

matplotlib.use("Agg")

import matplotlib.pyplot as plt
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from edgeint8.files import atomic_path, write_text
from edgeint8.report.figures.hover import with_titles

# Okabe and Ito's palette: distinct under all common colour deficiencies and in grey.
COLOURS = ("#0072B2", "#E69F00", "#009E73", "#CC79A7", "#56B4E9", "#D55E00", "#F0E442", "#000000")
MARKERS = ("o", "s", "^", "D", "v", "P", "X", "*")
LINES = ("-", "--", "-.", ":", (0, (5, 1)), (0, (3, 1, 1, 1)), (0, (1, 1)), (0, (7, 3)))
HATCHES = ("", "//", "..", "xx", "\\\\", "++", "oo", "--")

STYLE = {
    "axes.grid": True,
    "axes.grid.axis": "y",
    "axes.axisbelow": True,
    "axes.spines.right": False,
    "axes.spines.top": False,
    "axes.titlesize": 10,
    "font.size": 9,
    "grid.alpha": 0.35,
    "legend.frameon": False,
    "savefig.dpi": 160,
    "svg.fonttype": "none",
    "svg.hashsalt": "edgeint8",  # otherwise the ids in an SVG are random
}


def new_figure(
    columns: int = 1, width: float = 6.4, height: float = 3.6, rows: int = 1
) -> tuple[Figure, list[Axes]]:
    """A figure with `rows` x `columns` axes, row by row; `height` is of one row, in inches."""
    plt.rcParams.update(STYLE)
    figure, axes = plt.subplots(
        rows, columns, figsize=(width, height * rows), squeeze=False, layout="constrained"
    )
    return figure, list(axes.flat)


def nothing_to_draw(*tables: pd.DataFrame) -> Figure:
    """In the place of a figure whose first table has no rows, as where no workload could run."""
    figure, (ax,) = new_figure(height=1.2)
    ax.axis("off")
    ax.text(0.5, 0.5, "no rows to draw", ha="center", va="center")
    return figure


def legend_below(figure: Figure, axes: Axes) -> None:
    """One legend for all panels, under them, with the entries of `axes`."""
    handles, labels = axes.get_legend_handles_labels()
    figure.legend(handles, labels, loc="outside lower center", ncols=len(labels), fontsize=8)


def save_figure(figure: Figure, svg: str | Path, png: str | Path) -> None:
    """Write both formats, without a date, each whole or not at all."""
    drawn = StringIO()
    figure.savefig(drawn, format="svg", metadata={"Date": None})
    write_text(svg, with_titles(drawn.getvalue()))
    figure.set_layout_engine("none")  # what is laid out stays: half the time of many panels
    with atomic_path(png) as temporary:
        figure.savefig(temporary, format="png", metadata={"Software": None})
    plt.close(figure)


def data_source(rows: pd.DataFrame) -> str:
    """Where the data of some rows came from; a stand-in is called one."""
    source = str(rows["data_source"].iloc[0])
    return "STAND-IN data" if source == "stand_in" else f"data: {source}"


def short_name(layer: str) -> str:
    """The telling part of a node name: ``/features/features.0/Conv_quant`` -> features.0.

    A layer into which others were fused (``a+b``) is called after itself.
    """
    parts = [part for part in layer.split("+")[0].split("/") if part] or [layer]
    return parts[-2] if len(parts) > 1 else parts[0]


def yardstick(frame: pd.DataFrame) -> str:
    """What judges in the place of accuracy, by the column of a study; nothing where none does."""
    names = list(frame["judged_by"].dropna()) if "judged_by" in frame else []
    return str(names[0]) if names else ""
