"""From logits to evidence: what each row of ``quantization.csv`` says of one strategy."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any
from zipfile import BadZipFile

import numpy as np
import onnx
from numpy.typing import NDArray

from edgeint8.errors import DataError
from edgeint8.files import atomic_path
from edgeint8.quant.affine import sqnr_db
from edgeint8.quant.calibration import Calibration
from edgeint8.quant.ptq import QuantizedModel
from edgeint8.quant.session import DEFAULT_BATCH, run_onnx
from edgeint8.quant.statistics import accuracy, agreement, correct_answers, holm, mcnemar

Logits = NDArray[np.float32]


def split_logits(
    model: onnx.ModelProto, inputs: NDArray[np.float32], batch: int = DEFAULT_BATCH
) -> Logits:
    """Scores (N, classes) of the model's first output."""
    outputs = run_onnx(model, {model.graph.input[0].name: inputs}, batch=batch)
    return outputs[model.graph.output[0].name]


def save_logits(path: str | Path, logits: Mapping[str, Logits]) -> None:
    """Write one array per split."""
    with atomic_path(path) as temporary:
        np.savez(temporary, allow_pickle=False, **dict(logits))


def load_logits(path: str | Path, split: str) -> Logits:
    """Read the scores of one split; a missing or broken file is a `DataError`."""
    try:
        with np.load(path, allow_pickle=False) as file:
            return np.asarray(file[split])
    except (OSError, KeyError, ValueError, EOFError, BadZipFile) as error:
        raise DataError(f"no logits of split {split!r} ({error})", where=str(path)) from None


def quantization_facts(quantized: QuantizedModel, calibration: Calibration) -> dict[str, Any]:
    """What is known of a quantised model before it has seen a test image."""
    strategy = quantized.strategy
    return {
        "symmetry": strategy.symmetry,
        "granularity": strategy.granularity,
        "calibration": strategy.calibration,
        "bins": calibration.bins,
        "format": strategy.format,
        "size_bytes": quantized.model.ByteSize(),
        "float_nodes": list(quantized.float_nodes),
        "note": quantized.note,
        "batch": quantized.batch,
        "calibration_samples": calibration.images,
    }


def evidence_rows(
    labels: NDArray[np.int64], fp32: Logits, strategies: Mapping[str, Logits]
) -> dict[str, dict[str, Any]]:
    """Accuracy with its 95 % interval, paired tests and fidelity of each strategy's logits.

    `accuracy_delta` is strategy minus FP32. `mcnemar_p_fp32` and `mcnemar_p_best` are mid-p values
    against FP32 and against the most accurate strategy, each family adjusted by Holm; the best
    strategy has no p-value against itself.
    """
    reference = correct_answers(fp32, labels)
    correct = {name: correct_answers(logits, labels) for name, logits in strategies.items()}
    best = max(correct, key=lambda name: int(correct[name].sum()))
    names = list(strategies)
    rivals = [name for name in names if name != best]
    p_fp32 = holm([mcnemar(reference, correct[name]).p_mid for name in names])
    p_best = holm([mcnemar(correct[best], correct[name]).p_mid for name in rivals])
    against_best = dict(zip(rivals, p_best, strict=True))
    rows = {}
    for name, p_value in zip(names, p_fp32, strict=True):
        share = accuracy(correct[name])
        rows[name] = {
            "accuracy": share.value,
            "accuracy_low": share.low,
            "accuracy_high": share.high,
            "accuracy_delta": share.value - accuracy(reference).value,
            "mcnemar_p_fp32": p_value,
            "mcnemar_p_best": against_best.get(name),
            "sqnr_db": sqnr_db(fp32, strategies[name]),
            "agreement": agreement(fp32, strategies[name]),
        }
    return rows
