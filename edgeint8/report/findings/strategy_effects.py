"""Why one strategy beats another: sentences that the tables of this run support, or that say no.

Every function takes tables of Part B and one workload; feed it other tables and it says something
else. Nothing here reads a latency column.
"""

import math
import re
from collections.abc import Mapping
from itertools import combinations
from typing import Any

import pandas as pd

from edgeint8.report.figures.style import short_name
from edgeint8.report.findings.effects import CALIBRATION_OPTIONS, Effect, effect, of, static
from edgeint8.report.markdown import Tables

ONE_BIT = 2.0  # channel ranges that differ by less cost the weakest channel less than a bit
SIGNIFICANCE = 0.05
WASTEFUL = 0.25  # share of unused levels from which waste is called a reason
RECTIFIERS = ("Relu", "Clip")
SAME_AS_MINMAX = re.compile(r"(\d+) of (\d+) ranges equal minmax(?:: ([^;]+))?")
GRANULARITY = {"channel": "per-channel weights", "tensor": "per-tensor weights"}
SYMMETRY = {"asymmetric": "asymmetric activations", "symmetric": "symmetric activations"}


def reasons(tables: Tables, workload: str) -> list[str]:
    """All sentences on the choice of a strategy; none on a network that came quantised."""
    if of(tables["quantization"], workload)["sqnr_db"].isna().all():
        return []
    return [
        accuracy(tables, workload),
        granularity(tables, workload),
        symmetry(tables, workload),
        calibration(tables, workload),
        power_of_two(tables, workload),
        *equal_to_minmax(tables, workload),
        draws(tables, workload),
    ]


def headline(tables: Tables, workload: str) -> str:
    """What each choice is worth, the largest first, for the first page."""
    found = {
        "the calibration": _extremes(tables, workload),
        "the symmetry of the activations": _symmetry(tables, workload),
        "the granularity of the weights": _granularity(tables, workload),
    }
    compared = {name: choice for name, choice in found.items() if choice is not None}
    if not compared:
        return (
            "No two of its strategies differ in calibration, symmetry or granularity only, so no "
            "reason can be isolated."
        )
    shown = sorted(
        ((name, choice) for name, choice in compared.items() if choice.shown),
        key=lambda entry: -entry[1].mean_db,
    )
    silent = [name for name, choice in compared.items() if not choice.shown]
    parts = [
        f"{name}, {choice.mean_db:.1f} dB for {_plain(choice.better)} over {_plain(choice.worse)}"
        for name, choice in shown
    ]
    text = f"What matters: {'; '.join(parts)}." if parts else ""
    if silent:
        text += f" Not shown to matter: {', '.join(silent)}."
    return text.strip()


def accuracy(tables: Tables, workload: str) -> str:
    """Whether the test split can tell any strategy's accuracy from FP32's."""
    rows = of(tables["quantization"], workload)
    if rows["mcnemar_p_fp32"].isna().all():
        return "The inputs have no labels: what follows rests on the SQNR of the logits."
    differ = rows[rows["mcnemar_p_fp32"] < SIGNIFICANCE]
    images = f"{int(rows['images'].iloc[0]):,} test images"
    if differ.empty:
        return (
            f"After Holm's correction the {images} tell the accuracy of none of {len(rows)} "
            "strategies from FP32's; what follows rests on the SQNR of the logits."
        )
    names = ", ".join(
        f"`{row['strategy']}` ({100 * row['accuracy_delta']:+.2f})"
        for row in differ.sort_values("accuracy_delta", kind="stable").to_dict("records")
    )
    return (
        f"After Holm's correction the {images} tell the accuracy of {len(differ)} of {len(rows)} "
        f"strategies from FP32's (percentage points): {names}."
    )


def granularity(tables: Tables, workload: str) -> str:
    """Per channel against per tensor, and the spread of channel ranges that explains it."""
    found = _granularity(tables, workload)
    if found is None:
        return "No two strategies of this run differ in the granularity of their weights only."
    text = _verdict(found, GRANULARITY)
    traits = of(tables["layer_traits"], workload)
    if traits.empty:
        return text
    widest = traits.loc[traits["weight_range_ratio"].idxmax()]
    ratio, layer = float(widest["weight_range_ratio"]), short_name(str(widest["layer"]))
    spread = f"the ratio of largest to smallest channel range in {layer} is {ratio:.2f}"
    if not found.shown:
        return f"{text} The largest spread of weights: {spread}."
    if found.better == "tensor":
        return f"{text} The data do not show why: {spread}, which should favour per-channel."
    if ratio < ONE_BIT:
        return f"{text} The data do not show why: nowhere is the spread larger, and {spread}."
    return (
        f"{text} That is because {spread}, the largest of {len(traits)} layers: one scale for all "
        f"takes {math.log2(ratio):.1f} bits from its weakest channel."
    )


