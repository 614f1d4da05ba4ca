"""Rule requantize_study: what other rounding schemes change."""

from dataclasses import asdict

import onnx

from edgeint8.files import write_csv
from edgeint8.fixed_point.rounding_study import requantize_rows
from edgeint8.job import job
from edgeint8.models.datasets import load_dataset

with job(snakemake):
    key = {name: snakemake.wildcards[name] for name in ("workload", "strategy")}
    dataset = load_dataset(snakemake.input.dataset)
    images, source = dataset.test().inputs[: snakemake.params.images], dataset.source
    rows = requantize_rows(onnx.load(snakemake.input.model), images)
    write_csv(snakemake.output.table, [key | asdict(row) | {"data_source": source} for row in rows])
