"""How much a strategy depends on which images calibrated it: every strategy on several draws."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

import onnx
from numpy.typing import NDArray

from edgeint8.conventions import Row
from edgeint8.quant.affine import sqnr_db
from edgeint8.quant.calibrate.calibration import Calibration, calibrate_from
from edgeint8.quant.calibrate.draws import calibration_draws
from edgeint8.quant.calibrate.histogram import TensorHistogram, observe
from edgeint8.quant.evidence.evaluation import split_outputs
from edgeint8.quant.evidence.metrics import Scorer, judged_columns
from edgeint8.quant.evidence.statistics import accuracy, correct_answers
from edgeint8.quant.learn.equalize import equalize
from edgeint8.quant.prepare.masks import clampable, with_clamped
from edgeint8.quant.ptq import quantize
from edgeint8.quant.strategy import Strategy


def draw_rows(
    model: onnx.ModelProto,
    train: Mapping[str, NDArray[Any]],
    judged: tuple[Mapping[str, NDArray[Any]], NDArray[Any] | None],
    strategies: Sequence[Strategy],
    seed: int,
    draws: int,
    batch: int = 1,
    scorer: Scorer | None = None,
) -> list[Row]:
    """One row per (strategy, draw): SQNR and accuracy on `judged`, which is (inputs, labels).

    scorer: what judges a network besides, or in the place of accuracy, on the same inputs.

    `train` are the images that calibration sets are drawn from, in multiples of `batch`. The images
    of a draw are observed once; every calibration method and strategy reads the same histograms,
    and nothing is counted where only extremes are asked for. Strategies that learn codes learn them
    anew from the images of each draw.
    Where a strategy takes all images, every draw would be the same: there is one.
    """
    output = model.graph.output[0].name
    inputs, labels = judged
    reference = split_outputs(model, inputs)[output]
    total = len(next(iter(train.values())))
    most = max((s.calibration_samples for s in strategies), default=0)
    draws = draws if -(-most // batch) * batch < total else 1
    counted = {s.calibration_samples: s.bins for s in strategies if s.calibration != "minmax"}
    clamped = clampable(model, train)

    def images(samples: int, draw: int) -> dict[str, NDArray[Any]]:
        count = min(-(-samples // batch) * batch, total)
        chosen = calibration_draws(total, count, seed=seed, draws=draws)[draw]
        return {name: array[chosen] for name, array in train.items()}

    rows = []
    for draw in range(draws):
        seen: dict[tuple[int, int, bool, bool], Mapping[str, TensorHistogram]] = {}
        for strategy in strategies:
            samples = strategy.calibration_samples
            extremes = strategy.calibration == "minmax"
            bins = counted.get(samples, 0) if extremes else strategy.bins
            key = (samples, bins, strategy.clamp_masks, strategy.equalize)
            masks = clamped if strategy.clamp_masks else ()
            if key not in seen:
                network = with_clamped(model, masks)
                network = equalize(network) if strategy.equalize else network
                seen[key] = observe(network, images(samples, draw), bins=bins)
            calibration = replace(_calibration(seen[key], strategy), clamped=masks)
            learned = strategy.rounding == "learned"
            quantized = quantize(
                model,
                calibration,
                strategy,
                images=images(strategy.images_learned, draw) if learned else None,
            )
            found = split_outputs(quantized.executable, inputs, quantized.batch)
            row = _row(strategy, draw, reference, found[output], labels)
            rows.append(row | judged_columns(scorer, found))
    return rows


def _row(
    strategy: Strategy,
    draw: int,
    reference: NDArray[Any],
    logits: NDArray[Any],
    labels: NDArray[Any] | None,
) -> Row:
    """What one strategy reached on one draw."""
    share = None
    if labels is not None:
        share = accuracy(correct_answers(logits.reshape(len(labels), -1), labels)).value
    return {
        "strategy": strategy.name,
        "draw": draw,
        "images": len(logits),
        "sqnr_db": sqnr_db(reference, logits),
        "accuracy": share,
    }


def _calibration(seen: Mapping[str, TensorHistogram], strategy: Strategy) -> Calibration:
    return calibrate_from(
        seen,
        strategy.calibration,
        images=strategy.calibration_samples,
        percentile=strategy.percentile,
        equalized=strategy.equalize,
    )
