"""What docs/validation.md quotes of benchmarks/mapping_witness.py: counts, cycles, energy, why."""

from collections.abc import Callable

import pandas as pd

from edgeint8.report.markdown import Tables, table

TOOLS = {"accelforge": "AccelForge", "timeloop": "Timeloop"}
CASE = ["workload", "layer", "hardware"]
BOUND, TILED = "cycles, the bound", "cycles, tile by tile"
ENERGY = "energy of MACs and accesses"
ALL_ENERGY = "energy in all"
EQUAL = 1e-6


def witness_sentence(tables: Tables) -> str:
    """How much is equal, tool by tool."""
    rows = tables["benchmark_mapping_witness"]
    return " ".join(_tool_sentence(TOOLS[tool], mine) for tool, mine in rows.groupby("tool"))


def _tool_sentence(tool: str, rows: pd.DataFrame) -> str:
    counts = rows[rows["unit"] == "elements"]
    parts = []
    for level in ("DRAM", "SRAM"):
        mine = counts[counts["quantity"].str.contains(level)]
        parts.append(f"{(mine['cause'] == 'equal').sum()} of {len(mine)} {level} counts")
    ratio = {name: mine["ratio"].sort_values() for name, mine in rows.groupby("quantity")}
    energy = (ratio[ENERGY] - 1).abs()
    layers, cases = len(rows[CASE[:2]].drop_duplicates()), len(rows[CASE].drop_duplicates())
    cycles = [
        f"{name} {ratio[key].iloc[0]:.2f} to {ratio[key].iloc[-1]:.2f}, {ratio[key].median():.4f} "
        "in the median"
        for name, key in (("tile by tile", TILED), ("in the bound", BOUND))
    ]
    return (
        f"{tool}, {layers} layers on {cases // layers} arrays: {' and '.join(parts)} are equal. "
        f"The energy of MACs and accesses is equal in {(energy < EQUAL).sum()} of {cases} cases "
        f"and within 3 % in {(energy <= 0.03).sum()}. Our cycles are so many times its own: "
        f"{'; '.join(cycles)}."
    )


def witness_layers(tables: Tables) -> str:
    """A row a layer and array: equal counts, cycles and energy, ours over theirs."""
    lines = []
    for (tool, *case), rows in tables["benchmark_mapping_witness"].groupby(
        ["tool", *CASE], sort=False
    ):
        by_name = rows.set_index("quantity")
        counts = rows[rows["unit"] == "elements"]
        line = {"tool": TOOLS[tool], "layer": f"{case[0]} {case[1]}", "array": case[2][:2]}
        line["equal"] = f"{(counts['cause'] == 'equal').sum()} of {len(counts)}"
        line["theirs"] = f"{by_name['theirs'][BOUND]:,.0f}"
        line |= {name: f"{by_name['ours'][name]:,.0f}" for name in (TILED, BOUND)}
        there = [name for name in (ENERGY, ALL_ENERGY) if name in by_name.index]
        lines.append(line | {name: f"{by_name['ratio'][name]:.4f}" for name in there})
    headings = {"tool": "tool", "layer": "layer", "array": "array", "equal": "equal counts"}
    headings |= {"theirs": "cycles, the tool's", TILED: "ours, tile by tile", BOUND: "the bound"}
    headings |= {ENERGY: f"{ENERGY}, ours of theirs", ALL_ENERGY: "in all"}
    return table(pd.DataFrame(lines), headings)


def witness_causes(tables: Tables) -> str:
    """Every difference by its cause: how many, how large."""
    rows = tables["benchmark_mapping_witness"]
    lines = []
    for (tool, quantity, cause), mine in rows[rows["cause"] != "equal"].groupby(
        ["tool", "quantity", "cause"], sort=False
    ):
        ratio = mine["ratio"]
        lines.append(
            {
                "tool": TOOLS[tool],
                "quantity": quantity,
                "cause": f"`{cause}`: {mine['why'].iloc[0]}",
                "rows": str(len(mine)),
                "ratio": f"{ratio.min():.4f} to {ratio.max():.4f}",
            }
        )
    headings = {"tool": "tool", "quantity": "quantity", "rows": "rows"}
    return table(
        pd.DataFrame(lines, columns=[*headings, "ratio", "cause"]),
        headings | {"ratio": "ours of theirs", "cause": "cause"},
    )


QUOTES: dict[str, Callable[[Tables], str]] = {
    function.__name__: function for function in (witness_sentence, witness_layers, witness_causes)
}
