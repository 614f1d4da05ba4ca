"""Rule machine_tables: the tables of a network on every machine of the study."""

from collections.abc import Callable

from edgeint8.arch.cost.cost_rows import energy_rows
from edgeint8.arch.cost.feasible import infeasible_reason
from edgeint8.arch.cost.roofline import roofline_rows
from edgeint8.arch.machine.technology import of_files, using
from edgeint8.arch.network.inputs import find_hardware
from edgeint8.arch.network.layers import layers_from_json
from edgeint8.arch.network.totals import of_one_inference
from edgeint8.arch.questions.depthwise import packing_rows
from edgeint8.arch.questions.scaling import scaling_rows
from edgeint8.arch.questions.switching import switching_rows
from edgeint8.conventions import Row
from edgeint8.files import read_json, write_csv
from edgeint8.scale_sim.dse import dse_rows
from edgeint8.study.job import job

PER_MACHINE: dict[str, Callable[..., list[Row]]] = {
    "roofline": roofline_rows,
    "scaling": scaling_rows,
    "energy": energy_rows,
    "switching": switching_rows,
    "packing": packing_rows,
}

with job(snakemake), using(of_files(snakemake.input.technology), snakemake.params.dram):
    workload = snakemake.wildcards.workload
    layers = layers_from_json(read_json(snakemake.input.layers))
    machines = [find_hardware(name) for name in snakemake.params.hardware]
    reasons = {machine.id: infeasible_reason(layers, machine) for machine in machines}
    write_csv(
        snakemake.output.infeasible,
        [
            {"workload": workload, "hardware": machine, "reason": reason}
            for machine, reason in reasons.items()
            if reason
        ],
    )
    machines = [machine for machine in machines if not reasons[machine.id]]
    write_csv(snakemake.output.dse, dse_rows(workload, layers, machines))
    for name, rows_of in PER_MACHINE.items():
        rows = [row for machine in machines for row in rows_of(workload, layers, machine)]
        of_totals = name == "energy"  # the others have a row a layer or resource, of a run
        rows = [of_one_inference(row, layers) for row in rows] if of_totals else rows
        write_csv(snakemake.output[name], rows)
