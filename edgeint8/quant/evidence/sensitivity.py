"""Which layer costs how much: quantise one alone, or all but one; then keep the fewest float.

A layer is a Conv, ConvTranspose, Gemm or MatMul with constant weights, together with the activation
behind it, whose range it shares. Two measures of what is lost against the float network:

- *noise*: the power of the logits' error over the power of the logits, 10^(-SQNR/10). It adds up
  over layers as long as their errors are small and independent, and it is resolved for any network.
- *accuracy*: the drop in accuracy, where McNemar's test resolves it.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import combinations

import numpy as np
import onnx
from numpy.typing import NDArray

from edgeint8.errors import DataError, ModelError
from edgeint8.quant.affine import sqnr_db
from edgeint8.quant.calibrate.calibration import Calibration
from edgeint8.quant.evidence.evaluation import split_outputs
from edgeint8.quant.evidence.metrics import Scorer, judged_columns
from edgeint8.quant.evidence.statistics import correct_answers, mcnemar
from edgeint8.quant.graph import weight_layers
from edgeint8.quant.learn.codes import LearnedCodes
from edgeint8.quant.ptq import quantize
from edgeint8.quant.strategy import Strategy

ACTIVATIONS = ("Relu", "Clip", "LeakyRelu", "Sigmoid")
ALONE, ALL_BUT = "alone", "all_but"
SIGNIFICANT = 0.05
Outputs = Mapping[str, NDArray[np.float32]]
# Subsets of one size that the mixed-precision search runs at most, the most promising first.
MAX_TRIES = 12


@dataclass(frozen=True)
class LayerSensitivity:
    """One row: `layer` quantised alone, or all layers but it.

    accuracy_drop: float accuracy minus this network's, NaN without labels; judged_by, value: the
    metric of a network that has one, or that has no classes, and what it gives.
    """

    layer: str
    mode: str
    sqnr_db: float
    accuracy_drop: float
    judged_by: str | None = None
    value: float | None = None

    @property
    def noise(self) -> float:
        """Error power over signal power of the logits."""
        return noise_of(self.sqnr_db)


@dataclass(frozen=True)
class PartlyFloat:
    """A network quantised but for `float_layers`, and its loss in the study's measure."""

    float_layers: tuple[str, ...]
    loss: float
    sqnr_db: float
    accuracy_drop: float
    judged_by: str | None = None
    value: float | None = None


@dataclass(frozen=True)
class MixedPrecision:
    """The fewest float layers found that win back half of the loss, and the runs that show it.

    measure: ``accuracy``, ``metric`` or ``noise``; before, after: all layers quantised, and the
    suggestion; tried: how many networks were run; exhaustive: whether every smaller subset was
    among them.
    """

    measure: str
    before: PartlyFloat
    after: PartlyFloat
    tried: int
    exhaustive: bool


def noise_of(decibel: float) -> float:
    """Noise over signal for an SQNR in dB."""
    return 0.0 if np.isposinf(decibel) else float(10.0 ** (-decibel / 10.0))


