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
    mirror_half,
    random_windows,
    shuffled_batches,
    train_model,
    training_dtype,
)

# Counted by hand: weights and biases of each layer, BatchNorm's scale and shift.
PARAMETERS = {
    "signal_cnn_1d": (7 + 1) * 16 + (16 * 7 + 1) * 32 + (32 * 9 + 1) * 64 + (512 + 1) * 5,
    "tiny_cnn_2d": 27 * 32 + 64 + 288 * 64 + 128 + 576 * 128 + 256 + (128 + 1) * 10,
    # stem; per block: up, depthwise, down, and a scale and shift for each of their channels
    "mobile_cnn_2d": 27 * 32
    + 2 * 32
    + sum(
        wide * (narrow + 9 + out) + 2 * (2 * wide + out)
        for narrow, wide, out in (
            *((32, 96, 32), (32, 96, 64), (64, 192, 64)),
            *((64, 128, 96), (96, 192, 96)),
        )
    )
    + (96 + 1) * 10,
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


def test_half_of_the_images_are_mirrored_and_nothing_else():
    images = torch.arange(200 * 3 * 2 * 4, dtype=torch.float32).reshape(200, 3, 2, 4)
    seen = mirror_half(images, torch.Generator().manual_seed(0))
    mirrored = [
        torch.equal(image, source.flip(2)) for image, source in zip(seen, images, strict=True)
    ]
    kept = [torch.equal(image, source) for image, source in zip(seen, images, strict=True)]
    assert all(a != b for a, b in zip(mirrored, kept, strict=True)) and 70 < sum(mirrored) < 130


def test_windows_are_parts_of_their_own_image_at_every_place():
    """Pixels that say where they are: image, channel, row and column."""
    count, channels, height, width, size = 300, 2, 5, 6, 3
    index = torch.arange(count * channels * height * width)
    images = index.reshape(count, channels, height, width)
    windows = random_windows(images, size, torch.Generator().manual_seed(0))
    assert windows.shape == (count, channels, size, size)
    places = set()
    for number, window in enumerate(windows):
        row, column = divmod(int(window[0, 0, 0]) - number * channels * height * width, width)
        places.add((row, column))
        assert torch.equal(window, images[number, :, row : row + size, column : column + size])
    assert places == {(row, column) for row in range(3) for column in range(4)}


def test_the_last_epochs_see_whole_images():
    images, labels = torch.zeros(4, 3, 8, 8), torch.zeros(4, dtype=torch.long)
    options = TrainingOptions(epochs=2, learning_rate=0.1, crop=6)
    sizes = [
        next(shuffled_batches(images, labels, options, torch.Generator(), whole))[0].shape[2:]
        for whole in (False, True)
    ]
    assert sizes == [(6, 6), (8, 8)]


@pytest.mark.parametrize(
    ("epochs", "whole_epochs", "windows"),
    [(4, 3, [True, False, False, False]), (2, 3, [False] * 2)],
)
def test_cropping_ends_in_time(monkeypatch, epochs, whole_epochs, windows):
    """Eight images of 32 x 32; what the network is given says which epochs were cropped."""
    given = []

    class Spy(torch.nn.Module):
        def __init__(self):
            super().__init__()
            self.scale = torch.nn.Parameter(torch.ones(1))

        def forward(self, images):
            given.append((self.training, images.shape[2]))
            return self.scale * images.mean((2, 3))

    images = np.random.default_rng(0).integers(0, 255, (10, 3, 32, 32), dtype=np.uint8)
    labels = np.zeros(10, np.int64)
    ones = np.ones(3, np.float32)
    data = Dataset("cifar10", "t", images, labels, images, labels, ones, ones, 2)
    options = TrainingOptions(
        epochs=epochs, learning_rate=0.1, crop=28, whole_epochs=whole_epochs, batch_size=8
    )
    train_model(Spy(), data, options)
    assert [size == 28 for training, size in given if training] == windows


@pytest.mark.parametrize("options", [{"augment": True}, {"crop": 3}])
def test_signals_are_neither_mirrored_nor_cropped(signals, options):
    model = build_model("signal_cnn_1d", seed=0)
    with pytest.raises(ConfigError, match="for images"):
        train_model(model, signals, TrainingOptions(epochs=1, learning_rate=0.1, **options))


def test_options_refuse_nonsense():
    for bad in (
        *({"epochs": 0}, {"learning_rate": 0.0}, {"precision": "fp16"}),
        *({"crop": 0}, {"whole_epochs": -1}),
    ):
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
