"""Rule machine_tables: the tables of a network on every machine of the study."""

from edgeint8.arch.depthwise import packing_rows
from edgeint8.arch.energy import energy_rows
from edgeint8.arch.inputs import find_hardware
from edgeint8.arch.layers import layers_from_json
from edgeint8.arch.roofline import roofline_rows
from edgeint8.arch.scaling import scaling_rows
from edgeint8.arch.study import dse_rows
from edgeint8.arch.switching import switching_rows
from edgeint8.files import read_json, write_csv
from edgeint8.job import job

PER_MACHINE = {
    "roofline": roofline_rows,
    "scaling": scaling_rows,
    "energy": energy_rows,
    "switching": switching_rows,
    "packing": packing_rows,
}

with job(snakemake):
    workload = snakemake.wildcards.workload
    layers = layers_from_json(read_json(snakemake.input.layers))
    machines = [find_hardware(name) for name in snakemake.params.hardware]
    write_csv(snakemake.output.dse, dse_rows(workload, layers, machines))
    for name, rows_of in PER_MACHINE.items():
        rows = [row for machine in machines for row in rows_of(workload, layers, machine)]
        write_csv(snakemake.output[name], rows)