class SensitivityStudy:
    """A float network, one strategy and the images it is judged on; runs partly quantised versions.

    inputs: (N, ...); labels: (N,), or None where there is no accuracy; codes: those of a strategy
    that learned them, which layers keep in every version; scorer: of the same images.
    """

    def __init__(
        self,
        model: onnx.ModelProto,
        calibration: Calibration,
        strategy: Strategy,
        inputs: Mapping[str, NDArray],
        labels: NDArray[np.int64] | None = None,
        codes: LearnedCodes | None = None,
        scorer: Scorer | None = None,
    ) -> None:
        if strategy.dynamic:
            raise DataError("a dynamic strategy", allowed="static ones: layers have fixed scales")
        self._model, self._calibration, self._strategy = model, calibration, strategy
        self._inputs, self._labels, self._codes = inputs, labels, codes
        self._groups = layer_groups(model)
        self._scorer, self._output = scorer, model.graph.output[0].name
        self._reference = split_outputs(model, inputs)[self._output]
        self._cache: dict[tuple[str, ...], Outputs] = {}

    @property
    def layers(self) -> tuple[str, ...]:
        """Names of the layers in graph order."""
        return tuple(self._groups)

    def logits(self, float_layers: Iterable[str] = ()) -> NDArray[np.float32]:
        """First output of the network quantised but for `float_layers`."""
        return self.outputs(float_layers)[self._output]

    def outputs(self, float_layers: Iterable[str] = ()) -> Outputs:
        """Every output of it by name."""
        key = tuple(sorted(float_layers))
        if key not in self._cache:
            exclude = [node for layer in key for node in self._groups[layer]]
            self._cache[key] = self._run(nodes=None, exclude=exclude)
        return self._cache[key]

    def rows(self) -> list[LayerSensitivity]:
        """Every layer in both modes."""
        rows = []
        for layer, nodes in self._groups.items():
            alone = self._run(nodes=nodes, exclude=())
            rows.append(self._row(layer, ALONE, alone))
            rows.append(self._row(layer, ALL_BUT, self.outputs([layer])))
        return rows

    def suggest(self, rows: Sequence[LayerSensitivity]) -> MixedPrecision:
        """Keep the fewest layers float that win back half of the loss; every answer was run.

        The loss is that of the metric where its paired bootstrap shows one, without a metric the
        accuracy drop where McNemar's mid-p is below `SIGNIFICANT`, else the noise.
        Subsets grow one layer at a time; within a size those come first whose layers, quantised
        alone, make the most noise, at most `MAX_TRIES` of them; equal losses fall to less noise.
        Where even all layers in float do not win back half (the noise comes from other operators),
        the set with the least loss is returned.
        """
        if not self.layers:
            raise ModelError("no layers in the network", allowed="a network with weights")
        measure = self._measure()
        alone = {row.layer: row.noise for row in rows if row.mode == ALONE}
        full = self._result((), measure)
        least, tried, exhaustive = full, 1, True
        for size in range(1, len(self.layers) + 1):
            subsets = sorted(
                combinations(self.layers, size), key=lambda names: -sum(alone[n] for n in names)
            )
            results = [self._result(names, measure) for names in subsets[:MAX_TRIES]]
            tried += len(results)
            best = min(results, key=lambda result: (result.loss, -result.sqnr_db))
            if best.loss <= full.loss / 2:
                return MixedPrecision(measure, full, best, tried, exhaustive)
            least = min(least, best, key=lambda result: (result.loss, -result.sqnr_db))
            exhaustive = exhaustive and len(subsets) <= MAX_TRIES
        return MixedPrecision(measure, full, least, tried, exhaustive)

    def _result(self, float_layers: tuple[str, ...], measure: str) -> PartlyFloat:
        outputs = self.outputs(float_layers)
        row = self._row("", "", outputs)
        loss = row.accuracy_drop if measure == "accuracy" else row.noise
        if measure == "metric" and self._scorer:
            loss = self._scorer.lost(outputs)
        found = (row.sqnr_db, row.accuracy_drop, row.judged_by, row.value)
        return PartlyFloat(float_layers, loss, *found)

    def _run(self, nodes: Iterable[str] | None, exclude: Iterable[str]) -> Outputs:
        quantized = quantize(
            self._model,
            self._calibration,
            self._strategy,
            nodes=nodes,
            exclude=exclude,
            codes=self._codes,
        )
        return split_outputs(quantized.executable, self._inputs)

    def _row(self, layer: str, mode: str, outputs: Outputs) -> LayerSensitivity:
        logits = outputs[self._output]
        decibel, drop = sqnr_db(self._reference, logits), self._drop(logits)
        judged = judged_columns(self._scorer, outputs)
        return LayerSensitivity(layer, mode, decibel, drop, **judged)

    def _drop(self, logits: NDArray[np.float32]) -> float:
        if self._labels is None:
            return float("nan")
        before = correct_answers(self._reference, self._labels)
        after = correct_answers(logits, self._labels)
        return float((before.sum() - after.sum()) / before.size)

    def _measure(self) -> str:
        """The metric or accuracy where the full loss is resolved, noise otherwise."""
        if self._scorer is not None:
            return "metric" if self._scorer.is_loss(self.outputs()) else "noise"
        if self._labels is not None:
            before = correct_answers(self._reference, self._labels)
            test = mcnemar(before, correct_answers(self.logits(), self._labels))
            if test.only_first > test.only_second and test.p_mid < SIGNIFICANT:
                return "accuracy"
        return "noise"


def layer_groups(model: onnx.ModelProto) -> dict[str, tuple[str, ...]]:
    """Each weight layer with the activation that alone reads its output: layer -> node names."""
    readers: dict[str, list[onnx.NodeProto]] = {}
    for node in model.graph.node:
        for name in node.input:
            readers.setdefault(name, []).append(node)
    outputs = {node.name: node.output[0] for node in model.graph.node}
    groups = {}
    for layer in weight_layers(model):
        behind = readers.get(outputs[layer.name], [])
        fused = [n.name for n in behind if len(behind) == 1 and n.op_type in ACTIVATIONS]
        groups[layer.name] = (layer.name, *fused)
    return groups
