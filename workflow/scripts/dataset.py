"""Rule dataset: find, download or generate a dataset."""

from pathlib import Path

from edgeint8.job import job
from edgeint8.models.datasets import limited, make_dataset, save_dataset

with job(snakemake.log[0]):
    options = snakemake.params.options
    dataset = make_dataset(
        snakemake.wildcards.dataset,
        Path(snakemake.params.data_dir),
        options.get("sources", []),
        snakemake.params.seed,
    )
    dataset = limited(dataset, options["train_samples"], options["test_samples"])
    save_dataset(dataset, snakemake.output.arrays, snakemake.output.provenance)
