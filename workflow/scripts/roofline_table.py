"""Rule roofline_table: where each layer stands under each machine's roofline."""

from edgeint8.arch.hardware import parse_hardware_id
from edgeint8.arch.layers import layers_from_json
from edgeint8.arch.roofline import roofline_rows
from edgeint8.files import read_json
from edgeint8.job import job
from edgeint8.report.tables import write_table

with job(snakemake.log[0]):
    rows = []
    for workload, path in zip(snakemake.params.workloads, snakemake.input.layers, strict=True):
        layers = layers_from_json(read_json(path))
        for hardware in snakemake.params.hardware:
            rows += roofline_rows(workload, layers, parse_hardware_id(hardware))
    write_table(snakemake.output.table, rows)
