"""Rule account: SCALE-Sim minus the physical model, term by term, on every machine of the study."""

from edgeint8.arch.cost.feasible import feasible
from edgeint8.arch.network.inputs import find_hardware
from edgeint8.arch.network.layers import layers_from_json
from edgeint8.files import read_json, write_csv
from edgeint8.scale_sim.account.account import account_rows
from edgeint8.study.job import job

with job(snakemake):
    layers = layers_from_json(read_json(snakemake.input.layers))
    machines = [find_hardware(name) for name in snakemake.params.hardware]
    rows = [
        row
        for machine in feasible(layers, machines)
        for row in account_rows(snakemake.wildcards.workload, layers, machine)
    ]
    write_csv(snakemake.output.physics, rows)
