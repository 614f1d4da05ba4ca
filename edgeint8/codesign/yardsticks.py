"""What judges a network whose arithmetic Part C changes: accuracy, a metric, or the worst entry.

The yardsticks are those that strategies are admitted by (``quant.evidence``), paired with the
network's own exact sums.
"""

from collections.abc import Mapping
from typing import Any, Protocol

import onnx

from edgeint8.conventions import ACCURACY_MARGIN, Array
from edgeint8.fixed_point.executor import Executor
from edgeint8.fixed_point.studies.judging import Judge, Outputs, outputs_of, predictions
from edgeint8.quant.evidence.evaluation import as_scores
from edgeint8.quant.evidence.metrics import Judged, Scorer, scorer
from edgeint8.quant.evidence.statistics import non_inferiority


class Seen(Protocol):
    """Images: inputs by name, labels (N,) or None, and what a metric compares with."""

    @property
    def inputs(self) -> Mapping[str, Array]:
        """By name, (N, ...)."""
        ...

    @property
    def labels(self) -> Array | None:
        """Classes, (N,), if they are known."""
        ...

    @property
    def truth(self) -> Array | None:
        """What a metric compares with."""
        ...

    @property
    def is_random(self) -> bool:
        """Whether nobody gave these images."""
        ...

    def __len__(self) -> int: ...


def judge_of(
    model: onnx.ModelProto,
    seen: Seen,
    named: Mapping[str, Any] | None,
    fp32: Outputs | None,
    batch: int,
) -> Judge:
    """The judge of an integer `model` on the images `seen`.

    named: the network's `metric`, if it has one; fp32: the float network's outputs for these images
    or more. Where nobody knows them the outputs of exact sums take their place.
    """
    found = fp32 or _with_scores(outputs_of(Executor(model), model, seen.inputs, batch))
    reference = {name: array[: len(seen)] for name, array in found.items()}
    judged = Judged(reference, reference, seen.inputs, seen.truth)
    scored = scorer(named, judged, random=seen.is_random)
    return _by_decisions(seen.labels) if scored is None else _by_score(scored)


def _by_decisions(labels: Array | None) -> Judge:
    """Accuracy; without labels, agreement with exact sums."""

    def difference(outputs: Outputs, exact: Outputs) -> tuple[float, float]:
        own, reference = predictions(outputs), predictions(exact)
        truth = reference if labels is None else labels
        test = non_inferiority(own == truth, reference == truth, ACCURACY_MARGIN)
        return test.difference, test.low

    def value(outputs: Outputs) -> float:
        return float("nan") if labels is None else float((predictions(outputs) == labels).mean())

    return Judge(None, value, difference, ACCURACY_MARGIN)


def _by_score(found: Scorer) -> Judge:
    def difference(outputs: Outputs, exact: Outputs) -> tuple[float, float]:
        pair = found.against(_with_scores(outputs), _with_scores(exact))
        return pair.value, pair.low

    def value(outputs: Outputs) -> float:
        return found.value(_with_scores(outputs))

    return Judge(found.metric.name, value, difference, found.metric.margin)


def _with_scores(outputs: Outputs) -> dict[str, Array]:
    """Outputs as strategies are judged by."""
    first = next(iter(outputs))
    return dict(outputs) | {first: as_scores(outputs[first])}
