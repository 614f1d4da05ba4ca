"""Part D of the report: layers on systolic arrays."""

from collections.abc import Callable

import pandas as pd

from edgeint8.report.document.rtl import four_counts
from edgeint8.report.figures.style import short_name
from edgeint8.report.findings import (
    account_answers,
    answers,
    array_answers,
    codesign_answers,
    design_answers,
    packing_answers,
    recommended_answers,
    validation_answers,
)
from edgeint8.report.findings.array_answers import rows_of
from edgeint8.report.findings.array_growth import array_growth
from edgeint8.report.findings.array_machines import CAUSES, array_axis, reference
from edgeint8.report.findings.completeness import images_a_run, incomplete
from edgeint8.report.markdown import Tables, figure, heading, link, links, percent, table

Answer = Callable[[Tables, str], list[str]]
MOST_ROWS = 12  # of a table in the text; the rest is in its file
TABLES = (
    *("memory", "crosscheck", "physics", "dse", "roofline", "scaling", "energy", "switching"),
    "packing",
    *("pareto", "best", "band", "front_check", "suite", "codesign"),
)
OFF_THE_ARRAY = {
    "pool": "compares or adds, nothing to multiply",
    "elementwise": "element by element, no sum of products",
    "other": "no mapping onto the array",
}


def section(tables: Tables) -> str:
    """SCALE-Sim against the closed forms, the machines of the study, the space of designs."""
    sources = links(tables, *TABLES)
    workloads = [str(name) for name in dict.fromkeys(tables["roofline"]["workload"])]
    parts = [
        f"## Part D: systolic arrays ({sources})",
        "Cycles, traffic and conclusions are the physical model's. SCALE-Sim is the witness of the "
        "array: its cycles come from the exact replica and are named wherever they are shown.",
        *witness(tables),
        *account_section(tables),
        *four_counts(tables),
        *machines_section(tables),
    ]
    for workload in workloads:
        parts += [f"### {workload}", *workload_section(tables, workload)]
    if len(tables["pareto"]):
        parts += [
            heading("The space of designs", tables, "pareto", "best", "band", "front_check"),
            figure("pareto_front", "All designs on the front, chosen ones with their energy band"),
        ]
        for workload in workloads:
            parts += design_section(tables, workload)
    parts += suite_section(tables["suite"])
    parts += codesign_answers.section(tables["codesign"])
    parts += validation_section(tables["validation"])
    return "\n\n".join(part for part in parts if part)


def witness(tables: Tables) -> list[str]:
    """The crosscheck by mode, and what of it is missing."""
    crosscheck, roofline = tables["crosscheck"], tables["roofline"]
    parts = [
        heading("SCALE-Sim and its replica", tables, "crosscheck"),
        answers.crosscheck_answer(crosscheck),
    ]
    if len(crosscheck):
        frame = crosscheck.assign(
            unequal=crosscheck["difference"] != 0,
            layer=crosscheck["workload"] + "/" + crosscheck["layer"],
        )
        rows = frame.groupby("mode", sort=False).agg(
            machines=("hardware", "nunique"),
            layers=("layer", "nunique"),
            kinds=("quantity", "nunique"),
            compared=("quantity", "size"),
            unequal=("unequal", "sum"),
        )
        columns = {
            "mode": "mode",
            "machines": "machines",
            "layers": "layers",
            "kinds": "kinds of quantity",
            "compared": "quantities compared",
            "unequal": "unequal",
        }
        parts.append(table(rows.reset_index(), columns))
    keys = ["workload", "layer", "hardware"]
    wanted = roofline[roofline["macs"] > 0][keys].drop_duplicates()
    compared = crosscheck[keys].drop_duplicates()
    missing = len(wanted.merge(compared, how="left", indicator=True).query("_merge == 'left_only'"))
    if missing:
        parts.append(
            f"**{missing:,} of {len(wanted):,}** layers on machines were not compared: their "
            "simulation passed its limit or failed. The reasons are in the files under `hw/`."
        )
    return parts


def account_section(tables: Tables) -> list[str]:
    """SCALE-Sim minus the physical model, term by term."""
    physics = tables["physics"]
    if physics.empty:
        return []
    return [
        heading("SCALE-Sim minus physics", tables, "physics"),
        figure("account", "The physical model, and the terms that make SCALE-Sim's value of it"),
        _list("Term by term", account_answers.account_answers(physics)),
    ]


