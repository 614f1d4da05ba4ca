"""Rule calibration_draws: every static strategy calibrated on several sets of images.

Strategies that cannot be applied to the network are left out, and what `auto_exclude` chose stays.
"""

import onnx

from edgeint8.files import absence, read_json, write_csv
from edgeint8.models.data.samples import load_samples
from edgeint8.quant.bits.files import with_bits
from edgeint8.quant.evidence.draw_study import draw_rows
from edgeint8.quant.evidence.evaluation import split_outputs
from edgeint8.quant.evidence.metrics import Judged, scorer
from edgeint8.quant.ptq import Strategy, prepare_model
from edgeint8.study.job import job

with job(snakemake):
    options = snakemake.params.options
    written = snakemake.params.strategies  # as the study file has them
    facts = zip(written, snakemake.input.facts, strict=True)
    usable = {name: read_json(path) for name, path in facts if absence(path) is None}
    judged = load_samples(snakemake.input.dataset, "holdout").first(options["images"])
    bits = dict(zip(snakemake.params.budgets, snakemake.input.bits, strict=True))
    model = prepare_model(onnx.load(snakemake.input.model))
    reference = split_outputs(model, judged.inputs)
    fp32 = Judged(reference, reference, judged.inputs, judged.truth)
    rows = draw_rows(
        model,
        load_samples(snakemake.input.dataset, "calibration").inputs,
        (judged.inputs, judged.labels),
        [
            with_bits(Strategy.from_mapping(n, written[n]), bits.get(n, [])).as_chosen(found)
            for n, found in usable.items()
        ],
        snakemake.params.seed,
        options["count"],
        batch=judged.batch or 1,
        scorer=scorer(snakemake.params.metric, fp32, random=judged.is_random),
    )
    key = {"workload": snakemake.wildcards.workload}
    source = {"data_source": judged.source}
    write_csv(snakemake.output.table, [key | row | source for row in rows])
