"""The executive table: what is recommended for each network, and what each row rests on."""

from collections.abc import Callable

import pandas as pd

from edgeint8.conventions import PLAIN_MACHINE
from edgeint8.report.document.witnesses import RUNTIMES
from edgeint8.report.findings.answers import recommended_width
from edgeint8.report.findings.array_machines import CAUSES
from edgeint8.report.findings.completeness import incomplete
from edgeint8.report.findings.effects import of
from edgeint8.report.markdown import Tables, link, percent, table
from edgeint8.report.words import Say, english

# What most people would build.
PLAIN, PLAIN_ARRAY = "asym_channel_minmax", " ".join(PLAIN_MACHINE.split("_")[:2])
Answer = Callable[[Say, Tables, str], str]


def summary(tables: Tables, say: Say = english) -> str:
    """One row a question, one column a network; questions that no network answers are left out."""
    names = _workloads(tables)
    rows = [
        {"question": say(question), "table": link(source)}
        | {name: answer(say, tables, name) for name in names}
        for question, (source, answer) in QUESTIONS.items()
    ]
    rows = [row for row in rows if any(row[name] for name in names)]
    if not rows:
        return ""
    columns = {"question": "", **{name: name for name in names}, "table": say("from")}
    return table(pd.DataFrame(rows), columns)


def _workloads(tables: Tables) -> list[str]:
    parts = (tables[name] for name in ("baseline", "roofline") if len(tables[name]))
    return [str(name) for part in parts for name in dict.fromkeys(part["workload"])]


def _float_accuracy(say: Say, tables: Tables, workload: str) -> str:
    rows = of(tables["baseline"], workload)
    if rows.empty or pd.isna(rows["accuracy"].iloc[0]):
        return ""
    return f"{percent(rows['accuracy'].iloc[0])} ({rows['data_source'].iloc[0]})"


def _chosen(tables: Tables, workload: str) -> pd.Series | None:
    """The evidence of the recommended strategy."""
    rows, evidence = of(tables["recommendation"], workload), of(tables["quantization"], workload)
    if rows.empty or evidence.empty:
        return None
    names = rows.loc[rows["recommended"].astype(bool), "strategy"]
    mine = evidence[evidence["strategy"].isin(names)]
    return None if mine.empty else mine.iloc[0]


def _strategy(say: Say, tables: Tables, workload: str) -> str:
    row = _chosen(tables, workload)
    if row is None:
        return ""
    bits = row.get("weight_bits")
    if pd.isna(bits):
        return f"**{row['strategy']}**"
    return say("**{name}**, {bits}-bit weights", name=row["strategy"], bits=_bits(bits))


def _bits(bits: object) -> str:
    return f"{bits:g}" if isinstance(bits, float) else str(bits)


def _accuracy(say: Say, tables: Tables, workload: str) -> str:
    row = _chosen(tables, workload)
    if row is None:
        return ""
    if isinstance(row.get("metric"), str):
        return f"{row['metric']} {row['metric_value']:.4g}"
    if pd.isna(row["accuracy"]) and pd.isna(row["agreement"]):
        return say("no classes; worst entry {db:.1f} dB", db=row["worst_channel_sqnr_db"])
    if pd.isna(row["accuracy"]):
        return say("no labels; {share} of decisions agree", share=percent(row["agreement"]))
    change = 100 * row["accuracy_delta"]
    reached = percent(row["accuracy"])
    low, high = (100 * row.get(f"delta_{end}", float("nan")) for end in ("low", "high"))
    if pd.isna(low):
        return say("{reached} ({change:+.2f} points)", reached=reached, change=change)
    text = "{reached} ({change:+.2f} points, {low:+.2f} to {high:+.2f})"
    return say(text, reached=reached, change=change, low=low, high=high)


def _fidelity(say: Say, tables: Tables, workload: str) -> str:
    row = _chosen(tables, workload)
    return "" if row is None else f"{row['sqnr_db']:.1f} dB"


