"""What documents keep of a finished study: the quoted columns and rows, and nothing else.

``crosscheck.csv`` is kept as counts of equal rows, since only its size and its differences are
quoted; reading the snapshot spreads them again.
"""

import re
from pathlib import Path

import pandas as pd

from edgeint8.errors import DataError
from edgeint8.files import atomic_path
from edgeint8.hardware_id import read_hardware_id
from edgeint8.report.document.part_c import POLICIES
from edgeint8.report.findings.array_machines import CAUSES
from edgeint8.tables.files import read_table

KEY = ("workload", "strategy")
COUNT = "rows"
INTEGER_WIDTHS = (16, 24, 32)
BUFFERS_KB = (32, 256)  # of the arrays with unlimited bandwidth
FEW = 12  # machines of a workload that are all kept
WHOLE = ("best", "dse", "quantization")  # few rows, of which sentences read what they find
QUOTED: dict[str, tuple[str, ...]] = {
    "baseline": ("workload", "data_source", "parameters", "macs", "accuracy"),
    "quantization": (
        *(*KEY, "symmetry", "granularity", "calibration", "bins", "format", "accuracy"),
        *("accuracy_delta", "mcnemar_p_fp32", "sqnr_db", "agreement", "size_bytes", "float_nodes"),
        *("percentile", "power_of_two", "bias_bits", "calibration_samples", "images"),
    ),
    "recommendation": (
        *(*KEY, "recommended", "rank", "holdout_images", "holdout_sqnr_db", "margin"),
        *("hardware_cost", "cost_reasons"),
    ),
    "draws": (*KEY, "draw", "sqnr_db"),
    "layer_traits": ("workload", "layer", "k", "channels", "weight_range_ratio"),
    "levels": (
        *("workload", "tensor", "made_by", "calibration", "low", "high"),
        *("unused_asymmetric", "unused_symmetric"),
    ),
    "golden": (*KEY, "witness", "data_source", "images", "tensors", "elements", "mismatches"),
    "bit_growth": (
        *(*KEY, "layer", "k", "bits_rule", "bits_exact", "bits_exact_with_bias"),
        *("bits_raw", "bits_raw_with_bias", "bits_tile", "bits_raw_tile", "tile_rows"),
        "bits_observed",
    ),
    "accumulator": (
        *(*KEY, "bits_guaranteed", "bits_guaranteed_raw_codes", "bits_tile", "bits_tile_raw_codes"),
        *("bits_observed", "limiting_layer", *(f"narrowest_{policy}" for policy in POLICIES)),
        *("tolerance", "overflow_images"),
    ),
    "overflow": (
        *(*KEY, "accumulator_bits", "policy", "images", "agreement", "overflow_rate"),
        *("max_error", "mean_error", "clamps_per_image", "tile_rows"),
    ),
    "requantize": (
        *(*KEY, "scheme", "fed", "images", "elements", "differing", "max_lsb"),
        *("logits_differing", "top1_changed"),
    ),
    "crosscheck": ("workload", "mode", "quantity", "difference"),
    "dse": (
        *("workload", "hardware", "rows", "cols", "dataflow", "sram_kb", "bandwidth"),
        *("scalesim_cycles", "bound_cycles"),
        *("bound_by", "schedule_cycles", "model_ms"),
        *("energy_pj_low", "energy_pj", "energy_pj_high", "area_mm2"),
    ),
    "roofline": (
        *("workload", "layer", "hardware", "macs", "bytes", "intensity", "ridge", "bound_by"),
        *("bound_cycles", *(f"{cause}_cycles" for cause in CAUSES)),
    ),
    "energy": (
        *("workload", "hardware", "number_format", "level", "total_pj", "bound_cycles", "area_mm2"),
        *("mac_pj", "registers_pj", "clock_pj"),
        *("ifmap_sram_pj", "filter_sram_pj", "ofmap_sram_pj"),
        *("sram_leakage_pj", "dram_pj"),
    ),
    "memory": ("workload", "arena_bytes", "flash_bytes"),
    "validation": (
        *("source", "quantity", "unit", "conditions", "published", "ours", "error", "why"),
        *("kind", "ours_low", "ours_high", "predicted"),
    ),
    "best": (
        *("workload", "hardware", "rows", "cols", "dataflow", "bandwidth", "pipelined", "bound_by"),
        *("ifmap_sram_kb", "filter_sram_kb", "ofmap_sram_kb", "bound_cycles", "machine_cycles"),
        *("energy_pj_low", "energy_pj", "energy_pj_high", "area_mm2"),
    ),
}


def quoted(name: str, frame: pd.DataFrame) -> pd.DataFrame:
    """The columns and rows of a table that documents quote; ``crosscheck`` as counts.

    Raises `DataError` if the study's table lacks a column or holds no such row.
    """
    missing = [column for column in QUOTED[name] if column not in frame.columns]
    if missing:
        raise DataError(f"column {missing[0]!r} is missing", where=f"{name}.csv")
    kept = frame if name in WHOLE else frame[list(QUOTED[name])]
    if name == "overflow":
        kept = kept[kept["accumulator_bits"].isin(INTEGER_WIDTHS)]
    elif name in ("roofline", "energy"):
        few = frame.groupby("workload")["hardware"].transform("nunique") <= FEW
        kept = kept[few | kept["hardware"].astype(str).map(_is_quoted)]
    elif name == "crosscheck":
        kept = kept.groupby(list(QUOTED[name]), sort=False).size().rename(COUNT).reset_index()
    if kept.empty:
        raise DataError("no row that documents quote", where=f"{name}.csv")
    return kept


def _is_quoted(hardware: str) -> bool:
    """Arrays at the smallest and the largest buffer, and all machines with a limited bandwidth."""
    found = read_hardware_id(hardware)
    return found is not None and (found.bandwidth_bpc is not None or found.sram_kb in BUFFERS_KB)


def read_snapshot(folder: str | Path) -> dict[str, pd.DataFrame]:
    """The quoted tables in `folder`."""
    return {name: _spread(read_table(Path(folder) / f"{name}.csv")) for name in QUOTED}


def take_snapshot(study: str | Path, folder: str | Path) -> None:
    """Copy what documents quote, and nothing else, from the tables of a finished study."""
    for name, table in read_snapshot(study).items():
        with atomic_path(Path(folder) / f"{name}.csv") as temporary:
            quoted(name, table).to_csv(temporary, index=False, lineterminator="\n")


def copy_figures(study: str | Path, documents: list[Path]) -> list[str]:
    """Copy the study's figures that `documents` show into ``figures/`` beside each.

    A document shows ``figures/NAME.png``, or ``docs/figures/NAME.png`` from further up. Returns
    the names; raises `DataError` if the study has no such figure.
    """
    copied = []
    for document in documents:
        text = document.read_text(encoding="utf-8")
        for place, name in re.findall(r"\]\(((?:docs/)?figures)/(\w+)\.png\)", text):
            source = Path(study) / f"{name}.png"
            if not source.is_file():
                raise DataError("no such figure in the study", where=str(source))
            with atomic_path(document.parent / place / f"{name}.png") as temporary:
                temporary.write_bytes(source.read_bytes())
            copied.append(name)
    return copied


def _spread(frame: pd.DataFrame) -> pd.DataFrame:
    """Counts as rows again; any other table as it is."""
    if COUNT not in frame or "mode" not in frame:
        return frame
    spread = frame.loc[frame.index.repeat(frame[COUNT])]
    return spread.drop(columns=COUNT).reset_index(drop=True)
