"""SCALE-Sim 3.0.0 behind one function: its inputs, one run, its reports.

One (layer shape, machine) runs per process, in its own folder, traces off, under a CPU-time and
a memory limit, because SCALE-Sim keeps every layer's traces in memory, simulates output-stationary
when the dataflow is misspelt, and leaves with status 0 when a file is missing.
"""

import csv
import os
import signal
import subprocess
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from edgeint8.arch.machine.hardware import Hardware
from edgeint8.arch.network.layers import LayerShape
from edgeint8.errors import SimulationError
from edgeint8.files import write_json, write_text
from edgeint8.scale_sim.simulator.child import MEMORY_EXIT, STARTUP_FILE
from edgeint8.scale_sim.simulator.reports import (
    AccessReport,
    BandwidthReport,
    ComputeReport,
    LayerReports,
)

RUN_NAME = "run"
_STRIDE_HEADER = (
    "Layer name,IFMAP Height,IFMAP Width,Filter Height,Filter Width,Channels,Num Filter,Strides,"
)


@dataclass(frozen=True)
class SimulationLimits:
    """What one run may use."""

    cpu_seconds: int = 120
    memory_bytes: int = 4 << 30

    def __post_init__(self) -> None:
        if not 1 <= self.cpu_seconds <= 86_400:
            raise SimulationError(f"CPU limit is {self.cpu_seconds} s", allowed="1 to 86400")
        if not 256 << 20 <= self.memory_bytes <= 1 << 40:
            raise SimulationError(
                f"memory limit is {self.memory_bytes} bytes", allowed="256 MiB to 1 TiB"
            )


@dataclass(frozen=True)
class SimulationResult:
    """Reports of a run (status ``ok``), or the reason why there are none (status ``limit``)."""

    status: Literal["ok", "limit"]
    reason: str
    reports: LayerReports | None
    time_cpu_seconds: float

    def __post_init__(self) -> None:
        if self.status not in ("ok", "limit"):
            raise SimulationError(f"unknown status {self.status!r}", allowed="ok, limit")
        if (self.status == "ok") != (self.reports is not None):
            raise SimulationError(f"status {self.status!r} contradicts the reports")


def generate_topology_csv(shape: LayerShape, path: str | Path) -> None:
    """Write SCALE-Sim's topology file: a header, one row, the trailing comma that it needs.

    The file knows one stride; `run_scalesim` sets the width's through the API.
    """
    row = (
        f"layer,{shape.ifmap_h},{shape.ifmap_w},{shape.filter_h},{shape.filter_w},"
        f"{shape.channels},{shape.filters},{shape.stride_h},"
    )
    write_text(path, f"{_STRIDE_HEADER}\n{row}\n")


def generate_scalesim_config(hardware: Hardware, path: str | Path) -> None:
    """Write SCALE-Sim's configuration.

    In USER mode ``Bandwidth`` drives the ofmap port only; the ifmap and filter ports obey the
    layout section's bank bandwidths, so the same number stands in three places.
    """
    ifmap_kb, filter_kb, ofmap_kb = hardware.sram_kb
    bandwidth = 1 if hardware.bandwidth_bpc is None else hardware.bandwidth_bpc
    sections: dict[str, dict[str, object]] = {
        "general": {"run_name": RUN_NAME},
        "architecture_presets": {
            "ArrayHeight": hardware.rows,
            "ArrayWidth": hardware.cols,
            "IfmapSramSzkB": ifmap_kb,
            "FilterSramSzkB": filter_kb,
            "OfmapSramSzkB": ofmap_kb,
            "IfmapOffset": 0,
            "FilterOffset": 10_000_000,
            "OfmapOffset": 20_000_000,
            "Dataflow": hardware.dataflow,
            "ReadRequestBuffer": 32,
            "WriteRequestBuffer": 32,
            "Bandwidth": bandwidth,
            "MemoryBanks": 1,
        },
        "layout": {
            f"{operand}{key}": value
            for operand in ("Ifmap", "Filter")
            for key, value in (
                ("CustomLayout", False),
                ("SRAMBankBandwidth", bandwidth),
                ("SRAMBankNum", 1),
                ("SRAMBankPort", 2),
            )
        },
        "sparsity": {"SparsitySupport": "false"},
        "run_presets": {
            "InterfaceBandwidth": hardware.mode.upper(),
            "UseRamulatorTrace": False,
        },
    }
    lines = []
    for section, entries in sections.items():
        lines += [f"[{section}]", *(f"{key} : {value}" for key, value in entries.items()), ""]
    write_text(path, "\n".join(lines))


