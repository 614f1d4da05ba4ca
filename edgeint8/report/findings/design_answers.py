"""What the tables of the design space support in words: the front, number formats, the band.

Every function takes rows of one workload and returns sentences, none where rows are missing.
Energies are the physical model's at 45 nm; low, mid and high are the ends and middle of its
constants.
"""

import numpy as np
import pandas as pd

from edgeint8.report.findings.array_machines import CAUSES, bandwidth_text, enumeration
from edgeint8.report.markdown import percent

LEVELS = {"low": "energy_pj_low", "mid": "energy_pj", "high": "energy_pj_high"}


def constants_used(dse: pd.DataFrame) -> list[str]:
    """Whose constants energy and area rest on, where these are not the published ones alone."""
    used = dse["constants"].dropna().unique() if "constants" in dse else []
    return [
        f"Energy and area rest on constants other than the published ones: {name}. (In brackets "
        "how many a file replaces; its values are in no table.)"
        for name in used
        if name != "published"
    ]


def balance(pareto: pd.DataFrame, level: str = "mid") -> pd.Series:
    """Product of cycles, energy, area and bandwidth: the less the better, no unit matters.

    A tenth less of any of the four objectives counts the same. Unlimited bandwidth has no price, so
    such designs are infinitely far unless all are.
    """
    product = (
        np.log(pareto["bound_cycles"]) + np.log(pareto[LEVELS[level]]) + np.log(pareto["area_mm2"])
    )
    limited = pareto["bandwidth"].astype(str) != "unlimited"
    if not limited.any():
        return product
    bandwidth = pd.to_numeric(pareto["bandwidth"].where(limited)).astype(float)
    return product + np.log(bandwidth).fillna(np.inf)


def chosen_designs(pareto: pd.DataFrame) -> dict[str, int]:
    """Places in the table of the fastest, the most frugal and the most balanced design (knee)."""
    return {
        "fastest": int(pareto["bound_cycles"].idxmin()),
        "most frugal": int(pareto["energy_pj"].idxmin()),
        "knee": int(balance(pareto).idxmin()),
    }


def front_size(pareto: pd.DataFrame) -> list[str]:
    """How many designs were walked, how many keep to the constraints, how many are on the front."""
    if pareto.empty or "designs" not in pareto:
        return []
    walked, feasible = int(pareto["designs"].iloc[0]), int(pareto["feasible_designs"].iloc[0])
    kept = "all" if feasible == walked else f"{feasible:,}"
    return [
        f"{walked:,} designs were walked; {kept} of them keep to the constraints with buffers that "
        f"can feed their array, and {len(pareto):,} of these are on the exact front of cycles, "
        "energy, area and bandwidth."
    ]


def front_designs(pareto: pd.DataFrame) -> list[str]:
    """The ends of the front and its knee."""
    if pareto.empty:
        return []
    fastest, frugal, knee = (pareto.loc[place] for place in chosen_designs(pareto).values())
    if fastest.name == frugal.name:
        ends = f"The fastest design is also the most frugal: {design_text(fastest)}."
    else:
        ends = (
            f"The fastest is {design_text(fastest)}. The most frugal is {design_text(frugal)}: "
            f"{frugal['bound_cycles'] / fastest['bound_cycles']:.2f}x the cycles for "
            f"{percent(1 - frugal['energy_pj'] / fastest['energy_pj'], 1)} less energy."
        )
    return [
        ends,
        f"The knee, where the product of all four is least, is {design_text(knee)}, bound by "
        f"{CAUSES[knee['bound_by']]}.",
    ]


def number_formats(energy: pd.DataFrame, hardware: str) -> list[str]:
    """What FP32 would cost on the same array, and whether the band can change the verdict."""
    rows = energy[energy["hardware"] == hardware] if len(energy) else energy
    if set(rows.get("number_format", ())) != {"int8", "fp32"}:
        return []
    int8, fp32 = (
        rows[rows["number_format"] == name].set_index("level") for name in ("int8", "fp32")
    )
    ratio = fp32["total_pj"] / int8["total_pj"]
    cheaper = "more" if ratio["mid"] > 1 else "less"
    text = (
        f"On `{hardware}` FP32 would need {cheaper} energy than INT8: {ratio['mid']:.2f}x at mid "
        f"constants ({ratio['low']:.2f}x at low, {ratio['high']:.2f}x at high), "
        f"{fp32.loc['mid', 'bound_cycles'] / int8.loc['mid', 'bound_cycles']:.2f}x the cycles and "
        f"{fp32.loc['mid', 'area_mm2'] / int8.loc['mid', 'area_mm2']:.2f}x the area."
    )
    same = (ratio > 1).all() or (ratio < 1).all()
    return [f"{text} {survives(same, 'Which of the two needs less')}"]


