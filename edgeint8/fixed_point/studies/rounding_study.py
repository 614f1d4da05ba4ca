"""What other requantisation schemes change in a network, compared with ONNX Runtime's.

Two questions, two ways to feed a layer. "reference": every layer reads the tensors of the ORT
scheme (which equal ORT's own, element for element), so a row counts what one rounding does.
"own": every layer reads what the scheme itself made, as in hardware, so differences travel on.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

import numpy as np
import onnx

from edgeint8.conventions import IMAGES_AT_ONCE, Array, Row
from edgeint8.errors import ModelError
from edgeint8.fixed_point.arithmetic.requantize import Scheme, code_range
from edgeint8.fixed_point.executor import ALL_TENSORS, Executor, Images, as_feeds, pieces
from edgeint8.fixed_point.studies.judging import Judge, Outputs, joined

REQUANTISED = frozenset({"QLinearConv", "QLinearMatMul", "QGemm", "QLinearGlobalAveragePool"})
FEEDS = ("reference", "own")


@dataclass(frozen=True)
class RequantizeRow:
    """One row of ``requantize.csv``.

    elements : outputs of requantising layers that ORT's scheme does not clamp: the denominator
    differing : of these, how many codes differ;  max_lsb : by how many steps at most
    logits_differing : images with any different value in the network's output
    top1_changed : images whose largest output is another one
    judged_by, value : what judges outputs in the place of accuracy, and what it gives
    """

    scheme: str
    elements: int
    differing: int
    max_lsb: int
    logits_differing: int
    top1_changed: int
    fed: str
    images: int
    clamped_elements: int
    judged_by: str | None = None
    value: float | None = None


@dataclass
class _Tally:
    """Running sums of one row."""

    elements: int = 0
    differing: int = 0
    max_lsb: int = 0
    clamped: int = 0
    logits: int = 0
    top1: int = 0
    outputs: list[Outputs] = field(default_factory=list)

    def add_layer(self, got: Array, want: Array) -> None:
        """Count one requantised tensor."""
        low, high = code_range(want.dtype)
        inside = (want > low) & (want < high)
        steps = np.abs(got.astype(np.int16) - want.astype(np.int16))[inside]
        self.elements += steps.size
        self.clamped += want.size - steps.size
        self.differing += int(np.count_nonzero(steps))
        self.max_lsb = max(self.max_lsb, int(steps.max(initial=0)))

    def add_output(self, got: Array, want: Array) -> None:
        """Count the network's answers."""
        got, want = got.reshape(len(got), -1), want.reshape(len(want), -1)
        self.logits += int(np.count_nonzero((got != want).any(axis=1)))
        self.top1 += int(np.count_nonzero(got.argmax(axis=1) != want.argmax(axis=1)))


def _run_scheme(
    executor: Executor, feeds: Mapping[str, Array], reference: dict[str, Array], fed: str
) -> dict[str, Array]:
    """All tensors under a scheme, its layers fed as `fed` says."""
    substitute = reference if fed == "reference" else None
    return executor.run(feeds, keep=ALL_TENSORS, substitute=substitute)


def requantize_rows(
    model: onnx.ModelProto,
    images: Images,
    schemes: Iterable[Scheme] = tuple(Scheme),
    batch: int = IMAGES_AT_ONCE,
    judge: Judge | None = None,
) -> list[RequantizeRow]:
    """Both rows (fed by the reference, fed by itself) of every scheme; ORT's own differ nowhere."""
    count = len(next(iter(as_feeds(model, images).values())))
    if not count:
        raise ModelError("rounding study without images", allowed="1 or more")
    reference_run = Executor(model)
    layers = [n.outputs[0] for n in reference_run.graph.nodes if n.op_type in REQUANTISED]
    names = reference_run.graph.outputs
    counts: list[int] = []
    executors = {scheme: Executor(model, scheme) for scheme in schemes}
    tallies = {(scheme, fed): _Tally() for scheme in executors for fed in FEEDS}
    for feeds in pieces(as_feeds(model, images), batch):
        reference = reference_run.run(feeds, keep=ALL_TENSORS)
        counts.append(len(next(iter(feeds.values()))))
        for (scheme, fed), tally in tallies.items():
            got = _run_scheme(executors[scheme], feeds, reference, fed)
            for name in layers:
                tally.add_layer(got[name], reference[name])
            tally.add_output(got[names[0]], reference[names[0]])
            if judge:
                tally.outputs.append({name: got[name] for name in names})
    said = {
        key: judge.columns(joined(tally.outputs, names, counts)) if judge else {}
        for key, tally in tallies.items()
    }
    return [_row(*key, count, tally, said[key]) for key, tally in tallies.items()]


def _row(scheme: Scheme, fed: str, images: int, tally: _Tally, judged: Row) -> RequantizeRow:
    return RequantizeRow(
        scheme=scheme.value,
        elements=tally.elements,
        differing=tally.differing,
        max_lsb=tally.max_lsb,
        logits_differing=tally.logits,
        top1_changed=tally.top1,
        fed=fed,
        images=images,
        clamped_elements=tally.clamped,
        **judged,
    )