def run_scalesim(
    shape: LayerShape, hardware: Hardware, folder: Path, limits: SimulationLimits
) -> tuple[int, float, str]:
    """Run SCALE-Sim in `folder`; return its exit status, CPU seconds and the end of its output.

    A negative status is the signal that ended it. The CPU seconds are the simulation's, without
    those in which its process starts.
    """
    folder = folder.resolve()
    generate_topology_csv(shape, folder / "topology.csv")
    generate_scalesim_config(hardware, folder / "scale.cfg")
    write_text(folder / "layout.csv", "Layer name,\n")  # must exist, is not read
    request = {
        "config": str(folder / "scale.cfg"),
        "topology": str(folder / "topology.csv"),
        "layout": str(folder / "layout.csv"),
        "output": str(folder / "out"),
        "stride_w": shape.stride_w,
        "parent_pid": os.getpid(),
        "cpu_seconds": limits.cpu_seconds,
        "memory_bytes": limits.memory_bytes,
    }
    write_json(folder / "request.json", request)
    threads = dict.fromkeys(("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS"), "1")
    with (folder / "log.txt").open("wb") as log:
        process = subprocess.Popen(
            [sys.executable, "-m", "edgeint8.scale_sim.simulator.child", "request.json"],
            cwd=folder,
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=subprocess.STDOUT,
            env={**os.environ, **threads},
        )
        try:
            _, wait_status, usage = os.wait4(process.pid, 0)
        except BaseException:
            process.kill()  # an interrupted study leaves no simulator behind
            raise
    process.returncode = os.waitstatus_to_exitcode(wait_status)
    tail = (folder / "log.txt").read_text(encoding="utf-8", errors="replace")[-500:]
    startup = folder / STARTUP_FILE
    before = float(startup.read_text(encoding="utf-8")) if startup.exists() else 0.0
    return process.returncode, usage.ru_utime + usage.ru_stime - before, tail


def simulate(
    shape: LayerShape, hardware: Hardware, limits: SimulationLimits | None = None
) -> SimulationResult:
    """Simulate one layer on one machine.

    A run that passes its limit gives status ``limit``. A run that fails otherwise, or whose
    reports are incomplete, raises `SimulationError` with the end of its output.
    """
    limits = limits or SimulationLimits()
    with tempfile.TemporaryDirectory(prefix="scalesim_") as name:
        folder = Path(name)
        code, cpu_seconds, tail = run_scalesim(shape, hardware, folder, limits)
        where = f"{shape.id} on {hardware.id}"
        if reason := _limit_reason(code, cpu_seconds, tail, limits):
            return SimulationResult("limit", reason, None, cpu_seconds)
        if code != 0:
            raise SimulationError(f"SCALE-Sim ended with status {code}: {tail}", where=where)
        return SimulationResult("ok", "", parse_reports(folder / "out" / RUN_NAME), cpu_seconds)


def _limit_reason(code: int, cpu_seconds: float, tail: str, limits: SimulationLimits) -> str:
    """Why the run stopped early, or '' when no limit of ours or of SCALE-Sim stopped it."""
    killed = code == -signal.SIGKILL
    if code == -signal.SIGXCPU or (killed and cpu_seconds > 0.9 * limits.cpu_seconds):
        return f"needs more than {limits.cpu_seconds} CPU seconds"
    if killed:
        return "killed by the system, which had no memory left"
    if code == MEMORY_EXIT:
        return f"needs more than {limits.memory_bytes} bytes of memory"
    if "self.total_cycles * self.num_mac_unit" in tail and "ZeroDivisionError" in tail:
        return "SCALE-Sim counts 0 cycles and divides by them"
    return ""


def parse_reports(folder: Path) -> LayerReports:
    """Read the three reports of a one-layer run."""
    return LayerReports(
        parse_compute_report(folder / "COMPUTE_REPORT.csv"),
        parse_bandwidth_report(folder / "BANDWIDTH_REPORT.csv"),
        parse_access_report(folder / "DETAILED_ACCESS_REPORT.csv"),
    )


def parse_compute_report(path: Path) -> ComputeReport:
    """Read ``COMPUTE_REPORT.csv``."""
    columns = (
        "Total Cycles (incl. prefetch)",
        "Total Cycles",
        "Stall Cycles",
        "Overall Util %",
        "Mapping Efficiency %",
        "Compute Util %",
    )
    values = _read_row(path, columns)
    cycles = [_whole(value, path) for value in values[:3]]
    return ComputeReport(*cycles, *values[3:])


def parse_bandwidth_report(path: Path) -> BandwidthReport:
    """Read ``BANDWIDTH_REPORT.csv``."""
    columns = [
        f"Avg {operand} {memory} BW"
        for memory in ("SRAM", "DRAM")
        for operand in ("IFMAP", "FILTER", "OFMAP")
    ]
    return BandwidthReport(*_read_row(path, columns))


def parse_access_report(path: Path) -> AccessReport:
    """Read ``DETAILED_ACCESS_REPORT.csv``."""
    columns = [
        f"{memory} {operand} {what}"
        for memory in ("SRAM", "DRAM")
        for operand, count in (("IFMAP", "Reads"), ("Filter", "Reads"), ("OFMAP", "Writes"))
        for what in ("Start Cycle", "Stop Cycle", count)
    ]
    return AccessReport(*(_whole(value, path) for value in _read_row(path, columns)))


def _read_row(path: Path, columns: Any) -> list[float]:
    """The one data row of a report, after its layer number, checked against the header."""
    if not path.exists():
        raise SimulationError("SCALE-Sim left no report", where=str(path))
    with path.open(newline="", encoding="utf-8") as file:
        rows = [[cell.strip() for cell in row] for row in csv.reader(file) if row]
    if len(rows) != 2 or rows[0] != ["LayerID", *columns, ""] or len(rows[1]) != len(rows[0]):
        raise SimulationError("report is incomplete", where=str(path), allowed=", ".join(columns))
    try:
        return [float(cell) for cell in rows[1][1:-1]]
    except ValueError:
        raise SimulationError(f"report holds no numbers: {rows[1]}", where=str(path)) from None


def _whole(value: float, path: Path) -> int:
    if not value.is_integer():
        raise SimulationError(f"a count is {value}", where=str(path), allowed="a whole number")
    return int(value)
