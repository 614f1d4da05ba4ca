"""Rule prepare_topology: the layers of a SCALE-Sim topology."""

from edgeint8.arch.network.inputs import read_layers
from edgeint8.arch.network.layers import layers_to_json
from edgeint8.files import write_csv, write_json
from edgeint8.study.job import job
from edgeint8.study.status import write_status

with job(snakemake):
    write_json(snakemake.output.layers, layers_to_json(read_layers(snakemake.input.topology)))
    write_csv(snakemake.output.memory, [])
    write_status(snakemake.output.status, snakemake.params.kind)
