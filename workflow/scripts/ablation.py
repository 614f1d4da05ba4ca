"""Rule ablation: what each part of learning is worth, on the whole test split."""

import onnx

from edgeint8.files import read_json, write_csv
from edgeint8.models.data.samples import load_samples
from edgeint8.quant.bits.files import with_bits
from edgeint8.quant.calibrate.draws import calibration_draws
from edgeint8.quant.evidence.ablation import ablation_rows
from edgeint8.quant.evidence.logits import load_outputs
from edgeint8.quant.evidence.metrics import Judged, scorer
from edgeint8.quant.ptq import Strategy, prepare_model
from edgeint8.study.job import job

with job(snakemake):
    strategy = Strategy.from_mapping(snakemake.wildcards.strategy, snakemake.params.options)
    strategy = strategy.as_chosen(read_json(snakemake.input.facts))
    strategy = with_bits(strategy, snakemake.input.bits)
    seen = load_samples(snakemake.input.dataset, "calibration")
    count = seen.whole(strategy.images_learned)
    chosen = calibration_draws(len(seen), count, seed=snakemake.params.seed)[0]
    test = load_samples(snakemake.input.dataset, "test")
    fp32 = load_outputs(snakemake.input.fp32, "test")
    judged = Judged(fp32, fp32, test.inputs, test.truth)
    rows = ablation_rows(
        prepare_model(onnx.load(snakemake.input.model)),
        strategy,
        seen.rows(chosen).inputs,
        (test.inputs, test.labels),
        scorer(snakemake.params.metric, judged, random=test.is_random),
    )
    ends = {"workload": snakemake.wildcards.workload}, {"data_source": test.source}
    write_csv(snakemake.output.table, [ends[0] | row | ends[1] for row in rows])
