"""How a USER-mode read port moves data (docs/cost_model.md, equation 23)."""

from typing import NamedTuple


class Reads(NamedTuple):
    """DRAM reads of one operand: first cycle, last cycle, bytes."""

    start_cycle: int
    stop_cycle: int
    reads: int


class ReadPort(NamedTuple):
    """Half a buffer is fetched before the first demand, and again for every miss.

    `operand_bytes` counts the cells that short blocks lack, because the rows of the first
    fetch do too.
    """

    buffer_bytes: int
    bytes_per_cycle: int
    operand_bytes: int

    @property
    def half_rows(self) -> int:
        """DRAM rows, one a cycle, of half a buffer."""
        return -(-(self.buffer_bytes // 2) // self.bytes_per_cycle)

    @property
    def prefetch_cycles(self) -> int:
        """From the end of one prefetch to the end of the next: its rows and the latency of 1."""
        return self.half_rows + 1

    def reads(self, misses: int, prefetched_cycle: int) -> Reads:
        """Traffic of a layer with `misses`, the last of which is prefetched in the cycle given."""
        first_rows = min(self.half_rows, -(-self.operand_bytes // self.bytes_per_cycle))
        rows = first_rows + misses * self.half_rows
        return Reads(-first_rows, prefetched_cycle, rows * self.bytes_per_cycle)
