"""Rule calibration_draws: every static strategy calibrated on several sets of images."""

import onnx

from edgeint8.files import write_csv
from edgeint8.job import job
from edgeint8.models.datasets import load_dataset
from edgeint8.quant.draw_study import draw_rows
from edgeint8.quant.ptq import Strategy, prepare_model

with job(snakemake):
    options = snakemake.params.options
    dataset = load_dataset(snakemake.input.dataset)
    judged = dataset.held_out()
    rows = draw_rows(
        prepare_model(onnx.load(snakemake.input.model)),
        dataset.train().inputs,
        (judged.inputs[: options["images"]], judged.labels[: options["images"]]),
        [Strategy.from_mapping(name, o) for name, o in snakemake.params.strategies.items()],
        snakemake.params.seed,
        options["count"],
    )
    key = {"workload": snakemake.wildcards.workload}
    source = {"data_source": dataset.source}
    write_csv(snakemake.output.table, [key | row | source for row in rows])
