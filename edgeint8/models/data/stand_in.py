"""A procedural stand-in for CIFAR-10: same shapes, ten classes, no relation to its images.

A class is an orientation (five of them) and a texture: stripes, or a plaid that adds weaker stripes
across. Orientation jitters by a third of the step to the next class, so that 13 % cross over;
contrast, wavelength, phase, colour, a hole and noise vary too. A small network neither fails nor
solves it. Every table and figure made from it says that it is a stand-in.
"""

from typing import Any

import numpy as np
from numpy.typing import NDArray

SIDE = 32
ORIENTATIONS_DEG = (0.0, 36.0, 72.0, 108.0, 144.0)
ORIENTATION_JITTER_DEG = 12.0
CROSSING_CONTRAST = 0.5
NOISE_STD = 45.0


def draw_images(
    count: int, rng: np.random.Generator
) -> tuple[NDArray[np.uint8], NDArray[np.int64]]:
    """Images (count, 3, 32, 32) uint8 and their class (count,) in 0..9."""
    labels = rng.integers(10, size=count)
    images = np.empty((count, 3, SIDE, SIDE), np.uint8)
    for start in range(0, count, 5_000):
        piece = slice(start, min(start + 5_000, count))
        images[piece] = _draw(labels[piece], rng)
    return images, labels


def _draw(labels: NDArray[np.int64], rng: np.random.Generator) -> NDArray[np.uint8]:
    count = len(labels)

    def uniform(low: float, high: float) -> NDArray[np.float64]:
        return _each(rng.uniform(low, high, count))

    y, x = np.mgrid[0:SIDE, 0:SIDE] - (SIDE - 1) / 2  # (32, 32) each, in pixels from the centre
    jitter = ORIENTATION_JITTER_DEG * rng.standard_normal(count)
    angle = _each(np.deg2rad(np.asarray(ORIENTATIONS_DEG)[labels % 5] + jitter))
    along = np.cos(angle) * x + np.sin(angle) * y  # (N, 32, 32)
    across = np.cos(angle) * y - np.sin(angle) * x
    cycles = 2 * np.pi / uniform(5, 9)  # radians a pixel
    stripes = np.sin(cycles * along + uniform(0, 2 * np.pi))
    crossing = np.sin(cycles * across + uniform(0, 2 * np.pi)) * _each(labels // 5)
    pattern = (stripes + CROSSING_CONTRAST * crossing) * uniform(20, 60)
    hole = (x - uniform(-8, 8)) ** 2 + (y - uniform(-8, 8)) ** 2 < uniform(3, 8) ** 2
    colours = rng.uniform(-60, 60, (count, 3, 1, 1))
    noise = NOISE_STD * rng.standard_normal((count, 3, SIDE, SIDE))
    images = 128 + colours + np.where(hole, 0, pattern)[:, None] + noise
    return np.clip(np.rint(images), 0, 255).astype(np.uint8)


def _each(values: NDArray[Any]) -> NDArray[Any]:
    """One value an image, shaped to broadcast over its pixels: (N, 1, 1)."""
    return values[:, None, None]
