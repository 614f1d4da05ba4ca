"""The recommended design in words: what, under which limits, how sure, and SCALE-Sim's choice.

Every function takes rows of one workload and returns sentences, none where rows are missing.
"""

import numpy as np
import pandas as pd

from edgeint8.conventions import NEAR_LEAST_PERCENT
from edgeint8.report.findings.array_machines import CAUSES, enumeration
from edgeint8.report.findings.design_answers import design_text, over_levels, survives
from edgeint8.report.markdown import percent

FIGURES = {
    "rate": "Energy a period",
    "deadline": "Energy an inference",
    "edp": "Energy times delay",
}
"""What is to be small, by objective."""
LEAST_SAID = 0.001  # of the energy: below it a difference has no figure
RANKING_SURVIVES = 0.95  # Spearman's correlation from which a ranking counts as the same


def recommendation(best: pd.DataFrame) -> list[str]:
    """The design, its limits, the runner-up, and what more bandwidth would win."""
    if best.empty:
        return []
    first = best.iloc[0]
    limits = str(first["constraints"]) if isinstance(first["constraints"], str) else ""
    sentences = [
        f"**Recommended** at {_bandwidth(first)}, {_judged_by(first)} "
        f"{_ranked_by(first)}{f' within {limits}' if limits else ''}, is {design_text(first)}; "
        f"{_above_the_bound(first)}, which {CAUSES[first['bound_by']]} sets."
    ]
    others = best[best["rank"] == 2]
    if need_text(first):
        return [" ".join([*sentences, _price_of_size(first)])]
    if len(others):
        second = others.iloc[0]
        behind = (1 + second["behind_any"]) / (1 + first["behind_any"]) - 1
        sentences.append(f"The runner-up, {percent(behind, 2)} behind, is {design_text(second)}.")
    return [" ".join([*sentences, _more_bandwidth(first)])]


def nothing_meets(band: pd.DataFrame) -> list[str]:
    """Why no design is recommended of a space that was walked; rows of ``band.csv``."""
    rows = band[band["level"] == "mid"] if len(band) else band
    if rows.empty:
        return []
    if not rows["front"].iloc[0]:
        return ["**No design is recommended**: none holds every layer within the limits."]
    return [
        "**No design is recommended**: none of those to be had is fast enough for the stated need, "
        "within the limits, on the machine that waits for tiles. A larger space, more "
        "`dram_gb_per_s` or a slower need may have one."
    ]


def need_text(row: pd.Series) -> str:
    """The stated need in words; nothing where energy times delay decided."""
    if pd.notna(row.get("rate")):
        return f"{row['rate']:g} inferences a second"
    return f"{row['deadline_ms']:g} ms an inference" if pd.notna(row.get("deadline_ms")) else ""


def _judged_by(row: pd.Series) -> str:
    need = need_text(row)
    if need:
        return f"the smallest design within {NEAR_LEAST_PERCENT} % of the least energy for {need}"
    if row.get("objective") == "edp":
        return "no need being stated, with the least energy times delay"
    return "with the least energy times delay"


def _price_of_size(row: pd.Series) -> str:
    above = row["behind_to_be_had"]
    if above <= 0:
        return "It has the least energy as well."
    saved = above / (1 + above)
    lower = percent(saved, 1) if saved >= LEAST_SAID else f"less than {percent(LEAST_SAID, 1)}"
    return f"The least energy is {lower} lower, with more area."


def _ranked_by(row: pd.Series) -> str:
    if pd.isna(row["machine_cycles"]):
        return "by the bound (these designs have no machine that waits for tiles)"
    return "on the machine that waits for tiles"


def _above_the_bound(row: pd.Series) -> str:
    if pd.isna(row["machine_cycles"]):
        return "its cycles are the bound"
    above = row["machine_cycles"] / row["bound_cycles"] - 1
    return f"that is {percent(above, 1)} above the bound of {int(row['bound_cycles']):,} cycles"


