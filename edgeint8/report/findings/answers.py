"""The three answers, each a sentence or two that the tables of this run support.

Every function takes tables and returns text; feed it other tables and it says something else.
"""

import pandas as pd

from edgeint8.conventions import SAME_PRICE
from edgeint8.report.findings.array_machines import CAUSES
from edgeint8.report.findings.completeness import incomplete, reason_for
from edgeint8.report.findings.effects import of
from edgeint8.report.findings.recommended_answers import recommendation
from edgeint8.report.findings.strategy_effects import headline
from edgeint8.report.markdown import Tables, allowance, percent, points

SIGNIFICANCE = 0.05


def strategy_answer(tables: Tables, workload: str) -> str:
    """The recommended strategy, what the test split says of it, and what matters most."""
    rows = of(tables["recommendation"], workload)
    if rows.empty:
        return _no_recommendation(tables, workload)
    choice = rows[rows["recommended"]].iloc[0]
    tested = of(tables["quantization"], workload).set_index("strategy").loc[choice["strategy"]]
    if isinstance(choice.get("judged_by"), str):
        return f"**{workload}**: {choice['reasoning']} {on_the_test_split(tested)}"
    if pd.isna(tested["accuracy"]):
        return (
            f"**{workload}**: `{choice['strategy']}` is recommended by agreement with FP32, as its "
            f"data have no labels: {_chosen_because(rows, 'that agrees with FP32 most often')}. On "
            f"the test split (n = {int(tested['images']):,}) {percent(tested['agreement'])} of its "
            f"decisions are FP32's, at {tested['sqnr_db']:.1f} dB SQNR. "
            f"{headline(tables, workload)}"
        )
    p_value = float(tested["mcnemar_p_fp32"])
    verdict = "a measurable" if p_value < SIGNIFICANCE else "no measurable"
    return (
        f"**{workload}**: `{choice['strategy']}` is recommended: {_chosen_because(rows)}. On the "
        f"test split (n = {int(tested['images']):,}) it reaches {percent(tested['accuracy'])}, "
        f"{100 * tested['accuracy_delta']:+.2f} percentage points against FP32, {verdict} "
        f"difference (Holm-adjusted McNemar p = {p_value:.3g}), at {tested['sqnr_db']:.1f} dB "
        f"SQNR. {headline(tables, workload)}"
    )


def on_the_test_split(row: pd.Series) -> str:
    """What the test split says of a strategy that a metric or the worst channel chose."""
    text = f"On the test split (n = {int(row['images']):,}) "
    if isinstance(row.get("metric"), str):
        text += f"its {row['metric']} is {row['metric_value']:.4g}"
        if not pd.isna(row.get("metric_delta")):
            text += (
                f", {row['metric_delta']:+.3g} against FP32 ({row['metric_delta_low']:+.3g} to "
                f"{row['metric_delta_high']:+.3g}, paired bootstrap)"
            )
        text += ", at "
    elif not pd.isna(row.get("worst_channel_sqnr_db")):
        text += (
            f"the worst entry ({row['worst_channel']}) has {row['worst_channel_sqnr_db']:.1f} dB, "
        )
        text += "at "
    return f"{text}{row['sqnr_db']:.1f} dB SQNR of the whole."


def _no_recommendation(tables: Tables, workload: str) -> str:
    """Why: it came quantised, its inputs are random, or no strategy is static."""
    evidence = of(tables["quantization"], workload)
    if len(evidence) and set(evidence["strategy"]) == {"given"}:
        row = evidence.iloc[0]
        reached = (
            ""
            if pd.isna(row["accuracy"])
            else (f" It reaches {percent(row['accuracy'])} on {int(row['images']):,} inputs.")
        )
        return f"**{workload}** came quantised: nothing was left to choose.{reached}"
    reason = reason_for(tables, workload, "recommendation")
    if reason:
        return f"**{workload}**: no strategy is recommended: {reason}."
    return f"**{workload}**: nothing to recommend, the study calibrates no strategy."


def _chosen_because(rows: pd.DataFrame, best: str = "most accurate") -> str:
    """The step of the rule that decided, from one workload's rows of ``recommendation.csv``.

    best: what the first step of the rule looks for.
    """
    eligible = rows[rows["rank"].notna()].sort_values("rank")
    first, images = eligible.iloc[0], int(rows["holdout_images"].iloc[0])
    margin = f"{points(first['margin'])} of the {_one(best)}"
    if len(eligible) == 1:
        return (
            f"it is the {_one(best)} on the hold-out, and the {images:,} images show no other of "
            f"{len(rows)} strategies to be within {margin}"
        )
    among = f"of {len(eligible)} strategies shown on the hold-out to be within {margin}"
    cost = f"hardware cost, {first['hardware_cost']:.4g} ({first['cost_reasons']})"
    costs = eligible["hardware_cost"]
    equal = eligible[costs <= costs.min() * (1 + SAME_PRICE)]
    if len(equal) == 1:
        return f"{among} it has the lowest {cost}"
    lowest = f"{'' if first['hardware_cost'] == costs.min() else 'practically '}lowest {cost}"
    if first["holdout_sqnr_db"] >= equal["holdout_sqnr_db"].max():
        return f"{among} it has the highest SQNR at the {lowest}"
    return (
        f"{among} it has the {lowest}, and an SQNR that ties with the highest of these within "
        "the spread over calibration draws; fewer float nodes, then the name, decide"
    )


