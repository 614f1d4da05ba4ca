"""Rule overflow_study: the whole network on narrow accumulators, under every policy."""

from dataclasses import asdict

import onnx

from edgeint8.codesign.yardsticks import judge_of
from edgeint8.conventions import IMAGES_AT_ONCE
from edgeint8.files import write_csv
from edgeint8.fixed_point.studies.overflow import overflow_rows
from edgeint8.models.data.samples import load_samples
from edgeint8.quant.evidence.logits import load_outputs
from edgeint8.study.job import job

with job(snakemake):
    key = {name: snakemake.wildcards[name] for name in ("workload", "strategy")}
    options = snakemake.params.options
    test = load_samples(snakemake.input.dataset, "test").first(options["images"])
    model, batch = onnx.load(snakemake.input.model), test.batch or IMAGES_AT_ONCE
    fp32 = load_outputs(snakemake.input.fp32, "test") if snakemake.input.fp32 else None
    bits = range(options["bits"][0], options["bits"][1] + 1)
    rows = overflow_rows(
        *(model, test.inputs, test.labels, bits),
        tile_rows=options["tile_rows"],
        batch=batch,
        judge=judge_of(model, test, snakemake.params.metric, fp32, batch),
    )
    source = {"data_source": test.source}
    write_csv(snakemake.output.table, [key | asdict(row) | source for row in rows])
