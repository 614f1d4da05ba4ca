"""Rule calibrate: activation ranges of a network by one method, from training samples."""

import onnx

from edgeint8.files import write_json
from edgeint8.job import job
from edgeint8.models.datasets import load_dataset
from edgeint8.quant.ptq import calibrate, prepare_model

with job(snakemake.log[0]):
    samples = int(snakemake.wildcards.samples)
    model = prepare_model(onnx.load(snakemake.input.model))
    inputs = load_dataset(snakemake.input.dataset).calibration(samples, snakemake.params.seed)
    feeds = {model.graph.input[0].name: inputs}
    calibration = calibrate(model, feeds, snakemake.wildcards.method)
    write_json(snakemake.output.calibration, calibration.to_json())