def symmetry(tables: Tables, workload: str) -> str:
    """Asymmetric against symmetric, and the levels that explain it."""
    found = _symmetry(tables, workload)
    if found is None:
        return "No two strategies of this run differ in the symmetry of their activations only."
    text = _verdict(found, SYMMETRY)
    levels = of(tables["levels"], workload)
    rectified = levels[levels["made_by"].isin(RECTIFIERS)] if len(levels) else levels
    if rectified.empty:
        return f"{text} The network has no ReLU whose levels could be wasted."
    wasted, kept = rectified["unused_symmetric"].mean(), rectified["unused_asymmetric"].mean()
    share = (
        f"{100 * wasted:.0f} % of the levels are never used after ReLU when activations are "
        f"symmetric, {100 * kept:.0f} % when they are not"
    )
    wasteful = wasted - kept >= WASTEFUL
    if found.shown and found.better == "asymmetric" and wasteful:
        return f"{text} That is because {share}."
    if found.shown and (found.better == "symmetric") == wasteful:
        return f"{text} The data do not show why: {share}."
    return f"{text} For the record, {share}."


def calibration(tables: Tables, workload: str) -> str:
    """Which calibration keeps most, which least, and how much of the range each keeps."""
    ranking = _ranking(tables, workload)
    if len(ranking) < 2:
        return "No two strategies of this run differ in their calibration only."
    text = f"Calibration ranks {' > '.join(ranking)}; the first keeps "
    found = _calibration(tables, workload, ranking[0], ranking[1])
    if found is None:
        text += "what no pair of strategies compares with the second."
    else:
        text += f"{found.mean_db:.2f} dB more than the second {found.evidence}"
        text += "." if found.shown else ": the data do not separate these two."
    if len(ranking) > 2:
        ends = _calibration(tables, workload, ranking[0], ranking[-1])
        if ends is not None:
            confirmed = "" if ends.shown else ", which not every draw confirms"
            text += f" The last, {ranking[-1]}, keeps {ends.mean_db:.2f} dB less{confirmed}."
    return text + _clipping(of(tables["levels"], workload), ranking[-1])


def power_of_two(tables: Tables, workload: str) -> str:
    """What it costs that every scale is a power of two."""
    rows, drawn = of(tables["quantization"], workload), of(tables["draws"], workload)
    found = effect(rows, drawn, "power_of_two", (False, True))
    if found is None:
        return "No strategy of this run differs from another in power-of-two scales only."
    text = _verdict(found, {False: "free scales", True: "power-of-two scales"})
    return f"{text} Power-of-two scales turn requantisation into a shift."


def equal_to_minmax(tables: Tables, workload: str) -> list[str]:
    """For every method but minmax: how many of its ranges are minmax's, and why."""
    rows = static(of(tables["quantization"], workload))
    symmetries = set(rows["symmetry"])
    noted: dict[tuple[str, str, str, str], set[str]] = {}
    for row in rows.dropna(subset=["note"]).to_dict("records"):
        for same, total, reason in SAME_AS_MINMAX.findall(row["note"]):
            key = (row["calibration"], same, total, reason.strip())
            noted.setdefault(key, set()).add(row["symmetry"])
    sentences = []
    for (method, same, total, reason), seen in noted.items():
        if same != "0":
            which = f"All {total}" if same == total else f"{same} of {total}"
            under = "" if seen == symmetries else f" under {seen.pop()} activations"
            because = f": {reason}" if reason else ""
            sentences.append(f"{which} ranges of {method}{under} equal minmax's{because}.")
    return sentences


