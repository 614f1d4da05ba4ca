"""Rule quantize_strategy: quantise a network, by a shared calibration unless it is dynamic."""

import onnx

from edgeint8.files import atomic_path, read_json, write_json
from edgeint8.models.data.samples import load_samples
from edgeint8.quant.auto_exclude import IMAGES, settled
from edgeint8.quant.bits.files import with_bits
from edgeint8.quant.evidence.metrics import metric
from edgeint8.quant.evidence.table_rows import quantization_facts
from edgeint8.quant.ptq import Calibration, Strategy, prepare_model, quantize
from edgeint8.study.job import job

with job(snakemake):
    strategy = Strategy.from_mapping(snakemake.wildcards.strategy, snakemake.params.options)
    strategy = with_bits(strategy, snakemake.input.bits)
    path = snakemake.input.get("calibration")
    calibration = Calibration.from_json(read_json(path)) if path else None
    model = prepare_model(onnx.load(snakemake.input.model))
    if snakemake.input.dataset:  # of strategies that choose
        judged = load_samples(snakemake.input.dataset, "holdout").first(IMAGES)
        named = None if judged.is_random else snakemake.params.metric
        yardstick = metric(**named) if named else None
        strategy = settled(model, calibration, strategy, (judged.inputs, judged.truth), yardstick)
    quantized = quantize(model, calibration, strategy)
    for path, graph in (
        (snakemake.output.model, quantized.model),
        (snakemake.output.executable, quantized.executable),
    ):
        with atomic_path(path) as temporary:
            onnx.save(graph, temporary)
    write_json(snakemake.output.facts, quantization_facts(quantized, calibration))
