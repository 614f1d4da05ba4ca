"""What each part of learning is worth: the parts added one after the other, judged in pairs."""

from collections.abc import Iterator, Mapping
from dataclasses import replace
from typing import Any

import numpy as np
import onnx
from numpy.typing import NDArray

from edgeint8.conventions import Row
from edgeint8.quant.evidence.evaluation import split_outputs
from edgeint8.quant.evidence.metrics import Scorer, judged_columns
from edgeint8.quant.evidence.statistics import correct_answers, mcnemar
from edgeint8.quant.evidence.table_rows import evidence_rows
from edgeint8.quant.learn.equalize import equalize
from edgeint8.quant.learn.learn import Steps, learn_codes
from edgeint8.quant.prepare.masks import with_clamped
from edgeint8.quant.ptq import calibrate_for, quantize, weight_levels
from edgeint8.quant.strategy import Strategy

Images = Mapping[str, NDArray[Any]]
PARTS = {
    "nearest": (False, None),
    "equalised": (True, None),
    "bias": (True, Steps(scale=False, codes=False)),
    "scale": (True, Steps(scale=True, codes=False)),
    "codes": (True, Steps()),
    "codes_unequalised": (False, Steps()),
}
"""Part -> (layers equalised, what is learned). Each adds to the one before; the last leaves
equalisation out again, which does not always help."""


def versions(
    model: onnx.ModelProto, strategy: Strategy, images: Images
) -> Iterator[tuple[str, onnx.ModelProto]]:
    """(part, the graph that runs) of a prepared float `model`, without any bound on its sums."""
    free = replace(strategy, accumulator_bits=None, tile_rows=None, tile_bits=None)
    for part, (equalized, steps) in PARTS.items():
        chosen = replace(free, equalize=equalized)
        calibration = calibrate_for(model, images, chosen)
        nearest = quantize(model, calibration, chosen.nearest)
        if steps is None:
            yield part, nearest.executable
            continue
        network = with_clamped(model, calibration.clamped)
        network = equalize(network) if equalized else network
        levels = weight_levels(chosen)
        codes = learn_codes(network, nearest.executable, chosen, images, levels, steps)
        yield part, quantize(model, calibration, chosen, codes=codes).executable


def ablation_rows(
    model: onnx.ModelProto,
    strategy: Strategy,
    images: Images,
    judged: tuple[Images, NDArray[np.int64] | None],
    scorer: Scorer | None = None,
) -> list[Row]:
    """One row a part: accuracy and SQNR on `judged`, paired with FP32 and with the part before.

    images: what calibrates and is learned from; judged: (inputs, labels), nothing is chosen by
    them; scorer: what judges besides, of the same inputs. `mcnemar_p_fp32` is adjusted by Holm over
    the parts, `mcnemar_p_before` is not.
    """
    inputs, labels = judged
    output = model.graph.output[0].name
    fp32 = split_outputs(model, inputs)[output]
    found = {
        part: split_outputs(graph, inputs) for part, graph in versions(model, strategy, images)
    }
    logits = {part: outputs[output] for part, outputs in found.items()}
    evidence = evidence_rows(labels, fp32, logits)
    names = ("accuracy", "accuracy_delta", "delta_low", "delta_high", "mcnemar_p_fp32", "sqnr_db")
    rows: list[Row] = []
    before: NDArray[np.bool_] | None = None
    for part, scores in logits.items():
        row: Row = {"strategy": strategy.name, "part": part}
        row |= {name: evidence[part][name] for name in names}
        right = None if labels is None else correct_answers(scores, labels)
        row["mcnemar_p_before"] = (
            None if before is None or right is None else mcnemar(before, right).p_mid
        )
        rows.append(row | {"images": len(scores)} | judged_columns(scorer, found[part]))
        before = right
    return rows
