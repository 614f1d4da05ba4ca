"""Published figures beside ours, and ZigZag beside ours: counts, sentences, tables.

Each function takes tables; feed it other tables and it says something else.
"""

from collections.abc import Callable

import pandas as pd

from edgeint8.report.findings.array_machines import enumeration
from edgeint8.report.markdown import Tables, cell, percent, table

FITS = 0.1  # relative error up to which a figure counts as met
HALF = 0.5  # up to which an absolute energy has its order right
PRESETS = "preset "  # sources that are our own presets: rounding, no comparison
ROW_STATIONARY = "Eyeriss"  # a machine with a closed form of its own, in a table of its own
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
    """How many published figures are met, by kind, and which source fits best and worst."""
    rows = compared(validation)
    if rows.empty:
        return []
    far = rows["error"].abs()
    met = int((far <= FITS).sum())
    sentences = [
        f"{met} of {len(rows)} published figures are met within {percent(FITS, 0)}; none of the "
        "model's parameters was fitted to any of them.",
        *kinds_sentence(rows),
        *band_sentence(rows),
        *predicted_sentence(rows),
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


def kinds_sentence(rows: pd.DataFrame) -> list[str]:
    """Figures met within 10 %, by what they come from."""
    if "kind" not in rows.columns:
        return []
    fits = (rows["error"].abs() <= FITS).groupby(rows["kind"], sort=False).agg(["sum", "size"])
    words = [f"{kind} {int(row['sum'])} of {int(row['size'])}" for kind, row in fits.iterrows()]
    return [f"By what they come from: {enumeration(words)}."]


def band_sentence(rows: pd.DataFrame) -> list[str]:
    """How many absolute energies lie between our low and high constants, and where others lie."""
    energies = banded(rows)
    if energies.empty:
        return []
    below = int((energies["published"] < energies["ours_low"]).sum())
    above = int((energies["published"] > energies["ours_high"]).sum())
    inside = len(energies) - below - above
    near = int((energies["error"].abs() <= HALF).sum())
    return [
        f"{inside} of {len(energies)} published energies lie inside our band, {below} below its "
        f"low end and {above} above its high end; {near} are within {percent(HALF, 0)} of its mid."
    ]


def predicted_sentence(rows: pd.DataFrame) -> list[str]:
    """How the figures fell that were predicted before they were looked up."""
    blind = predicted(rows)
    if blind.empty:
        return []
    far = blind["error"].abs()
    return [
        f"Of {len(blind)} figures that were predicted before they were looked up, "
        f"{int((far <= FITS).sum())} are met within {percent(FITS, 0)}, {int((far <= HALF).sum())} "
        f"within {percent(HALF, 0)}; the median error is {percent(far.median(), 0)}."
    ]


def banded(rows: pd.DataFrame) -> pd.DataFrame:
    """Rows in which constants enter, with their band: absolute energies."""
    return rows[rows["ours_low"].notna()] if "ours_low" in rows.columns else rows.iloc[:0]


def predicted(rows: pd.DataFrame) -> pd.DataFrame:
    """Rows that were predicted first."""
    return rows[rows["predicted"].astype(bool)] if "predicted" in rows.columns else rows.iloc[:0]


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


def energy_table(validation: pd.DataFrame) -> str:
    """Absolute energies with our band, and whether it holds them."""
    energies = banded(compared(validation))
    inside = energies["published"].between(energies["ours_low"], energies["ours_high"])
    rows = energies.assign(
        inside=inside.map({True: "yes", False: "no"}),
        error=energies["error"].map(_signed),
        **{name: energies[name].map(_number) for name in (*_BAND, "published")},
    )
    return table(rows, ENERGY_COLUMNS)


_BAND = ("ours_low", "ours", "ours_high")
ENERGY_COLUMNS = {
    "source": "source",
    "quantity": "quantity",
    "conditions": "conditions",
    "unit": "unit",
    "published": "published",
    "ours_low": "low",
    "ours": "mid",
    "ours_high": "high",
    "inside": "in the band",
    "error": "error of mid",
}


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
    "validation_table": lambda tables: validation_table(_systolic(tables["validation"])),
    "validation_row_stationary": lambda tables: validation_table(
        _row_stationary(tables["validation"])
    ),
    "validation_energies": lambda tables: energy_table(tables["validation"]),
    "validation_roofs": lambda tables: validation_table(_roofs(tables["validation"])),
    "validation_presets": lambda tables: validation_table(_presets(tables["validation"])),
    "peers_sentence": lambda tables: peers_sentence(tables["benchmark_peers"]),
    "peers_cycles": lambda tables: peers_cycles(tables["benchmark_peers"]),
    "peers_differences": lambda tables: peers_differences(tables["benchmark_peers"]),
}


def _bullets(sentences: list[str]) -> str:
    return "\n".join(f"- {sentence}" for sentence in sentences)


def _row_stationary(validation: pd.DataFrame) -> pd.DataFrame:
    rows = compared(validation)
    return rows[rows["source"].str.startswith(ROW_STATIONARY)]


def _systolic(validation: pd.DataFrame) -> pd.DataFrame:
    rows = compared(validation)
    return rows[~rows["source"].str.startswith(ROW_STATIONARY)]


def _roofs(validation: pd.DataFrame) -> pd.DataFrame:
    return validation[validation["quantity"].str.endswith("throughput")]


def _presets(validation: pd.DataFrame) -> pd.DataFrame:
    return validation[validation["source"].str.startswith(PRESETS)]