def machines_section(tables: Tables) -> list[str]:
    """Figures over all workloads, and what stands for all machines."""
    if tables["dse"].empty:
        return []
    return [
        heading("The machines of the study", tables, "dse", "roofline", "energy"),
        *design_answers.constants_used(tables["dse"]),
        figure("cycles_by_array", "Cycles by array: physical model and SCALE-Sim's replica"),
        figure("cycle_causes", "What the cycles go to: why larger arrays win less"),
        figure("utilization", "Utilisation by layer and machine"),
        figure("cycles_by_sram", "Cycles by SRAM; SCALE-Sim's are the replica's only"),
        figure("roofline", "Layers under the roofline"),
        figure("energy_by_part", "Energy by part with its band, INT8 and FP32"),
    ]


def workload_section(tables: Tables, workload: str) -> list[str]:
    """Sentences and short tables of one network."""
    dse = rows_of(tables, "dse", workload)
    lacks = incomplete(tables, workload)
    parts = [*of_what(tables, workload), machine_table(dse, " (incomplete)" if lacks else "")]
    questions: dict[str, tuple[Answer, tuple[str, ...]]] = {
        "What larger arrays win": (array_growth, ("dse", "roofline")),
        "Memory or compute": (array_answers.memory_or_compute, ("roofline",)),
        "SRAM": (array_answers.sram_size, ("dse",)),
        "Dataflow": (array_answers.dataflow_by_layer, ("switching", "roofline")),
        "Depthwise and grouped layers": (packing_answers.packing, ("packing",)),
        "Twice the resources": (array_answers.doubling, ("scaling",)),
        "SCALE-Sim alone": (array_answers.scale_sim_alone, ("dse",)),
    }
    for question, (answer, sources) in {} if lacks else questions.items():
        parts.append(_list(question, answer(tables, workload), links(tables, *sources)))
    if len(dse) and not lacks:
        hardware, energy = reference(dse), rows_of(tables, "energy", workload)
        sentences = [
            *design_answers.number_formats(energy, hardware),
            *design_answers.largest_consumer(energy, hardware),
            *design_answers.frugal_machine(dse),
        ]
        parts.append(_list("Energy", sentences, links(tables, "energy", "dse")))
    if len(dse):
        parts.append(layer_table(rows_of(tables, "roofline", workload), reference(dse)))
    sentences = design_answers.memory_text(rows_of(tables, "memory", workload))
    parts.append(_list("INT8 arena and flash", sentences, links(tables, "memory")))
    parts.append(off_the_array(rows_of(tables, "roofline", workload)))
    return parts


def of_what(tables: Tables, workload: str) -> list[str]:
    """What totals are of: one image of several, or only a part of the work."""
    said, images = [], images_a_run(tables, workload)
    if images > 1:
        said.append(
            f"A run of this network has {images} images. Totals are of one inference, one image: "
            f"1/{images} of a run; cycles and bytes of single layers are of a run."
        )
    if lacks := incomplete(tables, workload):
        said.append(
            f"**Totals are {lacks}.** They, rates and utilisation speak of a part of the network, "
            "so nothing is recommended or compared."
        )
    return said


def machine_table(dse: pd.DataFrame, mark: str = "") -> str:
    """The machines that the figures compare, fastest first; all of them are in the file.

    `mark` stands behind the name of every total.
    """
    if dse.empty:
        return ""
    rows = array_axis(dse).sort_values("model_ms", kind="stable")
    band = [
        f"{low / 1e6:.3g} to {high / 1e6:.3g}"
        for low, high in zip(rows["energy_pj_low"], rows["energy_pj_high"], strict=True)
    ]
    rows = rows.assign(
        energy=rows["energy_pj"] / 1e6,
        latency=1e3 * rows["model_ms"],
        band=band,
        bound_by=rows["bound_by"].map(CAUSES.__getitem__),
    )
    columns = {
        "hardware": "machine",
        "latency": f"latency (µs){mark}",
        "bound_cycles": f"cycles{mark}",
        "schedule_cycles": f"tile by tile{mark}",
        "scalesim_cycles": f"SCALE-Sim (replica){mark}",
        "dram_bytes": f"DRAM bytes{mark}",
        "energy": f"energy (µJ){mark}",
        "band": "low to high",
        "area_mm2": "area (mm²)",
        "bound_by": "bound",
    }
    return table(rows.head(MOST_ROWS), columns) + _rest(rows, len(dse), "machines", "dse")


