"""The three ports in time (docs/cost_model.md, equations 24 to 28).

The array moves by lines. A line waits for its slowest port: a read port that has to prefetch,
or an ofmap buffer that is full. Between the lines in which something happens the walk jumps.
"""

from typing import NamedTuple

import numpy as np

from edgeint8.scale_sim.replica.compiled import compiled
from edgeint8.scale_sim.replica.misses import Misses
from edgeint8.scale_sim.replica.outputs import (
    Outputs,
    Stalls,
    first_output,
    next_output_line,
    take_line,
    take_lines,
)
from edgeint8.scale_sim.replica.stack import Int64
from edgeint8.scale_sim.replica.write_buffer import (
    FIRST_CYCLE,
    LAST_CYCLE,
    WRITES,
    WritePort,
    drain_all,
    empty_buffer,
    no_short_rows,
)

HIT_CYCLES = 1
"""A read that hits is served one cycle after its demand."""


class Timeline(NamedTuple):
    """What the walk yields.

    `stall_cycles` of `stall_lines`, and the output port's own share of them; for each line with
    read misses the cycles from demand to service; the cycle of the last line's outputs and of
    each read port's last prefetch; DRAM writes with their first and last cycle.
    """

    stall_lines: Int64
    stall_cycles: Int64
    output_stall_cycles: Int64
    ifmap_served: Int64
    filter_served: Int64
    last_cycle: int
    ifmap_prefetched: int
    filter_prefetched: int
    writes: int
    first_write_cycle: int
    last_write_cycle: int

    @property
    def total_stall_cycles(self) -> int:
        """Stalls of all lines."""
        return int(self.stall_cycles.sum()) if len(self.stall_cycles) else 0


# Progress of a read port: one integer array, changed in place, with these places.
NEXT = 0
"""The next of its lines with misses."""
PREFETCHED = 1
"""Cycle in which its last prefetch ended; the first one ends before cycle 0."""


@compiled
def serve_misses(misses: int, prefetched: int, prefetch_cycles: int, now: int) -> tuple[int, int]:
    """Serve one line's misses; return (cycles from demand to service, end of last prefetch).

    Each miss waits for a prefetch that begins when the one before it has ended, and SCALE-Sim
    adds the wait twice (upstream issue 130). Equation 24.
    """
    served = HIT_CYCLES
    for _ in range(misses):
        prefetched += prefetch_cycles
        wait = prefetched - (now + served)
        served += wait
        if wait > 0:
            served += wait
    return served, prefetched


@compiled
def next_miss_line(misses: Misses, progress: Int64, end: int) -> int:
    """The port's next line with misses, or `end`."""
    index = progress[NEXT]
    return misses.lines[index] if index < len(misses.lines) else end


@compiled
def serve_line(
    misses: Misses, progress: Int64, served: Int64, prefetch_cycles: int, line: int, now: int
) -> int:
    """Serve the port's misses of this line, if any; return the cycles for which it stalls."""
    index = progress[NEXT]
    if index == len(misses.lines) or misses.lines[index] != line:
        return 0
    served[index], progress[PREFETCHED] = serve_misses(
        misses.counts[index], progress[PREFETCHED], prefetch_cycles, now
    )
    progress[NEXT] += 1
    return served[index] - HIT_CYCLES


@compiled
def no_stalls() -> Stalls:
    """An empty list; compiled code takes the element's type from the one that is removed."""
    stalls = [(0, 0, 0)]
    stalls.pop()
    return stalls


@compiled
def walk(
    outputs: Outputs,
    port: WritePort,
    ifmap: Misses,
    ifmap_prefetch_cycles: int,
    filter_: Misses,
    filter_prefetch_cycles: int,
) -> Timeline:
    """Walk through all lines of a layer."""
    buffer, short_rows, stalls = empty_buffer(port), no_short_rows(), no_stalls()
    cursor = first_output(outputs)
    ifmap_progress, filter_progress = np.array([0, -1]), np.array([0, -1])
    ifmap_served = np.empty(len(ifmap.lines), np.int64)
    filter_served = np.empty(len(filter_.lines), np.int64)
    end = outputs.row_folds * outputs.col_folds * outputs.fold_lines
    line = stall = 0
    while line < end:
        line = min(
            next_miss_line(ifmap, ifmap_progress, end),
            next_miss_line(filter_, filter_progress, end),
        )
        stall = take_lines(outputs, port, buffer, short_rows, cursor, line, stall, stalls)
        if line == end:
            break
        now = line + stall
        wait = max(
            serve_line(ifmap, ifmap_progress, ifmap_served, ifmap_prefetch_cycles, line, now),
            serve_line(filter_, filter_progress, filter_served, filter_prefetch_cycles, line, now),
        )
        output_wait = 0
        if next_output_line(cursor) == line:
            output_wait = take_line(outputs, port, buffer, short_rows, cursor, now)
        wait = max(wait, output_wait)
        if wait > 0:
            stalls.append((line, wait, output_wait))
            stall += wait
    last_cycle = end - 1 + stall
    if len(stalls) and stalls[-1][0] == end - 1:  # the last line's outputs wait for no read
        last_cycle += stalls[-1][2] - stalls[-1][1]
    drain_all(port, buffer, short_rows, last_cycle)
    return Timeline(
        np.array([stalled[0] for stalled in stalls]),
        np.array([stalled[1] for stalled in stalls]),
        np.array([stalled[2] for stalled in stalls]),
        ifmap_served,
        filter_served,
        last_cycle,
        ifmap_progress[PREFETCHED],
        filter_progress[PREFETCHED],
        buffer[WRITES],
        buffer[FIRST_CYCLE],
        buffer[LAST_CYCLE],
    )
