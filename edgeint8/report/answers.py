"""The three answers, each a sentence or two that the tables of this run support.

Every function takes tables and returns text; feed it other tables and it says something else.
"""

import pandas as pd

from edgeint8.report.markdown import percent

SIGNIFICANCE = 0.05


def strategy_answer(quantization: pd.DataFrame, workload: str) -> str:
    """Which strategy keeps closest to FP32, and whether its accuracy differs measurably."""
    rows = quantization[quantization["workload"] == workload]
    best = rows.loc[rows["sqnr_db"].idxmax()]
    differs = best["mcnemar_p_fp32"] < SIGNIFICANCE
    verdict = (
        f"a measurable difference (Holm-adjusted McNemar p = {best['mcnemar_p_fp32']:.3g})"
        if differs
        else f"no measurable difference (Holm-adjusted McNemar p = {best['mcnemar_p_fp32']:.3g})"
    )
    text = (
        f"**{workload}**: `{best['strategy']}` keeps closest to FP32, with logits at "
        f"{best['sqnr_db']:.1f} dB SQNR and {percent(best['accuracy'])} accuracy "
        f"({100 * best['accuracy_delta']:+.2f} points against FP32, {verdict}, "
        f"n = {int(best['images']):,})."
    )
    others = rows[rows["strategy"] != best["strategy"]]
    if len(others):
        worst = others.loc[others["sqnr_db"].idxmin()]
        text += f" The farthest is `{worst['strategy']}` at {worst['sqnr_db']:.1f} dB."
    return text


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
    text = (
        f"**{workload}**: of {len(cycles)} machines `{best}` needs the fewest cycles "
        f"({int(cycles.min()):,} an inference); layers bound by {bound.replace('_', ' ')} take "
        f"{percent(float(by_bound.max()), 0)} of them."
    )
    if len(cycles) > 1:
        text += f" The slowest, `{cycles.idxmax()}`, needs {cycles.max() / cycles.min():.2f}x."
    return text


def crosscheck_answer(crosscheck: pd.DataFrame) -> str:
    """Whether the closed forms equal SCALE-Sim."""
    wrong = int((crosscheck["difference"] != 0).sum())
    compared = len(crosscheck)
    if wrong == 0:
        return f"The closed forms equal SCALE-Sim in all {compared:,} compared quantities."
    return f"The closed forms differ from SCALE-Sim in {wrong:,} of {compared:,} quantities."
