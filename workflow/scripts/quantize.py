"""Rule quantize_strategy: quantise a network, by a shared calibration unless it is dynamic."""

import onnx

from edgeint8.files import atomic_path, read_json, write_json
from edgeint8.quant.evidence.table_rows import quantization_facts
from edgeint8.quant.ptq import Calibration, Strategy, prepare_model, quantize
from edgeint8.study.job import job

with job(snakemake):
    strategy = Strategy.from_mapping(snakemake.wildcards.strategy, snakemake.params.options)
    path = snakemake.input.get("calibration")
    calibration = Calibration.from_json(read_json(path)) if path else None
    quantized = quantize(prepare_model(onnx.load(snakemake.input.model)), calibration, strategy)
    for path, graph in (
        (snakemake.output.model, quantized.model),
        (snakemake.output.executable, quantized.executable),
    ):
        with atomic_path(path) as temporary:
            onnx.save(graph, temporary)
    write_json(snakemake.output.facts, quantization_facts(quantized, calibration))