def largest_consumer(energy: pd.DataFrame, hardware: str) -> list[str]:
    """Where the energy goes on one machine, and whether that is so at all levels."""
    rows = energy[energy["hardware"] == hardware] if len(energy) else energy
    rows = rows[rows["number_format"] == "int8"] if len(rows) else rows
    if rows.empty:
        return []
    levels = rows.set_index("level")
    parts = levels[[name for name in levels if name.endswith("_pj") and name != "total_pj"]]
    largest = parts.idxmax(axis=1)
    shares = parts.max(axis=1) / levels["total_pj"]
    text = ", ".join(
        f"{_part(largest[level])} {percent(shares[level], 0)} at {level}"
        for level in LEVELS
        if level in shares
    )
    verdict = survives(largest.nunique() == 1, "The largest consumer")
    return [f"Most of the INT8 energy on `{hardware}` goes to: {text}. {verdict}"]


def frugal_machine(dse: pd.DataFrame) -> list[str]:
    """Whether the study's most frugal machine is the same over the band."""
    if dse["hardware"].nunique() < 2:
        return []
    best = {
        level: str(dse.loc[dse[column].idxmin(), "hardware"]) for level, column in LEVELS.items()
    }
    return [over_levels(f"Of {dse['hardware'].nunique()} machines the most frugal is", best)]


def knee_over_band(pareto: pd.DataFrame) -> list[str]:
    """Whether the recommended design is the same over the band, on the front of mid constants."""
    if len(pareto) < 2:
        return []
    best = {level: str(pareto.loc[balance(pareto, level).idxmin(), "hardware"]) for level in LEVELS}
    return [over_levels("On the front the knee is", best)]


def over_levels(start: str, best: dict[str, str]) -> str:
    """Which design is best at which constants, and whether the band changes it."""
    groups: dict[str, list[str]] = {}
    for level, name in best.items():
        groups.setdefault(name, []).append(level)
    listed = enumeration([f"`{name}` at {enumeration(at)}" for name, at in groups.items()])
    return f"{start} {listed} constants. {survives(len(groups) == 1, 'That')}"


def survives(same: bool, subject: str) -> str:
    """Whether a conclusion is the same over the whole energy band."""
    if subject == "That":
        return f"That {'survives' if same else 'does **not** survive'} the energy band."
    return f"{subject} {'survives' if same else 'does **not** survive'} the energy band."


def memory_text(memory: pd.DataFrame) -> list[str]:
    """Arena and flash of a network in bytes; nothing where its edges are not known."""
    if memory.empty:
        return []
    row = memory.iloc[0]
    return [
        f"On a microcontroller its graph (`{row['graph']}`) takes {int(row['arena_bytes']):,} bytes"
        f" of arena, {int(row['live_bytes']):,} of them live at one time, and "
        f"{int(row['flash_bytes']):,} bytes of flash for weights, biases and scales."
    ]


def design_text(row: pd.Series) -> str:
    """A design in words: array, buffers, bandwidth, folds, cycles, energy with its band, area.

    Cycles are those that its energy was counted with: of the machine in ``best.csv``, where there
    is one, else of the bound.
    """
    flags = "pipelined folds" if row["pipelined"] else "serial folds"
    kb = "/".join(str(row[f"{name}_sram_kb"]) for name in ("ifmap", "filter", "ofmap"))
    energies = [row[column] / 1e6 for column in ("energy_pj", "energy_pj_low", "energy_pj_high")]
    unit, scale = ("mJ", 1e-3) if energies[0] >= 1000 else ("µJ", 1.0)
    mid, low, high = (f"{scale * value:.3g}" for value in energies)
    machine = row.get("machine_cycles")
    cycles = row["bound_cycles"] if pd.isna(machine) else machine
    return (
        f"`{row['dataflow']}` {row['rows']}x{row['cols']}, {kb} kB, "
        f"{bandwidth_text(row['bandwidth'])}, {flags} ({int(cycles):,} cycles, "
        f"{mid} {unit} [{low} to {high}], {row['area_mm2']:.2f} mm²)"
    )


def _part(column: str) -> str:
    return column.removesuffix("_pj").replace("_sram", " SRAM").replace("dram", "DRAM")
