"""Rule codesign: every quantisation choice of a network, priced on one machine of the study."""

from edgeint8.arch.cost.feasible import feasible
from edgeint8.arch.machine.technology import of_files, using
from edgeint8.arch.network.inputs import find_hardware
from edgeint8.arch.network.layers import layers_from_json
from edgeint8.codesign.codesign import Evidence, codesign_rows, reference_machine
from edgeint8.conventions import Row
from edgeint8.files import read_json, write_csv
from edgeint8.study.job import job
from edgeint8.tables.files import read_table


def rows_of(path: str, workload: str | None = None) -> list[Row]:
    """Rows of a table, of one workload where it has several."""
    frame = read_table(path)
    frame = frame if workload is None else frame[frame["workload"] == workload]
    return frame.to_dict("records")


with job(snakemake), using(of_files(snakemake.input.technology), snakemake.params.dram):
    workload = snakemake.wildcards.workload
    layers = layers_from_json(read_json(snakemake.input.layers))
    strategies = rows_of(snakemake.input.quantization, workload)
    recommendation = rows_of(snakemake.input.recommendation)
    narrow = rows_of(snakemake.input.weight_bits)
    evidence = Evidence(
        strategies=strategies,
        accumulators=rows_of(snakemake.input.accumulator, workload),
        schemes=rows_of(snakemake.input.schemes),
        narrow=[row for row in narrow if row["rounding"] == "nearest"],
        learned=[row for row in narrow if row["rounding"] == "learned"],
        base=next(row["strategy"] for row in recommendation if row["recommended"]),
        bits=[row for path in snakemake.input.bits for row in rows_of(path)],
        replayed=snakemake.params.replayed or strategies[0]["images"],
    )
    machines = feasible(layers, [find_hardware(name) for name in snakemake.params.hardware])
    designs = rows_of(snakemake.input.best)
    hardware = reference_machine(machines, designs[0] if designs else None)
    source = {"data_source": strategies[0]["data_source"]}
    rows = [row | source for row in codesign_rows(workload, layers, hardware, evidence)]
    write_csv(snakemake.output.table, rows)
