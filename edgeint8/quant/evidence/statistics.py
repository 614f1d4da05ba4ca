"""Is one classifier as good as another? Intervals, paired tests, corrections, non-inferiority.

Two networks that are judged on the same images are a paired experiment: only the images on which
they disagree carry information. With b images that only the first gets right and c that only the
second does, n in all, the accuracies differ by (c - b) / n.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import scipy
from numpy.typing import ArrayLike, NDArray

from edgeint8.errors import DataError

CONFIDENCE = 0.95


@dataclass(frozen=True)
class Proportion:
    """A share of successes with its two-sided Wilson score interval."""

    value: float
    low: float
    high: float


@dataclass(frozen=True)
class McNemar:
    """McNemar's test of two paired classifiers, two-sided.

    only_first, only_second: discordant pairs b and c; p_exact: binomial test of b among b + c;
    p_mid: the same less half the probability of the observed split, which keeps the nominal size
    without the exact test's conservatism (Fagerland, Lydersen and Laake 2013).
    """

    only_first: int
    only_second: int
    p_exact: float
    p_mid: float


@dataclass(frozen=True)
class NonInferiority:
    """Whether a candidate is at most `margin` worse than a reference.

    difference: candidate - reference accuracy; low, high: its two-sided Tango score interval at
    `CONFIDENCE`; holds: low > -margin, which is a one-sided test at half the remaining error.
    """

    difference: float
    low: float
    high: float
    margin: float
    holds: bool


def correct_answers(logits: ArrayLike, labels: ArrayLike) -> NDArray[np.bool_]:
    """Whether the first largest logit is the label's: (N, classes) and (N,) to (N,)."""
    scores, truth = np.asarray(logits), np.asarray(labels)
    if scores.ndim != 2 or truth.shape != scores.shape[:1]:
        raise DataError(
            f"logits {scores.shape} and labels {truth.shape}", allowed="(N, classes) and (N,)"
        )
    return np.asarray(scores.argmax(axis=1) == truth)


def agreement(logits: ArrayLike, others: ArrayLike) -> float:
    """Share of rows whose largest logit stands at the same class."""
    first, second = np.asarray(logits), np.asarray(others)
    if first.ndim != 2 or first.shape != second.shape or not len(first):
        raise DataError(f"logits {first.shape} and {second.shape}", allowed="equal (N, classes)")
    return float(np.mean(first.argmax(axis=1) == second.argmax(axis=1)))


def accuracy(correct: ArrayLike, confidence: float = CONFIDENCE) -> Proportion:
    """Share of true values with its Wilson interval."""
    answers = _answers(correct)
    return wilson(int(answers.sum()), answers.size, confidence)


def wilson(successes: int, trials: int, confidence: float = CONFIDENCE) -> Proportion:
    """Wilson's score interval: the shares p with |successes/n - p| <= z sqrt(p (1 - p) / n).

    >>> found = wilson(80, 100)
    >>> round(found.low, 3), round(found.high, 3)
    (0.711, 0.867)
    """
    if not (trials > 0 and 0 <= successes <= trials and 0 < confidence < 1):
        raise DataError(f"{successes} successes of {trials} at {confidence}")
    interval = scipy.stats.binomtest(successes, trials).proportion_ci(confidence, method="wilson")
    return Proportion(successes / trials, float(interval.low), float(interval.high))


def mcnemar(first: ArrayLike, second: ArrayLike) -> McNemar:
    """Compare two classifiers by their correct answers on the same images, (N,) booleans each."""
    b, c = _discordant(first, second)
    if b + c == 0:
        return McNemar(0, 0, 1.0, 1.0)
    exact = float(scipy.stats.binomtest(b, b + c, 0.5).pvalue)
    drawn = scipy.stats.binom(b + c, 0.5)
    mid = 2 * float(drawn.cdf(min(b, c))) - float(drawn.pmf(min(b, c)))
    return McNemar(b, c, exact, min(1.0, mid))


def holm(p_values: Sequence[float]) -> list[float]:
    """Holm's step-down adjustment for a family of tests, in the order given.

    The i-th smallest of m p-values becomes the largest of (m - j) p_j over j <= i (counted from 0),
    at most 1: rejecting those below alpha errs anywhere with probability alpha at most.

    >>> holm([0.01, 0.04, 0.03])
    [0.03, 0.06, 0.06]
    """
    values = np.asarray(p_values, np.float64)
    if values.size and not ((values >= 0) & (values <= 1)).all():
        raise DataError(f"p-values {p_values}", allowed="0 to 1")
    order = np.argsort(values, kind="stable")
    scaled = values[order] * (values.size - np.arange(values.size))
    adjusted = np.empty_like(values)
    adjusted[order] = np.minimum(np.maximum.accumulate(scaled), 1.0)
    return [float(value) for value in adjusted]


def non_inferiority(
    candidate: ArrayLike,
    reference: ArrayLike,
    margin: float,
    confidence: float = CONFIDENCE,
) -> NonInferiority:
    """Test that `candidate` loses at most `margin` (a share, 0.01 is one point) to `reference`."""
    if not 0 < margin < 1:
        raise DataError(f"margin {margin}", allowed="above 0, below 1")
    b, c = _discordant(reference, candidate)
    n = np.size(reference)
    low, high = tango_interval(c, b, n, confidence)
    return NonInferiority((c - b) / n, low, high, margin, low > -margin)


def tango_interval(
    gains: int, losses: int, n: int, confidence: float = CONFIDENCE
) -> tuple[float, float]:
    """Score interval of a paired difference (gains - losses) / n, after Tango (1998).

    The ends are the differences d whose score statistic (gains - losses - n d) / sqrt(n (2 q + d (1
    - d))) is +-z, where q is the maximum-likelihood share of losses under d: the larger root of
    2 n q^2 + ((2 n - gains + losses) d - gains - losses) q - losses d (1 - d) = 0. Unlike Wald's it
    has a width when nothing is discordant.
    """
    if not (gains >= 0 and losses >= 0 and gains + losses <= n and n > 0 and 0 < confidence < 1):
        raise DataError(f"{gains} gains and {losses} losses of {n} at {confidence}")
    z = float(scipy.stats.norm.ppf((1 + confidence) / 2))

    def score(d: float) -> float:
        linear = (2 * n - gains + losses) * d - gains - losses
        root = np.sqrt(max(linear**2 + 8 * n * losses * d * (1 - d), 0.0))
        variance = (root - linear) / 2 + n * d * (1 - d)
        distance = gains - losses - n * d
        return 0.0 if distance == 0 else float(distance / np.sqrt(max(variance, 1e-30)))

    low = -1.0 if score(-1.0) <= z else scipy.optimize.brentq(lambda d: score(d) - z, -1.0, 1.0)
    high = 1.0 if score(1.0) >= -z else scipy.optimize.brentq(lambda d: score(d) + z, -1.0, 1.0)
    return float(low), float(high)


def _answers(correct: ArrayLike) -> NDArray[np.bool_]:
    answers = np.asarray(correct)
    if answers.ndim != 1 or answers.size == 0 or answers.dtype != np.bool_:
        raise DataError(
            f"answers of shape {answers.shape} and type {answers.dtype}", allowed="(N,) booleans"
        )
    return answers


def _discordant(first: ArrayLike, second: ArrayLike) -> tuple[int, int]:
    """Images only the first got right, and only the second."""
    one, two = _answers(first), _answers(second)
    if one.size != two.size:
        raise DataError(f"{one.size} and {two.size} answers", allowed="the same images")
    return int(np.sum(one & ~two)), int(np.sum(two & ~one))
