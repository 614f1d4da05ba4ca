"""The recommendation rule on small tables, straight and reversed."""

import re
from dataclasses import replace

import numpy as np
import pytest
from float_networks import classifier, images

from edgeint8.errors import DataError
from edgeint8.quant.evidence.recommend import (
    Candidate,
    HardwareCost,
    candidates,
    hardware_cost,
    recommend,
)
from edgeint8.quant.ptq import Strategy, calibrate, prepare_model, quantize

TABLE = [
    Candidate(
        "asym_channel", 0.871, 0.0, 0.0, 29.0, 3, ("a multiplier per channel", "zero-points")
    ),
    Candidate("asym_tensor", 0.867, -0.004, -0.008, 25.2, 2, ("a multiplier per layer",)),
    Candidate("sym_tensor", 0.861, -0.010, -0.014, 22.6, 1, ("a multiplier per layer",)),
]


def test_the_cheapest_that_is_not_inferior_wins() -> None:
    result = recommend(TABLE)
    assert (result.best, result.strategy) == ("asym_channel", "asym_tensor")
    assert result.ranking == ("asym_tensor", "asym_channel")
    assert result.reasoning == (
        "On the hold-out asym_channel is the most accurate of 3 strategies (87.10 %). "
        "Not shown to be within the margin of 1 percentage point, and out: "
        "sym_tensor (-1.00, possibly -1.40). "
        "asym_tensor is recommended: hardware cost 2 (a multiplier per layer), the lowest of the "
        "eligible; next is asym_channel with 3."
    )


def test_reversed_tables_read_reversed_sentences() -> None:
    names = [row.strategy for row in TABLE]
    swapped = [replace(r, strategy=n) for r, n in zip(TABLE, reversed(names), strict=True)]
    forward, backward = recommend(TABLE), recommend(swapped)
    exchange = {"asym_channel": "sym_tensor", "sym_tensor": "asym_channel"}
    expected = re.sub(
        r"\b(asym_channel|sym_tensor)\b", lambda match: exchange[match[0]], forward.reasoning
    )
    assert backward.reasoning == expected
    assert backward.best == "sym_tensor"
    assert recommend(TABLE[::-1]) == forward


def test_a_wider_margin_lets_the_cheapest_in_and_a_narrow_one_leaves_the_best() -> None:
    assert recommend(TABLE, margin=0.02).strategy == "sym_tensor"
    assert "within the margin of 2 percentage points." in recommend(TABLE, margin=0.02).reasoning
    alone = recommend(TABLE, margin=0.005)
    assert alone.strategy == "asym_channel" and "the only eligible" in alone.reasoning


def test_ties_fall_to_sqnr_then_to_the_name() -> None:
    tied = [
        replace(row, hardware_cost=2, difference_low=-0.001 + row.difference) for row in TABLE[:2]
    ]
    result = recommend(tied)
    assert result.strategy == "asym_channel"
    assert "the higher SQNR, 29.00 against 25.20 dB" in result.reasoning
    equal = [replace(row, sqnr_db=30.0) for row in tied]
    assert recommend(equal).strategy == "asym_channel"
    assert "the first by name" in recommend(equal[::-1]).reasoning


def test_candidates_pair_their_answers_with_the_best() -> None:
    labels = np.arange(1000) % 10
    fp32 = np.eye(10)[labels]
    worse = fp32.copy()
    worse[:30] = np.roll(worse[:30], 1, axis=1)
    costs = {name: HardwareCost(1, ("x",)) for name in ("good", "worse")}
    rows = {
        row.strategy: row
        for row in candidates(labels, fp32, {"worse": worse, "good": fp32 * 0.99}, costs)
    }
    assert rows["good"].accuracy == 1.0 and rows["good"].difference_low == 0.0
    assert rows["worse"].difference == -0.03
    assert rows["worse"].difference_low < -0.03
    assert rows["good"].sqnr_db == pytest.approx(40.0)
    assert recommend(list(rows.values())).strategy == "good"


def test_hardware_cost_counts_what_hardware_must_have() -> None:
    model = prepare_model(classifier())
    calibration = calibrate(model, images(16), "minmax")

    def cost(**options: object) -> HardwareCost:
        return hardware_cost(quantize(model, calibration, Strategy("s", **options)))

    assert cost() == HardwareCost(3, ("a multiplier per channel", "zero-points"))
    assert cost(per_channel=False).price == 2
    assert cost(power_of_two=True) == HardwareCost(1, ("requantisation by shifts", "zero-points"))
    # ONNX Runtime leaves the average float under symmetric QOperator, and Relus: a machine does
    # both on levels. What reads no levels needs floating point, in whichever form.
    symmetric = quantize(model, calibration, Strategy("s", symmetric=True, per_channel=False))
    assert "GlobalAveragePool" in symmetric.note and hardware_cost(symmetric).price == 1
    assert cost(symmetric=True, per_channel=False, format="qdq").price == 1
    left = cost(symmetric=True, per_channel=False, exclude=("conv_b", "relu_b", "average"))
    assert left.price == 5
    assert left.reasons[0] == "floating-point 1 Conv, 1 GlobalAveragePool"
    dynamic = cost(dynamic=True)
    assert dynamic.price == 15 and dynamic.reasons[0] == "scales computed at run time"


def test_bad_tables_are_refused() -> None:
    with pytest.raises(DataError, match="no strategies"):
        recommend([])
    with pytest.raises(DataError, match="0 to 1"):
        replace(TABLE[0], accuracy=87.1)
    with pytest.raises(DataError, match="lower end"):
        replace(TABLE[0], difference_low=0.1)
