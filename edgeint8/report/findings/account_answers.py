"""What the account of SCALE-Sim minus physics says in words, from ``physics.csv`` alone.

Every sentence is made from the rows it is about: feed it other rows and it says something else.
"""

from itertools import pairwise

import pandas as pd

from edgeint8.hardware_id import read_hardware_id
from edgeint8.report.figures.style import short_name
from edgeint8.report.findings.array_machines import bandwidth_text, enumeration
from edgeint8.report.markdown import percent

PHYSICS = "physics"
KEYS = ["workload", "layer", "hardware", "mode", "quantity"]
FAMILY = ["dataflow", "array", "bandwidth"]
TERMS = {
    "off_by_one": "the last line's number for their count",
    "partial_sum_writes": "every partial sum goes to DRAM",
    "write_bursts": "outputs drain half a buffer at a time",
    "double_counted_stalls": "each wait counts twice",
    "cyclic_refetch": "what lies behind the window comes back by way of the whole operand",
    "prefetch_bursts": "half a buffer is fetched only when a line misses",
    "fold_edges": "cells that short folds lack are fetched",
    "whole_fetches": "a miss fetches half a buffer, needed or not",
    "expanded_reads": "an input is fetched once for every window that reads it",
    "epoch_flushes": "a full buffer forgets everything",
    "short_rows": "unfinished rows count as full",
    "padding": "zeros around the input are fetched",
    "skipped_inputs": "inputs that a stride skips are left out",
    "shared_operands": "groups do not share what they have in common",
    "fused_operands": "what a fused addition reads is not there",
    "uncounted_transfers": "the first fetch and the outputs take no time",
    "tiling": "what real buffers fetch again",
    "separate_images": "each image of a batch loads the weights again",
    "per_port_bandwidth": "a port cannot use what the others leave",
    "whole_bytes": "a port has a whole number of bytes a cycle",
    "undrained_outputs": "output-stationary sums leave the array in no time",
    "serial_folds": "every fold fills and drains alone",
    "exposed_ends": "the first operands and the last outputs that nothing can hide",
}
"""What each term stands for."""
WORDS = {
    "total_cycles": "cycles",
    "ifmap_dram_bytes": "input bytes from DRAM",
    "filter_dram_bytes": "weight bytes from DRAM",
    "ofmap_dram_bytes": "output bytes to DRAM",
}
MOST_TERMS = 3
ALMOST = 0.005  # a ratio this near to 1 is not told as one


def accounts(physics: pd.DataFrame) -> pd.DataFrame:
    """One row an account: `scalesim`, `physics`, a column a term (0 where it has no row)."""
    wide = physics.pivot_table(
        index=[*KEYS, "scalesim"], columns="term", values="value", fill_value=0, sort=False
    ).reset_index()
    for name in (PHYSICS, *TERMS):
        wide[name] = wide[name].astype("int64") if name in wide else 0
    return wide


def families(wide: pd.DataFrame) -> pd.DataFrame:
    """Accounts of the machines that an id describes, with `FAMILY` and `kb`; presets fall out."""
    ids = wide["hardware"].astype(str).map(read_hardware_id)
    frame, found = wide[ids.notna()], ids.dropna()
    return frame.assign(
        dataflow=[machine.dataflow for machine in found],
        array=[machine.array for machine in found],
        bandwidth=[machine.bandwidth for machine in found],
        kb=[machine.sram_kb for machine in found],
    )


def account_answers(physics: pd.DataFrame) -> list[str]:
    """Whether the terms add up, what they are, and why more SRAM is slower."""
    if physics.empty:
        return []
    wide = accounts(physics)
    return [adds_up(wide), *largest_terms(wide), *folds(wide), *more_sram(wide)]


def adds_up(wide: pd.DataFrame) -> str:
    """Every account, checked again here."""
    left = wide["scalesim"] - wide[[PHYSICS, *TERMS]].sum(axis=1)
    wrong = int((left != 0).sum())
    if wrong:
        return f"**{wrong:,} of {len(wide):,} accounts do not add up.**"
    return f"In all {len(wide):,} accounts the physical model and the terms add up to SCALE-Sim."


