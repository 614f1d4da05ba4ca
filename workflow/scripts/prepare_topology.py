"""Rule prepare_topology: the layers of a SCALE-Sim topology; it never fails."""

from edgeint8.arch.network.inputs import read_layers
from edgeint8.arch.network.layers import layers_to_json
from edgeint8.errors import EdgeInt8Error
from edgeint8.files import write_absence, write_json
from edgeint8.study.job import job
from edgeint8.study.status import write_status

with job(snakemake):
    try:
        layers = layers_to_json(read_layers(snakemake.input.topology))
    except EdgeInt8Error as error:
        print(f"error: {error}")
        write_absence(snakemake.output.layers, str(error))
        write_status(snakemake.output.status, "topology", str(error))
    else:
        write_json(snakemake.output.layers, layers)
        write_status(snakemake.output.status, "topology")
