"""Rule learn: quantise a network by codes that are learned from calibration images."""

import onnx

from edgeint8.files import atomic_path, read_json, write_csv, write_json
from edgeint8.models.data.samples import load_samples
from edgeint8.quant.auto_exclude import IMAGES, settled
from edgeint8.quant.bits.files import with_bits
from edgeint8.quant.calibrate.draws import calibration_draws
from edgeint8.quant.evidence.metrics import metric
from edgeint8.quant.evidence.table_rows import quantization_facts
from edgeint8.quant.learn.codes import save_codes
from edgeint8.quant.ptq import Calibration, Strategy, prepare_model, quantize
from edgeint8.study.job import job

with job(snakemake):
    strategy = Strategy.from_mapping(snakemake.wildcards.strategy, snakemake.params.options)
    strategy = with_bits(strategy, snakemake.input.bits)
    calibration = Calibration.from_json(read_json(snakemake.input.calibration))
    seen = load_samples(snakemake.input.dataset, "calibration")
    count = seen.whole(strategy.images_learned)
    chosen = calibration_draws(len(seen), count, seed=snakemake.params.seed)[0]
    model = prepare_model(onnx.load(snakemake.input.model))
    judged = load_samples(snakemake.input.dataset, "holdout").first(IMAGES)
    named = None if judged.is_random else snakemake.params.metric
    yardstick = metric(**named) if named else None
    strategy = settled(model, calibration, strategy, (judged.inputs, judged.truth), yardstick)
    quantized = quantize(model, calibration, strategy, images=seen.rows(chosen).inputs)
    learned = quantized.learned
    assert learned is not None  # rule learn runs strategies with learned codes only
    for path, graph in (
        (snakemake.output.model, quantized.model),
        (snakemake.output.executable, quantized.executable),
    ):
        with atomic_path(path) as temporary:
            onnx.save(graph, temporary)
    write_json(snakemake.output.facts, quantization_facts(quantized, calibration))
    save_codes(snakemake.output.codes, learned)
    key = {name: snakemake.wildcards[name] for name in ("workload", "strategy")}
    source = {"images": count, "data_source": seen.source}
    rows = [key | layer.row() | source for layer in learned.layers]
    write_csv(snakemake.output.learning, rows)
