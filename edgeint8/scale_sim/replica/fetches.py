"""CALC-mode fetches in time (docs/cost_model.md, equations 30 to 33).

With as much bandwidth as it wants, SCALE-Sim fetches each address when it is first demanded.
When half of the buffer is full it forgets everything it holds, and a new epoch begins.
"""

from typing import NamedTuple

from edgeint8.arch.network.layers import LayerShape
from edgeint8.scale_sim.replica.read_port import Reads

_SETS_PER_BUFFER = 100
_ACTIVE_SETS = 50
_FIRST_FETCH_BYTES_PER_CYCLE = 10
"""SCALE-Sim's own guess for the fetch before the first demand."""


class Fetches(NamedTuple):
    """Bytes fetched, and the line of the last flush."""

    reads: int
    flush_line: int


def ifmap_bytes_touched(shape: LayerShape) -> int:
    """Inputs that some window reads, padding included. Equation 30."""
    rows = _touched(shape.ifmap_h, shape.output_h, shape.stride_h, shape.filter_h)
    cols = _touched(shape.ifmap_w, shape.output_w, shape.stride_w, shape.filter_w)
    return rows * cols * shape.channels


def _touched(extent: int, outputs: int, stride: int, window: int) -> int:
    """Positions of one axis under some window; the last window may overhang."""
    if stride <= window:
        return min(extent, (outputs - 1) * stride + window)
    inside = extent - (outputs - 1) * stride
    return (outputs - 1) * window + min(max(inside, 0), window)


def epoch_capacity_bytes(buffer_bytes: int) -> int:
    """Addresses after which everything is forgotten. Equation 31."""
    return _ACTIVE_SETS * (buffer_bytes // _SETS_PER_BUFFER)


def single_fetch(addresses: int, buffer_bytes: int) -> Reads:
    """An operand that fits is fetched once, before the first demand. Equation 32."""
    set_bytes = buffer_bytes // _SETS_PER_BUFFER
    fetched = -(-addresses // set_bytes) * set_bytes
    return Reads(-fetched // _FIRST_FETCH_BYTES_PER_CYCLE, -1, addresses)  # floor(-x) = -ceil(x)


def repeated_fetch(first_line: int, fetches: Fetches, capacity: int) -> Reads:
    """An operand that does not fit: the first epoch before its first demand, then as it goes.

    The report's last cycle is the one after the last flush. Equation 33.
    """
    start = first_line - -(-capacity // _FIRST_FETCH_BYTES_PER_CYCLE)
    return Reads(start, fetches.flush_line + 1, fetches.reads)
