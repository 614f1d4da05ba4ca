"""Networks changed by lot go through the parts of a study: a result or a reason, never a fault."""

import warnings
from collections import Counter

import numpy as np
import onnx
import pytest
from mutated_networks import mutated

from edgeint8.errors import EdgeInt8Error
from edgeint8.fixed_point.compare import compare_model
from edgeint8.fixed_point.executor import as_feeds, pieces
from edgeint8.fixed_point.studies.bit_growth import model_widths
from edgeint8.fixed_point.studies.overflow import overflow_rows
from edgeint8.fixed_point.studies.rounding_study import requantize_rows
from edgeint8.fixed_point.vectors.vectors import write_vectors
from edgeint8.models.data.own_data import InputSpec, batch_of, random_data
from edgeint8.quant.evidence.evaluation import split_logits
from edgeint8.quant.evidence.table_rows import evidence_rows, quantization_facts
from edgeint8.quant.ort.reference import batches
from edgeint8.quant.prequantized.own_network import (
    check_runs,
    input_specs,
    prepared_network,
    read_network,
)
from edgeint8.quant.ptq import Strategy, calibrate, quantize

STRATEGIES = (
    Strategy("asym_channel", calibration="percentile"),
    Strategy("sym_qdq", symmetric=True, per_channel=False, format="qdq"),
)
SHARE = 0.7  # of the networks that must go through all parts: refusing is no way out


class Walk:
    """What became of each part of one network: nothing said, or the reason."""

    def __init__(self):
        self.reasons = {}

    def part(self, name, call):
        """The result of a part; None where it has a reason. Any other exception is a fault."""
        try:
            return call()
        except EdgeInt8Error as error:
            self.reasons[name] = str(error)
            return None


def specs_of(model):
    """The inputs of a network, as its data must be."""
    return [InputSpec(name, *spec) for name, spec in input_specs(model).items()]


def prepared_of(folder, model):
    """As the rule prepare_network does: read, answer as before, run on all samples."""
    path = folder / "net.onnx"
    onnx.save(model, path)
    network = read_network(path, {})
    samples = random_data(specs_of(network), seed=1)
    prepared = prepared_network(network, samples["test"].first(2).inputs).model
    feeds = samples["test"].first(8).inputs
    check_runs(prepared, feeds, watched=True)
    return prepared, feeds


def replayed(folder, quantized, feeds, costly):
    """Comparison, widths and rounding of what runs; if `costly`, overflow and vectors too."""
    graph = quantized.executable
    assert compare_model(graph, batches(graph, feeds)).mismatches == 0
    batch = batch_of(specs_of(graph)) or 8
    list(model_widths(graph, pieces(as_feeds(graph, feeds), batch)))
    requantize_rows(graph, feeds, batch=batch)
    if not costly:
        return
    list(overflow_rows(graph, feeds, None, bits=range(16, 18), tile_rows=16, batch=batch))
    few = {name: array[: batch_of(specs_of(graph)) or 1] for name, array in feeds.items()}
    write_vectors(graph, few, folder / "vectors")


def walk(folder, model, costly=False):
    """All parts of one network."""
    parts = Walk()
    ready = parts.part("prepare", lambda: prepared_of(folder, model))
    if ready is None:
        return parts.reasons
    prepared, feeds = ready
    fp32 = split_logits(prepared, feeds)
    for strategy in STRATEGIES:

        def quantized_by(strategy=strategy):
            calibration = calibrate(prepared, feeds, strategy.calibration)
            quantized = quantize(prepared, calibration, strategy)
            quantization_facts(quantized, calibration)
            evidence_rows(None, fp32, {"s": split_logits(quantized.executable, feeds)})
            return quantized

        quantized = parts.part(f"quantize {strategy.name}", quantized_by)
        if quantized is not None:
            parts.part(
                f"replay {strategy.name}", lambda q=quantized: replayed(folder, q, feeds, costly)
            )
    return parts.reasons


def faults(folder, seeds, costly):
    """Faults by seed, the share of networks that went through all parts, and all reasons."""
    found, complete, reasons = {}, 0, Counter()
    for seed in seeds:
        try:
            with warnings.catch_warnings(), np.errstate(all="ignore"):
                warnings.simplefilter("ignore")
                said = walk(folder, mutated(seed), costly)
        except Exception as error:
            found[seed] = f"{type(error).__name__}: {error}"[:300]
            continue
        complete += not said
        reasons.update({f"{part}: {reason[:100]}" for part, reason in said.items()})
    return found, complete / len(seeds), reasons


def check(folder, seeds, costly=False):
    found, complete, reasons = faults(folder, seeds, costly)
    assert not found, found
    assert complete >= SHARE, (complete, reasons.most_common(20))


def test_fifty_networks_get_a_result_or_a_reason(tmp_path):
    check(tmp_path, range(50))


@pytest.mark.slow
def test_a_thousand_networks_get_a_result_or_a_reason(tmp_path):
    check(tmp_path, range(1000, 1100), costly=True)
    check(tmp_path, range(1100, 2000))
