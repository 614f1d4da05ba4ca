"""From mapping, timeline and DRAM traffic to the three reports."""

import math

import numpy as np

from edgeint8.arch.cost.systolic import (
    Mapping,
    mapping_efficiency_percent,
    overall_utilization_percent,
)
from edgeint8.dataflow import layout_of
from edgeint8.scale_sim.replica.compute import (
    PortLines,
    compute_utilization_percent,
    ofmap_lines,
    read_lines,
    reported_sram_accesses,
)
from edgeint8.scale_sim.replica.misses import Misses
from edgeint8.scale_sim.replica.read_port import Reads
from edgeint8.scale_sim.replica.stack import Int64
from edgeint8.scale_sim.replica.timeline import HIT_CYCLES, Timeline
from edgeint8.scale_sim.simulator.reports import (
    AccessReport,
    BandwidthReport,
    ComputeReport,
    LayerReports,
)


def assemble_reports(
    mapping: Mapping,
    timeline: Timeline,
    misses: tuple[Misses, Misses],
    reads: tuple[Reads, Reads],
    ifmap_lines: PortLines | None = None,
) -> LayerReports:
    """`misses` and `reads` are those of (ifmap, filter).

    `ifmap_lines` are given where cells of the ifmap are empty and the closed form does not hold.
    """
    ifmap, filter_ = reads
    total_cycles = timeline.last_cycle
    last_write = timeline.last_write_cycle
    sram = reported_sram_accesses(mapping)
    dram = (ifmap.reads, filter_.reads, timeline.writes)
    spans = (
        ifmap.stop_cycle - ifmap.start_cycle + 1,
        filter_.stop_cycle - filter_.start_cycle + 1,
        last_write - timeline.first_write_cycle + 1,
    )
    lines = _sram_cycles(mapping, timeline, misses, ifmap_lines)
    return LayerReports(
        ComputeReport(
            last_write - min(ifmap.start_cycle, filter_.start_cycle),
            total_cycles,
            timeline.total_stall_cycles,
            overall_utilization_percent(mapping, total_cycles),
            mapping_efficiency_percent(mapping),
            compute_utilization_percent(mapping),
        ),
        BandwidthReport(
            *(_per_cycle(count, total_cycles) for count in sram),
            *(_per_cycle(count, span) for count, span in zip(dram, spans, strict=True)),
        ),
        AccessReport(
            *lines[0],
            sram[0],
            *lines[1],
            sram[1],
            *lines[2],
            sram[2],
            *ifmap,
            *filter_,
            timeline.first_write_cycle,
            last_write,
            timeline.writes,
        ),
    )


def _per_cycle(count: int, cycles: int) -> float:
    """Words per cycle; NaN in no cycles, where SCALE-Sim divides by zero and reports nothing."""
    return count / cycles if cycles else math.nan


def _sram_cycles(
    mapping: Mapping,
    timeline: Timeline,
    misses: tuple[Misses, Misses],
    ifmap_lines: PortLines | None,
) -> tuple[tuple[int, int], ...]:
    """(first, last) cycle in which each port's SRAM serves a demand. Equation 29."""
    ifmap_role, filter_role = layout_of(mapping.dataflow).read_roles
    ifmap, filter_ = misses
    ports = (
        (
            ifmap_lines or read_lines(mapping, ifmap_role),
            ifmap.lines,
            timeline.ifmap_served,
            HIT_CYCLES,
        ),
        (read_lines(mapping, filter_role), filter_.lines, timeline.filter_served, HIT_CYCLES),
        (ofmap_lines(mapping), timeline.stall_lines, timeline.output_stall_cycles, 0),
    )
    cycles = []
    for ends, lines, delays, undelayed in ports:
        first, last = (
            line + _stalls_before(timeline, line) + _at(lines, delays, line, undelayed)
            for line in ends
        )
        cycles.append((first, last))
    return tuple(cycles)


def _stalls_before(timeline: Timeline, line: int) -> int:
    """Stall cycles of the lines before `line`."""
    if not len(timeline.stall_lines):
        return 0
    return int(timeline.stall_cycles[: np.searchsorted(timeline.stall_lines, line)].sum())


def _at(lines: Int64, values: Int64, line: int, default: int) -> int:
    """The value that stands beside `line`, or the default."""
    index = int(np.searchsorted(lines, line)) if len(lines) else 0
    return int(values[index]) if index < len(lines) and lines[index] == line else default