def _why(say: Say, tables: Tables, workload: str) -> str:
    """How many strategies the hold-out admits, and what set this one apart from the next."""
    rows = of(tables["recommendation"], workload)
    if rows.empty or rows["margin"].isna().all():
        return ""
    admitted = rows[rows["rank"].notna()].sort_values("rank")
    many, counted = len(admitted), len(rows)
    if many == 1:
        return say("the only one of {counted} shown inside the margin", counted=counted)
    cost, beside = (float(admitted["hardware_cost"].iloc[place]) for place in (0, 1))
    return say(
        "{many} of {counted} shown inside the margin; hardware cost {cost:.3g}, next {beside:.3g}",
        many=many,
        counted=counted,
        cost=cost,
        beside=beside,
    )


def _integers(say: Say, tables: Tables, workload: str) -> str:
    """In how many strategies every element equals the witness's."""
    rows = of(tables["golden"], workload)
    rows = rows[rows["elements"] > 0] if len(rows) else rows
    answers = [
        say(
            "{name} in {same} of {count} strategies",
            name=RUNTIMES.get(str(witness), str(witness)),
            same=int((mine["mismatches"] == 0).sum()),
            count=len(mine),
        )
        for witness, mine in (rows.groupby("witness", sort=False) if len(rows) else ())
    ]
    return "; ".join(answers)


def _width(say: Say, tables: Tables, workload: str) -> str:
    row = recommended_width(tables, workload)
    return "" if row is None else say("**{bits} bits**", bits=int(row["bits_guaranteed"]))


def _against_plain(say: Say, tables: Tables, workload: str) -> str:
    """Width and accuracy beside those of `PLAIN`, which most people would build."""
    row, width = _chosen(tables, workload), recommended_width(tables, workload)
    widths, evidence = (of(tables[name], workload) for name in ("accumulator", "quantization"))
    if row is None or width is None or row["strategy"] == PLAIN:
        return ""
    plain = widths[widths["strategy"] == PLAIN]["bits_guaranteed"]
    accuracy = evidence[evidence["strategy"] == PLAIN]["accuracy"]
    if plain.empty or accuracy.isna().all():
        return ""
    narrower = int(plain.iloc[0]) - int(width["bits_guaranteed"])
    gained = 100 * (row["accuracy"] - accuracy.iloc[0])
    return say("{bits:+d} accumulator bits, {gained:+.2f} points", bits=-narrower, gained=gained)


def _design(say: Say, tables: Tables, workload: str) -> str:
    rows = of(tables["best"], workload)
    if rows.empty:
        if incomplete(tables, workload):
            return say("none: totals are incomplete")
        explored = len(of(tables["pareto"], workload))
        return say("none: no design meets need and limits") if explored else ""
    first = rows.iloc[0]
    sizes = "/".join(str(int(first[f"{name}_sram_kb"])) for name in ("ifmap", "filter", "ofmap"))
    array = f"**{first['dataflow']} {int(first['rows'])}x{int(first['cols'])}**"
    text = "{array}, {sizes} kB, {bandwidth} B per cycle and port"
    if str(first["bandwidth"]) == "unlimited":
        text = "{array}, {sizes} kB, unlimited bandwidth"
    return say(text, array=array, sizes=sizes, bandwidth=first["bandwidth"])


def _at_full_speed(say: Say, tables: Tables, workload: str) -> str:
    rows = of(tables["best"], workload)
    if rows.empty:
        return ""
    first = rows.iloc[0]
    return say(
        "{fps:,.0f} a second, {power:,.0f} mW, {busy:.0f} % of its multipliers, {area:.2f} mm²",
        fps=first["fps"],
        power=first["power_mw"],
        busy=100 * first["utilization"],
        area=first["area_mm2"],
    )


