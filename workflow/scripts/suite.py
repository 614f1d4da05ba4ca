"""Rule suite: one machine for several networks."""

from edgeint8.arch.explore.design_space import constraints, design_space
from edgeint8.arch.explore.need import need_of
from edgeint8.arch.explore.suite import Member, suite_rows
from edgeint8.arch.machine.technology import of_files, using
from edgeint8.arch.network.layers import layers_from_json
from edgeint8.files import read_json
from edgeint8.study.job import job
from edgeint8.tables.files import write_table

with job(snakemake), using(of_files(snakemake.input.technology), snakemake.params.dram):
    options, needs = snakemake.params.options, snakemake.params.needs
    members = [
        Member(
            name,
            layers_from_json(read_json(snakemake.input[f"layers_{name}"])),
            weight,
            need_of(needs[name], options["objective"]),
        )
        for name, weight in snakemake.params.suite.items()
    ]
    space, limits = design_space(options), constraints(options)
    write_table(
        snakemake.output.table, suite_rows(members, space, options["dram_gb_per_s"], limits)
    )
