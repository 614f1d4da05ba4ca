"""Splits stay apart, generation is seeded, files are checked."""

import numpy as np
import pytest

from edgeint8.errors import ConfigError, DataError
from edgeint8.models.data import synthetic_signals
from edgeint8.models.data.datasets import (
    Dataset,
    Request,
    limited,
    load_dataset,
    save_dataset,
)
from edgeint8.models.data.registry import make_dataset
from edgeint8.models.data.stand_in import draw_images


def numbered_dataset(count=100, holdout=20):
    """Sample i has the value i (train) or 1000 + i (test), so that its origin can be read off."""
    train = np.arange(count, dtype=np.float32).reshape(-1, 1, 1)
    return Dataset(
        name="numbered",
        source="generated",
        train_inputs=train,
        train_labels=np.arange(count) % 3,
        test_inputs=1000 + train[:30],
        test_labels=np.arange(30) % 3,
        mean=np.zeros(1, np.float32),
        std=np.ones(1, np.float32),
        holdout=holdout,
    )


def test_train_and_hold_out_are_disjoint_and_complete():
    dataset = numbered_dataset()
    train, holdout = dataset.train().inputs.ravel(), dataset.held_out().inputs.ravel()
    assert sorted([*train, *holdout]) == list(range(100)) and len(holdout) == 20


def test_normalisation_by_hand():
    images = np.array([[[[0]], [[255]]]], np.uint8)  # (1, 2, 1, 1)
    dataset = Dataset(
        *("two", "generated", np.repeat(images, 2, 0), np.array([0, 1]), images, np.array([0])),
        mean=np.array([10, 55], np.float32),
        std=np.array([2, 100], np.float32),
        holdout=1,
    )
    assert dataset.test().inputs.ravel().tolist() == [-5.0, 2.0]


def test_limits_keep_the_first_samples_and_the_share_held_out():
    dataset = limited(numbered_dataset(), 50, 7)
    assert dataset.holdout == 10 and len(dataset.test_labels) == 7
    assert dataset.train().inputs.ravel().tolist() == list(range(40))
    assert limited(dataset, None, None).holdout == 10


def test_a_hold_out_must_leave_something():
    with pytest.raises(DataError, match="hold-out of 100 of 100"):
        numbered_dataset(holdout=100)


def test_round_trip_through_files(tmp_path):
    dataset = numbered_dataset()
    save_dataset(dataset, tmp_path / "arrays.npz", tmp_path / "provenance.json")
    read = load_dataset(tmp_path / "arrays.npz")
    assert read.name == "numbered" and read.holdout == 20
    assert (read.train_inputs == dataset.train_inputs).all()


@pytest.mark.parametrize("damage", ["missing", "cut off", "another zip"])
def test_broken_files_are_refused_by_name(tmp_path, damage):
    path = tmp_path / "arrays.npz"
    if damage != "missing":
        save_dataset(numbered_dataset(), path, tmp_path / "provenance.json")
    if damage == "cut off":
        path.write_bytes(path.read_bytes()[:500])
    if damage == "another zip":
        np.savez(path, x=np.zeros(3))
    with pytest.raises(DataError, match=r"arrays\.npz"):
        load_dataset(path)


def test_unknown_dataset(tmp_path):
    with pytest.raises(ConfigError, match="cifar10, synthetic_signals"):
        make_dataset("mnist", Request(tmp_path, 0))


def test_signals_have_the_promised_frequency():
    """The strongest line of a loud signal's spectrum is its class's frequency."""
    rng = np.random.default_rng(0)
    signals, labels = synthetic_signals.draw_signals(2000, rng)
    spectrum = np.abs(np.fft.rfft(signals[:, 0], axis=1))[:, 1:]
    hz = np.fft.rfftfreq(synthetic_signals.SAMPLES, 1 / synthetic_signals.SAMPLING_RATE_HZ)[1:]
    expected = np.asarray(synthetic_signals.FREQUENCIES_HZ)[labels]
    assert np.mean(hz[spectrum.argmax(1)] == expected) > 0.85


def test_generation_is_seeded(tmp_path):
    first, again, other = (
        make_dataset("synthetic_signals", Request(tmp_path, seed)) for seed in (0, 0, 1)
    )
    assert (first.test_inputs == again.test_inputs).all()
    assert not (first.test_inputs == other.test_inputs).all()


def test_stand_in_images_have_ten_seeded_classes():
    images, labels = draw_images(300, np.random.default_rng(0))
    again, _ = draw_images(300, np.random.default_rng(0))
    assert images.shape == (300, 3, 32, 32) and images.dtype == np.uint8
    assert set(labels) == set(range(10)) and (images == again).all()
