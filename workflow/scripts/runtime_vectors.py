"""Rule runtime_vectors: test vectors of a .tflite network in the arithmetic of each runtime."""

from pathlib import Path

from edgeint8.fixed_point.vectors.vectors import read_vectors
from edgeint8.models.data.samples import load_samples
from edgeint8.study.job import job
from edgeint8.tflite.vectors import write_runtime_vectors

with job(snakemake):
    test = load_samples(snakemake.input.dataset, "test")
    images = test.first(test.batch or snakemake.params.images).inputs
    refused = write_runtime_vectors(snakemake.input.network, images, snakemake.output[0])
    for folder in sorted(path.parent for path in Path(snakemake.output[0]).glob("*/manifest.json")):
        print(f"{folder.name}: {read_vectors(folder).check_all()} arrays, every sha256 checked")
    for name, reason in refused.items():
        print(f"{name}: {reason}")
