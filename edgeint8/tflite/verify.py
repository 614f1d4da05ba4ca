"""Which runtime does it equal? Every tensor of a .tflite network, runtime by runtime.

    report = verify_tflite("net.tflite", inputs)
    report.to_frame()          # a row a runtime: tensors, elements, mismatches, its witness
    report.pairs_frame()       # a row a pair of runtimes: how often they differ, and where first
    report.tensors_frame()     # a row a runtime and tensor
    report.rules_frame()       # what a chip must implement to equal each

Our arithmetic of each runtime runs on the converted graph; beside it runs the real one, where it is
installed, and every tensor that it shows is compared, differences left to travel.
"""

from collections.abc import Iterator, Mapping, Sequence
from importlib.metadata import version
from itertools import combinations
from pathlib import Path

import numpy as np

from edgeint8.conventions import Array
from edgeint8.errors import EdgeInt8Error, ModelError
from edgeint8.fixed_point.compare import TensorDifference, difference
from edgeint8.fixed_point.executor import ALL_TENSORS, Executor
from edgeint8.fixed_point.runtimes.known import ALIKE, RUNTIMES, runtime_named
from edgeint8.fixed_point.runtimes.runtime import Runtime
from edgeint8.quant.ort import reference
from edgeint8.tflite.convert.convert import Converted, convert
from edgeint8.tflite.feeds import Inputs, feeds_of, piece_size, pieces
from edgeint8.tflite.file.model import Operator, TFLiteModel
from edgeint8.tflite.file.reader import load_tflite
from edgeint8.tflite.report import PairCount, RuntimeResult, VerifyReport
from edgeint8.tflite.witness.witness import BUILT, Witness
from edgeint8.tflite.witness.witnesses import Witnesses

Tensors = Mapping[int, Array]


def verify_tflite(
    path: str | Path,
    inputs: Inputs,
    runtimes: Sequence[str] | None = None,
    witnesses: bool = True,
) -> VerifyReport:
    """Compare every tensor of a network with each runtime, and the runtimes with each other.

    Parameters
    ----------
    path
        An INT8 .tflite file.
    inputs
        Codes (n, ...) in the file's layout and type, or floats, which are quantised; arrays by
        name where the network has several inputs.
    runtimes
        Names out of ``RUNTIMES``; by default all but those that repeat another, which run beside
        a library of theirs.
    witnesses
        Whether the real runtimes run beside our arithmetic of them: those of the extra ``tflite``,
        and the CMSIS-NN library that ``CMSIS_NN_LIBRARY`` names.

    Raises `EdgeInt8Error` where the file or the arrays are wrong, or no runtime takes the network.
    """
    converted = convert(load_tflite(path))
    feeds = feeds_of(converted, inputs)
    data = Path(path).read_bytes()
    with Witnesses(data, witnesses) as real:
        names = runtimes or [name for name in RUNTIMES if name not in ALIKE or name in real.built]
        runs = [_Run(runtime_named(name), converted, feeds, real) for name in names]
        pairs = [PairCount(a, b) for a, b in combinations(names, 2)]
        pairs = _walk(converted, feeds, runs, pairs)
    if not any(run.taken for run in runs):
        raise ModelError(f"no runtime takes it: {runs[0].refused}", where=str(path))
    results = tuple(run.result() for run in runs)
    kinds = dict.fromkeys(_rule_name(converted.source, op) for op in converted.source.operators)
    compared = tuple(pair for pair in pairs if pair.images)
    return VerifyReport(str(path), tuple(kinds), results, compared)


def _rule_name(source: TFLiteModel, operator: Operator) -> str:
    """What `RULES` calls an operator."""
    wide = source.tensors[operator.outputs[0]].dtype == np.int16
    return f"{operator.kind} of int16" if wide else operator.kind


def _walk(
    converted: Converted,
    feeds: Mapping[str, Array],
    runs: "Sequence[_Run]",
    pairs: list[PairCount],
) -> list[PairCount]:
    """All images, a few at a time: each runtime, then each pair."""
    order = {index: op for op in converted.source.operators for index in op.outputs}
    for piece in pieces(converted, feeds):
        found = {run.runtime.name: run.piece(piece) for run in runs if run.taken}
        for k, pair in enumerate(pairs):
            first, second = found.get(pair.first), found.get(pair.second)
            if first and second:
                pairs[k] = pair.counted(converted, order, first, second)
    return pairs


