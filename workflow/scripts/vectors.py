"""Rule vectors: test vectors of every layer for RTL."""

import onnx

from edgeint8.fixed_point.vectors.vectors import read_vectors, write_vectors
from edgeint8.models.data.samples import load_samples
from edgeint8.study.job import job

with job(snakemake):
    test = load_samples(snakemake.input.dataset, "test")
    images = test.first(test.batch or snakemake.params.images).inputs
    write_vectors(onnx.load(snakemake.input.model), images, snakemake.output[0])
    arrays = read_vectors(snakemake.output[0]).check_all()
    print(f"{arrays} arrays written, every sha256 checked")
