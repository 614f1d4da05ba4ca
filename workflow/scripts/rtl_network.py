"""Rule rtl_network: whole images through the machine in RTL, or one row that says why not."""

import onnx

from edgeint8.arch.machine.technology import of_files, using
from edgeint8.arch.network.inputs import find_hardware
from edgeint8.models.data.samples import load_samples
from edgeint8.rtl.rows import network_rows
from edgeint8.study.job import job
from edgeint8.tables.files import write_table

with job(snakemake), using(of_files(snakemake.input.technology), snakemake.params.dram):
    key = {name: snakemake.wildcards[name] for name in ("workload", "strategy")}
    test = load_samples(snakemake.input.dataset, "test").first(snakemake.params.images)
    preset = snakemake.input.preset
    hardware = find_hardware(preset[0] if preset else snakemake.wildcards.hardware)
    rows = network_rows(key, onnx.load(snakemake.input.model), test.inputs, hardware)
    write_table(snakemake.output.table, [row | {"data_source": test.source} for row in rows])
