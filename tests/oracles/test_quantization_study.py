"""The study's rows against ONNX Runtime, SciPy and formulas written out once more."""

import numpy as np
import onnx
import onnxruntime as ort
import pytest
from float_networks import classifier, images
from scipy.stats import binomtest

from edgeint8.errors import DataError
from edgeint8.quant.calibrate.draws import calibration_draws
from edgeint8.quant.evidence.draw_study import draw_rows
from edgeint8.quant.evidence.logits import load_logits, save_outputs
from edgeint8.quant.evidence.recommend import HardwareCost
from edgeint8.quant.evidence.table_rows import (
    evidence_rows,
    quantization_facts,
    recommendation_rows,
)
from edgeint8.quant.ptq import Strategy, calibrate, prepare_model, quantize
from edgeint8.quant.session import cpu_flags, has_exact_u8s8

STRATEGIES = [
    Strategy("asym", calibration_samples=16),
    Strategy("sym", symmetric=True, per_channel=False, calibration="percentile", bins=256,
             calibration_samples=24),
]  # fmt: skip


def run(model: onnx.ModelProto, inputs: np.ndarray) -> np.ndarray:
    """Logits of a plain ONNX Runtime session, one image at a time."""
    session = ort.InferenceSession(model.SerializeToString())
    name = session.get_inputs()[0].name
    return np.concatenate([session.run(None, {name: x[None]})[0] for x in inputs])


def test_draws_equal_a_loop_over_plain_sessions() -> None:
    model = prepare_model(classifier())
    train, judged = images(64, seed=1)["input"], images(40, seed=2)["input"]
    labels = run(model, judged).argmax(axis=1)
    labels[:4] += 1
    rows = draw_rows(
        model, {"input": train}, ({"input": judged}, labels), STRATEGIES, seed=3, draws=2
    )
    assert [(row["draw"], row["strategy"]) for row in rows] == [
        (draw, name) for draw in (0, 1) for name in ("asym", "sym")
    ]
    reference = run(model, judged).astype(np.float64)
    for row in rows:
        strategy = next(s for s in STRATEGIES if s.name == row["strategy"])
        samples = strategy.calibration_samples
        chosen = calibration_draws(len(train), samples, seed=3, draws=2)[row["draw"]]
        calibration = calibrate(
            model, {"input": train[chosen]}, strategy.calibration, bins=strategy.bins
        )
        logits = run(quantize(model, calibration, strategy).executable, judged)
        power, noise = np.sum(reference**2), np.sum((logits - reference) ** 2)
        # the float reference is summed in another order when images run one at a time
        assert row["sqnr_db"] == pytest.approx(10 * np.log10(power / noise), abs=1e-4)
        assert row["accuracy"] == np.mean(logits.argmax(axis=1) == labels)
        assert row["images"] == 40


def logits_with(wrong: range) -> tuple[np.ndarray, np.ndarray]:
    """Labels (200,), and scores (200, 10) that are wrong on the images of `wrong`."""
    labels = np.arange(200) % 10
    scores = np.eye(10, dtype=np.float32)[labels]
    scores[wrong] = np.roll(scores[wrong], 1, axis=1)
    return labels, scores


def test_evidence_by_hand() -> None:
    labels, fp32 = logits_with(range(20))
    names = {"best": range(16), "middle": range(10, 32), "worst": range(60)}
    rows = evidence_rows(labels, fp32, {n: logits_with(w)[1] for n, w in names.items()})
    assert {n: row["accuracy"] for n, row in rows.items()} == pytest.approx(
        {"best": 0.92, "middle": 0.89, "worst": 0.70}
    )
    assert rows["worst"]["accuracy_delta"] == pytest.approx(-0.20)
    assert rows["best"]["agreement"] == pytest.approx(196 / 200)
    assert rows["best"]["mcnemar_p_best"] is None

    def mid_p(b: int, c: int) -> float:
        """Two-sided exact p less the probability of the split itself, counted once."""
        point = binomtest(b, b + c).pvalue - (binomtest(b - 1, b + c).pvalue if b else 0.0)
        return binomtest(b, b + c).pvalue - point / 2

    # against FP32: only FP32 right on 0, 12 and 40 images, only the strategy right on 4, 10 and 0
    raw = {"best": mid_p(0, 4), "middle": mid_p(10, 12), "worst": mid_p(0, 40)}
    expected = {"worst": 3 * raw["worst"], "best": 2 * raw["best"], "middle": raw["middle"]}
    assert {n: row["mcnemar_p_fp32"] for n, row in rows.items()} == pytest.approx(
        expected, rel=1e-9, abs=0
    )
    # against the best, two tests: only it right on 16 and 44, only the other right on 10 and 0
    assert rows["worst"]["mcnemar_p_best"] == pytest.approx(2 * mid_p(0, 44), rel=1e-9, abs=0)
    assert rows["middle"]["mcnemar_p_best"] == pytest.approx(mid_p(10, 16))
    assert rows["best"]["non_inferior"] and not rows["worst"]["non_inferior"]


def test_the_recommended_row_comes_first_and_alone_has_the_reasoning() -> None:
    labels, fp32 = logits_with(range(20))
    strategies = {"worst": logits_with(range(60))[1], "best": fp32 * np.float32(0.9)}
    costs = {name: HardwareCost(1, ("x",)) for name in strategies}
    first, second = recommendation_rows(labels, fp32, strategies, costs)
    assert (first["strategy"], first["recommended"], first["rank"]) == ("best", True, 1)
    assert first["reasoning"] and second["reasoning"] is None and second["rank"] is None
    assert second["holdout_difference"] == pytest.approx(-0.2)


def test_without_strategies_there_are_no_rows() -> None:
    labels, fp32 = logits_with(range(20))
    assert recommendation_rows(labels, fp32, {}, {}) == []
    assert evidence_rows(labels, fp32, {}) == {}


def test_facts_name_the_processor_and_the_options() -> None:
    model = prepare_model(classifier())
    strategy = STRATEGIES[1]
    calibration = calibrate(model, images(24), "percentile", bins=256)
    facts = quantization_facts(quantize(model, calibration, strategy), calibration)
    assert (facts["cpu_int8_flags"] != "none") == has_exact_u8s8(cpu_flags())
    assert (facts["percentile"], facts["bins"], facts["calibration_samples"]) == (99.99, 256, 24)
    assert facts["float_nodes"] and "float:" in facts["note"]


def test_broken_logits_are_bad_data(tmp_path) -> None:
    save_outputs(tmp_path / "logits.npz", {"test": {"y": np.zeros((2, 3), np.float32)}})
    assert load_logits(tmp_path / "logits.npz", "test").shape == (2, 3)
    with pytest.raises(DataError, match="no logits of split 'holdout'"):
        load_logits(tmp_path / "logits.npz", "holdout")
    (tmp_path / "logits.npz").write_bytes(b"PK")
    with pytest.raises(DataError, match="no logits"):
        load_logits(tmp_path / "logits.npz", "test")
