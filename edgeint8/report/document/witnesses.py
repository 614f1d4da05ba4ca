"""Which witness stands behind each kind of number in this study, or *none*."""

from collections.abc import Callable

import pandas as pd

from edgeint8.report.markdown import Tables, link, table

NONE = "*none*"
RUNTIMES = {
    "ort": "ONNX Runtime",
    "litert_ref": "LiteRT",
    "litert_xnnpack": "LiteRT with XNNPACK",
    "tflm": "tflite-micro",
}
Witness = Callable[[Tables], str]


def witnesses(tables: Tables) -> list[dict[str, str]]:
    """One row a kind of number: ``number``, ``witness`` (or `NONE`) and the ``table`` with both."""
    rows = []
    for number, (source, witness) in NUMBERS.items():
        found = witness(tables)
        rows.append(
            {"number": number, "witness": found or NONE, "table": link(source) if found else ""}
        )
    return rows


def witness_table(tables: Tables) -> str:
    """The rows as Markdown."""
    columns = {"number": "number", "witness": "witness in this study", "table": "from"}
    return table(pd.DataFrame(witnesses(tables)), columns)


def compared(name: str, wrong: int, count: int) -> str:
    """A witness and what the comparison found; nothing where nothing was compared.

    >>> compared("RTL", 0, 1200), compared("RTL", 3, 1200), compared("RTL", 0, 0)
    ('RTL: equal in all 1,200', 'RTL: differs in 3 of 1,200', '')
    """
    if count == 0:
        return ""
    return f"{name}: " + (
        f"differs in {wrong:,} of {count:,}" if wrong else f"equal in all {count:,}"
    )


def _integers(tables: Tables) -> str:
    golden, rtl = tables.get("golden", pd.DataFrame()), _rtl(tables)
    runtimes = [
        compared(
            RUNTIMES.get(name, name), int(rows["mismatches"].sum()), int(rows["elements"].sum())
        )
        for name, rows in (golden.groupby("witness", sort=False) if len(golden) else ())
    ]
    machine = (
        compared("RTL", int(rtl["mismatches"].sum()), int(rtl["words"].sum())) if len(rtl) else ""
    )
    return "; ".join(filter(None, [*runtimes, machine]))


def _counted(ours: str, theirs: str) -> Witness:
    """Layers in which the model's count differs from that of RTL."""

    def witness(tables: Tables) -> str:
        rows = _rtl(tables)
        wrong = int((rows[ours] != rows[theirs]).sum()) if len(rows) else 0
        return compared("RTL, layers", wrong, len(rows))

    return witness


def _scalesim(tables: Tables) -> str:
    rows = tables.get("crosscheck", pd.DataFrame())
    wrong = int((rows["difference"] != 0).sum()) if len(rows) else 0
    return compared("SCALE-Sim", wrong, len(rows))


def _rtl(tables: Tables) -> pd.DataFrame:
    """The layers that ran: a row that says why one did not has no words."""
    rows = tables.get("rtl", pd.DataFrame())
    return rows.dropna(subset=["words"]) if len(rows) else rows


def _nothing(tables: Tables) -> str:
    return ""


NUMBERS: dict[str, tuple[str, Witness]] = {
    "accuracy and integers": ("golden", _integers),
    "accumulator width": ("accumulator", _nothing),  # a bound: proven, no second computation
    "SCALE-Sim's cycles, by the replica": ("crosscheck", _scalesim),
    "machine cycles": ("rtl", _counted("machine_cycles", "rtl_cycles")),
    "DRAM bytes": ("rtl", _counted("dram_bytes", "rtl_dram_bytes")),
    "energy and watts": ("energy", _nothing),
    "area": ("best", _nothing),
    "runtime of the edge device": ("best", _nothing),
}
