"""Rule output_ranges: range and SQNR of every output of every strategy, on the test split."""

from edgeint8.files import absence, write_csv
from edgeint8.quant.evidence.channels import output_rows
from edgeint8.quant.evidence.logits import load_outputs
from edgeint8.study.job import job

with job(snakemake):
    fp32 = load_outputs(snakemake.input.fp32, "test") if snakemake.input.fp32 else None
    rows = []
    for name, path in zip(snakemake.params.strategies, snakemake.input.logits, strict=True):
        if absence(path) is None:
            key = {"workload": snakemake.wildcards.workload, "strategy": name}
            rows += [key | row for row in output_rows(fp32, load_outputs(path, "test"))]
    write_csv(snakemake.output.table, rows)
