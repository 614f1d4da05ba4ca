"""Published figures beside ours, and ZigZag beside ours: counts, sentences, tables.

Each function takes tables; feed it other tables and it says something else.
"""

from collections.abc import Callable

import pandas as pd

from edgeint8.report.findings.array_machines import enumeration
from edgeint8.report.markdown import Tables, cell, percent, table

FITS = 0.1  # relative error up to which a figure counts as met
PRESETS = "preset "  # sources that are our own presets: rounding, no comparison
COLUMNS = {
    "source": "source",
    "quantity": "quantity",
    "conditions": "conditions",
    "unit": "unit",
    "published": "published",
    "ours": "ours",
    "error": "error",
    "why": "why",
}


def validation_sentences(validation: pd.DataFrame) -> list[str]:
    """How many published figures are met, and which source fits best and worst."""
    rows = compared(validation)
    if rows.empty:
        return []
    far = rows["error"].abs()
    met = int((far <= FITS).sum())
    sentences = [
        f"{met} of {len(rows)} published figures are met within {percent(FITS, 0)}; none of the "
        "model's parameters was fitted to any of them."
    ]
    medians = far.groupby(rows["source"], sort=False).median().sort_values(kind="stable")
    if len(medians) > 1:
        sentences.append(
            f"In the median {_source(medians, 0)} fits best and {_source(medians, -1)} worst."
        )
    worst = rows.loc[far.idxmax()]
    sentences.append(
        f"Furthest off is {worst['source']}, {worst['quantity']}: {_number(worst['ours'])} against "
        f"{_number(worst['published'])} {worst['unit']} ({_signed(worst['error'])}): "
        f"{worst['why']}."
    )
    return sentences


def _source(medians: pd.Series, place: int) -> str:
    return f"{medians.index[place]} ({percent(medians.iloc[place], 1)})"


def compared(validation: pd.DataFrame) -> pd.DataFrame:
    """Rows of other people's figures; the roofs of measured programs are bounds, not figures."""
    if validation.empty:
        return validation
    own = validation["source"].str.startswith(PRESETS)
    roof = validation["quantity"].str.endswith("throughput")
    return validation[~own & ~roof]


def roof_sentence(validation: pd.DataFrame) -> list[str]:
    """Whether every measured program stays below its roof."""
    if validation.empty:
        return []
    roofs = validation[validation["quantity"].str.endswith("throughput")]
    if roofs.empty:
        return []
    above = int((roofs["ours"] < roofs["published"]).sum())
    if above:
        return [f"**{above} of {len(roofs)} measured programs lie above their roof.**"]
    reached = (roofs["published"] / roofs["ours"]).sort_values()
    return [
        f"All {len(roofs)} measured programs stay below their roof; they reach "
        f"{percent(reached.iloc[0], 0)} to {percent(reached.iloc[-1], 0)} of it."
    ]


def validation_table(validation: pd.DataFrame) -> str:
    """Every row, with its reason."""
    rows = validation.assign(
        published=validation["published"].map(_number),
        ours=validation["ours"].map(_number),
        error=validation["error"].map(_signed),
    )
    return table(rows, COLUMNS)


def _number(value: float) -> str:
    return f"{value:,.0f}" if abs(value) >= 1000 else f"{value:.4g}"


def _signed(error: float) -> str:
    return f"{100 * error:+.1f} %"


def peers_sentence(peers: pd.DataFrame) -> str:
    """Equal access counts, the range of the cycles, and how many times faster."""
    layers = peers[peers["layer"] != "all"]
    accesses = layers[layers["quantity"] != "cycles"]
    cycles = layers.loc[layers["quantity"] == "cycles", "ratio"].sort_values()
    equal = int((accesses["ours"] == accesses["zigzag"]).sum())
    speeds = peers[peers["quantity"].str.startswith("time: ")]
    faster = [
        f"{ratio:,.0f} times as many {name.removeprefix('time: ')}"
        for name, ratio in zip(speeds["quantity"], speeds["ratio"], strict=True)
    ]
    return (
        f"{equal} of {len(accesses)} access counts are equal; our cycles are {cycles.iloc[0]:.2f} "
        f"to {cycles.iloc[-1]:.2f} times ZigZag's, {cycles.median():.2f} in the median. Ours does "
        f"{enumeration(faster)}."
    )


def peers_cycles(peers: pd.DataFrame) -> str:
    """Cycles of every layer, side by side."""
    rows = peers[peers["quantity"] == "cycles"].assign(
        ratio=lambda f: f["ratio"].map("{:.3f}".format)
    )
    columns = {
        "layer": "layer",
        "form": "form",
        "zigzag": "ZigZag",
        "ours": "ours",
        "ratio": "ratio",
    }
    whole = {name: rows[name].map(lambda value: f"{value:,.0f}") for name in ("zigzag", "ours")}
    return table(rows.assign(**whole), columns)


def peers_differences(peers: pd.DataFrame) -> str:
    """Access counts that differ, with the reason."""
    layers = peers[(peers["layer"] != "all") & (peers["quantity"] != "cycles")]
    rows = layers[layers["ours"] != layers["zigzag"]]
    whole = {name: rows[name].map(lambda value: f"{value:,.0f}") for name in ("zigzag", "ours")}
    names = ("layer", "form", "quantity", "zigzag", "ours", "why")
    return table(rows.assign(**whole), {name: cell(name) for name in names})


QUOTES: dict[str, Callable[[Tables], str]] = {
    "validation_sentences": lambda tables: _bullets(
        [
            *validation_sentences(tables["validation"]),
            *roof_sentence(tables["validation"]),
        ]
    ),
    "validation_table": lambda tables: validation_table(compared(tables["validation"])),
    "validation_roofs": lambda tables: validation_table(_roofs(tables["validation"])),
    "validation_presets": lambda tables: validation_table(_presets(tables["validation"])),
    "peers_sentence": lambda tables: peers_sentence(tables["benchmark_peers"]),
    "peers_cycles": lambda tables: peers_cycles(tables["benchmark_peers"]),
    "peers_differences": lambda tables: peers_differences(tables["benchmark_peers"]),
}


def _bullets(sentences: list[str]) -> str:
    return "\n".join(f"- {sentence}" for sentence in sentences)


def _roofs(validation: pd.DataFrame) -> pd.DataFrame:
    return validation[validation["quantity"].str.endswith("throughput")]


def _presets(validation: pd.DataFrame) -> pd.DataFrame:
    return validation[validation["source"].str.startswith(PRESETS)]
