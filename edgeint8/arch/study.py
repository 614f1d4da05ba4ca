"""The tables of a study's machines: one call a table, for one network."""

from collections.abc import Mapping, Sequence
from itertools import product
from typing import Any

from edgeint8.arch.design_space import Constraints, DesignSpace
from edgeint8.arch.energy import dse_row
from edgeint8.arch.hardware import Hardware
from edgeint8.arch.layers import Layer
from edgeint8.arch.roofline import Row
from edgeint8.arch.scale_sim.replica import predict


def dse_rows(workload: str, layers: Sequence[Layer], machines: Sequence[Hardware]) -> list[Row]:
    """Rows of ``dse.csv``: cycles and stalls as SCALE-Sim counts them, the rest physical."""
    return [
        dse_row(workload, layers, machine, *replica_cycles(layers, machine)) for machine in machines
    ]


def replica_cycles(layers: Sequence[Layer], machine: Hardware) -> tuple[int, int]:
    """(total, stall) cycles that SCALE-Sim reports for all array layers, repeats included."""
    cycles = stalls = 0
    for layer in layers:
        if layer.shape is not None:
            report = predict(layer.shape, machine).compute
            cycles += layer.repeats * report.total_cycles
            stalls += layer.repeats * report.stall_cycles
    return cycles, stalls


def design_space(options: Mapping[str, Any]) -> DesignSpace:
    """The space of ``$.explore``: every array size in the ranges, every combination of SRAM sizes.

    With ``sram_splits`` each operand takes each size by itself, otherwise all three the same.
    """
    sizes = options["sram_kb"]
    sram = product(sizes, repeat=3) if options["sram_splits"] else ((kb, kb, kb) for kb in sizes)
    bandwidths = [None if b == "unlimited" else b for b in options["bandwidth"]]
    return DesignSpace(
        rows=tuple(range(options["rows"][0], options["rows"][1] + 1)),
        cols=tuple(range(options["cols"][0], options["cols"][1] + 1)),
        sram_kb=tuple(sram),
        bandwidths_bpc=tuple(bandwidths),
        dataflows=tuple(options["dataflows"]),
        pipelined=tuple(options["pipelined"]),
        shared_bus=options["shared_bus"],
        clock_hz=options["clock_mhz"] * 1e6,
        balanced=options["balanced"],
    )


def constraints(options: Mapping[str, Any]) -> Constraints:
    """The limits of ``$.explore.constraints``."""
    return Constraints(**options["constraints"])
