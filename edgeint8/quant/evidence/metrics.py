"""How good an output is where accuracy is not the question: a metric, and paired intervals of it.

A metric is ``(outputs, inputs, labels) -> one score a sample, or one number``, more being better.
Outputs and inputs are arrays, (N, ...), or arrays by name where there are several. Built in:

    top1                 the largest score stands at the label
    cosine               of the angle between a sample's output and FP32's
    psnr                 of a sample's output against FP32's range, in dB, at most `CEILING_DB`
    reconstruction_auc   how well the error of reconstruction tells labels 1 from labels 0

The difference of two networks has a paired bootstrap interval: both are scored on the same samples,
drawn anew with replacement (Efron and Tibshirani 1993, chapter 13).
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import scipy
from numpy.typing import NDArray

from edgeint8.conventions import ACCURACY_MARGIN, Array, Row
from edgeint8.errors import DataError, EdgeInt8Error
from edgeint8.extensions import run_file
from edgeint8.quant.evidence.channels import are_scores, worst_entry_db

Arrays = Array | Mapping[str, Array]
CEILING_DB = 100.0
DRAWS, DRAWS_OF_A_NUMBER = 2000, 200
CONFIDENCE = 0.95
MARGINS = {"psnr": 1.0}  # dB; others as of accuracy
BUILT_IN = ("top1", "cosine", "psnr", "reconstruction_auc")
WORST_CHANNEL = "worst channel"
WORST_MARGIN_DB = 1.0
AGAINST_FP32 = ("cosine", "psnr", WORST_CHANNEL)


@dataclass(frozen=True)
class Judged:
    """What a metric sees: outputs of a network, FP32's, its inputs and labels, N rows of each."""

    outputs: Mapping[str, Array]
    fp32: Mapping[str, Array] | None
    inputs: Mapping[str, Array]
    labels: Array | None

    def rows(self, chosen: NDArray[np.int64]) -> "Judged":
        """Some of the samples."""
        fp32 = None if self.fp32 is None else _rows(self.fp32, chosen)
        labels = None if self.labels is None else self.labels[chosen]
        outputs, inputs = _rows(self.outputs, chosen), _rows(self.inputs, chosen)
        return replace(self, outputs=outputs, fp32=fp32, inputs=inputs, labels=labels)


@dataclass(frozen=True)
class Metric:
    """A metric by its name: a built-in one, or ``file.py:function``; margin: what may be lost."""

    name: str
    score: Callable[[Judged], Array]
    margin: float

    @property
    def against_fp32(self) -> bool:
        """Whether it compares with FP32's output, so that FP32 itself has no score."""
        return self.name in AGAINST_FP32

    def scores(self, judged: Judged) -> Array:
        """(N,) scores of the samples, or () for one number of all."""
        try:
            found = np.asarray(self.score(judged), np.float64)
        except EdgeInt8Error:
            raise
        except Exception as error:  # a user's function raises whatever it raises
            what = f"{type(error).__name__}: {error}"
            raise DataError(what, where=f"metric {self.name}") from error
        count = len(next(iter(judged.outputs.values())))
        if found.shape not in ((), (count,)) or not np.isfinite(found).all():
            raise DataError(
                f"scores of shape {found.shape}"
                + ("" if np.isfinite(found).all() else " that are not finite"),
                where=f"metric {self.name}",
                allowed=f"({count},): one finite number a sample, or one number",
            )
        return found


@dataclass(frozen=True)
class Scorer:
    """A metric and what it sees besides the outputs of a network; fp32 has FP32's."""

    metric: Metric
    fp32: Judged

    def value(self, outputs: Mapping[str, Array]) -> float:
        """The metric of these outputs."""
        return value(self.metric.scores(replace(self.fp32, outputs=outputs)))

    def against(self, outputs: Mapping[str, Array], others: Mapping[str, Array]) -> "Difference":
        """How much more `outputs` give than `others`, as strategies are compared with the best.

        The worst entry is one number of all samples that no interval is drawn for.
        """
        if self.metric.name == WORST_CHANNEL:
            gain = self.value(outputs) - self.value(others)
            return Difference(gain, gain, gain)
        pair = (replace(self.fp32, outputs=found) for found in (outputs, others))
        return difference(self.metric, *pair)

    def lost(self, outputs: Mapping[str, Array]) -> float:
        """FP32's value minus theirs; NaN for a metric that gives FP32 none."""
        if self.metric.against_fp32:
            return float("nan")
        return self.value(self.fp32.outputs) - self.value(outputs)

    def is_loss(self, outputs: Mapping[str, Array]) -> bool:
        """Whether the paired bootstrap shows that something is lost against FP32."""
        if self.metric.against_fp32:
            return False
        return difference(self.metric, replace(self.fp32, outputs=outputs), self.fp32).high < 0


