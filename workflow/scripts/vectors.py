"""Rule vectors: test vectors of every layer for RTL."""

import onnx

from edgeint8.fixed_point.vectors import read_vectors, write_vectors
from edgeint8.job import job
from edgeint8.models.datasets import load_dataset

with job(snakemake):
    images = load_dataset(snakemake.input.dataset).test().inputs[: snakemake.params.images]
    write_vectors(onnx.load(snakemake.input.model), images, snakemake.output[0])
    arrays = read_vectors(snakemake.output[0]).check_all()
    print(f"{arrays} arrays written, every sha256 checked")
