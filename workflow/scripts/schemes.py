"""Rule schemes: the recommended strategy under other roundings, on the whole test split."""

import onnx

from edgeint8.codesign.datapath import REQUANTIZERS
from edgeint8.codesign.yardsticks import judge_of
from edgeint8.conventions import IMAGES_AT_ONCE
from edgeint8.files import write_csv
from edgeint8.fixed_point.arithmetic.requantize import Scheme
from edgeint8.fixed_point.executor import Executor
from edgeint8.fixed_point.studies.judging import outputs_of
from edgeint8.models.data.samples import load_samples
from edgeint8.quant.evidence.logits import load_outputs
from edgeint8.quant.evidence.table_rows import variant_columns
from edgeint8.study.job import job
from edgeint8.tables.files import read_table

with job(snakemake):
    test = load_samples(snakemake.input.dataset, "test")
    fp32 = load_outputs(snakemake.input.fp32, "test")
    chosen = read_table(snakemake.input.recommendation).query("recommended").iloc[0]["strategy"]
    paths = dict(zip(snakemake.params.strategies, snakemake.input.models, strict=True))
    model, batch = onnx.load(paths[chosen]), test.batch or IMAGES_AT_ONCE
    judge = judge_of(model, test, snakemake.params.metric, fp32, batch)
    rows = []
    for name in (name for name in REQUANTIZERS if name != Scheme.ORT_FLOAT32.value):
        outputs = outputs_of(Executor(model, Scheme(name)), model, test.inputs, batch)
        row = {"strategy": chosen, "scheme": name} | variant_columns(test.labels, fp32, outputs)
        rows.append(row | judge.columns(outputs))
    write_csv(snakemake.output.table, rows)
