"""Synthetic signals: one of five sine frequencies in Gaussian noise, two seconds at 64 Hz."""

import numpy as np
from numpy.typing import NDArray

from edgeint8.models.data.datasets import Dataset, Request

SAMPLING_RATE_HZ = 64
SAMPLES = 128
FREQUENCIES_HZ = (2, 5, 8, 11, 14)
NOISE_STD = 0.75
AMPLITUDE_RANGE = (0.25, 1.0)
TRAIN, HOLDOUT, TEST = 12_000, 2_000, 10_000


def make(request: Request) -> Dataset:
    """Generate the dataset. It is synthetic by design, so no source is asked and none replaced."""
    rng = np.random.default_rng([request.seed, 1])
    train_inputs, train_labels = draw_signals(TRAIN, rng)
    test_inputs, test_labels = draw_signals(TEST, rng)
    return Dataset(
        name="synthetic_signals",
        source="generated",
        train_inputs=train_inputs,
        train_labels=train_labels,
        test_inputs=test_inputs,
        test_labels=test_labels,
        mean=np.zeros(1, np.float32),
        std=np.ones(1, np.float32),
        holdout=HOLDOUT,
    )


def draw_signals(
    count: int, rng: np.random.Generator
) -> tuple[NDArray[np.float32], NDArray[np.int64]]:
    """Signals (count, 1, SAMPLES) and their class (count,).

    x(t) = a sin(2 pi f t + p) + n(t), with p uniform over the circle, a uniform over
    `AMPLITUDE_RANGE` and n white Gaussian noise: the weak signals are the hard ones.
    """
    labels = rng.integers(len(FREQUENCIES_HZ), size=count)
    frequency = np.asarray(FREQUENCIES_HZ)[labels][:, None]  # (N, 1)
    phase = rng.uniform(0, 2 * np.pi, size=(count, 1))
    amplitude = rng.uniform(*AMPLITUDE_RANGE, size=(count, 1))
    time_s = np.arange(SAMPLES) / SAMPLING_RATE_HZ  # (SAMPLES,)
    noise = NOISE_STD * rng.standard_normal((count, SAMPLES))
    signals = amplitude * np.sin(2 * np.pi * frequency * time_s + phase) + noise
    return signals[:, None, :].astype(np.float32), labels