def _bandwidth(row: pd.Series) -> str:
    if not np.isfinite(row["dram_gb_per_s"]):
        return "unlimited DRAM bandwidth (the space has no other)"
    return f"{row['dram_gb_per_s']:g} GB/s of DRAM bandwidth"


def _more_bandwidth(first: pd.Series) -> str:
    """What is given up: within the bandwidth that is to be had, and beyond it."""
    given_up = first["behind_to_be_had"]
    text = (
        f"A higher bandwidth that is to be had would lower the product by "
        f"{percent(given_up / (1 + given_up), 1)}; too little to ask for it."
        if given_up > 0
        else "No other bandwidth that is to be had gives less."
    )
    beyond = first["behind_any"]
    if beyond > given_up:
        text += (
            f" Beyond it, up to unlimited bandwidth, the product could fall by "
            f"{percent(beyond / (1 + beyond), 0)}."
        )
    return text


def scale_sim_choice(best: pd.DataFrame) -> list[str]:
    """What SCALE-Sim's cycles alone would take of the same candidates."""
    chosen = best[best["scalesim_choice"].astype(bool)] if len(best) else best
    if chosen.empty:
        return []
    row, first = chosen.iloc[0], best.iloc[0]
    start = (
        "SCALE-Sim alone knows neither energy nor pipelined folds nor a shared bus; by its USER "
        "cycles (the replica's) it would take"
    )
    if row["rank"] == 1:
        return [f"{start} the same design{'' if need_text(first) else ' of that bandwidth'}."]
    behind = (1 + row["behind_any"]) / (1 + first["behind_any"]) - 1
    what = "energy" if need_text(first) else "energy times delay"
    return [
        f"{start} the design of rank {int(row['rank'])}, {percent(behind, 1)} more {what}: "
        f"{design_text(row)}, {int(row['scalesim_cycles']):,} USER cycles against "
        f"{int(first['scalesim_cycles']):,} of the recommended one."
    ]


def over_the_band(band: pd.DataFrame) -> list[str]:
    """Which of three conclusions survive the energy band: the design, the front, the ranking."""
    if band.empty or not (band["front"] > 0).all():
        return []
    rows = band.set_index("level")
    best = {str(level): str(name) for level, name in rows["best_hardware"].items()}
    ends = rows.drop(index="mid")
    mid = int(rows.loc["mid", "front"])
    kept = enumeration(
        [f"{percent(share, 1)} at {level}" for level, share in ends["share_of_mid"].items()]
    )
    same = bool((ends["share_of_mid"] == 1).all() and (ends["front"] == mid).all())
    ranks = enumeration([f"{r:.3f} at {level}" for level, r in ends["rank_correlation"].items()])
    figure = FIGURES[rows.loc["mid"].get("objective", "edp")]
    ranking = bool((ends["rank_correlation"] >= RANKING_SURVIVES).all())
    return [
        over_levels("The design that the rule recommends is", best),
        f"Of the {mid:,} designs on the front at mid constants {kept} constants are on it too. "
        f"{survives(same, 'The front')}",
        f"{figure} ranks them as at mid with a correlation (Spearman) of {ranks}. "
        f"{survives(ranking, f'The ranking (from {RANKING_SURVIVES} on)')}",
        *draws_won(rows),
    ]


def suite(rows: pd.DataFrame) -> list[str]:
    """The machine for all networks of a suite, and who loses most on it; rows of ``suite.csv``."""
    first, worst = rows.iloc[0], rows.loc[rows["regret"].idxmax()]
    rule = (
        f"the smallest within {NEAR_LEAST_PERCENT} % of the least weighted energy of all designs "
        "that are fast enough for each"
        if need_text(first)
        else "with the least weighted energy times delay"
    )
    array = f"`{first['dataflow']}` {int(first['rows'])}x{int(first['cols'])}"
    sizes = "/".join(str(int(first[f"{name}_sram_kb"])) for name in ("ifmap", "filter", "ofmap"))
    return [
        f"One machine for all: {array}, {sizes} kB, {first['bandwidth']} B per cycle and port, "
        f"{first['area_mm2']:.2f} mm² (`{first['hardware']}`), {rule}.",
        f"`{worst['workload']}` loses most on it: {worst['regret']:.2f} times the least that is to "
        "be had for it alone.",
    ]


