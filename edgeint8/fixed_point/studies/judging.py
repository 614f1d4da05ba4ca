"""What judges a network whose arithmetic is changed: its outputs, what they give, what may be lost.

The yardsticks themselves are other parts' (accuracy, a metric of the user's, the worst entry):
whoever starts a study hands a `Judge` in.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import onnx

from edgeint8.conventions import Array, Row
from edgeint8.fixed_point.executor import Executor, Images, as_feeds, pieces

Outputs = Mapping[str, Array]


@dataclass(frozen=True)
class Judge:
    """How good outputs by name are.

    name
        Of what takes the place of accuracy; None where accuracy judges.
    value
        What it gives for outputs of all images.
    difference
        Of two networks' outputs for the same images, the first minus the second: its value, and
        the lower end of its 95 % interval, which is paired.
    margin
        How much may be lost.
    """

    name: str | None
    value: Callable[[Outputs], float]
    difference: Callable[[Outputs, Outputs], tuple[float, float]]
    margin: float

    def columns(self, outputs: Outputs) -> Row:
        """``judged_by`` and ``value``; both empty where accuracy judges."""
        if self.name is None:
            return {"judged_by": None, "value": None}
        return {"judged_by": self.name, "value": self.value(outputs)}


def outputs_of(
    executor: Executor, model: onnx.ModelProto, images: Images, batch: int
) -> dict[str, Array]:
    """The first output by name, (N, ...), and all others that have a row an image."""
    fed = list(pieces(as_feeds(model, images), batch))
    counts = [len(next(iter(feeds.values()))) for feeds in fed]
    return joined([executor.run(feeds) for feeds in fed], executor.graph.outputs, counts)


def joined(
    parts: Sequence[Outputs], names: Sequence[str], counts: Sequence[int]
) -> dict[str, Array]:
    """Outputs of pieces of `counts` images each, as `outputs_of` gives them."""
    first, *others = names
    whole = [n for n in others if [np.shape(p[n])[:1] for p in parts] == [(c,) for c in counts]]
    return {n: np.concatenate([part[n] for part in parts]) for n in (first, *whole)}


def predictions(outputs: Outputs) -> Array:
    """Index of the largest value of the first output of every image, (N,)."""
    first = next(iter(outputs.values()))
    return np.asarray(first.reshape(len(first), -1).argmax(axis=1))