def _at_its_rate(say: Say, tables: Tables, workload: str) -> str:
    rows = of(tables["best"], workload)
    if rows.empty or "objective" not in rows:
        return ""
    first = rows.iloc[0]
    if pd.isna(first["rate"]):
        if pd.isna(first["deadline_ms"]):
            return say("none: by energy times delay")
        return say(
            "within {deadline:g} ms: {ms:.3g} ms at {power:,.3g} mW, then {idle:,.3g} mW idle, "
            "{area:.2f} mm²",
            deadline=first["deadline_ms"],
            ms=first["model_ms"],
            power=first["power_mw"],
            idle=first["idle_power_mw"],
            area=first["area_mm2"],
        )
    return say(
        "{rate:g} a second, {power:,.3g} mW, {busy:.2g} % of its multipliers, {area:.2f} mm²",
        rate=first["rate"],
        power=first["rate_power_mw"],
        busy=100 * first["utilization"] * first["rate"] / first["fps"],
        area=first["area_mm2"],
    )


def _against_plain_machine(say: Say, tables: Tables, workload: str) -> str:
    """Energy at the need and area beside those of the machine most would build first."""
    rows = of(tables["best"], workload)
    if rows.empty or pd.isna(rows.iloc[0].get("plain_hardware")):
        return ""
    first = rows.iloc[0]
    area = 100 * (first["area_vs_plain"] - 1)
    if pd.isna(first["figure_vs_plain"]):
        return say("{plain} will not do; {area:+.0f} % area", plain=PLAIN_ARRAY, area=area)
    text = "{figure:+.0f} % energy, {area:+.0f} % area"
    if first["objective"] == "edp":
        text = "{figure:+.0f} % energy times delay, {area:+.0f} % area"
    return say(text, figure=100 * (first["figure_vs_plain"] - 1), area=area)


def _sure(say: Say, tables: Tables, workload: str) -> str:
    """In how many draws of the constants the design would be recommended all the same."""
    band = tables.get("band", pd.DataFrame())  # not among the kept tables
    rows = of(band, workload) if len(band) else band
    mid = rows[rows["level"] == "mid"] if len(rows) else rows
    if mid.empty or "draws" not in mid or not mid["draws"].iloc[0] > 0:
        return ""
    won, draws = 100 * mid["draws_won"].iloc[0], int(mid["draws"].iloc[0])
    return say("wins {won:.0f} % of {draws:,} draws of the constants", won=won, draws=draws)


def _bottleneck(say: Say, tables: Tables, workload: str) -> str:
    rows = of(tables["best"], workload)
    return "" if rows.empty else say(CAUSES[rows["bound_by"].iloc[0]])


def _memory(say: Say, tables: Tables, workload: str) -> str:
    rows = of(tables["memory"], workload)
    if rows.empty:
        return ""
    arena, flash = (int(rows[name].iloc[0]) for name in ("arena_bytes", "flash_bytes"))
    return say("{arena:,} and {flash:,} bytes", arena=arena, flash=flash)


def _replica(say: Say, tables: Tables, workload: str) -> str:
    rows = of(tables["crosscheck"], workload)
    if rows.empty:
        return ""
    wrong = int((rows["difference"] != 0).sum())
    return say("{wrong:,} of {count:,}", wrong=wrong, count=len(rows))


QUESTIONS: dict[str, tuple[str, Answer]] = {
    "accuracy in FP32 (data)": ("baseline", _float_accuracy),
    "recommended strategy": ("recommendation", _strategy),
    "its accuracy, against FP32": ("quantization", _accuracy),
    "its SQNR": ("quantization", _fidelity),
    "why this one": ("recommendation", _why),
    "its integers equal": ("golden", _integers),
    "recommended accumulator": ("accumulator", _width),
    f"against {PLAIN}": ("accumulator", _against_plain),
    "INT8 arena and flash": ("memory", _memory),
    "recommended design": ("best", _design),
    "at the rate needed (45 nm)": ("best", _at_its_rate),
    f"against {PLAIN_ARRAY}": ("best", _against_plain_machine),
    "how sure the design is": ("band", _sure),
    "at full speed (45 nm)": ("best", _at_full_speed),
    "what binds it": ("best", _bottleneck),
    "numbers that differ from SCALE-Sim": ("crosscheck", _replica),
}
