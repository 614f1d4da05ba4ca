"""A procedural stand-in for CIFAR-10: same shapes, ten classes, no relation to its images.

Each class is a pair (orientation of a grating, shape drawn over it). Contrast, colour, phase,
position and heavy noise vary, and orientations overlap, so that a small network neither fails
nor solves it. Every table and figure made from it says that it is a stand-in.
"""

from typing import Any

import numpy as np
from numpy.typing import NDArray

SIDE = 32
ORIENTATIONS_DEG = (0.0, 36.0, 72.0, 108.0, 144.0)
ORIENTATION_JITTER_DEG = 11.0
NOISE_STD = 40.0


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
    grating = np.sin(2 * np.pi * along / uniform(5, 9) + uniform(0, 2 * np.pi))
    inside = _shape_mask(labels // 5, x, y, rng)
    pattern = grating * uniform(20, 60) + inside * uniform(20, 70) * rng.choice(
        [-1, 1], (count, 1, 1)
    )
    colours = rng.uniform(-60, 60, (count, 3, 1, 1))
    noise = NOISE_STD * rng.standard_normal((count, 3, SIDE, SIDE))
    images = 128 + colours + pattern[:, None] + noise
    return np.clip(np.rint(images), 0, 255).astype(np.uint8)


def _shape_mask(
    kind: NDArray[np.int64],
    x: NDArray[np.float64],
    y: NDArray[np.float64],
    rng: np.random.Generator,
) -> NDArray[np.bool_]:
    """A disc (kind 0) or a cross of about its area (kind 1) at a random place: (N, 32, 32)."""
    count = len(kind)
    dx = x - _each(rng.uniform(-6, 6, count))
    dy = y - _each(rng.uniform(-6, 6, count))
    radius = _each(rng.uniform(6, 10, count))
    disc = dx**2 + dy**2 <= radius**2
    narrow, wide = (np.minimum(abs(dx), abs(dy)), np.maximum(abs(dx), abs(dy)))
    cross = (narrow <= 0.45 * radius) & (wide <= 1.2 * radius)
    return np.where(_each(kind) == 0, disc, cross)


def _each(values: NDArray[Any]) -> NDArray[Any]:
    """One value an image, shaped to broadcast over its pixels: (N, 1, 1)."""
    return values[:, None, None]
