"""SCALE-Sim's three reports as typed records with clean names.

One record holds what the reports say of one layer. The adapter fills it from SCALE-Sim's files,
the replica fills it from its own equations, and the crosscheck compares the two field by field.
"""

from dataclasses import asdict, dataclass, fields
from typing import Any

from edgeint8.errors import DataError


@dataclass(frozen=True)
class ComputeReport:
    """``COMPUTE_REPORT.csv``. Cycles are counted from the first demand, one below their number."""

    total_cycles_with_prefetch: int
    total_cycles: int
    stall_cycles: int
    overall_utilization_percent: float
    mapping_efficiency_percent: float
    compute_utilization_percent: float


@dataclass(frozen=True)
class BandwidthReport:
    """``BANDWIDTH_REPORT.csv``: average words per cycle; a word is one byte."""

    ifmap_sram_bytes_per_cycle: float
    filter_sram_bytes_per_cycle: float
    ofmap_sram_bytes_per_cycle: float
    ifmap_dram_bytes_per_cycle: float
    filter_dram_bytes_per_cycle: float
    ofmap_dram_bytes_per_cycle: float


@dataclass(frozen=True)
class AccessReport:
    """``DETAILED_ACCESS_REPORT.csv``: first cycle, last cycle and number of words of each port."""

    ifmap_sram_start_cycle: int
    ifmap_sram_stop_cycle: int
    ifmap_sram_reads: int
    filter_sram_start_cycle: int
    filter_sram_stop_cycle: int
    filter_sram_reads: int
    ofmap_sram_start_cycle: int
    ofmap_sram_stop_cycle: int
    ofmap_sram_writes: int
    ifmap_dram_start_cycle: int
    ifmap_dram_stop_cycle: int
    ifmap_dram_reads: int
    filter_dram_start_cycle: int
    filter_dram_stop_cycle: int
    filter_dram_reads: int
    ofmap_dram_start_cycle: int
    ofmap_dram_stop_cycle: int
    ofmap_dram_writes: int


@dataclass(frozen=True)
class LayerReports:
    """All that SCALE-Sim reports of one layer on one machine."""

    compute: ComputeReport
    bandwidth: BandwidthReport
    access: AccessReport

    def quantities(self) -> dict[str, int | float]:
        """The 30 numbers by name, in the order of the reports."""
        return {**asdict(self.compute), **asdict(self.bandwidth), **asdict(self.access)}


def reports_from_quantities(quantities: Any) -> LayerReports:
    """The inverse of `LayerReports.quantities`, for records read from JSON."""
    if not isinstance(quantities, dict):
        raise DataError("quantities are not a map")
    records = (ComputeReport, BandwidthReport, AccessReport)
    known = [field.name for record in records for field in fields(record)]
    if set(quantities) != set(known):
        wrong = sorted(set(quantities) ^ set(known))
        raise DataError(f"quantities are missing or unknown: {', '.join(wrong)}")
    compute, bandwidth, access = (
        {field.name: quantities[field.name] for field in fields(record)} for record in records
    )
    return LayerReports(
        ComputeReport(**compute), BandwidthReport(**bandwidth), AccessReport(**access)
    )
