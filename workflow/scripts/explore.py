"""Rule explore_designs: the exact Pareto front of a design space, checked, and what survives."""

import os
import sys

from tqdm import tqdm

from edgeint8.arch.explore.design_space import constraints, design_space
from edgeint8.arch.explore.energy_band import band_rows, recommend_band
from edgeint8.arch.explore.explore import explore
from edgeint8.arch.explore.front import front_check_rows, front_rows
from edgeint8.arch.explore.need import need_of
from edgeint8.arch.explore.recommended import best_rows
from edgeint8.arch.machine.constants import LEVELS
from edgeint8.arch.machine.technology import of_files, using
from edgeint8.arch.network.layers import layers_from_json
from edgeint8.arch.questions.plain import against_plain
from edgeint8.files import read_json, write_csv
from edgeint8.scale_sim.dse import replica_total
from edgeint8.scale_sim.front_check import best_by_criterion, witness_rows
from edgeint8.scale_sim.simulator.adapter import SimulationLimits
from edgeint8.study.job import job

RECOMMENDED = 5

with job(snakemake), using(of_files(snakemake.input.technology), snakemake.params.dram):
    workload, options = snakemake.wildcards.workload, snakemake.params.options
    layers = layers_from_json(read_json(snakemake.input.layers))
    space, limit = design_space(options), options["dram_gb_per_s"]
    kept = constraints(options)
    silent = "EDGEINT8_NO_BARS" in os.environ or None  # None: off where nobody watches
    with tqdm(total=3 * space.size, unit="design", file=sys.__stderr__, disable=silent) as bar:
        levels = {level: explore(layers, space, kept, level, bar.update) for level in LEVELS}
    need = need_of(snakemake.params.need, options["objective"])
    band = recommend_band(layers, levels, limit, kept, need)
    found, best = levels["mid"], band["mid"]
    print(f"{found.designs:,} designs, {found.feasible:,} inside the constraints")
    if best is None and need.objective != "edp":
        print(f"{workload}: no design is recommended for the stated {need}")
    sizes = {"designs": found.designs, "feasible_designs": found.feasible}
    write_csv(snakemake.output.pareto, [row | sizes for row in front_rows(workload, layers, found)])
    limits = options["constraints"]
    rows = best_rows(workload, layers, best, RECOMMENDED, replica_total, limits, limit)
    write_csv(snakemake.output.best, against_plain(rows, layers, best))
    write_csv(snakemake.output.band, band_rows(workload, layers, levels, band, need))
    checked = front_check_rows(workload, layers, found)
    designs = best_by_criterion(found, best)
    cache, allowed = snakemake.params.cache, snakemake.params.limits
    simulation = SimulationLimits(allowed["cpu_seconds"], allowed["memory_mb"] << 20)
    checked += witness_rows(workload, layers, designs, cache, simulation)
    write_csv(snakemake.output.front_check, checked)
