"""What the tables of the study's machines support in words: size, memory, dataflow, resources.

Every function takes tables and one workload and returns sentences, none where rows are missing:
feed it other tables and it says something else. All conclusions are the physical model's; what
SCALE-Sim says is quoted as its replica's.
"""

from itertools import pairwise

import pandas as pd

from edgeint8.report.figures.style import short_name
from edgeint8.report.findings.array_machines import (
    CAUSES,
    bandwidth_text,
    causes,
    enumeration,
    machines,
    reference,
    twin,
)
from edgeint8.report.markdown import Tables, percent

MEMORY_CAUSES = ("stalls", "dram_bandwidth")
RESOURCES = {"rows": "rows", "cols": "columns", "sram": "SRAM", "bandwidth": "bandwidth"}
WORTH = 1.005  # a speed-up below half a per cent is none
MOST_MOVES = 4  # moves of the bottleneck told one by one


def rows_of(tables: Tables, name: str, workload: str) -> pd.DataFrame:
    """The rows of one workload; a table that the study does not make has none."""
    frame = tables[name]
    return frame[frame["workload"] == workload] if len(frame) else frame


def memory_or_compute(tables: Tables, workload: str) -> list[str]:
    """What binds the network under each dataflow, on the fastest machine of each."""
    dse, roofline = rows_of(tables, "dse", workload), rows_of(tables, "roofline", workload)
    if dse.empty or roofline.empty:
        return []
    frame = machines(dse)
    pool = frame[frame["limited"]] if frame["limited"].any() else frame
    sentences = []
    if not frame["limited"].any():
        sentences.append(
            "No machine of this study has a limited bandwidth, so memory binds no layer here."
        )
    for dataflow, rows in pool.groupby("dataflow", sort=False):
        name = str(rows.loc[rows["model_ms"].idxmin(), "hardware"])
        sentences.append(_binding(str(dataflow), name, roofline[roofline["hardware"] == name]))
    return sentences


def _binding(dataflow: str, hardware: str, rows: pd.DataFrame) -> str:
    """One sentence: the verdict, its share, and the layers on the array that memory binds."""
    total = max(1, int(rows["bound_cycles"].sum()))
    share = rows.groupby("bound_by")["bound_cycles"].sum() / total
    bound, memory = str(share.idxmax()), float(share.reindex(MEMORY_CAUSES).fillna(0).sum())
    if bound in MEMORY_CAUSES:
        verdict = "memory-bound"
    elif bound == "compute":
        verdict = "compute-bound"
    else:
        verdict = f"bound by the array's {CAUSES[bound]}, neither by memory nor by multipliers"
    text = f"**{dataflow}** on `{hardware}` is {verdict} ({percent(share[bound], 0)} of the cycles"
    if bound not in MEMORY_CAUSES:
        text += f"; layers that memory binds take {percent(memory, 0)}"
    on_array = rows[(rows["macs"] > 0) & rows["bound_by"].isin(MEMORY_CAUSES)]
    if on_array.empty and memory > 0:
        text += ", none of them on the array"
    elif len(on_array):
        text += f", {len(on_array)} of {(rows['macs'] > 0).sum()} layers on the array among them"
    return f"{text})."


def sram_size(tables: Tables, workload: str) -> list[str]:
    """Whether and where the bottleneck moves as buffers grow, and what larger ones still win."""
    dse = rows_of(tables, "dse", workload)
    if dse.empty:
        return []
    frame = machines(dse)
    groups = [
        rows.sort_values("kb", kind="stable").to_dict("records")
        for _, rows in frame[~frame["preset"]].groupby(
            ["dataflow", "array", "bandwidth"], sort=False
        )
        if rows["kb"].nunique() > 1
    ]
    if not groups:
        return []
    smallest, largest = groups[0][0]["sram_kb"], groups[0][-1]["sram_kb"]
    gains = [rows[0]["bound_cycles"] / rows[-1]["bound_cycles"] for rows in groups]
    tiled = [rows[0]["schedule_cycles"] / rows[-1]["schedule_cycles"] for rows in groups]
    moves = [move for rows in groups for move in _moves(rows)]
    where = f"between {smallest} and {largest} kB per operand"
    if moves:
        more = f", and {len(moves) - MOST_MOVES} more" if len(moves) > MOST_MOVES else ""
        text = f"The bottleneck moves {where}: {'; '.join(moves[:MOST_MOVES])}{more}."
    else:
        text = f"The bottleneck moves in none of {len(groups)} series of machines {where}."
    falls = [percent(1 - 1 / max(ratios), 1) for ratios in (gains, tiled)]
    return [
        f"{text} Over that range the bound on cycles falls by at most {falls[0]}, cycles tile by "
        f"tile by at most {falls[1]}.",
        *_witness_of_sram(groups),
    ]


def _moves(rows: list[dict]) -> list[str]:
    """Where a series of growing buffers changes its bound."""
    return [
        f"{b['dataflow']} {b['array']} at {bandwidth_text(b['bandwidth'])} from "
        f"{CAUSES[a['bound_by']]} to {CAUSES[b['bound_by']]} at {b['sram_kb']} kB"
        for a, b in pairwise(rows)
        if a["bound_by"] != b["bound_by"]
    ]


