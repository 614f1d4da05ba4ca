"""Rule spend_bits: bits of every layer within a strategy's budget, judged on the hold-out."""

import onnx

from edgeint8.arch.cost.feasible import feasible
from edgeint8.arch.machine.technology import of_files, using
from edgeint8.arch.network.fusion import fuse
from edgeint8.arch.network.inputs import find_hardware, read_layers
from edgeint8.codesign.codesign import reference_machine
from edgeint8.codesign.prices import weight_prices
from edgeint8.files import read_json, write_csv, write_json
from edgeint8.models.data.samples import load_samples
from edgeint8.quant.bits.allocation import Prices
from edgeint8.quant.bits.spend import spend_bits
from edgeint8.quant.calibrate.draws import calibration_draws
from edgeint8.quant.ptq import Calibration, Strategy, prepare_model
from edgeint8.study.job import job


def prices_of(strategy: Strategy) -> Prices | None:
    """What bits cost on the first machine that states its bandwidth, where energy is bounded."""
    if strategy.unspent is None or strategy.unspent.energy_share is None:
        return None
    layers = fuse(read_layers(snakemake.input.model))
    machines = [find_hardware(name) for name in snakemake.params.hardware]
    return weight_prices(layers, reference_machine(feasible(layers, machines), None))


with job(snakemake), using(of_files(snakemake.input.technology), snakemake.params.dram):
    strategy = Strategy.from_mapping(snakemake.wildcards.strategy, snakemake.params.options)
    seen = load_samples(snakemake.input.dataset, "calibration")
    count = seen.whole(strategy.images_learned)
    chosen = calibration_draws(len(seen), count, seed=snakemake.params.seed)[0]
    judged = load_samples(snakemake.input.dataset, "holdout").first(snakemake.params.images)
    found = spend_bits(
        prepare_model(onnx.load(snakemake.input.model)),
        Calibration.from_json(read_json(snakemake.input.calibration)),
        strategy,
        seen.rows(chosen).inputs,
        judged.inputs,
        prices_of(strategy),
    )
    write_json(snakemake.output.bits, dict(found.bits))
    key = {name: snakemake.wildcards[name] for name in ("workload", "strategy")}
    source = {"data_source": judged.source}
    write_csv(snakemake.output.table, [key | row | source for row in found.rows])
