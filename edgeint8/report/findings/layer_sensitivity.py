"""Which layers lose most, what may explain it, and what keeping a few of them float wins back."""

from collections.abc import Mapping
from typing import Any

import pandas as pd
import scipy

from edgeint8.report.figures.style import short_name
from edgeint8.report.findings.effects import of
from edgeint8.report.markdown import Tables

TRAITS = {
    "weight_range_ratio": "weight range spread over channels",
    "activation_outlier_ratio": "activation outliers",
    "k": "K",
}
FEWEST_FOR_RANKS = 6  # fewer layers can be in any order by chance
SIGNIFICANT = 0.05


def sensitive_layers(tables: Tables, workload: str) -> list[str]:
    """One sentence a detail strategy: the layer that loses most, and why as far as data show."""
    rows = of(tables["sensitivity"], workload)
    traits = of(tables["layer_traits"], workload)
    return [
        _sensitive(str(strategy), frame, traits)
        for strategy, frame in (rows.groupby("strategy", sort=False) if len(rows) else ())
    ]


def mixed_precision(tables: Tables, workload: str) -> list[str]:
    """One sentence a detail strategy: the suggestion, with the runs before and after."""
    rows, layers = of(tables["mixed_precision"], workload), of(tables["sensitivity"], workload)
    total = layers["layer"].nunique() if len(layers) else 0
    return [_suggestion(row, total) for row in rows.to_dict("records")]


def _sensitive(strategy: str, frame: pd.DataFrame, traits: pd.DataFrame) -> str:
    alone = frame[frame["mode"] == "alone"].set_index("layer")
    others = frame[frame["mode"] == "all_but"].set_index("layer")
    worst, total = str(alone["noise"].idxmax()), float(alone["noise"].sum())
    share = alone.loc[worst, "noise"] / total if total else 0.0
    relieved = str(others["noise"].idxmin())
    confirmed = (
        "and quantising all but it agrees"
        if relieved == worst
        else f"but leaving out `{short_name(relieved)}` relieves the whole network most"
    )
    return (
        f"`{strategy}`: the most sensitive layer is `{short_name(worst)}` with "
        f"{100 * share:.0f} % of the noise that {len(alone)} layers make one at a time "
        f"({alone.loc[worst, 'sqnr_db']:.1f} dB alone), {confirmed}. "
        f"{explanation(alone['noise'], traits)}"
    )


def explanation(noise: pd.Series, traits: pd.DataFrame) -> str:
    """What goes with `noise` (by layer): a rank correlation, or the extremes of a few layers."""
    known = traits.set_index("layer").reindex(noise.index) if len(traits) else traits
    if known.empty or known[list(TRAITS)].isna().any(axis=None):
        return "The data do not show why: the layers' traits are not known."
    if len(noise) >= FEWEST_FOR_RANKS:
        return _by_ranks(noise, known)
    worst = noise.idxmax()
    fitting = [
        label
        for column, label in TRAITS.items()
        if known[column].max() > known[column].min() and known[column].idxmax() == worst
    ]
    place = " It is the last layer: its output levels are those of the logits."
    last = place if worst == noise.index[-1] else ""
    if fitting:
        return (
            f"It also has the largest {' and '.join(fitting)}, which fits, although "
            f"{len(noise)} layers prove nothing.{last}"
        )
    return f"The data do not show why: none of {', '.join(TRAITS.values())} is largest there.{last}"


def _by_ranks(noise: pd.Series, known: pd.DataFrame) -> str:
    """Spearman's rank correlation with each trait that varies, Bonferroni-corrected."""
    varying = {column: label for column, label in TRAITS.items() if known[column].nunique() > 1}
    tests = {
        label: scipy.stats.spearmanr(noise, known[column]) for column, label in varying.items()
    }
    rho = {label: float(test.statistic) for label, test in tests.items()}
    limit = SIGNIFICANT / max(len(tests), 1)
    found = [
        f"{label} (rho = {rho[label]:+.2f})"
        for label, test in tests.items()
        if test.pvalue < limit and rho[label] > 0
    ]
    if found:
        return f"Over {len(noise)} layers sensitivity rises with {' and '.join(found)}."
    listed = ", ".join(f"{label} {value:+.2f}" for label, value in rho.items())
    return (
        f"The data do not show why: over {len(noise)} layers no trait goes with it "
        f"(rank correlations {listed or 'undefined'})."
    )


def _suggestion(row: Mapping[str, Any], total: int) -> str:
    """Before and after, both run; how much of the loss is won back."""
    strategy, before, after = row["strategy"], row["loss_before"], row["loss_after"]
    if before <= 0:
        return f"`{strategy}`: there is no loss to win back."
    names = ", ".join(f"`{short_name(name)}`" for name in str(row["float_layers"]).split())
    tried = f"{row['networks_tried']} networks were run"
    tried += ", every smaller set among them" if row["exhaustive"] else ", not every smaller set"
    measures = {"noise": "noise power", "metric": f"lost {row.get('judged_by')}"}
    measure = measures.get(str(row["measure"]), "lost accuracy")
    if after > before / 2:
        return f"`{strategy}`: no set of float layers wins back half of the {measure} ({tried})."
    lost = [row[f"accuracy_drop_{side}"] for side in ("before", "after")]
    drops = " to ".join(f"{100 * share:.2f}" for share in lost)
    accuracy = "" if pd.isna(lost[0]) else f", accuracy lost from {drops} percentage points"
    if isinstance(row.get("judged_by"), str):
        accuracy = (
            f", {row['judged_by']} from {row['value_before']:.4g} to {row['value_after']:.4g}"
        )
    return (
        f"`{strategy}`: keeping {names} float ({row['float_layer_count']} of {total} layers) wins "
        f"back {100 * (1 - after / before):.0f} % of the {measure}: SQNR from "
        f"{row['sqnr_db_before']:.1f} to {row['sqnr_db_after']:.1f} dB{accuracy}, both run on "
        f"{row['images']:,} images of the hold-out ({tried})."
    )


def why_low(tables: Tables, workload: str) -> list[str]:
    """Where strategies with a low SQNR lose it, and what an integer-only chip can do about it."""
    rows = of(tables["low_sqnr"], workload)
    if rows.empty:
        return []
    remedies = (
        "Remedies: `clamp_masks`, `equalize`, weights per channel and `split_outputs` leave what "
        "an integer-only chip runs; `exclude` and `auto_exclude` do not, they ask for a "
        "floating-point unit."
    )
    return [*(_loss(row) for row in rows.to_dict("records")), remedies]


def _loss(row: dict[str, Any]) -> str:
    """One strategy: the node, the tensor with its ranges, the constants."""
    node, tensor = row["first_node_below_10_db"], row["worst_tensor"]
    text = (
        f"`{row['strategy']}`: no node of its own falls below 10 dB"
        if pd.isna(node)
        else f"`{row['strategy']}`: `{node}` is the first node below 10 dB"
    )
    if not pd.isna(tensor):
        text += (
            f"; `{tensor}` ranges to {row['range']:.3g}, 99.9 % of it to {row['bulk_range']:.3g}, "
            f"and keeps {row['sqnr_db']:.1f} dB, its worst entry "
            f"{row['worst_entry_sqnr_db']:.1f} dB"
        )
    if not pd.isna(row["range_ratio"]) and row["range_ratio"] > 1:
        text += f" (ranges of its entries {row['range_ratio']:.3g} times apart)"
    constants = row["extreme_constants"]
    return f"{text}." + (f" Extreme constants: {constants}." if isinstance(constants, str) else "")
