"""The tables of a study's machines: one call a table, for one network."""

from collections.abc import Sequence

from edgeint8.arch.cost.cost_rows import dse_row
from edgeint8.arch.machine.hardware import Hardware
from edgeint8.arch.network.layers import Layer
from edgeint8.arch.network.totals import of_one_inference
from edgeint8.conventions import Row
from edgeint8.scale_sim.replica.replica import predict


def dse_rows(workload: str, layers: Sequence[Layer], machines: Sequence[Hardware]) -> list[Row]:
    """Rows of ``dse.csv``: cycles and stalls as SCALE-Sim counts them, the rest physical."""
    rows = (dse_row(workload, layers, m, *replica_cycles(layers, m)) for m in machines)
    return [of_one_inference(row, layers) for row in rows]


def replica_total(layers: Sequence[Layer], machine: Hardware) -> int:
    """Cycles that SCALE-Sim reports for all array layers: the first of `replica_cycles`."""
    return replica_cycles(layers, machine)[0]


def replica_cycles(layers: Sequence[Layer], machine: Hardware) -> tuple[int, int]:
    """(total, stall) cycles that SCALE-Sim reports for all array layers, repeats included."""
    cycles = stalls = 0
    for layer in layers:
        if layer.shape is not None:
            report = predict(layer.shape, machine).compute
            cycles += layer.separate_runs * report.total_cycles
            stalls += layer.separate_runs * report.stall_cycles
    return cycles, stalls
