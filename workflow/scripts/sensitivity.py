"""Rule sensitivity_study: each layer quantised alone and all but it; the fewest float layers."""

import onnx

from edgeint8.files import read_json, write_csv
from edgeint8.models.data.samples import load_samples
from edgeint8.quant.bits.files import with_bits
from edgeint8.quant.evidence.evaluation import split_outputs
from edgeint8.quant.evidence.metrics import Judged, scorer
from edgeint8.quant.evidence.sensitivity import SensitivityStudy
from edgeint8.quant.evidence.table_rows import mixed_precision_row, sensitivity_rows
from edgeint8.quant.learn.codes import load_codes
from edgeint8.quant.ptq import Calibration, Strategy, prepare_model
from edgeint8.study.job import job

with job(snakemake):
    judged = load_samples(snakemake.input.dataset, "holdout").first(snakemake.params.images)
    model = prepare_model(onnx.load(snakemake.input.model))
    strategy = Strategy.from_mapping(snakemake.wildcards.strategy, snakemake.params.strategy)
    reference = split_outputs(model, judged.inputs)
    fp32 = Judged(reference, reference, judged.inputs, judged.truth)
    study = SensitivityStudy(
        model,
        Calibration.from_json(read_json(snakemake.input.calibration)),
        with_bits(strategy, snakemake.input.bits).as_chosen(read_json(snakemake.input.facts)),
        judged.inputs,
        judged.labels,
        load_codes(snakemake.input.codes) if snakemake.input.codes else None,
        scorer(snakemake.params.metric, fp32, random=judged.is_random),
    )
    rows = study.rows()
    key = {name: snakemake.wildcards[name] for name in ("workload", "strategy")}
    source = {"images": len(judged), "data_source": judged.source}
    write_csv(snakemake.output.sensitivity, [key | row | source for row in sensitivity_rows(rows)])
    mixed = mixed_precision_row(study.suggest(rows))
    write_csv(snakemake.output.mixed, [key | mixed | source])
