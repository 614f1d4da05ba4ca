"""The executive table: what is recommended for each network, and what each row rests on."""

from collections.abc import Callable

import pandas as pd

from edgeint8.report.findings.answers import recommended_width
from edgeint8.report.findings.array_machines import CAUSES, bandwidth_text
from edgeint8.report.findings.completeness import incomplete
from edgeint8.report.findings.effects import of
from edgeint8.report.markdown import Tables, link, percent, table

Answer = Callable[[Tables, str], str]


def summary(tables: Tables) -> str:
    """One row a question, one column a network; questions that no network answers are left out."""
    names = _workloads(tables)
    rows = [
        {"question": question, "table": link(source)}
        | {name: answer(tables, name) for name in names}
        for question, (source, answer) in QUESTIONS.items()
    ]
    rows = [row for row in rows if any(row[name] for name in names)]
    if not rows:
        return ""
    columns = {"question": "", **{name: name for name in names}, "table": "from"}
    return table(pd.DataFrame(rows), columns)


def _workloads(tables: Tables) -> list[str]:
    parts = (tables[name] for name in ("baseline", "roofline") if len(tables[name]))
    return [str(name) for part in parts for name in dict.fromkeys(part["workload"])]


def _float_accuracy(tables: Tables, workload: str) -> str:
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


def _strategy(tables: Tables, workload: str) -> str:
    row = _chosen(tables, workload)
    return "" if row is None else f"**{row['strategy']}**"


def _accuracy(tables: Tables, workload: str) -> str:
    row = _chosen(tables, workload)
    if row is None:
        return ""
    if isinstance(row.get("metric"), str):
        return f"{row['metric']} {row['metric_value']:.4g}"
    if pd.isna(row["accuracy"]) and pd.isna(row["agreement"]):
        return f"no classes; worst entry {row['worst_channel_sqnr_db']:.1f} dB"
    if pd.isna(row["accuracy"]):
        return f"no labels; {percent(row['agreement'])} of decisions agree"
    return f"{percent(row['accuracy'])} ({100 * row['accuracy_delta']:+.2f} points)"


def _fidelity(tables: Tables, workload: str) -> str:
    row = _chosen(tables, workload)
    return "" if row is None else f"{row['sqnr_db']:.1f} dB"


def _mismatches(tables: Tables, workload: str) -> str:
    rows = of(tables["golden"], workload)
    if rows.empty or not rows["elements"].sum():
        return ""
    return f"{int(rows['mismatches'].sum()):,} of {int(rows['elements'].sum()):,}"


def _width(tables: Tables, workload: str) -> str:
    row = recommended_width(tables, workload)
    return "" if row is None else f"**{int(row['bits_guaranteed'])} bits**"


def _design(tables: Tables, workload: str) -> str:
    rows = of(tables["best"], workload)
    if rows.empty:
        if incomplete(tables, workload):
            return "none: totals are incomplete"
        explored = len(of(tables["pareto"], workload))
        return "none: no design meets need and limits" if explored else ""
    first = rows.iloc[0]
    sizes = "/".join(str(int(first[f"{name}_sram_kb"])) for name in ("ifmap", "filter", "ofmap"))
    array = f"**{first['dataflow']} {int(first['rows'])}x{int(first['cols'])}**"
    return f"{array}, {sizes} kB, {bandwidth_text(first['bandwidth'])}"


def _at_full_speed(tables: Tables, workload: str) -> str:
    rows = of(tables["best"], workload)
    if rows.empty:
        return ""
    first = rows.iloc[0]
    speed = f"{first['fps']:,.0f} a second, {first['power_mw']:,.0f} mW"
    busy = f"{100 * first['utilization']:.0f} % of its multipliers"
    return f"{speed}, {busy}, {first['area_mm2']:.2f} mm²"


def _at_its_rate(tables: Tables, workload: str) -> str:
    rows = of(tables["best"], workload)
    if rows.empty or "objective" not in rows:
        return ""
    first = rows.iloc[0]
    if pd.isna(first["rate"]):
        stated = pd.notna(first["deadline_ms"])
        return f"within {first['deadline_ms']:g} ms" if stated else "none: by energy times delay"
    busy = first["utilization"] * first["rate"] / first["fps"]
    speed = f"{first['rate']:g} a second, {first['rate_power_mw']:,.3g} mW"
    return f"{speed}, {100 * busy:.2g} % of its multipliers, {first['area_mm2']:.2f} mm²"


def _bottleneck(tables: Tables, workload: str) -> str:
    rows = of(tables["best"], workload)
    return "" if rows.empty else CAUSES[rows["bound_by"].iloc[0]]


def _memory(tables: Tables, workload: str) -> str:
    rows = of(tables["memory"], workload)
    if rows.empty:
        return ""
    return f"{int(rows['arena_bytes'].iloc[0]):,} and {int(rows['flash_bytes'].iloc[0]):,} bytes"


def _replica(tables: Tables, workload: str) -> str:
    rows = of(tables["crosscheck"], workload)
    return f"{int((rows['difference'] != 0).sum()):,} of {len(rows):,}" if len(rows) else ""


QUESTIONS: dict[str, tuple[str, Answer]] = {
    "accuracy in FP32 (data)": ("baseline", _float_accuracy),
    "recommended strategy": ("recommendation", _strategy),
    "its accuracy, against FP32": ("quantization", _accuracy),
    "its SQNR": ("quantization", _fidelity),
    "elements that differ from ONNX Runtime": ("golden", _mismatches),
    "recommended accumulator": ("accumulator", _width),
    "INT8 arena and flash": ("memory", _memory),
    "recommended design": ("best", _design),
    "at the rate needed (45 nm)": ("best", _at_its_rate),
    "at full speed (45 nm)": ("best", _at_full_speed),
    "what binds it": ("best", _bottleneck),
    "numbers that differ from SCALE-Sim": ("crosscheck", _replica),
}
