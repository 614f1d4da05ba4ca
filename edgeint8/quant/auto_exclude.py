"""`auto_exclude`: the nodes whose quantisation costs most stay float, chosen on a hold-out.

The rule, stated before any result (docs/decisions/0016-auto-exclude.md):

1. Every node that calculates is quantised alone, a layer together with the activation behind it.
   The lower the worst entry of any output falls, the more the node costs.
2. All nodes are quantised. While that is not enough the next costliest one becomes float, at most
   `MOST` of them.
3. Each of these is quantised again, the cheapest first. It stays so if that is still enough; where
   it never was enough, if the worst entry loses less than `LOSS_DB`.

*Enough* is `ENOUGH_DB` of SQNR in the worst entry of every output; where the network has a metric,
that no more than its margin is lost against FP32.

Nodes join before any of them is judged: of two that each lose everything neither helps by itself.
The codes of all trials are the nearest ones: to learn them for each would take hours, and layers
that learning would have saved are chosen as well.
"""

import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace

import onnx

from edgeint8.conventions import Array
from edgeint8.quant.calibrate.calibration import Calibration
from edgeint8.quant.evidence.channels import worst_entry_db
from edgeint8.quant.evidence.evaluation import split_outputs
from edgeint8.quant.evidence.metrics import Judged, Metric, value
from edgeint8.quant.evidence.recommend import ORDER_PRESERVING
from edgeint8.quant.evidence.sensitivity import layer_groups
from edgeint8.quant.ort.ort_quantizer import QUANTIZABLE, float_only
from edgeint8.quant.prepare.exclusion import excluded
from edgeint8.quant.ptq import quantize
from edgeint8.quant.strategy import Choice, Strategy

ENOUGH_DB = 20.0  # an error of 1 % of the entry's power
LOSS_DB = 1.0  # a quarter more noise: less is not what the node is kept float for
MOST = 8
IMAGES = 256
"""Samples of the hold-out that choose."""

Samples = tuple[Mapping[str, Array], Array | None]


@dataclass(frozen=True)
class _Trials:
    """A float network and what judges its partly quantised versions."""

    model: onnx.ModelProto
    calibration: Calibration
    strategy: Strategy
    fp32: Judged
    metric: Metric | None

    def outputs(
        self, nodes: Iterable[str] | None = None, exclude: Iterable[str] = ()
    ) -> dict[str, Array]:
        """Every output with only these nodes quantised, or all but those."""
        quantized = quantize(
            self.model, self.calibration, self.strategy, nodes=nodes, exclude=exclude
        )
        return split_outputs(quantized.executable, self.fp32.inputs)

    def worst_db(self, outputs: Mapping[str, Array]) -> float:
        """SQNR of the worst entry of any output that has values to compare."""
        kept = [
            worst_entry_db(want, outputs[name])
            for name, want in self.fp32.outputs.items()
            if want.dtype.kind == "f" and name in outputs and want.shape == outputs[name].shape
        ]
        return min((-math.inf if math.isnan(db) else db for db in kept), default=math.inf)

    def are_enough(self, outputs: Mapping[str, Array]) -> bool:
        """Whether nothing more has to be won back."""
        if self.metric is None:
            return self.worst_db(outputs) >= ENOUGH_DB
        found = value(self.metric.scores(replace(self.fp32, outputs=outputs)))
        return found >= value(self.metric.scores(self.fp32)) - self.metric.margin

    @property
    def enough(self) -> str:
        """The criterion in words."""
        if self.metric is None:
            return f"{ENOUGH_DB:g} dB"
        return f"{self.metric.name} within {self.metric.margin:g} of FP32"


def settled(
    model: onnx.ModelProto,
    calibration: Calibration | None,
    strategy: Strategy,
    judged: Samples,
    metric: Metric | None = None,
) -> Strategy:
    """`strategy` with its choice made for a prepared `model`; itself where it has none to make.

    judged: (inputs, what the metric compares with) of a hold-out, its first `IMAGES` rows or about
    as many. A metric that compares with FP32 has nothing to lose, so SQNR decides in its place.
    """
    if not strategy.auto_exclude or calibration is None:
        return strategy
    plain = replace(strategy.nearest, auto_exclude=False)
    inputs, truth = judged
    reference = split_outputs(model, inputs)
    metric = None if metric is None or metric.against_fp32 else metric
    fp32 = Judged(reference, reference, inputs, truth)
    return replace(strategy, choice=_choice(_Trials(model, calibration, plain, fp32, metric)))


def candidates(model: onnx.ModelProto, strategy: Strategy) -> dict[str, tuple[str, ...]]:
    """Nodes that calculate and may be quantised, each with the activation behind it, in order."""
    groups = layer_groups(model)
    inside = {node for nodes in groups.values() for node in nodes}
    left = {*excluded(model, strategy), *float_only(model)}
    return {
        node.name: groups.get(node.name, (node.name,))
        for node in model.graph.node
        if node.op_type in QUANTIZABLE
        and node.op_type not in ORDER_PRESERVING
        and node.name not in left
        and (node.name in groups or node.name not in inside)
    }


def _choice(trials: _Trials) -> Choice:
    """The rule applied."""
    groups = candidates(trials.model, trials.strategy)
    alone = {name: trials.worst_db(trials.outputs(nodes=nodes)) for name, nodes in groups.items()}
    costly = sorted((name for name in groups if alone[name] < math.inf), key=lambda n: alone[n])

    def without(layers: list[str]) -> dict[str, Array]:
        return trials.outputs(exclude=[node for layer in layers for node in groups[layer]])

    first = outputs = without([])
    runs, floating = len(groups) + 1, list[str]()
    for layer in costly[:MOST]:
        if trials.are_enough(outputs):
            break
        floating.append(layer)
        outputs, runs = without(floating), runs + 1
    enough = trials.are_enough(outputs)
    for layer in reversed(floating.copy()):
        others = [name for name in floating if name != layer]
        found, runs = without(others), runs + 1
        lost = trials.worst_db(outputs) - trials.worst_db(found)
        if trials.are_enough(found) if enough else lost < LOSS_DB:
            outputs, floating = found, others
    nodes = tuple(node for layer in floating for node in groups[layer])
    return Choice(nodes, _words(trials, (first, outputs), floating, runs))


def _words(
    trials: _Trials, both: tuple[Mapping[str, Array], ...], layers: list[str], runs: int
) -> str:
    """The numbers behind a choice."""
    before, after = map(trials.worst_db, both)
    words = [f"the worst entry of an output keeps {before:.1f} dB"]
    words += [f"{after:.1f} dB with {' '.join(layers)} in float"] if layers else []
    verdict = "which is enough" if trials.are_enough(both[1]) else "not enough"
    count = len(next(iter(trials.fp32.inputs.values())))
    words += [f"{verdict} ({trials.enough})", f"{runs} networks on {count} samples of the hold-out"]
    return ", ".join(words)
