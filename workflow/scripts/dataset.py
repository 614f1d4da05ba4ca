"""Rule dataset: find, download or generate a dataset."""

from pathlib import Path

from edgeint8.job import job
from edgeint8.models.datasets import Request, make_dataset, save_dataset

with job(snakemake):
    options = snakemake.params.options
    request = Request(
        Path(snakemake.params.data_dir),
        snakemake.params.seed,
        tuple(options.get("sources", ())),
        options["train_samples"],
        options["test_samples"],
    )
    dataset = make_dataset(snakemake.wildcards.dataset, request)
    save_dataset(dataset, snakemake.output.arrays, snakemake.output.provenance)
