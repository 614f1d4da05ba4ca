"""From logits and studies to the rows of Part B's tables."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from edgeint8.conventions import ACCURACY_MARGIN
from edgeint8.quant.affine import sqnr_db
from edgeint8.quant.calibrate.calibration import Calibration
from edgeint8.quant.calibrate.draws import spread
from edgeint8.quant.evidence.channels import are_scores, channel_columns, softmax_kl
from edgeint8.quant.evidence.logits import Logits
from edgeint8.quant.evidence.order import row_of
from edgeint8.quant.evidence.recommend import HardwareCost, candidates, hardware_cost, recommend
from edgeint8.quant.evidence.sensitivity import LayerSensitivity, MixedPrecision
from edgeint8.quant.evidence.statistics import (
    accuracy,
    agreement,
    correct_answers,
    holm,
    mcnemar,
    non_inferiority,
)
from edgeint8.quant.graph import initializer_values
from edgeint8.quant.learn.integer_nodes import integer_nodes
from edgeint8.quant.ptq import QuantizedModel
from edgeint8.quant.session import EXACT_U8S8_FLAGS, cpu_flags

JUDGED = (
    *("accuracy", "accuracy_low", "accuracy_high", "accuracy_delta"),
    *("mcnemar_p_fp32", "mcnemar_p_best"),
)
PAIRED = ("delta_low", "delta_high", "non_inferior")


def quantization_facts(
    quantized: QuantizedModel, calibration: Calibration | None
) -> dict[str, Any]:
    """What is known of a quantised model before it has seen a test image.

    `cpu_int8_flags` are the flags of this processor under which unsigned-by-signed products are
    exact; without any, asymmetric strategies were given 7-bit weights.
    """
    strategy, cost = quantized.strategy, hardware_cost(quantized)
    return {
        "symmetry": strategy.symmetry,
        "granularity": strategy.granularity,
        "calibration": "dynamic" if calibration is None else calibration.method,
        "bins": None if calibration is None else calibration.bins,
        "format": strategy.format,
        "size_bytes": quantized.model.ByteSize(),
        "float_nodes": list(quantized.float_nodes),
        "note": quantized.note,
        "batch": quantized.batch,
        "calibration_samples": None if calibration is None else calibration.images,
        "percentile": None if calibration is None else calibration.percentile,
        "bias_bits": strategy.bias_bits,
        "power_of_two": strategy.power_of_two,
        "weight_bits": strategy.widest_bits,
        "mean_weight_bits": mean_weight_bits(quantized),
        "rounding": strategy.rounding,
        "equalize": strategy.equalize,
        "bounded_bits": strategy.accumulator_bits,
        "bounded_tile_rows": strategy.tile_rows,
        "bounded_tile_bits": strategy.tile_bits,
        "images_learned": strategy.images_learned if quantized.learned else None,
        "exclude": " ".join(strategy.exclude),
        "auto_exclude": strategy.auto_exclude,
        "auto_excluded": list(strategy.choice.nodes) if strategy.choice else [],
        "auto_exclude_reason": strategy.choice.why if strategy.choice else None,
        "split_outputs": strategy.split_outputs,
        "clamp_masks": strategy.clamp_masks,
        "cpu_int8_flags": " ".join(sorted(EXACT_U8S8_FLAGS & cpu_flags())) or "none",
        "hardware_cost": cost.price,
        "hardware_cost_reasons": list(cost.reasons),
    }


def mean_weight_bits(quantized: QuantizedModel) -> float:
    """Mean over the weights of all integer layers; the strategy's bits where there are none."""
    values, strategy = initializer_values(quantized.executable), quantized.strategy
    sizes = {
        name: values[node.weights].size
        for name, node in integer_nodes(quantized.executable).items()
    }
    bits = sum(size * strategy.bits_of(name) for name, size in sizes.items())
    return bits / sum(sizes.values()) if sizes else float(strategy.widest_bits)