def draws_won(rows: pd.DataFrame) -> list[str]:
    """How often the design at mid wins when every constant varies by itself; rows by level."""
    if "draws" not in rows or not rows.loc["mid", "draws"] > 0:
        return []
    mid = rows.loc["mid"]
    compete = rows[rows["draws"] > 0].drop_duplicates("best_hardware")
    won = dict(zip(compete["best_hardware"], compete["draws_won"], strict=True))
    of_mid = won.pop(mid["best_hardware"])
    if isinstance(mid.get("challenger"), str) and mid["challenger"]:
        won[mid["challenger"]] = mid["challenger_won"]
    ranked = sorted(won.items(), key=lambda entry: -entry[1])
    others = [f"; {percent(share, 1)} go to `{name}`" for name, share in ranked]
    alone = "No constant alone dethrones it inside its band."
    if pd.notna(mid["dethroned_by"]) and mid["dethroned_by"]:
        alone = f"Alone dethrone it: {mid['dethroned_by']}."
    flip = ""
    if pd.notna(mid["flip_ratio"]):
        flip = f" The nearest flip: {mid['flip_constant']} at {mid['flip_ratio']:.2f} times mid."
    compared = (
        f" between {int(mid['contenders'])} designs" if pd.notna(mid.get("contenders")) else ""
    )
    return [
        f"With every constant drawn by itself `{mid['best_hardware']}` wins {percent(of_mid, 1)} "
        f"of {int(mid['draws']):,} draws{compared}{''.join(others)}. {alone}{flip}"
    ]


def front_agreement(front_check: pd.DataFrame) -> list[str]:
    """Whether the front equals the full model, and SCALE-Sim where it was asked."""
    if front_check.empty:
        return []
    wrong = int((front_check["difference"] != 0).sum())
    designs, compared = front_check["hardware"].nunique(), len(front_check)
    if wrong:
        said = (
            f"**{wrong:,} of {compared:,} quantities of the {designs:,} designs checked differ "
            "from the full model: the front cannot be trusted.**"
        )
    else:
        said = (
            f"All {compared:,} quantities of the {designs:,} designs checked equal the full model, "
            "which lays out and tiles one machine at a time."
        )
    return [said, *_witness(front_check)]


def _witness(front_check: pd.DataFrame) -> list[str]:
    """SCALE-Sim's compute cycles of the best designs by each criterion."""
    if "note" not in front_check:
        return []
    asked = front_check[front_check["quantity"] == "compute_cycles_serial"]
    seen = asked[asked["scalesim"].notna()] if "scalesim" in asked else asked.iloc[:0]
    names = enumeration([f"`{name}`" for name in seen["hardware"]]) if len(seen) else ""
    wrong = int((seen["scalesim_difference"] != 0).sum()) if len(seen) else 0
    if not len(seen):
        return [f"SCALE-Sim witnessed none of the {len(asked)} best designs, the table says why."]
    if wrong:
        text = (
            f"**SCALE-Sim contradicts {wrong} of {len(seen)} of the best designs in the cycles of "
            f"their arrays** ({names})"
        )
    else:
        text = (
            f"SCALE-Sim, run on the arrays of {len(seen)} of the best designs with serial folds, "
            f"counts the same cycles ({names})"
        )
    left = len(asked) - len(seen)
    if left:
        text += f"; {left} more {'was' if left == 1 else 'were'} not simulated, the table says why"
    return [f"{text}."]
