"""Learned codes beside nearest codes: whole test split, learned anew for every calibration draw.

    python benchmarks/learned_codes.py --dataset results/data/cifar10/arrays.npz \\
        results/tiny_cnn_2d/model.onnx results/resnet8/model.onnx [--output learned_codes.csv]

The dataset is the one that rule ``dataset`` wrote, the networks those that rule ``export`` wrote; a
network is called after its folder. Images of the training split calibrate and are learned from; the
test split is only judged by, and chooses nothing. Every difference to FP32 is paired, with Tango's
95 % interval. Sums are proven three times: from the constants of the finished graph, by the vertex
input that is built and run, and the integers are the executor's as well as ONNX Runtime's.
"""

import argparse
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import onnx
from keep import circumstances, keep
from numpy.typing import NDArray

from edgeint8.conventions import ACCURACY_MARGIN
from edgeint8.fixed_point.arithmetic.kernels import accumulate
from edgeint8.fixed_point.compare import compare_model
from edgeint8.fixed_point.executor import Executor, as_feeds
from edgeint8.fixed_point.studies.bit_growth import (
    Observer,
    inner_position,
    model_widths,
    vertex_input,
)
from edgeint8.models.data.samples import Samples, load_samples
from edgeint8.quant.affine import signed_width, sqnr_db, sum_reach, with_bias
from edgeint8.quant.bits.spend import spend_bits
from edgeint8.quant.calibrate.draws import DRAWS, calibration_draws
from edgeint8.quant.evidence.evaluation import as_scores, evaluate
from edgeint8.quant.evidence.statistics import (
    NonInferiority,
    correct_answers,
    non_inferiority,
)
from edgeint8.quant.evidence.table_rows import mean_weight_bits
from edgeint8.quant.ort.reference import batches
from edgeint8.quant.prepare.prepare import prepare_model
from edgeint8.quant.ptq import QuantizedModel, calibrate_for, quantize, weight_levels
from edgeint8.quant.strategy import Budget, Strategy

IMAGES, HOLDOUT = 512, 500
REPLAYED = 50  # test images that the executor computes as well
LEARNED: Mapping[str, Any] = {"rounding": "learned"}
SETTINGS: Mapping[str, Mapping[str, Any]] = {
    "w6_tensor": {"weight_bits": 6, "per_channel": False},
    "w4_channel": {"weight_bits": 4},
    "w4_tensor": {"weight_bits": 4, "per_channel": False},
    "w4_channel_pow2": {"weight_bits": 4, "power_of_two": True},
    "w3_channel": {"weight_bits": 3},
    "mean45_channel": {"weight_bits": Budget(mean=4.5)},
    "sum17_channel": {"accumulator_bits": 17, "tile_rows": 16, "tile_bits": 17},
    "sum16_channel": {"accumulator_bits": 16, "tile_rows": 16, "tile_bits": 16},
}


def strategies(names: Sequence[str], nearest: bool) -> Iterator[Strategy]:
    """Learned codes of every setting, and nearest ones where wanted and no bound forbids them."""
    for name in names:
        options = SETTINGS[name]
        if nearest and "accumulator_bits" not in options:
            yield Strategy(name, **options)
        yield Strategy(name, **options, **LEARNED)


def vertex_bits(graph: onnx.ModelProto, feeds: Mapping[str, NDArray[Any]]) -> int:
    """The widest sum, bias included, that an input reaches which is built to and run."""
    observer = Observer()
    Executor(graph, accumulate=observer).run(feeds)
    widest = 0
    for operands in observer.operands.values():
        if operands.geometry is not None and (
            inner_position(operands.geometry, operands.x.shape[2:]) is None
        ):
            continue  # no window lies inside the image
        reach = with_bias(sum_reach(operands.weight_matrix(), operands.x_range), operands.bias)
        for bound, highest in ((reach.high, True), (-reach.low, False)):
            codes, where = vertex_input(operands, int(bound.argmax()), highest)
            total = int(accumulate(replace(operands, x=codes))[where])
            widest = max(widest, signed_width(min(total, 0), max(total, 0)))
    return widest


