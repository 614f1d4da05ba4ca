"""Rule outputs_table: range and SQNR of every output of every strategy, on the test split."""

from edgeint8.files import absence
from edgeint8.quant.evidence.channels import output_rows
from edgeint8.quant.evidence.table_rows import load_outputs
from edgeint8.study.job import job
from edgeint8.tables.files import write_table

with job(snakemake):
    fp32 = dict(zip(snakemake.params.floats, snakemake.input.fp32, strict=True))
    pairs = [(name, s) for name, mine in snakemake.params.strategies.items() for s in mine]
    rows = []
    for (name, strategy), path in zip(pairs, snakemake.input.logits, strict=True):
        if absence(path) is None:
            before = load_outputs(fp32[name], "test") if name in fp32 else None
            key = {"workload": name, "strategy": strategy}
            rows += [key | row for row in output_rows(before, load_outputs(path, "test"))]
    write_table(snakemake.output.table, rows)
