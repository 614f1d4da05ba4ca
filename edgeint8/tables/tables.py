"""Tables: the columns each promises, and the one way rows become a CSV file.

Listed columns come first and in this order; more may follow on the right. Only columns that begin
with ``latency_`` or ``time_`` may differ between two runs on one machine type.
"""

from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

import pandas as pd

from edgeint8.errors import DataError
from edgeint8.files import absence, atomic_path

COLUMNS: dict[str, str] = {
    "status": "workload, kind, strategy, status, parts, reason",
    "baseline": (
        "workload, dataset, data_source, parameters, macs, accuracy, latency_ms_median, "
        "latency_ms_mean, latency_ms_p95, size_bytes, peak_memory_bytes, torch_ort_max_abs_diff"
    ),
    "quantization": (
        "workload, strategy, symmetry, granularity, calibration, bins, format, accuracy, "
        "accuracy_low, accuracy_high, accuracy_delta, mcnemar_p_fp32, mcnemar_p_best, sqnr_db, "
        "agreement, latency_ratio, latency_resolved, size_bytes, float_nodes, note"
    ),
    "recommendation": (
        "workload, strategy, recommended, rank, holdout_images, holdout_accuracy, "
        "holdout_difference, holdout_difference_low, holdout_sqnr_db, margin, hardware_cost, "
        "cost_reasons, reasoning"
    ),
    "draws": "workload, strategy, draw, images, sqnr_db, accuracy",
    "sensitivity": "workload, strategy, layer, mode, sqnr_db, accuracy_drop",
    "mixed_precision": (
        "workload, strategy, measure, float_layers, float_layer_count, loss_before, loss_after"
    ),
    "layer_traits": (
        "workload, layer, op_type, k, channels, dead_channels, weight_range_ratio, "
        "activation_outlier_ratio"
    ),
    "levels": (
        "workload, tensor, made_by, calibration, low, high, limit, minimum, maximum, "
        "unused_asymmetric, unused_symmetric"
    ),
    "histograms": "workload, kind, name, low, high, count, share",
    "golden": (
        "workload, strategy, images, tensors, elements, mismatches, max_abs_diff, float_nodes"
    ),
    "bit_growth": (
        "workload, strategy, layer, k, bits_rule, bits_exact, bits_exact_with_bias, bits_tile, "
        "bits_observed"
    ),
    "requantize": (
        "workload, strategy, scheme, elements, differing, max_lsb, logits_differing, top1_changed"
    ),
    "overflow": (
        "workload, strategy, accumulator_bits, policy, images, accuracy, overflow_rate, "
        "max_error, mean_error"
    ),
    "accumulator": (
        "workload, strategy, bits_guaranteed, bits_observed, bits_tile, "
        "bits_guaranteed_raw_codes, bits_tile_raw_codes, limiting_layer, narrowest_wrap, "
        "narrowest_saturate_final, narrowest_saturate_step, narrowest_saturate_tile"
    ),
    "crosscheck": ("workload, layer, hardware, mode, quantity, simulated, predicted, difference"),
    "physics": "workload, layer, hardware, quantity, scalesim, term, value",
    "dse": (
        "workload, hardware, rows, cols, dataflow, sram_kb, bandwidth, cycles, stall_cycles, "
        "utilization, dram_bytes, energy_pj_low, energy_pj, energy_pj_high, area_mm2, bound, "
        "physical_cycles, physical_cycles_tile_by_tile, physical_stall_cycles, "
        "physical_cycles_pipelined, model_ms, area_mm2_low, area_mm2_high"
    ),
    "scaling": "workload, hardware, resource, cycles_now, cycles_doubled",
    "energy": "workload, hardware, number_format, level, total_pj, cycles, dram_bytes, area_mm2",
    "switching": ("workload, hardware, layer, cycles_ws, cycles_os, cycles_is, best, cycles_best"),
    "packing": (
        "workload, layer, hardware, operator, groups, cycles_alone, utilization_alone, "
        "groups_together, cycles_packed, utilization_packed"
    ),
    "pareto": (
        "workload, hardware, rows, cols, dataflow, ifmap_sram_kb, filter_sram_kb, ofmap_sram_kb, "
        "bandwidth, pipelined, cycles, model_ms, fps, energy_pj_low, energy_pj, energy_pj_high, "
        "area_mm2, power_mw, dram_bytes, utilization, bound"
    ),
    "best": (
        "workload, hardware, rows, cols, dataflow, ifmap_sram_kb, filter_sram_kb, ofmap_sram_kb, "
        "bandwidth, pipelined, cycles, model_ms, fps, energy_pj_low, energy_pj, energy_pj_high, "
        "area_mm2, power_mw, dram_bytes, utilization, bound, cycles_tile_by_tile, rank, "
        "behind_to_be_had, behind_any, dram_gb_per_s, cycles_scale_sim, scale_sim_choice, "
        "constraints"
    ),
    "band": (
        "workload, level, front, shared_with_mid, share_of_mid, best_hardware, best_rank_mid, "
        "rank_correlation"
    ),
    "front_check": "workload, hardware, quantity, sweep, full_model, difference",
    "validation": "source, quantity, unit, conditions, published, ours, error, why",
    "codesign": (
        "workload, axis, choice, strategy, base, hardware, weight_bits, activation_bits, "
        "accumulator_bits, zero_point, requantizer, per_channel, accuracy, accuracy_delta, "
        "sqnr_db, images, energy_pj_low, energy_pj, energy_pj_high, area_mm2, cycles, model_ms, "
        "weight_bytes, scale_bytes, storage_bytes, compared_elements, mismatches, pareto_low, "
        "pareto, pareto_high, note"
    ),
    "roofline": (
        "workload, layer, hardware, macs, bytes, intensity, ridge, attainable, achieved, bound"
    ),
}