def _one(best: str) -> str:
    return f"one {best}" if best.startswith("that") else best


def integer_answer(golden: pd.DataFrame, bit_growth: pd.DataFrame) -> str:
    """Whether the executor equals ONNX Runtime, and how wide an accumulator must be."""
    wrong, elements = int(golden["mismatches"].sum()), int(golden["elements"].sum())
    equal = (
        f"The integer executor equals ONNX Runtime in all {elements:,} compared elements"
        if wrong == 0
        else f"The integer executor differs from ONNX Runtime in {wrong:,} of {elements:,} elements"
    )
    if elements == 0:
        return (
            "Nothing was compared with ONNX Runtime: the executor can run no graph of this study."
        )
    if bit_growth.empty:
        return f"{equal}."
    rule = int(bit_growth["bits_rule"].max())
    exact = int(bit_growth["bits_exact_with_bias"].max())
    seen = int(bit_growth["bits_observed"].max())
    widest = bit_growth.loc[bit_growth["bits_exact_with_bias"].idxmax()]
    return (
        f"{equal}. An accumulator of {exact} bits can never overflow in any layer of this study "
        f"(the widest is `{widest['layer']}` of {widest['workload']}, `{widest['strategy']}`, "
        f"K = {int(widest['k']):,}); the textbook rule asks for {rule} bits, the test images used "
        f"{seen}."
    )


def accumulator_answer(tables: Tables, workload: str) -> str:
    """The width to build for the recommended strategy, and what narrower ones were seen to do."""
    row = recommended_width(tables, workload)
    if row is None:
        return ""
    text = (
        f"**{workload}**: build **{int(row['bits_guaranteed'])} bits** for `{row['strategy']}`: no "
        f"input can overflow them, so wraparound serves, which costs nothing. An array tile needs "
        f"{int(row['bits_tile'])} of them."
    )
    studied = of(tables["accumulator"], workload).dropna(subset=["overflow_images"])
    studied = studied.dropna(subset=["narrowest_wrap", "narrowest_saturate_final"])
    for seen in studied.to_dict("records"):
        wrap, clamp = int(seen["narrowest_wrap"]), int(seen["narrowest_saturate_final"])
        text += (
            f" Under `{seen['strategy']}` {int(seen['overflow_images']):,} test images show that "
            f"at most {allowance(seen)} is lost on {wrap} bits with wraparound "
            f"and on {clamp} with one clamp at the end."
        )
    return f"{text} Fewer than {int(row['bits_guaranteed'])} bits rest on data, not on a bound."


def recommended_width(tables: Tables, workload: str) -> pd.Series | None:
    """The row of ``accumulator.csv`` of the recommended strategy; if that has none, the widest."""
    rows = of(tables["accumulator"], workload)
    if rows.empty:
        return None
    chosen = of(tables["recommendation"], workload)
    names = set(chosen.loc[chosen["recommended"].astype(bool), "strategy"]) if len(chosen) else ()
    mine = rows[rows["strategy"].isin(names)]
    rows = mine if len(mine) else rows
    return rows.loc[rows["bits_guaranteed"].idxmax()]


def hardware_answer(tables: Tables, workload: str) -> str:
    """Which of the study's machines is fastest, and what binds it there."""
    dse, roofline = of(tables["dse"], workload), of(tables["roofline"], workload)
    if lacks := incomplete(tables, workload):
        return f"**{workload}**: no machine or design is recommended, the totals are {lacks}."
    best = dse.loc[dse["model_ms"].idxmin()]
    there = roofline[roofline["hardware"] == best["hardware"]]
    by_bound = there.groupby("bound_by")["bound_cycles"].sum() / max(1, there["bound_cycles"].sum())
    bound = str(by_bound.idxmax())
    ties = int((dse["model_ms"] == best["model_ms"]).sum()) - 1
    others = f" (so {'is 1 other' if ties == 1 else f'are {ties} others'})" if ties else ""
    text = (
        f"**{workload}**: of {len(dse)} machines `{best['hardware']}` is the fastest, "
        f"{int(best['bound_cycles']):,} cycles an inference{others}; layers bound by "
        f"{CAUSES[bound]} take {percent(float(by_bound.max()), 0)} of them."
    )
    slowest = dse.loc[dse["model_ms"].idxmax()]
    if slowest["model_ms"] > best["model_ms"]:
        times = slowest["model_ms"] / best["model_ms"]
        text += f" The slowest, `{slowest['hardware']}`, takes {times:.2f} times as long."
    return " ".join([text, *recommendation(of(tables["best"], workload))])


def crosscheck_answer(crosscheck: pd.DataFrame) -> str:
    """Whether the closed forms equal SCALE-Sim."""
    wrong, compared = int((crosscheck["difference"] != 0).sum()), len(crosscheck)
    if compared == 0:
        return "SCALE-Sim simulated no layer of this study, so nothing was compared with it."
    if wrong == 0:
        return f"All {compared:,} quantities equal: the closed forms predict SCALE-Sim exactly."
    return f"{wrong:,} of {compared:,} quantities differ between SCALE-Sim and the closed forms."