def _witness_of_sram(groups: list[list[dict]]) -> list[str]:
    """Series with a limited bandwidth in which SCALE-Sim gets slower with more SRAM."""
    limited = [rows for rows in groups if rows[0]["limited"]]
    if not limited:
        return []
    slower = [
        rows
        for rows in limited
        if any(a["scalesim_cycles"] < b["scalesim_cycles"] for a, b in pairwise(rows))
    ]
    if not slower:
        return [
            f"SCALE-Sim's USER cycles (the replica's) never rise with SRAM in these "
            f"{len(limited)} series of limited bandwidth."
        ]
    return [
        f"SCALE-Sim's USER cycles (the replica's) rise with more SRAM in {len(slower)} of "
        f"{len(limited)} series of limited bandwidth; the physical model's never can."
    ]


def dataflow_by_layer(tables: Tables, workload: str) -> list[str]:
    """The best single dataflow, the layers that would rather have another, and why."""
    dse, switching = rows_of(tables, "dse", workload), rows_of(tables, "switching", workload)
    if dse.empty or switching.empty:
        return []
    hardware = reference(dse)
    rows = switching[switching["hardware"] == hardware].set_index("layer")
    if "total" not in rows.index:
        return []
    total, layers = rows.loc["total"], rows.drop(index="total")
    fixed = str(total["best"])
    saved = 1 - total["bound_cycles_best"] / total[f"bound_cycles_{fixed}"]
    totals = switching[switching["layer"] == "total"]
    agree = int((totals["best"] == fixed).sum())
    text = (
        f"With the array, buffers and bandwidth of `{hardware}`, **{fixed}** is the best dataflow "
        "for the whole network"
    )
    if len(totals) > 1:
        text += f" (as on {agree} of {len(totals)} machines)"
    others = layers[layers["best"] != fixed]
    gains = others["bound_cycles_best"] - others.get(f"bound_cycles_{fixed}", 0)
    others = others.loc[gains.sort_values(kind="stable").index]
    if others.empty:
        return [f"{text}, and no layer is faster under another."]
    listed = [
        f"`{short_name(str(name))}` under {row['best']} ({int(row['bound_cycles_best']):,} instead "
        f"of {int(row[f'bound_cycles_{fixed}']):,} cycles"
        f"{_reason(tables, workload, str(name), row, fixed)})"
        for name, row in others.iterrows()
    ]
    more = f" and {len(listed) - MOST_MOVES} more" if len(listed) > MOST_MOVES else ""
    return [
        f"{text}. Faster under another: {'; '.join(listed[:MOST_MOVES])}{more}. A dataflow for "
        f"each layer would save {percent(saved, 1)} of the cycles, what the switching hardware "
        "costs not counted."
    ]


def _reason(tables: Tables, workload: str, layer: str, row: pd.Series, fixed: str) -> str:
    """The cause of which the better dataflow spends least more, if the study has both machines."""
    dse, roofline = rows_of(tables, "dse", workload), rows_of(tables, "roofline", workload)
    names = [twin(dse, str(row["hardware"]), flow) for flow in (fixed, str(row["best"]))]
    if None in names:
        return ""
    then, now = (
        causes(roofline[(roofline["hardware"] == name) & (roofline["layer"] == layer)])
        for name in names
    )
    saved = then - now
    return f"; {saved.max():,.0f} fewer in {CAUSES[str(saved.idxmax())]}" if saved.max() > 0 else ""


def doubling(tables: Tables, workload: str) -> list[str]:
    """What twice of each resource buys on the reference machine, and on any machine."""
    dse, scaling = rows_of(tables, "dse", workload), rows_of(tables, "scaling", workload)
    if dse.empty or scaling.empty:
        return []
    hardware = reference(dse)
    here = scaling[scaling["hardware"] == hardware].set_index("resource")
    gains = (here["bound_cycles_now"] / here["bound_cycles_doubled"]).sort_values(
        ascending=False, kind="stable"
    )
    listed = enumeration([f"{RESOURCES[str(name)]} {gain:.2f}x" for name, gain in gains.items()])
    sentences = [f"On `{hardware}` twice as much multiplies the network's speed: {listed}."]
    everywhere = scaling.assign(gain=scaling["bound_cycles_now"] / scaling["bound_cycles_doubled"])
    useless = everywhere.groupby("resource", sort=False)["gain"].max()
    none = [RESOURCES[str(name)] for name in useless.index[useless < WORTH]]
    count = scaling["hardware"].nunique()
    if none and count > 1:
        sentences.append(f"Twice the {' or '.join(none)} helps none of {count} machines.")
    best = everywhere.loc[everywhere.groupby("hardware", sort=False)["gain"].idxmax(), "resource"]
    favourite = best.value_counts(sort=True)
    if count > 1:
        name = RESOURCES[str(favourite.index[0])]
        sentences.append(
            f"What buys most is twice the {name}, on {int(favourite.iloc[0])} of {count} machines."
        )
    return sentences


def scale_sim_alone(tables: Tables, workload: str) -> list[str]:
    """What the study would conclude from SCALE-Sim's USER cycles alone."""
    dse = rows_of(tables, "dse", workload)
    limited = machines(dse)[lambda frame: frame["limited"]] if len(dse) else dse
    if len(limited) < 2:
        return []
    ratio = limited["scalesim_cycles"] / limited["bound_cycles"]
    theirs = str(limited.loc[(ratio * limited["model_ms"]).idxmin(), "hardware"])  # by time
    ours = str(limited.loc[limited["model_ms"].idxmin(), "hardware"])
    choice = (
        f"SCALE-Sim's USER cycles alone (the replica's, array layers only) would choose `{theirs}` "
        f"of {len(limited)} machines with limited bandwidth, "
    )
    verdict = "as the physical model does" if theirs == ours else f"the physical model `{ours}`"
    return [f"{choice}{verdict}; they are {ratio.min():.2f} to {ratio.max():.2f} times its cycles."]
