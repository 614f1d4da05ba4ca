"""Sensitivity on networks whose weak layer is built in, so that the answer is known."""

import itertools

import numpy as np
import onnx
import pytest
from float_networks import NetworkBuilder, classifier, images
from numpy.typing import NDArray
from onnx import numpy_helper

from edgeint8.errors import DataError, ModelError
from edgeint8.quant.affine import sqnr_db
from edgeint8.quant.calibrate.calibration import calibrate
from edgeint8.quant.calibrate.histogram import observe
from edgeint8.quant.evidence.layer_traits import layer_traits
from edgeint8.quant.evidence.sensitivity import (
    ALL_BUT,
    ALONE,
    LayerSensitivity,
    PartlyFloat,
    SensitivityStudy,
    layer_groups,
    noise_of,
)
from edgeint8.quant.prepare.prepare import prepare_model
from edgeint8.quant.ptq import quantize
from edgeint8.quant.session import run_onnx
from edgeint8.quant.strategy import Strategy

PER_TENSOR = Strategy("s", per_channel=False)


def uneven() -> onnx.ModelProto:
    """Four layers; the channels of conv_b differ 5,000-fold, and conv_c evens them out again.

    One scale per tensor leaves the weak channels of conv_b, and the weak inputs of conv_c, a level
    or none. The last bias centres the logits, so that all ten classes occur.
    """
    net = NetworkBuilder()
    net.conv(3, 8, name="conv_a")
    net.add("Relu", name="relu_a")
    gains = np.geomspace(1, 5000, 8)[:, None, None, None]
    net.conv(8, 8, weights=net.rng.standard_normal((8, 8, 3, 3)) / 9 * gains, name="conv_b")
    net.add("Relu", name="relu_b")
    undo = 1 / gains.reshape(1, 8, 1, 1)
    net.conv(8, 8, weights=net.rng.standard_normal((8, 8, 3, 3)) / 9 * undo, name="conv_c")
    net.add("GlobalAveragePool")
    net.add("Flatten")
    net.dense(8, 10)
    model = net.model()
    bias = next(tensor for tensor in model.graph.initializer if tensor.name == "dense_b")
    mean = run_onnx(model, tinted(400, seed=7))["dense_out"].mean(axis=0)
    bias.CopyFrom(numpy_helper.from_array(numpy_helper.to_array(bias) - mean, "dense_b"))
    return prepare_model(model)


def tinted(count: int, seed: int) -> dict[str, NDArray[np.float32]]:
    """Noise around a random colour for each image: something to classify."""
    rng = np.random.default_rng(seed)
    colours = 2 * rng.standard_normal((count, 3, 1, 1), dtype=np.float32)
    return {"input": images(count, seed)["input"] + colours}


@pytest.fixture(scope="module")
def data() -> tuple[onnx.ModelProto, dict[str, NDArray[np.float32]], NDArray[np.int64]]:
    """The uneven network, images, and the labels that the float network gives them."""
    model, inputs = uneven(), tinted(500, seed=4)
    return model, inputs, run_onnx(model, inputs)["dense_out"].argmax(axis=1)


@pytest.fixture(scope="module")
def study(data: tuple) -> SensitivityStudy:
    model, inputs, labels = data
    calibration = calibrate(model, tinted(64, seed=1), "minmax")
    return SensitivityStudy(model, calibration, PER_TENSOR, inputs, labels)


def test_groups_hold_a_layer_and_the_activation_that_alone_reads_it() -> None:
    groups = layer_groups(prepare_model(classifier()))
    assert groups == {
        "conv_a": ("conv_a", "relu_a"),
        "conv_b": ("conv_b", "relu_b"),
        "dense": ("dense",),
    }
    net = NetworkBuilder()
    branch = net.conv(3, 4, name="conv")
    net.add("Relu", name="relu")
    net.add("Add", branch)
    assert layer_groups(prepare_model(net.model(rank=4))) == {"conv": ("conv",)}


def test_alone_quantises_one_layer_and_all_but_leaves_one(data: tuple) -> None:
    model, inputs, _ = data
    calibration = calibrate(model, tinted(64, seed=1), "minmax")
    groups = layer_groups(model)
    for layer, nodes in groups.items():
        alone = quantize(model, calibration, PER_TENSOR, nodes=nodes)
        rest = quantize(model, calibration, PER_TENSOR, exclude=nodes)
        kinds = {"QLinearConv", "QGemm"}
        quantised = [n.name for n in alone.model.graph.node if n.op_type in kinds]
        assert quantised == [f"{layer}_quant"]
        assert layer in rest.float_nodes
        left = [n.name for n in rest.model.graph.node if n.op_type in kinds]
        assert left == [f"{name}_quant" for name in groups if name != layer]
        assert np.isfinite(run_onnx(rest.executable, inputs)["dense_out"]).all()


