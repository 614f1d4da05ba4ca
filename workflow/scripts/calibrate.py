"""Rule calibrate: activation ranges of a network by one method, from training samples."""

import onnx

from edgeint8.files import write_json
from edgeint8.models.data.samples import load_samples
from edgeint8.quant.calibrate.draws import calibration_draws
from edgeint8.quant.ptq import Strategy, calibrate_for, prepare_model
from edgeint8.study.job import job

with job(snakemake):
    options = snakemake.params.options
    model = prepare_model(onnx.load(snakemake.input.model))
    seen = load_samples(snakemake.input.dataset, "calibration")
    count = seen.whole(options["calibration_samples"])
    chosen = calibration_draws(len(seen), count, seed=snakemake.params.seed)[0]
    strategy = Strategy.from_mapping(snakemake.params.strategy, options)
    calibration = calibrate_for(model, seen.rows(chosen).inputs, strategy)
    write_json(snakemake.output.calibration, calibration.to_json())
