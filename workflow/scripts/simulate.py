"""Rule simulate: every layer of a workload on one machine, by SCALE-Sim and by its replica."""

from edgeint8.arch.network.inputs import find_hardware
from edgeint8.arch.network.layers import layers_from_json
from edgeint8.files import read_json, write_csv
from edgeint8.scale_sim.simulator.adapter import SimulationLimits
from edgeint8.scale_sim.study import simulate_network
from edgeint8.study.job import job

with job(snakemake):
    limits = snakemake.params.limits
    rows, crosscheck = simulate_network(
        snakemake.wildcards.workload,
        layers_from_json(read_json(snakemake.input.layers)),
        find_hardware(snakemake.wildcards.hardware),
        snakemake.params.cache,
        SimulationLimits(limits["cpu_seconds"], limits["memory_mb"] << 20),
    )
    write_csv(snakemake.output.table, rows)
    write_csv(snakemake.output.crosscheck, crosscheck)