def layer_table(roofline: pd.DataFrame, hardware: str) -> str:
    """The layers on the array of one machine, most cycles first."""
    rows = roofline[(roofline["hardware"] == hardware) & (roofline["macs"] > 0)]
    if rows.empty:
        return ""
    utilization = rows["compute_cycles"] / rows["bound_cycles"].clip(lower=1)
    rows = rows.assign(
        layer=rows["layer"].map(short_name),
        utilization=utilization.map(lambda share: percent(share, 1)),
        bound_by=rows["bound_by"].map(CAUSES.__getitem__),
    ).sort_values("bound_cycles", ascending=False, kind="stable")
    columns = {
        "layer": "layer",
        "macs": "MACs",
        "bound_cycles": "cycles",
        "utilization": "utilisation",
        "intensity": "MACs per DRAM byte",
        "ridge": "ridge",
        "bound_by": "bound by",
    }
    head = f"Layers on `{hardware}`:\n\n"
    return (
        head + table(rows.head(MOST_ROWS), columns) + _rest(rows, len(rows), "layers", "roofline")
    )


def off_the_array(roofline: pd.DataFrame) -> str:
    """Layers without multiplications, by operator, with the reason and their traffic."""
    rows = roofline[roofline["macs"] == 0].drop_duplicates("layer")
    if rows.empty:
        return ""
    lines = [
        f"- {operator} ({OFF_THE_ARRAY.get(str(operator), 'no multiply-accumulate')}): "
        f"{_names(layers)}; {int(layers['bytes'].sum()):,} DRAM bytes"
        for operator, layers in rows.groupby("operator", sort=False)
    ]
    return "Not on the array, their traffic is counted:\n\n" + "\n".join(lines)


def design_section(tables: Tables, workload: str) -> list[str]:
    """The front of one network in sentences, and the recommended designs."""
    if lacks := incomplete(tables, workload):
        return [_list(workload, [f"Nothing is recommended: the totals are {lacks}."])]
    pareto, best, band = (rows_of(tables, name, workload) for name in ("pareto", "best", "band"))
    sentences = [
        *(recommended_answers.recommendation(best) or recommended_answers.nothing_meets(band)),
        *recommended_answers.scale_sim_choice(best),
        *recommended_answers.over_the_band(band),
        *design_answers.front_size(pareto),
        *design_answers.front_designs(pareto),
        *design_answers.knee_over_band(pareto),
        *recommended_answers.front_agreement(rows_of(tables, "front_check", workload)),
    ]
    return [_list(workload, sentences)]


def suite_section(suite: pd.DataFrame) -> list[str]:
    """The machine for several networks, and what each loses on it; nothing without one."""
    if suite.empty:
        return []
    columns = {
        "workload": "network",
        "weight": "weight",
        "needed": "needed",
        "fps": "inferences a second at full speed",
        "energy_uj": "energy (µJ)",
        "regret": "regret",
        "own_hardware": "recommended for it alone",
        "own_area_mm2": "its area (mm²)",
    }
    needed = [recommended_answers.need_text(row) or "-" for _, row in suite.iterrows()]
    rows = suite.assign(needed=needed, energy_uj=suite["energy_pj"] / 1e6)
    return [
        f"### One machine for {len(suite)} networks ({link('suite')})",
        " ".join(recommended_answers.suite(suite)),
        table(rows, columns),
    ]


def validation_section(validation: pd.DataFrame) -> list[str]:
    """Published figures against the model; the whole table with its reasons is in the file."""
    if validation.empty:
        return []
    sentences = validation_answers.validation_sentences(validation)
    return [
        "### Published figures",
        _list("Validation", [*sentences, *validation_answers.roof_sentence(validation)]),
        f"Every figure with its conditions and the reason of its error is in {link('validation')}.",
    ]


def _list(title: str, sentences: list[str], sources: str = "") -> str:
    lines = [f"- {sentence}" for sentence in sentences]
    head = f"**{title}** ({sources})" if sources else f"**{title}**"
    return "\n".join([head, "", *lines]) if lines else ""


def _names(layers: pd.DataFrame) -> str:
    names = [f"`{short_name(str(name))}`" for name in layers["layer"]]
    more = f" and {len(names) - MOST_ROWS} more" if len(names) > MOST_ROWS else ""
    return ", ".join(names[:MOST_ROWS]) + more


def _rest(rows: pd.DataFrame, total: int, what: str, name: str) -> str:
    shown = min(len(rows), MOST_ROWS)
    return "" if shown == total else f"\n\n{shown} of {total} {what}; all are in {link(name)}."
