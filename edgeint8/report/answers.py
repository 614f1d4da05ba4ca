"""The three answers, each a sentence or two that the tables of this run support.

Every function takes tables and returns text; feed it other tables and it says something else.
"""

import pandas as pd

from edgeint8.report.effects import of
from edgeint8.report.markdown import Tables, percent, points
from edgeint8.report.why import headline

SIGNIFICANCE = 0.05


def strategy_answer(tables: Tables, workload: str) -> str:
    """The recommended strategy, what the test split says of it, and what matters most."""
    rows = of(tables["recommendation"], workload)
    if rows.empty:
        return f"**{workload}**: nothing to recommend, the study calibrates no strategy."
    choice = rows[rows["recommended"]].iloc[0]
    tested = of(tables["quantization"], workload).set_index("strategy").loc[choice["strategy"]]
    p_value = float(tested["mcnemar_p_fp32"])
    verdict = "a measurable" if p_value < SIGNIFICANCE else "no measurable"
    return (
        f"**{workload}**: `{choice['strategy']}` is recommended: {_chosen_because(rows)}. On the "
        f"test split (n = {int(tested['images']):,}) it reaches {percent(tested['accuracy'])}, "
        f"{100 * tested['accuracy_delta']:+.2f} percentage points against FP32, {verdict} "
        f"difference (Holm-adjusted McNemar p = {p_value:.3g}), at {tested['sqnr_db']:.1f} dB "
        f"SQNR. {headline(tables, workload)}"
    )


def _chosen_because(rows: pd.DataFrame) -> str:
    """The step of the rule that decided, from one workload's rows of ``recommendation.csv``."""
    eligible = rows[rows["rank"].notna()].sort_values("rank")
    first, images = eligible.iloc[0], int(rows["holdout_images"].iloc[0])
    margin = f"{points(first['margin'])} of the most accurate"
    if len(eligible) == 1:
        return (
            f"it is the most accurate on the hold-out, and the {images:,} images show no other of "
            f"{len(rows)} strategies to be within {margin}"
        )
    among = f"of {len(eligible)} strategies shown on the hold-out to be within {margin}"
    cost = f"hardware cost, {int(first['hardware_cost'])} ({first['cost_reasons']})"
    if eligible.iloc[1]["hardware_cost"] > first["hardware_cost"]:
        return f"{among} it has the lowest {cost}"
    return f"{among} it has the highest SQNR at the lowest {cost}"


def integer_answer(golden: pd.DataFrame, bit_growth: pd.DataFrame) -> str:
    """Whether the executor equals ONNX Runtime, and how wide an accumulator must be."""
    wrong, elements = int(golden["mismatches"].sum()), int(golden["elements"].sum())
    equal = (
        f"The integer executor equals ONNX Runtime in all {elements:,} compared elements"
        if wrong == 0
        else f"The integer executor differs from ONNX Runtime in {wrong:,} of {elements:,} elements"
    )
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


def hardware_answer(roofline: pd.DataFrame, workload: str) -> str:
    """Which of the study's machines needs the fewest cycles, and what binds it there."""
    rows = roofline[roofline["workload"] == workload]
    cycles = rows.groupby("hardware", sort=False)["cycles"].sum()
    best = str(cycles.idxmin())
    there = rows[rows["hardware"] == best]
    by_bound = there.groupby("bound")["cycles"].sum() / there["cycles"].sum()
    bound = str(by_bound.idxmax())
    ties = int((cycles == cycles.min()).sum()) - 1
    others = f" (so {'does 1 other' if ties == 1 else f'do {ties} others'})" if ties else ""
    text = (
        f"**{workload}**: of {len(cycles)} machines `{best}` needs the fewest cycles, "
        f"{int(cycles.min()):,} an inference{others}; layers bound by {bound.replace('_', ' ')} "
        f"take {percent(float(by_bound.max()), 0)} of them."
    )
    if cycles.max() > cycles.min():
        text += f" The slowest, `{cycles.idxmax()}`, needs {cycles.max() / cycles.min():.2f}x."
    return text


def crosscheck_answer(crosscheck: pd.DataFrame) -> str:
    """Whether the closed forms equal SCALE-Sim."""
    wrong, compared = int((crosscheck["difference"] != 0).sum()), len(crosscheck)
    if compared == 0:
        return "SCALE-Sim simulated no layer of this study, so nothing was compared with it."
    if wrong == 0:
        return f"All {compared:,} quantities equal: the closed forms predict SCALE-Sim exactly."
    return f"{wrong:,} of {compared:,} quantities differ between SCALE-Sim and the closed forms."
