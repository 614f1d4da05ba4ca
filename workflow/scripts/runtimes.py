"""Rule runtimes_compare: a .tflite network against its real runtimes, and these with each other."""

from edgeint8.models.data.samples import load_samples
from edgeint8.study.job import job
from edgeint8.tables.files import write_table
from edgeint8.tflite.verify import verify_tflite

with job(snakemake):
    key = {name: snakemake.wildcards[name] for name in ("workload", "strategy")}
    test = load_samples(snakemake.input.dataset, "test").first(snakemake.params.images)
    source = {"data_source": test.source}
    report = verify_tflite(snakemake.input.network, test.inputs)
    witnesses = [key | row | source for row in report.golden_rows()]
    write_table(snakemake.output.witnesses, witnesses)
    pairs = [key | vars(pair) | source for pair in report.pairs]
    write_table(snakemake.output.runtimes, pairs)
    rules = [key | row for row in report.rules_frame().to_dict("records")]
    write_table(snakemake.output.rules, rules)
