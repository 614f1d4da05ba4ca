"""SCALE-Sim's ofmap buffer (docs/cost_model.md, equations 25 to 27).

Outputs fill rows as wide as the DRAM port. When more than half of the buffer is full the
unfinished row is closed and half a buffer of rows drains, one row a cycle. Filling goes on
meanwhile, and only a buffer that is full before the drain ends stalls the array.
"""

from typing import NamedTuple

import numpy as np

from edgeint8.scale_sim.replica.compiled import compiled
from edgeint8.scale_sim.replica.stack import Int64

_NEVER = 1 << 62

ShortRows = list[tuple[int, int]]
"""(row, missing bytes) of each row that was closed before it was full, ascending."""


class WritePort(NamedTuple):
    """Buffer size, the bytes that must stay free, bytes of a DRAM row, rows of one drain."""

    buffer_bytes: int
    free_bytes: int
    row_bytes: int
    drain_rows: int


def write_port(buffer_bytes: int, bytes_per_cycle: int) -> WritePort:
    """The port of an ofmap buffer. Equation 25."""
    drain_bytes = buffer_bytes // 2
    return WritePort(
        buffer_bytes,
        buffer_bytes - drain_bytes,
        bytes_per_cycle,
        -(-drain_bytes // bytes_per_cycle),
    )


# State of the buffer: one integer array, changed in place, with these places.
FREE = 0
"""Bytes free; too many after a drain of short rows."""
COLUMN = 1
"""Fill of the unfinished row."""
ROWS = 2
"""Rows closed so far."""
DRAINED = 3
"""Of those, rows that have left."""
SHORT_SEEN = 4
"""Short rows with which no drain can end any more."""
DRAIN_END = 5
"""Cycle in which the last drain ends."""
WRITES = 6
"""Bytes written to DRAM."""
FIRST_CYCLE = 7
LAST_CYCLE = 8


@compiled
def empty_buffer(port: WritePort) -> Int64:
    """The state before the first output."""
    buffer = np.zeros(9, np.int64)
    buffer[FREE] = port.buffer_bytes
    buffer[FIRST_CYCLE] = _NEVER
    buffer[LAST_CYCLE] = -_NEVER
    return buffer


@compiled
def no_short_rows() -> ShortRows:
    """An empty list; compiled code takes the element's type from the one that is removed."""
    short_rows = [(0, 0)]
    short_rows.pop()
    return short_rows


@compiled
def store(port: WritePort, buffer: Int64, outputs: int) -> None:
    """Fill in outputs without draining."""
    filled = buffer[COLUMN] + outputs
    buffer[FREE] -= outputs
    buffer[ROWS] += filled // port.row_bytes
    buffer[COLUMN] = filled % port.row_bytes


@compiled
def close_row(port: WritePort, buffer: Int64, short_rows: ShortRows) -> None:
    """Close the unfinished row; `short_rows` remembers it and what it lacks."""
    if buffer[COLUMN]:
        short_rows.append((buffer[ROWS], port.row_bytes - buffer[COLUMN]))
        buffer[ROWS] += 1
        buffer[COLUMN] = 0


@compiled
def drain(port: WritePort, buffer: Int64, short_rows: ShortRows, now: int) -> None:
    """Send half a buffer of rows to DRAM from cycle `now` on. Equation 26.

    Only the last row of a drain is counted without the bytes that it lacks; other short rows
    count, and free, as if they were full.
    """
    first = buffer[DRAINED]
    end = min(first + port.drain_rows, buffer[ROWS])
    drained_bytes = (end - first) * port.row_bytes
    while buffer[SHORT_SEEN] < len(short_rows) and short_rows[buffer[SHORT_SEEN]][0] < end - 1:
        buffer[SHORT_SEEN] += 1
    if buffer[SHORT_SEEN] < len(short_rows) and short_rows[buffer[SHORT_SEEN]][0] == end - 1:
        drained_bytes -= short_rows[buffer[SHORT_SEEN]][1]
    buffer[WRITES] += drained_bytes
    buffer[FREE] += drained_bytes
    buffer[DRAINED] = end
    buffer[DRAIN_END] = now + (end - first) - 1
    buffer[FIRST_CYCLE] = min(buffer[FIRST_CYCLE], now)
    buffer[LAST_CYCLE] = max(buffer[LAST_CYCLE], buffer[DRAIN_END])


@compiled
def drain_all(port: WritePort, buffer: Int64, short_rows: ShortRows, now: int) -> None:
    """Empty the buffer after the last line."""
    close_row(port, buffer, short_rows)
    while buffer[DRAINED] < buffer[ROWS]:
        drain(port, buffer, short_rows, now)
        now = buffer[DRAIN_END] + 1


@compiled
def quiet_outputs(port: WritePort, buffer: Int64, now: int) -> int:
    """Outputs that fit before anything happens: a full buffer, or the next drain."""
    return buffer[FREE] - 1 if now < buffer[DRAIN_END] else buffer[FREE] - port.free_bytes


@compiled
def write_line(
    port: WritePort, buffer: Int64, short_rows: ShortRows, outputs: int, now: int
) -> int:
    """Take one line's outputs in cycle `now`; return the cycle in which the last is in.

    Equation 27.
    """
    if outputs <= quiet_outputs(port, buffer, now):
        store(port, buffer, outputs)
        return now
    for _ in range(outputs):
        store(port, buffer, 1)
        if now < buffer[DRAIN_END]:
            if buffer[FREE] <= 0:
                now = buffer[DRAIN_END]
        elif buffer[FREE] < port.free_bytes:
            close_row(port, buffer, short_rows)
            drain(port, buffer, short_rows, now)
    return now
