"""Ports in time against the plainest possible loops: every line, every output, every miss."""

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from edgeint8.arch.cost.systolic import Mapping
from edgeint8.dataflow import DATAFLOWS
from edgeint8.scale_sim.replica.misses import NO_MISSES, Misses
from edgeint8.scale_sim.replica.outputs import output_schedule
from edgeint8.scale_sim.replica.read_port import ReadPort, Reads
from edgeint8.scale_sim.replica.timeline import serve_misses, walk
from edgeint8.scale_sim.replica.write_buffer import write_port

small = st.integers(1, 9)
mappings = st.builds(Mapping, st.sampled_from(DATAFLOWS), small, small, small, small, small)


def outputs_per_line(mapping: Mapping) -> list[int]:
    """How many outputs leave in each line: equation 12, cell by cell."""
    lines = [0] * mapping.lines
    for fold in range(mapping.folds):
        col_fold, row_fold = divmod(fold, mapping.row_folds)
        rows = min(mapping.rows, mapping.spatial_rows - row_fold * mapping.rows)
        cols = min(mapping.cols, mapping.spatial_cols - col_fold * mapping.cols)
        begin = fold * mapping.fold_lines
        for col in range(cols):
            for step in range(rows if mapping.dataflow == "os" else mapping.temporal):
                leaves = (
                    mapping.temporal - 1 + mapping.rows - rows + step
                    if mapping.dataflow == "os"
                    else 2 * mapping.rows - 1 + step
                )
                lines[begin + leaves + col] += 1
    return lines


def literal_walk(
    lines: list[int], buffer_bytes: int, width: int, misses: dict[int, int], prefetch_cycles: int
) -> tuple[int, int, int, int, int]:
    """(stalls, last cycle, writes, first and last write cycle) with one output at a time."""
    half = buffer_bytes // 2
    free, rows, fill, drained, drain_end = buffer_bytes, 0, 0, 0, 0
    lacking: dict[int, int] = {}
    stall = prefetched = writes = 0
    prefetched = -1
    drains: list[tuple[int, int]] = []

    def drain(now: int) -> int:
        nonlocal drained, free, writes, rows, fill
        end = min(drained + -(-half // width), rows)
        size = (end - drained) * width - lacking.get(end - 1, 0)
        writes += size
        free += size
        drains.append((now, now + end - drained - 1))
        drained = end
        return drains[-1][1]

    def close() -> None:
        nonlocal rows, fill
        if fill:
            lacking[rows] = width - fill
            rows, fill = rows + 1, 0

    now = 0
    for line, count in enumerate(lines):
        cycle = now = line + stall
        served = 1
        for _ in range(misses.get(line, 0)):
            prefetched += prefetch_cycles
            wait = prefetched - (cycle + served)
            served += 2 * wait if wait > 0 else wait
        for _ in range(count):
            free, fill = free - 1, fill + 1
            if fill == width:
                rows, fill = rows + 1, 0
            if now < drain_end:
                now = drain_end if free <= 0 else now
            elif free < buffer_bytes - half:
                close()
                drain_end = drain(now)
        stall += max(served - 1, now - cycle)
    close()
    end = now
    while drained < rows:
        end = drain(end) + 1
    return stall, now, writes, min(d[0] for d in drains), max(d[1] for d in drains)


@settings(max_examples=300, deadline=None)
@given(mappings, st.integers(2, 60), st.integers(1, 9), st.data())
def test_walk(mapping: Mapping, buffer_bytes: int, width: int, data: st.DataObject) -> None:
    """Also with misses in random lines and short prefetches, which real machines rarely have."""
    at = sorted(data.draw(st.sets(st.integers(0, mapping.lines - 1), max_size=6)))
    counts = [data.draw(st.integers(1, 4)) for _ in at]
    prefetch_cycles = data.draw(st.integers(2, 30))
    misses = Misses(np.array(at, np.int64), np.array(counts, np.int64))
    timeline = walk(
        output_schedule(mapping),
        write_port(2 * buffer_bytes, width),
        misses,
        prefetch_cycles,
        NO_MISSES,
        1,
    )
    found = (
        timeline.total_stall_cycles,
        timeline.last_cycle,
        timeline.writes,
        timeline.first_write_cycle,
        timeline.last_write_cycle,
    )
    literal = literal_walk(
        outputs_per_line(mapping),
        2 * buffer_bytes,
        width,
        dict(zip(at, counts, strict=True)),
        prefetch_cycles,
    )
    assert found == literal


def test_waits_are_counted_twice() -> None:
    """Two late misses in cycle 0, prefetches 10 cycles apart, the last one ended in cycle -1.

    First: it ends in 9, 8 after the service that was due in 1, so 16 are added: 17. Second: it
    ends in 19, 2 after 17, so 4 are added: 21.
    """
    assert serve_misses(1, -1, 10, 0) == (17, 9)
    assert serve_misses(2, -1, 10, 0) == (21, 19)


def test_early_prefetch_is_subtracted() -> None:
    """A prefetch that ended long before the demand moves the service back to its own end."""
    assert serve_misses(1, -1, 10, 100) == (9 - 100, 9)


def test_read_port_by_hand() -> None:
    """32 KiB, 16 bytes a cycle: half is 1,024 rows; 147,456 bytes fill it; 71 misses."""
    port = ReadPort(32 * 1024, 16, 147_456)
    assert (port.half_rows, port.prefetch_cycles) == (1024, 1025)
    assert port.reads(71, 5) == Reads(-1024, 5, 72 * 1024 * 16)
    assert ReadPort(32 * 1024, 16, 2_304).reads(0, -1) == Reads(-144, -1, 2_304)
