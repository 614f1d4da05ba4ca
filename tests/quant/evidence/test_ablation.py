"""The parts of learning, one after the other: ends that are known, tests that are recomputed."""

import numpy as np
import pytest
from float_networks import images
from varied_networks import one_dimensional

from edgeint8.quant.affine import sqnr_db
from edgeint8.quant.evidence.ablation import PARTS, ablation_rows
from edgeint8.quant.evidence.metrics import Judged, scorer
from edgeint8.quant.evidence.statistics import mcnemar
from edgeint8.quant.ptq import Strategy, calibrate_for, prepare_model, quantize, run_onnx


def test_the_parts_lead_from_nearest_to_learned_codes():
    model, shape = prepare_model(one_dimensional()), (2, 40)
    seen, judged = images(256, seed=1, shape=shape), images(64, seed=9, shape=shape)
    strategy = Strategy("s", weight_bits=4, per_channel=False, rounding="learned")
    name = model.graph.output[0].name
    wanted = run_onnx(model, judged)[name]
    labels = wanted.argmax(axis=1)
    labels[::5] = (labels[::5] + 1) % 4  # FP32 is wrong too, now and then
    fp32 = Judged({name: wanted}, {name: wanted}, judged, labels)
    found = scorer({"name": "cosine", "margin": None}, fp32)
    rows = {r["part"]: r for r in ablation_rows(model, strategy, seen, (judged, labels), found)}
    assert list(rows) == list(PARTS)

    right = {}
    for part, rounding in (("nearest", "nearest"), ("codes_unequalised", "learned")):
        plain = Strategy("s", weight_bits=4, per_channel=False, rounding=rounding)
        calibration = calibrate_for(model, seen, plain)
        graph = quantize(model, calibration, plain, images=seen).executable
        scores = run_onnx(graph, judged)[name]
        right[part] = scores.argmax(axis=1) == labels
        assert rows[part]["sqnr_db"] == sqnr_db(wanted, scores)
        assert rows[part]["accuracy"] == np.mean(right[part])
        cosines = (wanted * scores).sum(axis=1) / np.linalg.norm(wanted, axis=1)
        cosines /= np.linalg.norm(scores, axis=1)
        assert rows[part]["value"] == pytest.approx(cosines.mean(), rel=1e-6)
        assert rows[part]["judged_by"] == "cosine"
    assert rows["codes"]["sqnr_db"] > rows["bias"]["sqnr_db"] > rows["nearest"]["sqnr_db"]
    assert rows["nearest"]["mcnemar_p_before"] is None
    assert all(0 <= rows[part]["mcnemar_p_before"] <= 1 for part in list(PARTS)[1:])
    assert mcnemar(right["nearest"], right["nearest"]).p_mid == pytest.approx(1)