def draws(tables: Tables, workload: str) -> str:
    """Whether the first two strategies differ by more than other calibration images would do."""
    rows = of(tables["draws"], workload)
    if rows.empty:
        return "There are no calibration draws."
    if rows["draw"].nunique() < 2:
        return "There is one calibration draw, so nothing is known of their spread."
    pair = [name for name in _ranked(tables, workload) if name in set(rows["strategy"])][:2]
    if len(pair) < 2:
        return "There are no two strategies whose calibration draws could be compared."
    values = {name: rows.loc[rows["strategy"] == name, "sqnr_db"] for name in pair}
    first, second = pair
    spread = max(float(column.max() - column.min()) for column in values.values())
    difference = abs(float(values[first].mean() - values[second].mean()))
    answer = "larger than" if difference > spread else "not larger than"
    ranges = " and ".join(
        f"`{name}` {column.min():.2f} to {column.max():.2f} dB" for name, column in values.items()
    )
    verdict = "does not decide" if difference > spread else "may decide"
    return (
        f"Over {rows['draw'].nunique()} draws of calibration images the first two strategies give "
        f"{ranges}: their difference, {difference:.2f} dB, is {answer} the spread of "
        f"{spread:.2f} dB, so the choice of images {verdict} which keeps more."
    )


def _granularity(tables: Tables, workload: str) -> Effect | None:
    rows, drawn = of(tables["quantization"], workload), of(tables["draws"], workload)
    return effect(rows, drawn, "granularity", ("channel", "tensor"))


def _symmetry(tables: Tables, workload: str) -> Effect | None:
    rows, drawn = of(tables["quantization"], workload), of(tables["draws"], workload)
    return effect(rows, drawn, "symmetry", ("asymmetric", "symmetric"))


def _calibration(tables: Tables, workload: str, first: str, second: str) -> Effect | None:
    rows, drawn = of(tables["quantization"], workload), of(tables["draws"], workload)
    return effect(rows, drawn, "calibration", (first, second), CALIBRATION_OPTIONS)


def _ranking(tables: Tables, workload: str) -> list[str]:
    """Methods from most to least SQNR: by the number of rivals beaten, then by mean gain."""
    methods = list(dict.fromkeys(static(of(tables["quantization"], workload))["calibration"]))
    score: dict[str, tuple[int, float]] = {}
    for first, second in combinations(methods, 2):
        found = _calibration(tables, workload, first, second)
        if found is not None:
            for name, sign in ((found.better, 1), (found.worse, -1)):
                wins, gain = score.get(name, (0, 0.0))
                score[name] = (wins + (sign > 0), gain + sign * found.mean_db)
    return sorted(score, key=lambda name: (-score[name][0], -score[name][1], name))


def _extremes(tables: Tables, workload: str) -> Effect | None:
    """First against last calibration."""
    ranking = _ranking(tables, workload)
    return _calibration(tables, workload, ranking[0], ranking[-1]) if len(ranking) > 1 else None


def _ranked(tables: Tables, workload: str) -> list[str]:
    """Strategies as the recommendation ranks them; the rest follows by SQNR on the hold-out."""
    rows = of(tables["recommendation"], workload)
    if rows.empty:
        return []
    ordered = rows.sort_values(["rank", "holdout_sqnr_db"], ascending=[True, False], kind="stable")
    return [str(name) for name in ordered["strategy"]]


def _clipping(levels: pd.DataFrame, method: str) -> str:
    """How much of minmax's range a method keeps after rectifiers, as a sentence."""
    if levels.empty or method == "minmax":
        return ""
    rows = levels[levels["made_by"].isin(RECTIFIERS)]
    span = (rows["high"] - rows["low"]).groupby([rows["calibration"], rows["tensor"]]).first()
    if not {"minmax", method} <= set(rows["calibration"]):
        return ""
    share = (span[method] / span["minmax"]).mean()
    return f" After ReLU its ranges are {100 * share:.0f} % of minmax's: it clips the rest."


def _verdict(found: Effect, names: Mapping[Any, str]) -> str:
    """One sentence: who wins by how much, or that it is not shown."""
    better, worse = names[found.better], names[found.worse]
    if found.shown:
        return f"{better.capitalize()} beat {worse} by {found.mean_db:.2f} dB {found.evidence}."
    return (
        f"The data do not show that {better} beat {worse}: the mean gain is {found.mean_db:.2f} dB "
        f"{found.evidence}."
    )


def _plain(side: object) -> str:
    """A value of one of the three choices in words."""
    return GRANULARITY.get(str(side)) or SYMMETRY.get(str(side)) or str(side)