def listed_facts(facts: Mapping[str, Any]) -> dict[str, Any]:
    """The lists among a strategy's facts, as cells of a table."""
    return {
        "float_nodes": len(facts["float_nodes"]),
        "float_node_names": " ".join(facts["float_nodes"]),
        "auto_excluded": " ".join(facts.get("auto_excluded", ())),
        "hardware_cost_reasons": "; ".join(facts["hardware_cost_reasons"]),
    }


def evidence_rows(
    labels: NDArray[np.int64] | None, fp32: Logits | None, strategies: Mapping[str, Logits]
) -> dict[str, dict[str, Any]]:
    """Accuracy with its 95 % interval, paired tests and fidelity of each strategy's logits.

    `accuracy_delta` is strategy minus FP32. `mcnemar_p_fp32` and `mcnemar_p_best` are mid-p values
    against FP32 and against the most accurate strategy, each family adjusted by Holm; the best
    strategy has no p-value against itself. `delta_low` and `delta_high` bound the paired
    difference to FP32; `non_inferior` says whether at most `margin` is lost (97.5 % confidence).

    Without labels all that speaks of accuracy is None; without FP32 (a network that came quantised)
    all that compares with it; agreement is None as well where the output is not scores of classes.
    """
    judged: Mapping[str, Mapping[str, Any]] = {}
    if labels is not None and strategies:
        judged = (
            _paired(labels, fp32, strategies) if fp32 is not None else _alone(labels, strategies)
        )
    return {
        name: {column: judged.get(name, {}).get(column) for column in JUDGED}
        | {
            "sqnr_db": None if fp32 is None else sqnr_db(fp32, logits),
            "agreement": agreement(fp32, logits)
            if fp32 is not None and are_scores(logits)
            else None,
            "softmax_kl": softmax_kl(fp32, logits)
            if fp32 is not None and are_scores(logits)
            else None,
        }
        | {"delta_low": None, "delta_high": None, "margin": ACCURACY_MARGIN, "non_inferior": None}
        | {column: value for column, value in judged.get(name, {}).items() if column in PAIRED}
        | channel_columns(fp32, logits)
        for name, logits in strategies.items()
    }


def variant_columns(
    labels: NDArray[np.int64] | None, fp32: Mapping[str, Logits], outputs: Mapping[str, Logits]
) -> dict[str, Any]:
    """Accuracy, what it lost, SQNR and images of one more network, by the first of its outputs."""
    first, found = (next(iter(arrays.values())) for arrays in (fp32, outputs))
    evidence = evidence_rows(labels, first, {"it": found.reshape(first.shape)})["it"]
    names = ("accuracy", "accuracy_delta", "sqnr_db")
    return {name: evidence[name] for name in names} | {"images": len(first)}


def _alone(
    labels: NDArray[np.int64], strategies: Mapping[str, Logits]
) -> dict[str, dict[str, Any]]:
    """Accuracy alone, of networks that came quantised."""
    shares = {n: accuracy(correct_answers(logits, labels)) for n, logits in strategies.items()}
    return {
        name: {"accuracy": share.value, "accuracy_low": share.low, "accuracy_high": share.high}
        for name, share in shares.items()
    }


def _paired(
    labels: NDArray[np.int64], fp32: Logits, strategies: Mapping[str, Logits]
) -> dict[str, dict[str, Any]]:
    """Accuracy, and all tests against FP32 and against the most accurate strategy."""
    reference = correct_answers(fp32, labels)
    correct = {name: correct_answers(logits, labels) for name, logits in strategies.items()}
    best = max(correct, key=lambda name: int(correct[name].sum()))
    names = list(strategies)
    rivals = [name for name in names if name != best]
    p_fp32 = holm([mcnemar(reference, correct[name]).p_mid for name in names])
    p_best = holm([mcnemar(correct[best], correct[name]).p_mid for name in rivals])
    against_best = dict(zip(rivals, p_best, strict=True))
    rows = _alone(labels, strategies)
    for name, p_value in zip(names, p_fp32, strict=True):
        paired = non_inferiority(correct[name], reference, ACCURACY_MARGIN)
        rows[name] |= {
            "accuracy_delta": rows[name]["accuracy"] - accuracy(reference).value,
            "mcnemar_p_fp32": p_value,
            "mcnemar_p_best": against_best.get(name),
            "delta_low": paired.low,
            "delta_high": paired.high,
            "non_inferior": paired.holds,
        }
    return rows


