"""Rule requantize_study: what other rounding schemes change."""

from dataclasses import asdict

import onnx

from edgeint8.codesign.yardsticks import judge_of
from edgeint8.conventions import IMAGES_AT_ONCE
from edgeint8.files import write_csv
from edgeint8.fixed_point.studies.rounding_study import requantize_rows
from edgeint8.models.data.samples import load_samples
from edgeint8.quant.evidence.logits import load_outputs
from edgeint8.study.job import job

with job(snakemake):
    key = {name: snakemake.wildcards[name] for name in ("workload", "strategy")}
    test = load_samples(snakemake.input.dataset, "test").first(snakemake.params.images)
    model, source = onnx.load(snakemake.input.model), {"data_source": test.source}
    batch = test.batch or IMAGES_AT_ONCE
    fp32 = load_outputs(snakemake.input.fp32, "test") if snakemake.input.fp32 else None
    judge = judge_of(model, test, snakemake.params.metric, fp32, batch)
    rows = requantize_rows(model, test.inputs, batch=batch, judge=judge)
    write_csv(snakemake.output.table, [key | asdict(row) | source for row in rows])
