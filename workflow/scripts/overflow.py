"""Rule overflow_study: the whole network on narrow accumulators, under every policy."""

from dataclasses import asdict

import onnx

from edgeint8.files import write_csv
from edgeint8.fixed_point.overflow import overflow_rows
from edgeint8.job import job
from edgeint8.models.datasets import load_dataset

with job(snakemake):
    key = {name: snakemake.wildcards[name] for name in ("workload", "strategy")}
    options = snakemake.params.options
    dataset = load_dataset(snakemake.input.dataset)
    test, source = dataset.test(), {"data_source": dataset.source}
    rows = overflow_rows(
        onnx.load(snakemake.input.model),
        test.inputs[: options["images"]],
        test.labels[: options["images"]],
        bits=range(options["bits"][0], options["bits"][1] + 1),
        tile_rows=options["tile_rows"],
    )
    write_csv(snakemake.output.table, [key | asdict(row) | source for row in rows])