class Judge:
    """One network on the whole test split."""

    def __init__(self, name: str, model: onnx.ModelProto, test: Samples) -> None:
        self.name, self._test = name, test
        self._output = model.graph.output[0].name
        self._fp32 = self.scores(model)

    def scores(self, graph: onnx.ModelProto) -> NDArray[Any]:
        """What a graph puts out for the test images, (N, classes)."""
        return as_scores(evaluate(graph, self._test.inputs)[self._output])

    def compared(self, scores: NDArray[Any], others: NDArray[Any]) -> NonInferiority:
        """Accuracy of `scores` less that of `others`, paired."""
        right = [correct_answers(logits, self._test.labels) for logits in (scores, others)]
        return non_inferiority(*right, ACCURACY_MARGIN)

    def quality(self, scores: NDArray[Any]) -> dict[str, Any]:
        """Accuracy beside that of the float network, and SQNR, of anybody's scores."""
        paired = self.compared(scores, self._fp32)
        right = [correct_answers(logits, self._test.labels) for logits in (self._fp32, scores)]
        return {
            "accuracy_fp32": right[0].mean(),
            "accuracy": right[1].mean(),
            "accuracy_delta": paired.difference,
            "delta_low": paired.low,
            "delta_high": paired.high,
            "non_inferior": paired.holds,
            "sqnr_db": sqnr_db(self._fp32, scores),
        }

    def row(self, quantized: QuantizedModel, draw: int, seconds: float) -> dict[str, Any]:
        """Quality, proven widths and the executor's comparison of one quantised network."""
        graph, strategy = quantized.executable, quantized.strategy
        scores = self.scores(graph)
        one, replayed = (self._test.first(count).inputs for count in (1, REPLAYED))
        widths = model_widths(graph, [as_feeds(graph, one)])
        compared = compare_model(graph, batches(graph, replayed))
        return {
            "network": self.name,
            "setting": strategy.name,
            "rounding": strategy.rounding,
            "draw": draw,
            **self.quality(scores),
            "weight_levels": min(weight_levels(strategy), 2 ** (strategy.widest_bits - 1) - 1),
            "mean_weight_bits": mean_weight_bits(quantized),
            "bits_guaranteed": max(width.bits_exact_with_bias for width in widths),
            "bits_tile": max(width.bits_tile for width in widths),
            "bits_vertex": vertex_bits(graph, as_feeds(graph, one)),
            "compared_elements": compared.elements,
            "mismatches": compared.mismatches,
            "images": len(scores),
            "time_cpu_s": seconds,
            "data_source": self._test.source,
        }


def measured(
    judge: Judge,
    model: onnx.ModelProto,
    seen: tuple[Samples, Samples],
    names: Sequence[str],
    draws: int,
) -> Iterator[Any]:
    """A row for every setting and draw; ranges are observed once a draw, nearest codes once.

    seen: what calibrates and is learned from, and the hold-out that a budget of bits is spent by.
    """
    train, holdout = seen
    sets = calibration_draws(len(train), IMAGES, seed=0, draws=draws)
    for draw, chosen in enumerate(sets):
        images = train.rows(chosen).inputs
        calibration = calibrate_for(model, images, Strategy("ranges"))
        for strategy in strategies(names, nearest=draw == 0):
            start = time.process_time()
            if strategy.unspent is not None:
                found = spend_bits(model, calibration, strategy, images, holdout.inputs)
                strategy = strategy.spent(found.bits)
            quantized = quantize(model, calibration, strategy, images=images)
            row = judge.row(quantized, draw, time.process_time() - start)
            print(*(f"{v:.4g}" if isinstance(v, float) else v for v in row.values()), flush=True)
            yield row


def main() -> None:
    """Measure every network, print as it goes, keep the rows."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--dataset", type=Path, required=True)
    parser.add_argument("networks", type=Path, nargs="+")
    parser.add_argument("--settings", nargs="+", choices=SETTINGS, default=list(SETTINGS))
    parser.add_argument("--draws", type=int, default=DRAWS)
    parser.add_argument("--images", type=int, help="of the test split; all by default")
    parser.add_argument("--output", type=Path, default=Path("results/benchmarks/learned_codes.csv"))
    options = parser.parse_args()
    found = circumstances(f"{IMAGES} images a draw, CPU seconds of quantising on one thread")
    holdout = load_samples(options.dataset, "holdout").first(HOLDOUT)
    seen = load_samples(options.dataset, "calibration"), holdout
    test = load_samples(options.dataset, "test").first(options.images)
    rows = []
    for path in options.networks:
        model = prepare_model(onnx.load(path))
        judge = Judge(path.parent.name, model, test)
        for row in measured(judge, model, seen, options.settings, options.draws):
            rows.append(row)
            keep(options.output, rows, found)  # a run that is broken off leaves what it measured


if __name__ == "__main__":
    main()