def spread_columns(draws: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    """Columns on the spread of one strategy over its rows of ``draws.csv``; NaN is no value."""
    columns: dict[str, Any] = {"draws": len(draws)}
    for name in ("sqnr_db", "accuracy", "value"):
        values = np.array([row.get(name, np.nan) for row in draws], np.float64)
        found = None if np.isnan(values).any() else spread(values)
        columns[f"draws_{name}_low"] = found.low if found else None
        columns[f"draws_{name}_high"] = found.high if found else None
    return columns


def recommendation_rows(
    labels: NDArray[np.int64] | None,
    fp32: Logits,
    strategies: Mapping[str, Logits],
    costs: Mapping[str, HardwareCost],
    spreads: Mapping[str, float] | None = None,
) -> list[dict[str, Any]]:
    """The rule of ``quant.recommend`` on hold-out logits: one row a strategy, the chosen first.

    Without labels FP32's decisions take their place, and accuracy is agreement with FP32; an output
    that decides nothing gives no rows, nor do no strategies. `rank` counts the eligible from 1 and
    is empty for the others; the first row has the reasoning.
    """
    if not strategies or not are_scores(fp32):
        return []
    truth = fp32.argmax(axis=1) if labels is None else labels
    found = {
        row.strategy: row for row in candidates(truth, fp32, strategies, costs, spreads=spreads)
    }
    choice = recommend(list(found.values()), labelled=labels is not None)
    names = [*choice.ranking, *(name for name in found if name not in choice.ranking)]
    return [
        {
            "strategy": name,
            "recommended": name == choice.strategy,
            "rank": choice.ranking.index(name) + 1 if name in choice.ranking else None,
            "holdout_images": len(truth),
            "holdout_accuracy": found[name].accuracy,
            "holdout_difference": found[name].difference,
            "holdout_difference_low": found[name].difference_low,
            **row_of(found[name].rival, ACCURACY_MARGIN),
            "reasoning": choice.reasoning if name == choice.strategy else None,
        }
        for name in names
    ]


def sensitivity_rows(rows: Iterable[LayerSensitivity]) -> list[dict[str, Any]]:
    """Rows of ``sensitivity.csv``; `noise` is error power over signal power, which adds up."""
    return [
        {
            "layer": row.layer,
            "mode": row.mode,
            "sqnr_db": row.sqnr_db,
            "accuracy_drop": row.accuracy_drop,
            "noise": row.noise,
            "judged_by": row.judged_by,
            "value": row.value,
        }
        for row in rows
    ]


def mixed_precision_row(suggestion: MixedPrecision) -> dict[str, Any]:
    """The row of ``mixed_precision.csv``: the loss before and after, both from runs."""
    before, after = suggestion.before, suggestion.after
    return {
        "measure": suggestion.measure,
        "float_layers": " ".join(after.float_layers),
        "float_layer_count": len(after.float_layers),
        "loss_before": before.loss,
        "loss_after": after.loss,
        "sqnr_db_before": before.sqnr_db,
        "sqnr_db_after": after.sqnr_db,
        "accuracy_drop_before": before.accuracy_drop,
        "accuracy_drop_after": after.accuracy_drop,
        "judged_by": before.judged_by,
        "value_before": before.value,
        "value_after": after.value,
        "networks_tried": suggestion.tried,
        "exhaustive": suggestion.exhaustive,
    }
