"""Why a strategy's SQNR is low, on networks whose culprit is known by construction."""

import numpy as np
import pytest
from float_networks import classifier, images
from messy_networks import node
from role_networks import LARGEST, masked, network, normal

from edgeint8.quant.affine import sqnr_db
from edgeint8.quant.evidence.evaluation import evaluate
from edgeint8.quant.evidence.low import LOW_DB, compared, explanation, real_values
from edgeint8.quant.ort.reference import all_tensors
from edgeint8.quant.ptq import Strategy, calibrate, prepare_model, quantize


def explained(model, feeds, **options):
    prepared, strategy = prepare_model(model), Strategy("s", **options)
    calibration = calibrate(prepared, feeds, "minmax", clamp_masks=strategy.clamp_masks)
    graph = quantize(prepared, calibration, strategy).executable
    name = prepared.graph.output[0].name
    found = sqnr_db(evaluate(prepared, feeds)[name], evaluate(graph, feeds)[name])
    return found, explanation(prepared, graph, feeds)


def blown_up():
    """Channel 3 of ``wide`` is 3,000 times the others; ``next`` does not read it."""
    w, u = normal(1, 8, 3, 3, 3) / 5, normal(2, 4, 8, 1, 1)
    w[3] *= 3000
    u[:, 3] = 0
    nodes = [
        node("Conv", ["x", "w"], ["a"], "wide"),
        node("LeakyRelu", ["a"], ["b"], "bend"),
        node("Conv", ["b", "u"], ["y"], "next"),
    ]
    return network(nodes, {"w": w, "u": u}, {"x": (3, 8, 8)}, "y"), {"x": normal(3, 40, 3, 8, 8)}


@pytest.mark.parametrize("form", ["qoperator", "qdq"])
@pytest.mark.parametrize("symmetric", [False, True])
def test_a_blown_up_channel_is_found_behind_a_sound_sqnr(form, symmetric):
    """The tensor with the channel keeps its SQNR: the loss shows where the others are read."""
    found, row = explained(*blown_up(), format=form, symmetric=symmetric)
    assert found < LOW_DB
    assert row["first_node_below_10_db"] == "next"
    assert row["worst_tensor"] == "b" and row["sqnr_db"] > 20 > 10 > row["worst_entry_sqnr_db"]
    assert row["range_ratio"] > 500 and row["extreme_constants"] == ""


def test_a_mask_is_named_as_an_extreme_constant():
    found, row = explained(*masked(), clamp_masks=False)
    assert found < 10 and row["first_node_below_10_db"] == "softmax"
    assert row["worst_tensor"] == "t" and row["range"] == pytest.approx(LARGEST)
    assert row["extreme_constants"] == "lowest (-3.4e+38)"


def test_one_outlier_stands_apart_from_the_bulk():
    """One value of 2,048, in a column that nothing weighs, is 1,000 times the others."""
    x = normal(5, 64, 64)
    x[0, 0] = 4000
    nodes = [node("LeakyRelu", ["x"], ["a"], "bend"), node("MatMul", ["a", "w"], ["y"], "sum")]
    w = normal(6, 64, 4) / 8
    w[0] = 0
    model = network(nodes, {"w": w}, {"x": (64,)}, "y")
    _, row = explained(model, {"x": x})
    assert row["worst_tensor"] == "a" and row["range"] == 4000 and row["bulk_range"] < 5


@pytest.mark.parametrize("form", ["qoperator", "qdq"])
def test_levels_are_read_back_as_the_numbers_they_stand_for(form):
    """Every tensor that is found lies near FP32's: a wrong scale or name would be far off."""
    prepared, feeds = prepare_model(classifier()), images(16)
    graph = quantize(
        prepared, calibrate(prepared, feeds, "minmax"), Strategy("s", format=form)
    ).executable
    pairs = compared(prepared, all_tensors(prepared, feeds), real_values(graph, feeds))
    assert len(pairs) >= 4 and min(tensor.db for tensor in pairs.values()) > 20
    assert np.isfinite([tensor.worst_db for tensor in pairs.values()]).any()