def scorer(named: Mapping[str, Any] | None, fp32: Judged, *, random: bool = False) -> Scorer | None:
    """What judges a network beside SQNR; None where classes do: accuracy, or agreement.

    named: its `metric` (name and margin), which says nothing of random inputs. Without one and
    without classes it is the SQNR of the worst entry of the first output.
    """
    if named and not random:
        return Scorer(metric(**named), fp32)
    if are_scores(next(iter(fp32.outputs.values()))):
        return None
    return Scorer(Metric(WORST_CHANNEL, _worst_channel, WORST_MARGIN_DB), fp32)


def judged_columns(scorer: Scorer | None, outputs: Mapping[str, Array]) -> Row:
    """``judged_by`` and ``value`` of outputs; both empty where accuracy judges."""
    if scorer is None:
        return {"judged_by": None, "value": None}
    return {"judged_by": scorer.metric.name, "value": scorer.value(outputs)}


def fp32_columns(named: Mapping[str, Any] | None, fp32: Judged) -> Row:
    """``metric`` and ``metric_value`` of the float network; a metric against FP32 gives it none."""
    if not named:
        return {"metric": None, "metric_value": None}
    found = metric(**named)
    own = None if found.against_fp32 else value(found.scores(fp32))
    return {"metric": found.name, "metric_value": own}


def judged_strategy(row: Mapping[str, Any]) -> Row:
    """What judges a strategy, a row of ``quantization.csv``: yardstick, value and margin.

    The same as `scorer` chooses; both empty where accuracy judges.
    """
    if isinstance(row.get("metric"), str):
        found = (row["metric"], row["metric_value"], row["metric_margin"])
    elif _given(row.get("worst_channel_sqnr_db")) and not _given(row.get("agreement")):
        worst = float(np.clip(row["worst_channel_sqnr_db"], -CEILING_DB, CEILING_DB))
        found = (WORST_CHANNEL, worst, WORST_MARGIN_DB)
    else:  # classes, or an output without entries
        found = (None, None, ACCURACY_MARGIN)
    return dict(zip(("judged_by", "value", "margin"), found, strict=True))


def _given(number: Any) -> bool:
    return number is not None and not np.isnan(number)


@dataclass(frozen=True)
class Difference:
    """Of two values of a metric, candidate minus reference, with its paired bootstrap interval."""

    value: float
    low: float
    high: float


def metric(name: str, margin: float | None = None) -> Metric:
    """A metric of a study file.

    Raises `ConfigError` for a file that cannot be run, `DataError` where it has no such function.
    """
    allowed = MARGINS.get(name, ACCURACY_MARGIN) if margin is None else margin
    if name in BUILT_IN:
        return Metric(name, globals()[f"_{name}"], allowed)
    function = _function(name)

    def score(judged: Judged) -> Array:
        return np.asarray(function(_plain(judged.outputs), _plain(judged.inputs), judged.labels))

    return Metric(name, score, allowed)


def value(scores: Array) -> float:
    """The metric of all samples."""
    return float(scores.mean())


def difference(metric: Metric, candidate: Judged, reference: Judged) -> Difference:
    """How much better `candidate` is than `reference` on the same samples."""
    first, second = metric.scores(candidate), metric.scores(reference)
    found = value(first) - value(second)
    generator, count = np.random.default_rng(0), len(next(iter(candidate.outputs.values())))
    if first.ndim:
        gains = first - second
        drawn = [gains[generator.integers(0, count, count)].mean() for _ in range(DRAWS)]
    else:
        drawn = []
        for _ in range(DRAWS_OF_A_NUMBER):
            rows = generator.integers(0, count, count)
            pair = (metric.scores(judged.rows(rows)) for judged in (candidate, reference))
            one, two = (value(scores) for scores in pair)
            drawn.append(one - two)
    tail = 50 * (1 - CONFIDENCE)
    low, high = np.percentile(drawn, [tail, 100 - tail])
    return Difference(found, float(low), float(high))