def test_the_weak_layer_is_found_in_both_modes_and_explained(
    study: SensitivityStudy, data: tuple
) -> None:
    rows = study.rows()
    assert [(row.layer, row.mode) for row in rows[:2]] == [("conv_a", ALONE), ("conv_a", ALL_BUT)]
    assert len(rows) == 2 * len(study.layers) == 8
    alone = {row.layer: row.sqnr_db for row in rows if row.mode == ALONE}
    all_but = {row.layer: row.sqnr_db for row in rows if row.mode == ALL_BUT}
    assert min(alone, key=lambda name: alone[name]) in ("conv_b", "conv_c")
    assert max(all_but, key=lambda name: all_but[name]) in ("conv_b", "conv_c")
    model, inputs, _ = data
    traits = {t.layer: t for t in layer_traits(model, observe(model, inputs, bins=512))}
    assert traits["conv_b"].weight_range_ratio > 100
    assert traits["conv_a"].weight_range_ratio < 4


def test_rows_equal_a_run_by_hand(study: SensitivityStudy, data: tuple) -> None:
    model, inputs, labels = data
    calibration = calibrate(model, tinted(64, seed=1), "minmax")
    by_hand = quantize(model, calibration, PER_TENSOR, exclude=["conv_b", "relu_b"])
    reference = run_onnx(model, inputs)["dense_out"]
    logits = run_onnx(by_hand.executable, inputs)["dense_out"]
    row = next(r for r in study.rows() if r.layer == "conv_b" and r.mode == ALL_BUT)
    assert row.sqnr_db == sqnr_db(reference, logits)
    assert row.accuracy_drop == 1 - np.mean(logits.argmax(axis=1) == labels)
    assert row.noise == pytest.approx(10 ** (-row.sqnr_db / 10))


def test_suggestion_is_the_smallest_subset_that_halves_the_loss(study: SensitivityStudy) -> None:
    result = study.suggest(study.rows())
    assert result.measure == "accuracy"
    assert result.after.loss <= result.before.loss / 2
    assert result.exhaustive and result.after.float_layers == ("conv_b", "conv_c")
    size = len(result.after.float_layers)
    # brute force over everything smaller: none halves the accuracy drop
    reference = study.logits(study.layers)
    best = reference.argmax(axis=1)
    for smaller in range(size):
        for subset in itertools.combinations(study.layers, smaller):
            drop = np.mean(study.logits(subset).argmax(axis=1) != best)
            assert drop > result.before.loss / 2
    verified = study.logits(result.after.float_layers)
    assert np.mean(verified.argmax(axis=1) != best) == pytest.approx(result.after.accuracy_drop)


def test_without_labels_or_a_resolved_drop_the_loss_is_noise(data: tuple) -> None:
    model, inputs, labels = data
    calibration = calibrate(model, tinted(64, seed=1), "minmax")
    unlabelled = SensitivityStudy(model, calibration, PER_TENSOR, inputs)
    rows = unlabelled.rows()
    assert all(np.isnan(row.accuracy_drop) for row in rows)
    result = unlabelled.suggest(rows)
    assert result.measure == "noise"
    assert result.before.loss == noise_of(result.before.sqnr_db)
    assert result.after.sqnr_db - result.before.sqnr_db >= 10 * np.log10(2) - 1e-9
    few = {"input": inputs["input"][:2]}
    unresolved = SensitivityStudy(model, calibration, PER_TENSOR, few, labels[:2])
    assert unresolved.suggest(unresolved.rows()).measure == "noise"


def test_all_layers_float_is_the_float_network(study: SensitivityStudy, data: tuple) -> None:
    model, inputs, _ = data
    np.testing.assert_allclose(
        study.logits(study.layers), run_onnx(model, inputs)["dense_out"], atol=1e-5
    )


def test_dynamic_strategies_are_refused(data: tuple) -> None:
    model, inputs, _ = data
    calibration = calibrate(model, tinted(8, seed=1), "minmax")
    with pytest.raises(DataError, match="dynamic"):
        SensitivityStudy(model, calibration, Strategy("d", dynamic=True), inputs)


def test_noise_that_no_layer_makes_is_not_won_back(monkeypatch: pytest.MonkeyPatch) -> None:
    """Every float layer wins back a hundredth: the suggestion is the least loss, of all layers."""
    model, inputs = prepare_model(classifier()), images(8)
    study = SensitivityStudy(model, calibrate(model, inputs, "minmax"), Strategy("s"), inputs)
    monkeypatch.setattr(study, "_measure", lambda: "noise")
    monkeypatch.setattr(
        study,
        "_result",
        lambda names, measure: PartlyFloat(names, 1 - len(names) / 100, 0.0, float("nan")),
    )
    found = study.suggest(
        [LayerSensitivity(layer, ALONE, 20.0, float("nan")) for layer in study.layers]
    )
    assert found.after.float_layers == study.layers and found.before.float_layers == ()
    assert found.tried == 2 ** len(study.layers) and found.exhaustive


def test_a_network_without_layers_is_refused() -> None:
    net = NetworkBuilder()
    net.add("Relu")
    model = prepare_model(net.model(rank=4))
    inputs = images(8)
    study = SensitivityStudy(model, calibrate(model, inputs, "minmax"), Strategy("s"), inputs)
    with pytest.raises(ModelError, match="no layers in the network"):
        study.suggest([])
