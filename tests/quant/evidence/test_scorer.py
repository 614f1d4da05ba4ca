"""What judges draws and sensitivity where accuracy does not: a metric, or the worst entry."""

from dataclasses import replace

import numpy as np
import pytest
from test_auto_exclude import LAYERS, chain, positive, worst_channel
from test_sensitivity import PER_TENSOR, tinted, uneven

from edgeint8.quant.calibrate.calibration import calibrate
from edgeint8.quant.evidence.draw_study import draw_rows
from edgeint8.quant.evidence.evaluation import as_scores, split_outputs
from edgeint8.quant.evidence.metrics import CEILING_DB, Judged, scorer
from edgeint8.quant.evidence.sensitivity import SensitivityStudy
from edgeint8.quant.evidence.table_rows import mixed_precision_row, spread_columns
from edgeint8.quant.ptq import quantize
from edgeint8.quant.strategy import Strategy

TOP1 = {"name": "top1", "margin": 0.01}
COSINE = {"name": "cosine", "margin": None}


def seen(model, inputs, labels=None):
    outputs = split_outputs(model, inputs)
    return Judged(outputs, outputs, inputs, labels)


def test_who_judges():
    """Classes: accuracy; a metric: it, but not random inputs; neither: the worst entry."""
    classes = Judged({"y": np.ones((4, 3))}, {"y": np.ones((4, 3))}, {"x": np.ones(4)}, None)
    boxes = replace(classes, outputs={"y": np.ones((4, 3, 2))})
    assert scorer(None, classes) is None and scorer(TOP1, classes, random=True) is None
    assert scorer(TOP1, classes).metric.name == "top1"
    for found in (scorer(None, boxes), scorer(TOP1, boxes, random=True)):
        assert found.metric.name == "worst channel" and found.metric.margin == 1.0
    assert as_scores(np.ones((4, 3, 1, 1))).shape == (4, 3)
    assert as_scores(np.ones((4, 3, 2))).ndim == 3


@pytest.fixture(scope="module")
def by_top1():
    """The network of two weak layers, judged by accuracy as if it were a user's metric."""
    model, inputs = uneven(), tinted(500, seed=4)
    labels = split_outputs(model, inputs)["dense_out"].argmax(axis=1)
    calibration = calibrate(model, tinted(64, seed=1), "minmax")
    found = scorer(TOP1, seen(model, inputs, labels))
    return SensitivityStudy(model, calibration, PER_TENSOR, inputs, labels, None, found)


def test_sensitivity_is_that_of_the_metric(by_top1):
    """Top-1 as a metric must say what accuracy says, which has tests of its own."""
    rows = by_top1.rows()
    assert {row.judged_by for row in rows} == {"top1"}
    assert [row.value for row in rows] == pytest.approx([1 - row.accuracy_drop for row in rows])
    found = by_top1.suggest(rows)
    assert (found.measure, found.after.float_layers) == ("metric", ("conv_b", "conv_c"))
    assert found.before.loss == pytest.approx(found.before.accuracy_drop)
    row = mixed_precision_row(found)
    assert row["value_before"] == pytest.approx(1 - found.before.loss)
    assert row["value_before"] < row["value_after"]


def test_a_metric_against_fp32_shows_no_loss_of_its_own(by_top1):
    """FP32 has no value of it, so noise ranks; the value is told all the same."""
    model, inputs = chain(["second"]), positive(24, 2)
    found = scorer(COSINE, seen(model, inputs))
    calibration = calibrate(model, positive(16, 1), "minmax")
    study = SensitivityStudy(model, calibration, PER_TENSOR, inputs, None, None, found)
    result = study.suggest(study.rows())
    assert result.measure == "noise" and "second" in result.after.float_layers
    assert result.before.value < 0.9 < 0.99 < result.after.value


def test_draws_are_judged_by_the_worst_entry():
    model, inputs, train = chain(), positive(24, 2), positive(48, 1)
    strategy = Strategy("s", calibration_samples=48)
    found = scorer(None, seen(model, inputs))
    (row,) = draw_rows(model, train, (inputs, None), [strategy], 0, 3, scorer=found)
    quantized = quantize(model, calibrate(model, train, "minmax"), strategy)
    assert row["judged_by"] == "worst channel"
    columns = worst_channel(model, quantized.executable, inputs, axis=3)  # ranges differ most there
    assert row["value"] == pytest.approx(columns) and row["accuracy"] is None
    assert found.value(found.fp32.outputs) == CEILING_DB, "a perfect copy is finite"
    (plain,) = draw_rows(model, train, (inputs, None), [strategy], 0, 3)
    assert plain["value"] is None and LAYERS


def test_spreads_are_of_what_there_is():
    draws = [{"sqnr_db": d, "accuracy": float("nan"), "value": v} for d, v in ((9, 2), (7, 4))]
    found = spread_columns(draws)
    assert (found["draws"], found["draws_sqnr_db_low"], found["draws_value_high"]) == (2, 7, 4)
    assert found["draws_accuracy_low"] is None
