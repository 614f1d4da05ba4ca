"""Rule low_table: why the SQNR of a strategy is low; nothing is run for those that keep enough."""

import onnx

from edgeint8.files import absence
from edgeint8.models.data.samples import load_samples
from edgeint8.quant.affine import sqnr_db
from edgeint8.quant.evidence.low import LOW_DB, explanation
from edgeint8.quant.evidence.table_rows import load_logits
from edgeint8.quant.ptq import prepare_model
from edgeint8.study.job import job
from edgeint8.tables.files import write_table

with job(snakemake):
    given = snakemake.input
    networks = zip(given.datasets, given.models, given.fp32, strict=True)
    of_network = dict(zip(snakemake.params.strategies, networks, strict=True))
    pairs = [(name, s) for name, mine in snakemake.params.strategies.items() for s in mine]
    rows = []
    for (name, strategy), logits, path in zip(pairs, given.logits, given.executables, strict=True):
        data, network, fp32 = of_network[name]
        if absence(logits) is not None:
            continue
        if sqnr_db(load_logits(fp32, "test"), load_logits(logits, "test")) <= LOW_DB:
            model, inputs = prepare_model(onnx.load(network)), load_samples(data, "test").inputs
            key = {"workload": name, "strategy": strategy}
            rows.append(key | explanation(model, onnx.load(path), inputs))
    write_table(snakemake.output.table, rows)
