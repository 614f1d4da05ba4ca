"""Training is seeded, keeps the best weights, and evaluates in float32."""

import numpy as np
import pytest
import torch

from edgeint8.errors import ConfigError, ModelError
from edgeint8.models.data.datasets import Dataset, Request, Split
from edgeint8.models.data.registry import make_dataset
from edgeint8.models.export import (
    export_facts,
    export_onnx,
    load_weights,
    save_weights,
    torch_ort_max_abs_diff,
)
from edgeint8.models.networks.facts import count_parameters, input_shape
from edgeint8.models.networks.registry import MODELS, build_model
from edgeint8.models.training import (
    TrainingOptions,
    evaluate,
    flip_and_shift,
    train_model,
    training_dtype,
)

# Counted by hand: weights and biases of each layer, BatchNorm's scale and shift.
PARAMETERS = {
    "signal_cnn_1d": (7 + 1) * 16 + (16 * 7 + 1) * 32 + (32 * 9 + 1) * 64 + (512 + 1) * 5,
    "tiny_cnn_2d": 27 * 32 + 64 + 288 * 64 + 128 + 576 * 128 + 256 + (128 + 1) * 10,
}


@pytest.fixture(scope="module")
def signals(tmp_path_factory) -> Dataset:
    folder = tmp_path_factory.mktemp("data")
    return make_dataset("synthetic_signals", Request(folder, 0, (), 600, 200))


@pytest.mark.parametrize("name", PARAMETERS)
def test_networks_have_the_promised_shapes_and_sizes(name):
    model = build_model(name, seed=0).eval()
    assert count_parameters(model) == PARAMETERS[name]
    assert model(torch.zeros(3, *input_shape(model))).shape == (3, MODELS[name].classes)


def test_the_same_seed_gives_the_same_weights(signals):
    options = TrainingOptions(epochs=2, learning_rate=0.05)
    states = []
    for _ in range(2):
        model = build_model("signal_cnn_1d", seed=0)
        train_model(model, signals, options)
        states.append(model.state_dict())
    assert all(torch.equal(states[0][key], states[1][key]) for key in states[0])


def test_the_best_epoch_is_kept_not_the_last(signals, monkeypatch):
    """The second of three epochs is told to be the best; its weights must be the ones left."""
    seen = []

    def scripted(model, split):
        seen.append({key: value.clone() for key, value in model.state_dict().items()})
        return 1.0, (0.2, 0.9, 0.5)[len(seen) - 1]

    monkeypatch.setattr("edgeint8.models.training.evaluate", scripted)
    model = build_model("signal_cnn_1d", seed=0)
    log = train_model(model, signals, TrainingOptions(epochs=3, learning_rate=0.05))
    assert [epoch.holdout_accuracy for epoch in log] == [0.2, 0.9, 0.5]
    kept = model.state_dict()
    assert all(torch.equal(kept[key], seen[1][key]) for key in kept)
    assert any(not torch.equal(kept[key], seen[2][key]) for key in kept)


def test_evaluate_against_numpy():
    scores = np.array([[2.0, 0.0], [0.0, 1.0], [3.0, 1.0]], np.float32)
    labels = np.array([0, 1, 1])
    loss, accuracy = evaluate(torch.nn.Identity(), Split(scores, labels))
    chances = np.exp(scores) / np.exp(scores).sum(1, keepdims=True)
    assert accuracy == pytest.approx(2 / 3)
    assert loss == pytest.approx(-np.log(chances[np.arange(3), labels]).mean(), rel=1e-6)


def test_shifts_move_every_image_alike_and_flips_mirror():
    images = torch.arange(2 * 3 * 6 * 6, dtype=torch.float32).reshape(2, 3, 6, 6) + 1
    moved = flip_and_shift(images, torch.Generator().manual_seed(0))
    assert moved.shape == images.shape
    inner = moved[:, :, 2:4, 2:4]
    for image, source in zip(inner, images, strict=True):
        windows = [
            candidate[:, r : r + 2, c : c + 2]
            for candidate in (source, source.flip(2))
            for r in range(5)
            for c in range(5)
        ]
        assert any(torch.equal(image, window) for window in windows)


def test_options_refuse_nonsense():
    for bad in ({"epochs": 0}, {"learning_rate": 0.0}, {"precision": "fp16"}):
        with pytest.raises(ConfigError):
            TrainingOptions(**({"epochs": 1, "learning_rate": 0.1} | bad))
    assert training_dtype("float32") is torch.float32


@pytest.mark.parametrize("name", PARAMETERS)
def test_export_equals_torch(name, tmp_path):
    model = build_model(name, seed=3).eval()
    path = tmp_path / "model.onnx"
    export_onnx(model, path)
    inputs = np.random.default_rng(0).standard_normal((256, *input_shape(model)), np.float32)
    assert torch_ort_max_abs_diff(model, path, inputs) < 1e-5
    facts = export_facts(model, path, 0.0)
    assert facts["parameters"] == PARAMETERS[name]


def test_a_wrong_export_shows_in_the_difference(tmp_path):
    export_onnx(build_model("signal_cnn_1d", seed=0), tmp_path / "model.onnx")
    inputs = np.ones((4, 1, 128), np.float32)
    other = build_model("signal_cnn_1d", seed=1).eval()
    assert torch_ort_max_abs_diff(other, tmp_path / "model.onnx", inputs) > 1e-3


def test_peak_memory_by_hand(tmp_path):
    """Weights, and the largest pair of neighbouring activations: after the first convolution."""
    model = build_model("signal_cnn_1d", seed=0)
    export_onnx(model, tmp_path / "model.onnx")
    facts = export_facts(model, tmp_path / "model.onnx", 0.0)
    convolution, relu = 16 * 128, 16 * 128
    assert facts["peak_memory_bytes"] == 4 * (PARAMETERS["signal_cnn_1d"] + convolution + relu)


def test_weights_round_trip_and_foreign_files_are_refused(tmp_path):
    model = build_model("signal_cnn_1d", seed=5)
    save_weights(model, tmp_path / "model.pt")
    read = load_weights("signal_cnn_1d", tmp_path / "model.pt")
    assert torch.equal(read.classifier.weight, model.classifier.weight)
    with pytest.raises(ModelError, match="not weights of tiny_cnn_2d"):
        load_weights("tiny_cnn_2d", tmp_path / "model.pt")
    with pytest.raises(ModelError, match="does not exist"):
        load_weights("tiny_cnn_2d", tmp_path / "none.pt")


def test_code_in_a_weights_file_is_never_run(tmp_path):
    class Trap:
        def __reduce__(self):
            return (open, (str(tmp_path / "opened"), "w"))

    torch.save({"w": Trap()}, tmp_path / "model.pt")
    with pytest.raises(ModelError, match="not weights"):
        load_weights("signal_cnn_1d", tmp_path / "model.pt")
    assert not (tmp_path / "opened").exists()
