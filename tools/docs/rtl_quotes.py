"""What docs/rtl.md quotes: runs counted, the same layers four times, coverage, areas, speed."""

from collections.abc import Callable
from pathlib import Path

import pandas as pd

from edgeint8.report.document.rtl import MACHINE, scalesim_terms, unbalanced
from edgeint8.report.figures.style import short_name
from edgeint8.report.markdown import Tables, percent, table
from edgeint8.rtl.coverage import share
from edgeint8.tables.files import read_table

RANDOM = "random layers"  # a case of rtl_runs
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


def rtl_runs_sentence(tables: Tables) -> str:
    """Whole images, then random layers: how many, and what of them does not agree."""
    rows = tables["benchmark_rtl_runs"]
    layers = rows[rows["case"] == RANDOM]
    images = rows[rows["case"] != RANDOM]
    each = int(images["images"].min())
    below = int(images["below_bound"].sum())
    return (
        f"{int(images['images'].sum()):,} whole images, {each} in each of {len(images)} runs "
        f"through {images['case'].nunique()} networks: {_apart(images)}, and {below} layers take "
        f"fewer cycles than the bound. {int(layers['layers'].sum()):,} random layers on "
        f"{len(layers)} machines: {_apart(layers)}."
    )


def _apart(rows: pd.DataFrame) -> str:
    return (
        f"{int(rows['mismatches'].sum()):,} of {int(rows['words'].sum()):,} codes differ from the "
        f"executor's, {int(rows['cycles_apart'].sum())} layers in cycles and "
        f"{int(rows['bytes_apart'].sum())} in DRAM bytes from the machine"
    )


def rtl_runs(tables: Tables) -> str:
    """A row a run."""
    headings = {"case": "network", "strategy": "strategy", "dataflow": "array", "array": ""}
    headings |= {"scheme": "rounding", "images": "images", "words": "codes"}
    headings |= {"mismatches": "differ", "cycles_apart": "cycles differ", "bytes_apart": "bytes"}
    return table(tables["benchmark_rtl_runs"], headings)


def rtl_coverage_sentence(tables: Tables) -> str:
    """Shares of lines and of toggled bits, and how many are waived."""
    rows = tables["benchmark_rtl_coverage"].to_dict("records")
    said = []
    for kind, name in (("line", "blocks of lines"), ("toggle", "bits")):
        points = sum(row["points"] for row in rows if row["kind"] == kind)
        waived = sum(row["waived"] for row in rows if row["kind"] == kind)
        reached = percent(share(rows, kind), 2)
        said.append(f"{reached} of {points - waived:,} {name} ({waived:,} more are waived)")
    return f"Reached: {said[0]}, {said[1]}."


def rtl_coverage(tables: Tables) -> str:
    """A row a file and kind."""
    names = ("file", "kind", "points", "reached", "waived")
    return table(tables["benchmark_rtl_coverage"], {name: name for name in names})


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
    function.__name__: function
    for function in (
        *(four_counts, four_counts_sentence, rtl_runs, rtl_runs_sentence),
        *(rtl_coverage, rtl_coverage_sentence, synthesis),
    )
}
