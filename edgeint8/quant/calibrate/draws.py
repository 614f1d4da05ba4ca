"""Calibration draws: one set of calibration images is one sample, so the study takes several."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from edgeint8.errors import ConfigError, DataError

DRAWS = 5


@dataclass(frozen=True)
class Spread:
    """Mean, smallest and largest of a few values, and their standard deviation (n - 1)."""

    mean: float
    low: float
    high: float
    deviation: float


def calibration_draws(
    total: int, samples: int, *, seed: int, draws: int = DRAWS
) -> NDArray[np.int64]:
    """Row indices of `draws` random calibration sets of `samples` of `total` images each.

    Shape (draws, samples), each set without repetition and in ascending order. Sets do not overlap
    while total >= draws * samples; otherwise each is drawn from all images. The first set is the
    one that every strategy of the study uses.
    """
    if not 1 <= samples <= total:
        raise ConfigError(f"{samples} calibration samples", allowed=f"1 to {total}")
    if draws < 1:
        raise ConfigError(f"{draws} draws", allowed="1 or more")
    generator = np.random.default_rng(seed)
    if total >= draws * samples:
        sets = generator.permutation(total)[: draws * samples].reshape(draws, samples)
    else:
        sets = np.stack([generator.permutation(total)[:samples] for _ in range(draws)])
    return np.sort(sets, axis=1)


def spread(values: ArrayLike) -> Spread:
    """Summary of one quantity over the draws; the deviation of a single value is 0."""
    array = np.asarray(values, np.float64)
    if array.ndim != 1 or not array.size:
        raise DataError(f"values of shape {array.shape}", allowed="a non-empty vector")
    deviation = float(array.std(ddof=1)) if array.size > 1 else 0.0
    return Spread(float(array.mean()), float(array.min()), float(array.max()), deviation)
