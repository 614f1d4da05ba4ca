"""Rule explore_designs: the exact Pareto front of a design space, checked with the full model."""

import sys

from tqdm import tqdm

from edgeint8.arch.explore import explore
from edgeint8.arch.front import best_rows, front_check_rows, front_rows
from edgeint8.arch.layers import layers_from_json
from edgeint8.arch.study import constraints, design_space
from edgeint8.files import read_json, write_csv
from edgeint8.job import job

RECOMMENDED = 5

with job(snakemake.log[0]):
    workload, options = snakemake.wildcards.workload, snakemake.params.options
    layers = layers_from_json(read_json(snakemake.input.layers))
    space = design_space(options)
    with tqdm(total=space.size, unit="design", file=sys.__stderr__, disable=None) as bar:
        found = explore(layers, space, constraints(options), progress=bar.update)
    print(f"{found.designs:,} designs, {found.feasible:,} inside the constraints")
    sizes = {"designs": found.designs, "feasible_designs": found.feasible}
    write_csv(snakemake.output.pareto, [row | sizes for row in front_rows(workload, layers, found)])
    write_csv(snakemake.output.front_check, front_check_rows(workload, layers, found))
    write_csv(snakemake.output.best, best_rows(workload, layers, found, RECOMMENDED))
