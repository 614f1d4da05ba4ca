"""Cycles from SCALE-Sim's report down to the physical model, one fault after another off.

The upper rungs are SCALE-Sim's own walk through time with a part replaced; the lower ones are the
longer of computing and moving. docs/cost_model_account.md, equations 1 and 10 to 16.
"""

from collections.abc import Sequence
from dataclasses import replace
from functools import lru_cache
from typing import NamedTuple

import numpy as np

from edgeint8.arch.cost.folds import array_cycles, compute_cycles
from edgeint8.arch.cost.physical import DEFAULT, exposed_cycles, transfer_cycles
from edgeint8.arch.cost.systolic import Mapping, map_layer
from edgeint8.arch.machine.hardware import Hardware
from edgeint8.arch.network.layers import Layer, LayerShape
from edgeint8.conventions import KIB
from edgeint8.scale_sim.account.account_bytes import (
    ByteRung,
    Bytes,
    array_shape,
    demand_order,
    replica,
)
from edgeint8.scale_sim.replica.misses import Misses
from edgeint8.scale_sim.replica.outputs import Outputs, output_schedule
from edgeint8.scale_sim.replica.read_port import ReadPort
from edgeint8.scale_sim.replica.replica import read_misses
from edgeint8.scale_sim.replica.timeline import walk
from edgeint8.scale_sim.replica.write_buffer import WritePort, write_port

FROM_BYTES = (
    "fold_edges",
    "whole_fetches",
    "expanded_reads",
    "epoch_flushes",
    "padding",
    "skipped_inputs",
    "shared_operands",
)
"""Faults of the bytes that are switched off in time as well, in this order."""
CYCLE_TERMS = (
    *("off_by_one", "partial_sum_writes", "write_bursts", "double_counted_stalls"),
    *("cyclic_refetch", "prefetch_bursts", *FROM_BYTES, "uncounted_transfers", "fused_operands"),
    *("tiling", "separate_images", "per_port_bandwidth", "whole_bytes", "undrained_outputs"),
    *("serial_folds", "exposed_ends"),
)
"""All terms of `cycle_rungs`, in order."""


class PortMisses(NamedTuple):
    """Where a read port misses, and the cycles from the end of one prefetch to the next's."""

    misses: Misses
    prefetch_cycles: int


class CycleRung(NamedTuple):
    """A model without the fault `term`, and the cycles it takes."""

    term: str
    cycles: int


def final_outputs(mapping: Mapping) -> Outputs:
    """Outputs when sums stay in the array's buffer until they are complete. Equation 11.

    Weight- and input-stationary, all row folds of a column fold count as one fold, whose outputs
    leave in the last of them. Output-stationary nothing changes.
    """
    outputs = output_schedule(mapping)
    if mapping.holds_outputs:
        return outputs
    before = (mapping.row_folds - 1) * mapping.fold_lines
    return outputs._replace(
        fold_lines=mapping.row_folds * mapping.fold_lines,
        row_folds=1,
        first_line=before + outputs.first_line,
    )


def walked_cycles(
    mapping: Mapping, outputs: Outputs, port: WritePort, reads: Sequence[PortMisses]
) -> int:
    """Lines and stalls of SCALE-Sim's walk with these outputs. Equation 10."""
    ifmap, filter_ = reads
    timeline = walk(
        outputs, port, ifmap.misses, ifmap.prefetch_cycles, filter_.misses, filter_.prefetch_cycles
    )
    return mapping.lines + timeline.total_stall_cycles


def single_wait_cycles(mapping: Mapping, reads: Sequence[PortMisses]) -> int:
    """Lines and stalls when each wait counts once, outputs aside. Equation 12.

    The k-th prefetch of a port ends in cycle ``k * prefetch_cycles - 1``, whatever happens
    meanwhile; a line with k misses so far is over one cycle after its demand, or then.
    """
    stall = 0
    for port in reads:
        ends = np.cumsum(port.misses.counts) * port.prefetch_cycles - 1
        waits = ends - port.misses.lines - 1
        stall = max(stall, int(waits.max(initial=0)))
    return mapping.lines + stall


