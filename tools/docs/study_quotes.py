"""What the guide and the README quote: tables, sentences and numbers of the default study.

Sentences are those of the report, so that a document says what the report says; nothing here is
written for one study. Each function is pure.
"""

import math
import re
from collections.abc import Callable

import pandas as pd

from edgeint8.report.document.summary import summary
from edgeint8.report.figures.style import short_name
from edgeint8.report.findings import (
    answers,
    array_answers,
    array_growth,
    design_answers,
    strategy_effects,
)
from edgeint8.report.findings.array_machines import (
    CAUSES,
    causes,
    machines,
    reference,
    sram_sweep,
    sweep,
)
from edgeint8.report.findings.effects import of
from edgeint8.report.markdown import Tables, percent, table

TABLE_LINK = re.compile(r"\[tables/(\w+\.csv)\]\(tables/\w+\.csv\)")
NETWORK = {"workload": "network"}


def executive_table(tables: Tables) -> str:
    """The first table of the report; its links become file names."""
    return TABLE_LINK.sub(r"`\1`", summary(tables))


def study_size(tables: Tables) -> str:
    """How much the study compares."""
    strategies = tables["quantization"]["strategy"].nunique()
    machines_ = tables["dse"]["hardware"].nunique()
    return f"{len(_networks(tables))} networks, {strategies} strategies, {machines_} machines"


def report_excerpt(tables: Tables) -> str:
    """The three answers for the last network of the study, as the report gives them."""
    name = _networks(tables)[-1]
    said = [
        answers.strategy_answer(tables, name),
        answers.accumulator_answer(tables, name),
        answers.hardware_answer(tables, name),
        answers.crosscheck_answer(tables["crosscheck"]),
    ]
    return "\n>\n".join(f"> {text}" for text in said if text)


def crosscheck_sentence(tables: Tables) -> str:
    """Whether the replica equals SCALE-Sim."""
    return answers.crosscheck_answer(tables["crosscheck"])


def sentences(
    answer: Callable[[Tables, str], str | list[str]], last: bool = False
) -> Callable[[Tables], str]:
    """A quote: a list of what `answer` says of each network, or of the last one only."""

    def quote(tables: Tables) -> str:
        lines = []
        for name in _networks(tables)[-1 if last else 0 :]:
            said = answer(tables, name)
            texts = [said] if isinstance(said, str) else said
            lines += [f"- {name}: {text}" for text in texts]
        return "\n".join(lines)

    return quote


def granularity_table(tables: Tables) -> str:
    """Per layer: how unequal the ranges of its filters are, and the bits one scale costs."""
    traits = tables["layer_traits"]
    frame = traits.assign(
        layer=traits["layer"].map(short_name),
        lost=traits["weight_range_ratio"].map(math.log2),
    )
    headings = NETWORK | {
        "layer": "layer",
        "channels": "filters",
        "weight_range_ratio": "largest over smallest range",
        "lost": "bits that one scale takes from the weakest filter",
    }
    return table(frame, headings)


def symmetry_table(tables: Tables) -> str:
    """Levels that no calibration image reaches behind a rectifier, min-max ranges."""
    levels = tables["levels"]
    rows = levels[
        levels["made_by"].isin(strategy_effects.RECTIFIERS) & (levels["calibration"] == "minmax")
    ]
    frame = rows.assign(
        tensor=rows["tensor"].map(short_name),
        symmetric=[percent(share, 0) for share in rows["unused_symmetric"]],
        asymmetric=[percent(share, 0) for share in rows["unused_asymmetric"]],
    )
    headings = NETWORK | {
        "tensor": "behind",
        "symmetric": "never used, symmetric",
        "asymmetric": "never used, asymmetric",
    }
    return table(frame, headings)


def deepest_sum(tables: Tables) -> str:
    """The layer with the longest sum of the last network, in bits."""
    growth = of(tables["bit_growth"], _networks(tables)[-1])
    rows = growth[growth["k"] == growth["k"].max()]
    rule, exact = int(rows["bits_rule"].max()), int(rows["bits_exact_with_bias"].max())
    seen, tile = int(rows["bits_observed"].max()), int(rows["bits_tile"].max())
    depth = int(rows["k"].iloc[0])
    return (
        f"In this study the longest such sum, K = {depth:,} in "
        f"`{short_name(str(rows['layer'].iloc[0]))}` of {rows['workload'].iloc[0]}, needs {rule} "
        f"bits by the rule, {exact} by its weights (the widest of {len(rows)} strategies), {tile} "
        f"inside an array of {int(rows['tile_rows'].iloc[0])} rows, and no test image used more "
        f"than {seen}. An INT32 register leaves {32 - exact} bits unused."
    )


