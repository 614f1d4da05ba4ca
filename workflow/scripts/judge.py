"""Rule judge: the metric of a network, for every strategy that it has, on the test split."""

from edgeint8.errors import ModelError
from edgeint8.files import absence, write_csv
from edgeint8.models.data.samples import load_samples
from edgeint8.quant.evidence.logits import load_outputs
from edgeint8.quant.evidence.metrics import Judged, metric
from edgeint8.quant.evidence.ranking import metric_columns
from edgeint8.study.job import job

with job(snakemake):
    test = load_samples(snakemake.input.dataset, "test")
    if test.is_random:
        raise ModelError("random inputs say nothing of a metric", allowed="data of one's own")
    fp32 = load_outputs(snakemake.input.fp32, "test") if snakemake.input.fp32 else None
    files = zip(snakemake.params.strategies, snakemake.input.logits, strict=True)
    outputs = {name: load_outputs(path, "test") for name, path in files if absence(path) is None}
    seen = {name: Judged(o, fp32, test.inputs, test.truth) for name, o in outputs.items()}
    reference = Judged(fp32, fp32, test.inputs, test.truth) if fp32 else None
    columns = metric_columns(metric(**snakemake.params.metric), reference, seen)
    write_csv(snakemake.output.table, [{"strategy": name} | row for name, row in columns.items()])
