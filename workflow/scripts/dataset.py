"""Rule dataset: find, download or generate a dataset."""

from pathlib import Path

from edgeint8.models.data.datasets import Request, save_dataset
from edgeint8.models.data.registry import make_dataset
from edgeint8.study.job import job

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