def array_table(tables: Tables) -> str:
    """Cycles by array and dataflow, and what they go to."""
    rows = []
    for name in _networks(tables):
        roofline, swept = of(tables["roofline"], name), sweep(of(tables["dse"], name))
        for dataflow, group in swept.groupby("dataflow", sort=False):
            before = None
            for machine in group.sort_values("pes", kind="stable").to_dict("records"):
                parts = causes(roofline[roofline["hardware"] == machine["hardware"]])
                now = int(machine["bound_cycles"])
                rows.append(
                    {"workload": name, "dataflow": dataflow, "array": machine["array"]}
                    | {"cycles": now, "faster": f"{before / now:.2f}x" if before else ""}
                    | {cause: percent(value / parts.sum(), 0) for cause, value in parts.items()}
                )
                before = now
    headings = NETWORK | {"dataflow": "dataflow", "array": "array", "cycles": "cycles"}
    return table(pd.DataFrame(rows), headings | {"faster": "faster than the last"} | CAUSES)


def binding_table(tables: Tables) -> str:
    """The array layers under ws with a limited bandwidth: intensity, ridge, bound."""
    frames = []
    for name in _networks(tables):
        dse, roofline = machines(of(tables["dse"], name)), of(tables["roofline"], name)
        pool = dse[dse["limited"] & (dse["dataflow"] == "ws")]
        if pool.empty:
            continue
        hardware = pool.loc[pool["model_ms"].idxmin(), "hardware"]
        rows = roofline[(roofline["hardware"] == hardware) & (roofline["macs"] > 0)]
        total = int(roofline[roofline["hardware"] == hardware]["bound_cycles"].sum())
        frames.append(
            rows.assign(
                layer=rows["layer"].map(short_name),
                share=[percent(cycles / total, 0) for cycles in rows["bound_cycles"]],
                bound_by=rows["bound_by"].map(CAUSES.__getitem__),
            )
        )
    headings = NETWORK | {
        "hardware": "machine",
        "layer": "layer",
        "intensity": "MACs per DRAM byte",
        "ridge": "ridge",
        "bound_by": "bound by",
        "share": "of the cycles",
    }
    return table(pd.concat(frames), headings)


def sram_table(tables: Tables) -> str:
    """Cycles by SRAM at a limited bandwidth: physical model, its schedule, SCALE-Sim."""
    frames = []
    for name in _networks(tables):
        rows = sram_sweep(of(tables["dse"], name))
        sizes = rows.groupby("dataflow", sort=False)["kb"].nunique()
        rows = rows[rows["dataflow"] == sizes.idxmax()]
        frames.append(rows.assign(bound_by=rows["bound_by"].map(CAUSES.__getitem__)))
    headings = NETWORK | {
        "hardware": "machine",
        "bound_cycles": "cycles",
        "schedule_cycles": "tile by tile",
        "bound_by": "bound by",
        "scalesim_cycles": "SCALE-Sim",
    }
    return table(pd.concat(frames), headings)


def formats_table(tables: Tables) -> str:
    """Energy of an inference in INT8 and FP32 on the reference machine, over the band."""
    frames = []
    for name in _networks(tables):
        energy = of(tables["energy"], name)
        rows = energy[energy["hardware"] == reference(of(tables["dse"], name))]
        wide = rows.pivot(index="level", columns="number_format", values="total_pj") / 1e6
        wide = wide.loc[list(dict.fromkeys(rows["level"]))].reset_index()
        ratio = [f"{value:.2f}x" for value in wide["fp32"] / wide["int8"]]
        frames.append(wide.assign(workload=name, ratio=ratio))
    headings = NETWORK | {
        "level": "constants",
        "int8": "INT8 (µJ)",
        "fp32": "FP32 (µJ)",
        "ratio": "FP32 over INT8",
    }
    return table(pd.concat(frames), headings)


def number_formats(tables: Tables, workload: str) -> list[str]:
    """What FP32 would cost on the reference machine."""
    machine = reference(of(tables["dse"], workload))
    return design_answers.number_formats(of(tables["energy"], workload), machine)


def _networks(tables: Tables) -> list[str]:
    return [str(name) for name in dict.fromkeys(tables["baseline"]["workload"])]


QUOTES: dict[str, Callable[[Tables], str]] = {
    **{
        function.__name__: function
        for function in (
            *(executive_table, study_size, report_excerpt, crosscheck_sentence),
            granularity_table,
            *(symmetry_table, deepest_sum, array_table, binding_table, sram_table, formats_table),
        )
    },
    "granularity_sentences": sentences(strategy_effects.granularity),
    "symmetry_sentences": sentences(strategy_effects.symmetry),
    "calibration_sentences": sentences(strategy_effects.calibration),
    "array_sentences": sentences(array_growth.array_growth, last=True),
    "binding_sentences": sentences(array_answers.memory_or_compute),
    "sram_sentences": sentences(array_answers.sram_size),
    "format_sentences": sentences(number_formats),
}
