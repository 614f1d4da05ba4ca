"""Rule bit_growth: accumulator width of every layer, from its weights and seen on test images."""

from dataclasses import asdict

import onnx

from edgeint8.files import write_csv
from edgeint8.fixed_point.bit_growth import model_widths
from edgeint8.fixed_point.executor import as_feeds
from edgeint8.job import job
from edgeint8.models.datasets import load_dataset

BATCH = 50

with job(snakemake):
    key = {name: snakemake.wildcards[name] for name in ("workload", "strategy")}
    model = onnx.load(snakemake.input.model)
    dataset = load_dataset(snakemake.input.dataset)
    inputs = dataset.test().inputs[: snakemake.params.images]
    feeds = (as_feeds(model, inputs[k : k + BATCH]) for k in range(0, len(inputs), BATCH))
    source = {"data_source": dataset.source}
    widths = [key | asdict(width) | source for width in model_widths(model, feeds)]
    write_csv(snakemake.output.table, widths)
