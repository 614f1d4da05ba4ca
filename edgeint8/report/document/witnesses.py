"""Which witness stands behind each kind of number in this study, or *none*."""

from collections.abc import Callable

import pandas as pd

from edgeint8.report.findings.validation_answers import FITS, banded
from edgeint8.report.findings.validation_answers import compared as published
from edgeint8.report.markdown import Tables, link, percent, table
from edgeint8.report.words import Say, english

NONE = "*none*"
RUNTIMES = {
    "ort": "ONNX Runtime",
    "litert_ref": "LiteRT",
    "litert_xnnpack": "LiteRT with XNNPACK",
    "tflm": "tflite-micro",
    "cmsis_single": "CMSIS-NN, one rounding",
    "cmsis_double": "CMSIS-NN, two roundings",
}
Witness = Callable[[Say, Tables], str]


def witnesses(tables: Tables, say: Say = english) -> list[dict[str, str]]:
    """One row a kind of number: ``number``, ``witness`` (or `NONE`) and the ``table`` with both."""
    rows = []
    for number, (source, witness) in NUMBERS.items():
        found = witness(say, tables)
        origin = link(source) if found else ""
        rows.append({"number": say(number), "witness": found or say(NONE), "table": origin})
    return rows


def witness_table(tables: Tables, say: Say = english) -> str:
    """The rows as Markdown."""
    columns = {"number": "number", "witness": "witness in this study", "table": "from"}
    named = {name: say(heading) for name, heading in columns.items()}
    return table(pd.DataFrame(witnesses(tables, say)), named)


def compared(say: Say, name: str, wrong: int, count: int) -> str:
    """A witness and what the comparison found; nothing where nothing was compared.

    >>> compared(english, "RTL", 0, 1200), compared(english, "RTL", 3, 1200)
    ('RTL: equal in all 1,200', 'RTL: differs in 3 of 1,200')
    """
    if count == 0:
        return ""
    text = (
        "{name}: differs in {wrong:,} of {count:,}" if wrong else "{name}: equal in all {count:,}"
    )
    return say(text, name=name, wrong=wrong, count=count)


def _integers(say: Say, tables: Tables) -> str:
    golden, rtl = tables.get("golden", pd.DataFrame()), _rtl(tables)
    runtimes = [
        compared(
            say,
            RUNTIMES.get(name, name),
            int(rows["mismatches"].sum()),
            int(rows["elements"].sum()),
        )
        for name, rows in (golden.groupby("witness", sort=False) if len(golden) else ())
    ]
    machine = ""
    if len(rtl):
        machine = compared(say, "RTL", int(rtl["mismatches"].sum()), int(rtl["words"].sum()))
    return "; ".join(filter(None, [*runtimes, machine]))


def _counted(ours: str, theirs: str) -> Witness:
    """Layers in which the model's count differs from that of RTL."""

    def witness(say: Say, tables: Tables) -> str:
        rows = _rtl(tables)
        wrong = int((rows[ours] != rows[theirs]).sum()) if len(rows) else 0
        return compared(say, say("RTL, layers"), wrong, len(rows))

    return witness


def _scalesim(say: Say, tables: Tables) -> str:
    rows = tables.get("crosscheck", pd.DataFrame())
    wrong = int((rows["difference"] != 0).sum()) if len(rows) else 0
    return compared(say, "SCALE-Sim", wrong, len(rows))


def _rtl(tables: Tables) -> pd.DataFrame:
    """The layers that ran: a row that says why one did not has no words."""
    rows = tables.get("rtl", pd.DataFrame())
    return rows.dropna(subset=["words"]) if len(rows) else rows


def _vertices(say: Say, tables: Tables) -> str:
    """Layers whose exact width an input reaches that was built for it and run."""
    rows = tables.get("bit_growth", pd.DataFrame())
    rows = rows.dropna(subset=["bits_vertex"]) if "bits_vertex" in rows else rows.iloc[:0]
    wrong = int((rows["bits_vertex"] != rows["bits_exact"]).sum()) if len(rows) else 0
    return compared(say, say("inputs built to reach it, layers"), wrong, len(rows))


def _silicon(tables: Tables) -> pd.DataFrame:
    """Published measurements of chips, beside what the model says of those chips."""
    rows = published(tables.get("validation", pd.DataFrame()))
    return rows[rows["kind"] == "silicon"] if "kind" in rows else rows.iloc[:0]


def _energies(say: Say, tables: Tables) -> str:
    rows = banded(_silicon(tables))
    if rows.empty:
        return ""
    inside = rows["published"].between(rows["ours_low"], rows["ours_high"]).sum()
    return say("other chips: {inside} of {count} inside the band", inside=inside, count=len(rows))


def _times(say: Say, tables: Tables) -> str:
    rows = _silicon(tables)
    rows = rows[rows["unit"] == "ms"] if len(rows) else rows
    if rows.empty:
        return ""
    met = int((rows["error"].abs() <= FITS).sum())
    near = percent(FITS, 0)
    return say("other chips: {met} of {count} within {near}", met=met, count=len(rows), near=near)


def _nothing(say: Say, tables: Tables) -> str:
    return ""


NUMBERS: dict[str, tuple[str, Witness]] = {
    "accuracy and integers": ("golden", _integers),
    "accumulator width": ("bit_growth", _vertices),  # a bound: proven, and reached
    "SCALE-Sim's cycles, by the replica": ("crosscheck", _scalesim),
    "machine cycles": ("rtl", _counted("machine_cycles", "rtl_cycles")),
    "DRAM bytes": ("rtl", _counted("dram_bytes", "rtl_dram_bytes")),
    "energy and watts": ("validation", _energies),
    "area": ("best", _nothing),  # synthesis is no part of a study: docs/validation.md
    "runtime of the edge device": ("validation", _times),
}
