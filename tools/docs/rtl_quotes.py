"""What docs/rtl.md quotes: the same layers four times, and areas by synthesis."""

from collections.abc import Callable
from pathlib import Path

import pandas as pd

from edgeint8.report.document.rtl import MACHINE, scalesim_terms, unbalanced
from edgeint8.report.figures.style import short_name
from edgeint8.report.markdown import Tables, table
from edgeint8.tables.files import read_table

SHOWN = "tiny_cnn_2d", "ws_8x8_32kB_4Bpc", "os_8x8_32kB_4Bpc"  # of four_counts


def read_synthesis(folder: str | Path) -> dict[str, pd.DataFrame]:
    """`benchmarks/synthesis.py` keeps its table beside those of a study."""
    path = Path(folder) / "synthesis.csv"
    return {"synthesis": read_table(path)} if path.is_file() else {}


def four_counts(tables: Tables) -> str:
    """RTL, machine, bound and SCALE-Sim of the layers of one network on one machine, with terms."""
    rows = tables["benchmark_four_counts"]
    rows = rows[(rows["workload"] == SHOWN[0]) & rows["hardware"].isin(SHOWN[1:])]
    terms = scalesim_terms(rows)
    frame = rows.assign(
        layer=rows["layer"].map(short_name),
        ends=rows["bound_ends_cycles"] + rows["bound_dram_cycles"],
        terms=[
            ", ".join(
                f"`{name.removeprefix('scalesim_').removesuffix('_cycles')}` {int(row[name]):,}"
                for name in terms
                if row[name] == row[name] and row[name]
            )
            for row in rows.to_dict("records")
        ],
        scalesim=["" if pd.isna(v) else f"{int(v):,}" for v in rows["scalesim_cycles"]],
    )
    headings = {"hardware": "array", "layer": "layer", "rtl_cycles": "RTL = machine"} | MACHINE
    headings |= {"bound_cycles": "bound", "ends": "of it ends, DRAM"}
    headings |= {"terms": "terms to SCALE-Sim", "scalesim": "SCALE-Sim"}
    return table(frame, headings)


def four_counts_sentence(tables: Tables) -> str:
    """How many layers and words, and what of them does not agree or add up."""
    rows = tables["benchmark_four_counts"]
    moved = int((rows["rtl_dram_bytes"] != rows["dram_bytes"]).sum())
    apart = int((rows["rtl_cycles"] != rows["machine_cycles"]).sum())
    runs = rows.groupby(["workload", "hardware"]).ngroups
    return (
        f"{runs} runs of whole images through {rows['workload'].nunique()} networks, {len(rows):,} "
        f"layers: {int(rows['mismatches'].sum()):,} of {int(rows['words'].sum()):,} codes differ "
        f"from the executor's, {apart} layers in cycles and {moved} in DRAM bytes from the "
        f"machine, and {unbalanced(rows)} layers leave a remainder in an account."
    )


def synthesis(tables: Tables) -> str:
    """Areas, and each over a multiplier with its adder."""
    return table(
        tables["synthesis"],
        {
            "part": "part",
            "gates": "combinational cells",
            "flip_flops": "flip-flops",
            "area_um2": "um2",
            "over_mac": "over a MAC",
        },
    )


QUOTES: dict[str, Callable[[Tables], str]] = {
    function.__name__: function for function in (four_counts, four_counts_sentence, synthesis)
}