def columns_of(table: str) -> list[str]:
    """The promised columns of a table, in order."""
    return COLUMNS[table].split(", ")


def write_table(path: str | Path, rows: Iterable[Mapping[str, Any]]) -> None:
    """Write rows as CSV; if the file is named after a known table, its columns are checked.

    Raises
    ------
    DataError
        If a promised column is missing.
    """
    frame = pd.DataFrame(list(rows))
    table = Path(path).stem
    if table in COLUMNS:
        frame = _in_order(frame, columns_of(table), str(path))
    with atomic_path(path) as temporary:
        frame.to_csv(temporary, index=False, lineterminator="\n")


def read_table(path: str | Path) -> pd.DataFrame:
    """Read a CSV that `write_table` wrote.

    An empty one has no rows and no columns, nor has one that holds a reason in place of a table.
    """
    if absence(path) is not None:
        return pd.DataFrame()
    try:
        return pd.read_csv(path)
    except pd.errors.EmptyDataError:
        return pd.DataFrame()
    except FileNotFoundError:
        raise DataError("table does not exist", where=str(path)) from None


def with_absent(tables: Mapping[str, pd.DataFrame]) -> dict[str, pd.DataFrame]:
    """`tables`, and an empty one with its promised columns for each that this study has not."""
    return {name: tables.get(name, pd.DataFrame(columns=columns_of(name))) for name in COLUMNS}


def concatenate(paths: Sequence[str | Path]) -> list[dict[str, Any]]:
    """The rows of several tables, in the order of the paths."""
    frames = [frame for frame in map(read_table, paths) if len(frame)]
    return pd.concat(frames).to_dict("records") if frames else []


def _in_order(frame: pd.DataFrame, columns: list[str], where: str) -> pd.DataFrame:
    if frame.empty:
        return pd.DataFrame(columns=pd.Index(columns))
    missing = [name for name in columns if name not in frame.columns]
    if missing:
        raise DataError(
            f"column {missing[0]!r} is missing", where=where, allowed=", ".join(columns)
        )
    extra = [name for name in frame.columns if name not in columns]
    return frame[columns + extra]
