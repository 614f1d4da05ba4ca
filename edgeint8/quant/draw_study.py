"""How much a strategy depends on which images calibrated it: every strategy on several draws."""

from collections.abc import Mapping, Sequence
from typing import Any

import onnx
from numpy.typing import NDArray

from edgeint8.quant.affine import sqnr_db
from edgeint8.quant.calibration import Calibration, calibrate_from
from edgeint8.quant.draws import calibration_draws
from edgeint8.quant.evaluation import evaluate
from edgeint8.quant.histogram import TensorHistogram, observe
from edgeint8.quant.ptq import quantize
from edgeint8.quant.statistics import accuracy, correct_answers
from edgeint8.quant.strategy import Strategy

Row = dict[str, Any]


def draw_rows(
    model: onnx.ModelProto,
    train: NDArray[Any],
    judged: tuple[NDArray[Any], NDArray[Any]],
    strategies: Sequence[Strategy],
    seed: int,
    draws: int,
) -> list[Row]:
    """One row per (strategy, draw): SQNR and accuracy on `judged`, which is (inputs, labels).

    `train` are the images that calibration sets are drawn from. The images of a draw are observed
    once; every calibration method and strategy reads the same histograms.
    """
    name, output = model.graph.input[0].name, model.graph.output[0].name
    inputs, labels = judged
    reference = evaluate(model, {name: inputs})[output]
    rows = []
    for draw in range(draws):
        seen: dict[tuple[int, int], Mapping[str, TensorHistogram]] = {}
        for strategy in strategies:
            key = (strategy.calibration_samples, strategy.bins)
            if key not in seen:
                chosen = calibration_draws(len(train), key[0], seed=seed, draws=draws)[draw]
                seen[key] = observe(model, {name: train[chosen]}, bins=key[1])
            quantized = quantize(model, _calibration(seen[key], strategy), strategy)
            logits = evaluate(quantized.executable, {name: inputs}, batch=quantized.batch)[output]
            rows.append(
                {
                    "strategy": strategy.name,
                    "draw": draw,
                    "images": len(labels),
                    "sqnr_db": sqnr_db(reference, logits),
                    "accuracy": accuracy(correct_answers(logits, labels)).value,
                }
            )
    return rows


def _calibration(seen: Mapping[str, TensorHistogram], strategy: Strategy) -> Calibration:
    return calibrate_from(
        seen,
        strategy.calibration,
        images=strategy.calibration_samples,
        percentile=strategy.percentile,
    )