def largest_terms(wide: pd.DataFrame) -> list[str]:
    """What makes most of the difference, a sentence a quantity and mode."""
    sentences = []
    for mode, bandwidth in (("calc", "unlimited"), ("user", "limited")):
        rows = wide[wide["mode"] == mode]
        for quantity, words in WORDS.items():
            here = rows[rows["quantity"] == quantity]
            total = int(here[PHYSICS].sum())
            if total == 0 or (here["scalesim"] == here[PHYSICS]).all():
                continue
            ratio = here["scalesim"].sum() / total
            times = f"{ratio:.3g}x" if abs(ratio - 1) > ALMOST else "almost exactly"
            sentences.append(
                f"With {bandwidth} bandwidth SCALE-Sim counts {times} the {words} of the physical "
                "model, all layers and machines together. Of the difference "
                f"{_terms(here[list(TERMS)].sum())}."
            )
    return sentences


def folds(wide: pd.DataFrame) -> list[str]:
    """What serial folds cost against an array that loads the next tile meanwhile."""
    rows = wide[wide["quantity"] == "total_cycles_pipelined"]
    serial, rest = int(rows["serial_folds"].sum()), int(rows[PHYSICS].sum())
    if serial <= 0 or rest == 0:
        return []
    return [
        f"Serial folds cost {serial:,} cycles over all layers and machines, "
        f"{percent(serial / rest, 0)} of what arrays with pipelined folds need."
    ]


def more_sram(wide: pd.DataFrame) -> list[str]:
    """How often more SRAM is slower, and the worst step term by term."""
    steps = sram_steps(wide)
    if not steps:
        return []
    slower = [step for step in steps if step[1]["scalesim"] > step[0]["scalesim"]]
    physical = sum(large[PHYSICS] > small[PHYSICS] for small, large in steps)
    counted = (
        f"Of {len(steps):,} steps to a larger SRAM SCALE-Sim says that {len(slower):,} make a "
        f"layer slower, the physical model {physical:,}."
    )
    if not slower:
        return [counted]
    return [counted, _explain(*max(slower, key=lambda s: s[1]["scalesim"] / s[0]["scalesim"]))]


def sram_steps(wide: pd.DataFrame) -> list[tuple[pd.Series, pd.Series]]:
    """Cycles of one layer on machines that differ in the next larger SRAM only."""
    frame = families(wide[wide["quantity"] == "total_cycles"])
    return [
        pair
        for _, rows in frame.groupby(["workload", "layer", *FAMILY], sort=False)
        for pair in pairwise(row for _, row in rows.sort_values("kb").iterrows())
    ]


def _explain(small: pd.Series, large: pd.Series) -> str:
    more = int(large["scalesim"] - small["scalesim"])
    ratio = large["scalesim"] / small["scalesim"]
    machine = f"{large['dataflow']} {large['array']}, {bandwidth_text(large['bandwidth'])}"
    growth = (large[list(TERMS)] - small[list(TERMS)]).astype("int64")
    return (
        f"The worst step: `{short_name(str(large['layer']))}` on {machine}. At {large['kb']} kB "
        f"SCALE-Sim says {ratio:.3g}x as many cycles as at {small['kb']} kB "
        f"({int(large['scalesim']):,} against {int(small['scalesim']):,}). Of the {more:,} added "
        f"cycles {_terms(growth)}. The physical model says {_verdict(small, large)}."
    )


def _verdict(small: pd.Series, large: pd.Series) -> str:
    before, after = int(small[PHYSICS]), int(large[PHYSICS])
    if before == after:
        return f"equal ({after:,} cycles)"
    return f"{'faster' if after < before else 'slower'} ({after:,} against {before:,} cycles)"


def _terms(amounts: pd.Series) -> str:
    """The largest terms, what they mean, and what all others together are."""
    order = amounts.abs().sort_values(ascending=False, kind="stable")
    names = [str(name) for name in order.index[:MOST_TERMS] if amounts[name]]
    listed = [f"{int(amounts[name]):,} are `{name}` ({TERMS[name]})" for name in names]
    rest = int(amounts.sum() - amounts[names].sum())
    return enumeration([*listed, f"{rest:,} the other terms"] if rest else listed)