def _function(name: str) -> Callable[..., Any]:
    path, _, function = name.rpartition(":")
    found = getattr(run_file(path), function, None)
    if not callable(found):
        raise DataError(
            f"no function {function!r}", where=path, allowed="(outputs, inputs, labels) -> scores"
        )
    return found


def _plain(arrays: Mapping[str, Array]) -> Arrays:
    return next(iter(arrays.values())) if len(arrays) == 1 else dict(arrays)


def _rows(arrays: Mapping[str, Array], chosen: NDArray[np.int64]) -> dict[str, Array]:
    return {name: array[chosen] for name, array in arrays.items()}


def _first(arrays: Mapping[str, Array] | None, metric: str, what: str) -> Array:
    if arrays is None:
        raise DataError(f"no {what}", where=f"metric {metric}", allowed=f"{what} for each sample")
    found = np.asarray(next(iter(arrays.values())), np.float64)
    return found.reshape(len(found), -1)


def _labels(judged: Judged, metric: str) -> Array:
    if judged.labels is None or judged.labels.ndim != 1:
        raise DataError("no labels", where=f"metric {metric}", allowed="labels (N,) in the data")
    return judged.labels


def _top1(judged: Judged) -> Array:
    outputs = _first(judged.outputs, "top1", "outputs")
    return np.asarray(outputs.argmax(axis=1) == _labels(judged, "top1"), np.float64)


def _cosine(judged: Judged) -> Array:
    """1 where both are zero, 0 where one is."""
    one, two = _first(judged.outputs, "cosine", "outputs"), _first(judged.fp32, "cosine", "FP32")
    sizes = np.linalg.norm(one, axis=1) * np.linalg.norm(two, axis=1)
    same = (one == two).all(axis=1)
    cosines = (one * two).sum(axis=1) / np.where(sizes > 0, sizes, 1.0)
    return np.where(same, 1.0, np.where(sizes > 0, cosines, 0.0))


def _worst_channel(judged: Judged) -> Array:
    """SQNR of the worst entry of the first output, within `CEILING_DB` of 0."""
    assert judged.fp32 is not None
    pair = (next(iter(outputs.values())) for outputs in (judged.fp32, judged.outputs))
    return np.clip(worst_entry_db(*pair), -CEILING_DB, CEILING_DB)


def _psnr(judged: Judged) -> Array:
    """10 log10(range^2 / mean squared error), the range that of FP32's output over all samples."""
    one, two = _first(judged.outputs, "psnr", "outputs"), _first(judged.fp32, "psnr", "FP32")
    error = ((one - two) ** 2).mean(axis=1)
    least = np.ptp(two) ** 2 * 10 ** (-CEILING_DB / 10) or 1.0
    return np.asarray(10 * np.log10(max(np.ptp(two) ** 2, 1e-300) / np.maximum(error, least)))


def _reconstruction_auc(judged: Judged) -> Array:
    """Area under the ROC curve: the chance that a 1 has a larger error than a 0; ties are half."""
    labels = _labels(judged, "reconstruction_auc")
    made = _first(judged.outputs, "reconstruction_auc", "outputs")
    given = _first(judged.inputs, "reconstruction_auc", "inputs")
    if made.shape != given.shape or not set(np.unique(labels)) <= {0, 1}:
        raise DataError(
            f"outputs {made.shape} for inputs {given.shape}, labels {np.unique(labels)[:4]}",
            where="metric reconstruction_auc",
            allowed="an output of the input's size, labels 0 and 1",
        )
    ones = int(labels.sum())
    zeros = len(labels) - ones
    if not ones or not zeros:  # a draw may have one kind only: nothing is told apart
        return np.array(0.5)
    ranks = scipy.stats.rankdata(((made - given) ** 2).mean(axis=1))
    return np.array((ranks[labels == 1].sum() - ones * (ones + 1) / 2) / (ones * zeros))
