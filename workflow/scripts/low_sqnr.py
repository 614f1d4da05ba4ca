"""Rule low_sqnr: why the SQNR of a strategy is low; nothing is run for those that keep enough."""

import onnx

from edgeint8.files import absence, write_csv
from edgeint8.models.data.samples import load_samples
from edgeint8.quant.affine import sqnr_db
from edgeint8.quant.evidence.logits import load_logits
from edgeint8.quant.evidence.low import LOW_DB, explanation
from edgeint8.quant.ptq import prepare_model
from edgeint8.study.job import job

with job(snakemake):
    given, rows = snakemake.input, []
    fp32 = load_logits(given.fp32, "test")
    files = zip(snakemake.params.strategies, given.logits, given.executables, strict=True)
    for strategy, logits, path in files:
        if absence(logits) is None and sqnr_db(fp32, load_logits(logits, "test")) <= LOW_DB:
            model = prepare_model(onnx.load(given.model))
            inputs = load_samples(given.dataset, "test").inputs
            key = {"workload": snakemake.wildcards.workload, "strategy": strategy}
            rows.append(key | explanation(model, onnx.load(path), inputs))
    write_csv(snakemake.output.table, rows)