class _Run:
    """One runtime over all images: our arithmetic, and its witness."""

    def __init__(
        self,
        runtime: Runtime,
        converted: Converted,
        feeds: Mapping[str, Array],
        real: Witnesses,
    ) -> None:
        self.runtime, self.converted = runtime, converted
        self.images = 0
        self.refused, self.witness, self.note = "", "none", runtime.unclaimed()
        self._totals: dict[int, TensorDifference] = {}
        self._reference: Iterator[Tensors] | None = None
        self._real: Witness | None = None
        try:
            converted.refuse(runtime)
            self._executor = Executor(converted.model, runtime=runtime)
            self._open(feeds, real)
        except EdgeInt8Error as error:
            self.refused = str(error)

    @property
    def taken(self) -> bool:
        """Whether the runtime runs the network."""
        return not self.refused

    def _open(self, feeds: Mapping[str, Array], real: Witnesses) -> None:
        """Start the witness, if there is one."""
        if self.runtime.name == "ort" and real.wanted:
            self.witness = reference_version()
            self._reference = self._onnx_runtime(feeds)
        self._real = real.of(self.runtime.name)
        if self._real is not None:
            self.witness = self._real.version
        if self._real is not None and self._real.name == BUILT:
            self.note = self._real.note
        elif self.witness != "none" and not self.runtime.version.startswith(self.witness):
            self.note = f"witness is {self.witness}, compared was {self.runtime.version}"

    def _onnx_runtime(self, feeds: Mapping[str, Array]) -> Iterator[Tensors]:
        """ONNX Runtime's tensors of each piece, in the file's layout."""
        for _, tensors in reference.batches(
            self.converted.model, feeds, piece_size(self.converted)
        ):
            yield _by_index(self.converted, tensors)

    def piece(self, feeds: Mapping[str, Array]) -> Tensors:
        """Our tensors of a few images; the witness's are compared and forgotten."""
        try:
            values = self._executor.run(feeds, keep=ALL_TENSORS)
            ours = _by_index(self.converted, values)
            theirs = self._witnessed(feeds, ours)
        except EdgeInt8Error as error:
            self.refused = str(error)
            return {}
        sizes = [self.converted.source.tensors[k].shape[0] for k in self.converted.source.inputs]
        self.images += len(next(iter(feeds.values()))) // sizes[0]
        for index, want in theirs.items():
            one = self._difference(index, ours[index], want)
            known = self._totals.get(index)
            self._totals[index] = one if known is None else known + one
        return ours

    def _difference(self, index: int, ours: Array, theirs: Array) -> TensorDifference:
        operators = self.converted.source.operators
        kind = next(op.kind for op in operators if index in op.outputs)
        return difference(self.converted.views[index].name, ours, theirs.reshape(ours.shape), kind)

    def _witnessed(self, feeds: Mapping[str, Array], ours: Tensors) -> Tensors:
        """The witness's tensors of the same images; what it has no function for, it is given."""
        if self._reference is not None:
            return next(self._reference)
        if self._real is None:
            return {}
        sizes = [self.converted.source.tensors[k].shape[0] for k in self.converted.source.inputs]
        count = len(next(iter(feeds.values()))) // sizes[0]
        given = {index: np.split(ours[index], count) for index in self._real.missing}
        answers = [
            self._real.run(
                [
                    v[k * size : (k + 1) * size]
                    for size, v in zip(sizes, feeds.values(), strict=True)
                ],
                {index: parts[k] for index, parts in given.items()},
            )
            for k in range(count)
        ]
        views = self.converted.views
        return {
            index: np.concatenate([answer[index] for answer in answers])
            for index in views
            if index in answers[0]
        }

    def result(self) -> RuntimeResult:
        """What the report says of this runtime."""
        return RuntimeResult(
            runtime=self.runtime,
            witness=self.witness,
            images=self.images,
            tensors=tuple(self._totals.values()),
            refused=self.refused,
            note=self.note,
        )


def reference_version() -> str:
    """Name and version of ONNX Runtime."""
    return f"onnxruntime {version('onnxruntime')}"


def _by_index(converted: Converted, values: Mapping[str, Array]) -> dict[int, Array]:
    """Tensors of the graph as the file numbers and lays them out."""
    return {
        index: view.as_file(values[view.name])
        for index, view in converted.views.items()
        if view.name in values
    }
