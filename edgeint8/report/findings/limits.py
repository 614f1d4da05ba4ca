"""What this run's numbers must not be read for: sentences that its own tables call for."""

from collections.abc import Mapping, Sequence
from typing import Any

import pandas as pd

from edgeint8.report.findings.completeness import trained
from edgeint8.report.markdown import Tables, link

APART = 30  # ranges so many times apart under one scale hide what the smaller lose


def section(tables: Tables, provenance: Sequence[Mapping[str, Any]]) -> str:
    """The limits that apply to this run; those of the tool as a whole are in its documents."""
    found = [
        *_data(provenance),
        *_training(tables),
        *_quantization(tables["quantization"]),
        *_images(tables),
        *_hardware(tables),
    ]
    if not found:
        return ""
    lines = [f"- {sentence}" for sentence in found]
    head = "## Limits of this run\n\nThose of the method are in `docs/limitations.md`."
    return "\n".join([head, "", *lines])


def _data(provenance: Sequence[Mapping[str, Any]]) -> list[str]:
    names = [str(entry["dataset"]) for entry in provenance if entry["stand_in"]]
    made = [str(entry["dataset"]) for entry in provenance if entry["source"] == "generated"]
    sentences = [f"{name} is a procedural stand-in, not the dataset." for name in names]
    return sentences + [f"{name} is synthetic by design." for name in made]


ONE_TRAINING = (
    "Each network was trained once, with one seed: nothing here speaks of other trainings.",
)


def _training(tables: Tables) -> list[str]:
    if tables["baseline"].empty:
        return []
    sentences = [
        *(ONE_TRAINING if trained(tables) else ()),
        f"Latency is of this x86 machine, not of an edge device; nothing is decided by it "
        f"({link('baseline')}).",
    ]
    draws = tables["draws"]["draw"].nunique() if len(tables["draws"]) else 0
    if draws > 1:
        sentences.append(
            f"What other calibration images would change was tried with {draws} draws "
            f"({link('draws')})."
        )
    return sentences


def _quantization(quantization: pd.DataFrame) -> list[str]:
    if quantization.empty:
        return []
    sentences = []
    if "cpu_int8_flags" in quantization and (quantization["cpu_int8_flags"] == "none").any():
        sentences.append(
            "This processor adds products of unsigned and signed bytes in 16 bits: asymmetric "
            f"strategies were given 7-bit weights ({link('quantization')})."
        )
    floating = quantization[quantization["float_nodes"] > 0]
    if len(floating):
        sentences.append(
            f"{len(floating)} of {len(quantization)} quantised graphs keep nodes in floating "
            f"point: they are not integer-only ({link('quantization')}, `float_node_names`)."
        )
    return sentences + _joined_ranges(quantization)


def _joined_ranges(quantization: pd.DataFrame) -> list[str]:
    """Outputs whose one scale covers ranges far apart, each with its least harmed strategy."""
    if "range_ratio" not in quantization:
        return []
    sentences = []
    apart = quantization[quantization["range_ratio"] >= APART]
    for name, rows in apart.groupby("workload", sort=False):
        best = rows.loc[rows["worst_channel_sqnr_db"].idxmax()]
        sentences.append(
            f"In **{name}** entries of the output have ranges {best['range_ratio']:,.0f} times "
            f"apart: the SQNR of the whole is that of the largest. The worst entry keeps "
            f"{best['worst_channel_sqnr_db']:.1f} dB at best (`{best['strategy']}`, "
            f"{best['worst_channel']}); `split_outputs`, `exclude` and `auto_exclude` are the "
            f"remedies ({link('quantization')}, `worst_channel_sqnr_db`)."
        )
    return sentences


def _images(tables: Tables) -> list[str]:
    studied = {"overflow": "Overflow", "requantize": "Rounding"}
    sentences = []
    for name, question in studied.items():
        table = tables[name]
        if len(table):
            count = table["strategy"].nunique()
            strategies = "one strategy" if count == 1 else f"{count} strategies"
            sentences.append(
                f"{question} was studied on {int(table['images'].min()):,} images and "
                f"{strategies} a network at most ({link(name)})."
            )
    return sentences


def _hardware(tables: Tables) -> list[str]:
    dse, crosscheck = tables["dse"], tables["crosscheck"]
    if dse.empty:
        return []
    spread = (dse["energy_pj_high"] / dse["energy_pj_low"]).max()
    sentences = [
        f"Energy and area come from published constants at 45 nm; the ends of the band lie up to "
        f"{spread:.1f}x apart ({link('dse')}). Idle processing elements pay for their clock, "
        "SRAM for its leakage; leakage of logic, control and wires are not counted.",
    ]
    if (dse["bandwidth"].astype(str) == "unlimited").all():
        sentences.append("Every machine has unlimited bandwidth: memory binds nothing here.")
    if len(crosscheck) and (crosscheck["difference"] != 0).any():
        sentences.append(
            f"The replica differs from SCALE-Sim in some numbers ({link('crosscheck')})."
        )
    return sentences
