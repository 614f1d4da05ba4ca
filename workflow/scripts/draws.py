"""Rule calibration_draws: every static strategy calibrated on several sets of images."""

import onnx

from edgeint8.files import write_csv
from edgeint8.models.data.samples import load_samples
from edgeint8.quant.evidence.draw_study import draw_rows
from edgeint8.quant.ptq import Strategy, prepare_model
from edgeint8.study.job import job

with job(snakemake):
    options = snakemake.params.options
    judged = load_samples(snakemake.input.dataset, "holdout").first(options["images"])
    rows = draw_rows(
        prepare_model(onnx.load(snakemake.input.model)),
        load_samples(snakemake.input.dataset, "calibration").inputs,
        (judged.inputs, judged.labels),
        [Strategy.from_mapping(name, o) for name, o in snakemake.params.strategies.items()],
        snakemake.params.seed,
        options["count"],
        batch=judged.batch or 1,
    )
    key = {"workload": snakemake.wildcards.workload}
    source = {"data_source": judged.source}
    write_csv(snakemake.output.table, [key | row | source for row in rows])