def spread_cycles(layer: Layer, hardware: Hardware, moved: Bytes) -> int:
    """All reads after the first half of a buffer spread over the layer. Equation 13.

    The first half is fetched before the layer begins, so SCALE-Sim does not count it.
    """
    runs = layer.separate_runs
    lines = runs * map_layer(array_shape(layer), hardware).lines
    bandwidth = hardware.bandwidth_bpc
    if bandwidth is None:
        return lines
    ifmap, filter_ = (
        max(0, reads - runs * ReadPort(kb * KIB, bandwidth, 0).half_rows * bandwidth)
        for reads, kb in zip(moved, hardware.sram_kb[:2], strict=False)
    )
    return max(lines, transfer_cycles((ifmap, filter_, 0), whole_byte_ports(hardware)))


def whole_byte_ports(hardware: Hardware) -> Hardware:
    """The machine with SCALE-Sim's ports: one an operand, a whole number of bytes a cycle."""
    return replace(hardware, shared_bus=False, dram_bytes_per_cycle=None)


@lru_cache(maxsize=4096)
def walk_rungs(shape: LayerShape, hardware: Hardware) -> tuple[CycleRung, ...]:
    """Equations 1 and 10 to 12, one run of the layer. In CALC mode nothing ever waits."""
    mapping = map_layer(shape, hardware)
    compute = replica(shape, hardware).compute
    counted = mapping.lines + compute.stall_cycles
    start = [CycleRung("scalesim", compute.total_cycles), CycleRung("off_by_one", counted)]
    if hardware.bandwidth_bpc is None:
        return tuple(start)
    in_order = demand_order(shape, hardware, hardware.bandwidth_bpc)
    prefetch_cycles = [operand.port.prefetch_cycles for operand in in_order]
    cyclic = list(map(PortMisses, read_misses(shape, hardware), prefetch_cycles))
    direct = list(map(PortMisses, (operand.misses for operand in in_order), prefetch_cycles))
    sram_bytes, final = hardware.ofmap_sram_kb * KIB, final_outputs(mapping)
    limited = write_port(sram_bytes, hardware.bandwidth_bpc)
    never_full = write_port(sram_bytes, mapping.cols)
    return (
        *start,
        CycleRung("partial_sum_writes", walked_cycles(mapping, final, limited, cyclic)),
        CycleRung("write_bursts", walked_cycles(mapping, final, never_full, cyclic)),
        CycleRung("double_counted_stalls", single_wait_cycles(mapping, cyclic)),
        CycleRung("cyclic_refetch", single_wait_cycles(mapping, direct)),
    )


def cycle_rungs(
    layer: Layer, hardware: Hardware, bytes_moved: Sequence[ByteRung]
) -> tuple[CycleRung, ...]:
    """From SCALE-Sim's cycles to the physical model's, all repeats. Equations 10 to 16.

    `bytes_moved` are the layer's `byte_rungs` on this machine.
    """
    shape = array_shape(layer)
    rungs = [
        CycleRung(term, layer.separate_runs * cycles)
        for term, cycles in walk_rungs(shape, hardware)
    ]
    moved = {rung.term: rung.moved for rung in bytes_moved}
    rungs.append(
        CycleRung("prefetch_bursts", spread_cycles(layer, hardware, moved["cyclic_refetch"]))
    )
    rungs += [CycleRung(term, spread_cycles(layer, hardware, moved[term])) for term in FROM_BYTES]
    mapping = map_layer(shape, hardware, layer.images)
    apart, lines = (
        layer.separate_runs * map_layer(shape, hardware).lines,
        layer.runs * mapping.lines,
    )
    drained = array_cycles(mapping, layer.runs, pipelined=False)
    ports, bus = whole_byte_ports(hardware), replace(hardware, dram_bytes_per_cycle=None)
    memory = transfer_cycles(moved["tiling"], hardware)
    computing = compute_cycles(layer, hardware).total
    ends = exposed_cycles(layer, hardware, DEFAULT.element_bytes)
    return (
        *rungs,
        CycleRung(
            "uncounted_transfers", max(apart, transfer_cycles(moved["shared_operands"], ports))
        ),
        CycleRung("fused_operands", max(apart, transfer_cycles(moved["fused_operands"], ports))),
        CycleRung("tiling", max(apart, transfer_cycles(moved["tiling"], ports))),
        CycleRung("separate_images", max(lines, transfer_cycles(moved["tiling"], ports))),
        CycleRung("per_port_bandwidth", max(lines, transfer_cycles(moved["tiling"], bus))),
        CycleRung("whole_bytes", max(lines, memory)),
        CycleRung("undrained_outputs", max(drained, memory)),
        CycleRung("serial_folds", max(computing, memory)),
        CycleRung("exposed_ends", max(computing + ends, memory)),
    )
