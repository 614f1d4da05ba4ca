"""Rule observe: layer traits, unused levels and distributions of a network."""

import onnx

from edgeint8.files import read_json, write_csv
from edgeint8.models.data.samples import load_samples
from edgeint8.quant.calibrate.draws import calibration_draws
from edgeint8.quant.calibrate.histogram import observe
from edgeint8.quant.evidence.distributions import histogram_rows, level_rows, trait_rows
from edgeint8.quant.ptq import Calibration, prepare_model
from edgeint8.quant.strategy import DEFAULT_BINS
from edgeint8.study.job import job

with job(snakemake):
    samples = load_samples(snakemake.input.dataset, "calibration")
    model = prepare_model(onnx.load(snakemake.input.model))
    count = samples.whole(snakemake.params.samples)
    chosen = calibration_draws(len(samples), count, seed=snakemake.params.seed)[0]
    seen = observe(model, samples.rows(chosen).inputs, bins=DEFAULT_BINS)
    calibrations = [Calibration.from_json(read_json(p)) for p in snakemake.input.calibrations]
    for path, rows in (
        (snakemake.output.traits, trait_rows(model, seen)),
        (snakemake.output.levels, level_rows(model, calibrations)),
        (snakemake.output.histograms, histogram_rows(model, seen)),
    ):
        ends = {"workload": snakemake.wildcards.workload}, {"data_source": samples.source}
        write_csv(path, [ends[0] | row | ends[1] for row in rows])
