"""The recommendation in the report: the rule, what it counts, and what it chose and why."""

import pandas as pd

from edgeint8.conventions import ACCURACY_MARGIN, LEAST_DB, SAME_PRICE
from edgeint8.report.findings.answers import on_the_test_split
from edgeint8.report.markdown import Tables, heading, percent, points


def section(tables: Tables) -> list[str]:
    """The rule, its reasoning as it was written when it decided, and the test split's report."""
    rows = tables["recommendation"]
    if rows.empty:
        return []
    tested = tables["quantization"].set_index(["workload", "strategy"])
    parts = [heading("The recommendation", tables, "recommendation"), _rule(rows)]
    for row in rows[rows["recommended"]].to_dict("records"):
        name, strategy = row["workload"], row["strategy"]
        test = tested.loc[(name, strategy)]
        if isinstance(row.get("judged_by"), str):
            said = on_the_test_split(test)
            parts.append(f"**{name}: `{strategy}`.** {row['reasoning']} {said}")
            continue
        if pd.isna(test["accuracy"]):
            parts.append(
                f"**{name}: `{strategy}`.** {row['reasoning']} On the test split "
                f"(n = {int(test['images']):,}), which has no labels, {percent(test['agreement'])} "
                f"of its decisions are FP32's, at {test['sqnr_db']:.1f} dB SQNR."
            )
            continue
        verdict = "within" if test["non_inferior"] else "not shown to be within"
        parts.append(
            f"**{name}: `{strategy}`.** {row['reasoning']} On the test split "
            f"(n = {int(test['images']):,}) it reaches {percent(test['accuracy'])} "
            f"({_interval(test['accuracy_low'], test['accuracy_high'])}), "
            f"{_signed(test['accuracy_delta'])} against FP32 "
            f"({_signed(test['delta_low'])} to {_signed(test['delta_high'])}), {verdict} "
            "the margin of FP32."
        )
    return parts


def _rule(rows: pd.DataFrame) -> str:
    return (
        "The rule was set before any result: on the hold-out, among the strategies shown to lose "
        f"at most {points(ACCURACY_MARGIN)} of accuracy to the best (97.5 % confidence), and to "
        f"keep {LEAST_DB:g} dB of SQNR if any does, the lowest hardware cost wins, then the higher "
        "SQNR, where the difference exceeds the spread over calibration draws, then fewer float "
        f"nodes. {_what_is_counted(rows)} Below {LEAST_DB:g} dB the error has 3 % of the output's "
        "power: answers that are right behind it are right by the samples that were asked. Where a "
        "metric or, without classes, the worst entry of the output takes the place of accuracy, "
        "its own margin stands in the table. Dynamic strategies are for comparison and no "
        "candidates; measured time plays no part."
    )


def _what_is_counted(rows: pd.DataFrame) -> str:
    """What hardware cost is, as far as this study counts it."""
    counted = "points for what the graph asks for: multipliers, zero-points, floating point"
    priced = rows["priced_on"].dropna().tolist() if "priced_on" in rows else []
    if not priced:
        return f"Hardware cost counts {counted}, as nothing here is mapped onto a machine."
    text = (
        "Hardware cost is the geometric mean of energy and area of the datapath that the "
        f"strategy's INT8 graph asks for on `{priced[0]}`, whatever is mapped later: weights "
        "of its bits, sums that no input overflows, its requantiser, float32 units where nodes "
        "calculate in floating point. 1 is the machine of eight-bit operands and 32-bit sums "
        f"without a requantiser, and costs within {percent(SAME_PRICE, 0)} are equal."
    )
    return text if len(priced) == len(rows) else f"{text} Elsewhere it counts {counted}."


def costs(rows: pd.DataFrame, chosen: pd.DataFrame) -> list[str]:
    """What the recommendation counted for each strategy; points where it decided nothing."""
    seen = chosen.set_index("strategy")["hardware_cost"].to_dict() if len(chosen) else {}
    own = zip(rows["strategy"], rows["hardware_cost"], strict=True)
    found = [seen.get(name, None if seen else counted) for name, counted in own]
    return ["" if pd.isna(cost) else f"{cost:.4g}" for cost in found]


def _interval(low: float, high: float) -> str:
    return f"95 % interval {100 * low:.2f} to {100 * high:.2f} %"


def _signed(share: float) -> str:
    return f"{100 * share:+.2f}"
