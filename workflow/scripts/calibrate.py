"""Rule calibrate: activation ranges of a network by one method, from training samples."""

import onnx

from edgeint8.files import write_json
from edgeint8.job import job
from edgeint8.models.datasets import load_dataset
from edgeint8.quant.draws import calibration_draws
from edgeint8.quant.ptq import calibrate, prepare_model

with job(snakemake):
    options = snakemake.params.options
    model = prepare_model(onnx.load(snakemake.input.model))
    train = load_dataset(snakemake.input.dataset).train()
    chosen = calibration_draws(
        len(train), options["calibration_samples"], seed=snakemake.params.seed
    )[0]
    calibration = calibrate(
        model,
        {model.graph.input[0].name: train.inputs[chosen]},
        options["calibration"],
        bins=options["bins"],
        percentile=options["percentile"],
    )
    write_json(snakemake.output.calibration, calibration.to_json())
