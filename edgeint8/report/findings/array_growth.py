"""How much larger arrays win, with serial and with pipelined folds, and what takes the rest.

The cycles of a perfectly scaling array fall with its size. What the larger array needs beyond that
splits exactly by cause, because computing itself (MACs over processing elements) scales.
"""

from itertools import pairwise

import pandas as pd

from edgeint8.report.findings.array_answers import rows_of
from edgeint8.report.findings.array_machines import CAUSES, causes, condition, enumeration, sweep
from edgeint8.report.markdown import Tables, percent


def array_growth(tables: Tables, workload: str) -> list[str]:
    """Each step of the array, with and without pipelined folds, and the causes; one a dataflow."""
    swept = sweep(rows_of(tables, "dse", workload))
    if swept.empty:
        return []
    roofline = rows_of(tables, "roofline", workload)
    sentences = []
    for dataflow, rows in swept.groupby("dataflow", sort=False):
        rows = rows.sort_values(["pes", "rows"], kind="stable").drop_duplicates("pes")
        if len(rows) > 1:
            steps = enumeration([_step(a, b) for a, b in pairwise(rows.to_dict("records"))])
            ends = [
                causes(roofline[roofline["hardware"] == name])
                for name in (rows["hardware"].iloc[0], rows["hardware"].iloc[-1])
            ]
            why = [_growing_cause(*ends), _pipelined_steps(rows), _beyond_scaling(rows, *ends)]
            sentences.append(f"**{dataflow}** ({condition(rows.iloc[0])}): {steps}. {_join(why)}")
    return sentences


def _join(sentences: list[str]) -> str:
    return " ".join(sentence for sentence in sentences if sentence)


def _step(small: dict, large: dict) -> str:
    gain = small["bound_cycles"] / large["bound_cycles"]
    verb = f"is {gain:.2f}x faster" if gain >= 1 else f"is {1 / gain:.2f}x slower"
    size = large["pes"] / small["pes"]
    return f"{small['array']} -> {large['array']} {verb} with {size:g}x the processing elements"


def _growing_cause(first: pd.Series, last: pd.Series) -> str:
    """From the smallest to the largest array: the useful share, and what displaces it."""
    first, last = first / first.sum(), last / last.sum()
    useful = f"from {percent(first['compute'], 0)} to {percent(last['compute'], 0)} of the cycles"
    if last["compute"] >= first["compute"]:
        return f"The gain does not diminish: computing goes {useful}."
    growth = (last - first).drop("compute")
    cause = str(growth.idxmax())
    return (
        f"The gain diminishes: computing falls {useful}, above all because {CAUSES[cause]} "
        f"{_grows(cause)} from {percent(first[cause], 0)} to {percent(last[cause], 0)}."
    )


def _grows(cause: str) -> str:
    return "grows" if cause == "dram_bandwidth" else "grow"


def _pipelined_steps(rows: pd.DataFrame) -> str:
    """What the same steps win when the next tile is loaded while the present one computes."""
    pipelined, serial = rows["bound_pipelined_cycles"], rows["bound_cycles"]
    if (pipelined == serial).all():
        return "Pipelined folds change nothing."
    gains = [f"{a / b:.2f}x" for a, b in pairwise(pipelined)]
    saved = [percent(1 - p / s, 0) for p, s in zip(pipelined, serial, strict=True)]
    return (
        f"With pipelined folds the steps win {enumeration(gains)}; they save "
        f"{enumeration(saved)} of the cycles on {enumeration(list(rows['array']))}."
    )


def _beyond_scaling(rows: pd.DataFrame, first: pd.Series, last: pd.Series) -> str:
    """The largest array's cycles above perfect scaling from the smallest, by cause."""
    small, large = rows.iloc[0], rows.iloc[-1]
    ratio = small["pes"] / large["pes"]
    beyond = (last - ratio * first).drop("compute").round().astype(int)
    total = int(beyond.sum())
    if total <= 0:
        return ""
    listed = [
        f"{CAUSES[str(name)]} {count:+,}"
        for name, count in beyond.sort_values(ascending=False, kind="stable").items()
        if count
    ]
    text = (
        f"{large['array']} needs {total:,} cycles more than perfect scaling from "
        f"{small['array']} would: {enumeration(listed)}."
    )
    serial = rows["bound_cycles"] - rows["bound_pipelined_cycles"]
    folds = round(serial.iloc[-1] - ratio * serial.iloc[0])
    if folds > 0:
        text += f" Of these {folds:,} come from serial folds and would go with pipelined ones."
    return text
