"""Simulated once, kept: ``<folder>/<layer shape>/<machine>.json``.

Equal shapes of different layers and workloads share a file. Two processes that want the same
file take turns: the second finds what the first has written.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from edgeint8.arch.machine.hardware import Hardware
from edgeint8.arch.network.layers import LayerShape
from edgeint8.errors import DataError
from edgeint8.files import hold, read_json, write_json
from edgeint8.scale_sim.simulator.adapter import SimulationLimits, SimulationResult, simulate
from edgeint8.scale_sim.simulator.reports import reports_from_quantities

SIMULATOR = "scalesim 3.0.0"


def simulation_path(shape: LayerShape, hardware: Hardware, folder: str | Path) -> Path:
    """Where the result of `shape` on `hardware` is kept."""
    return Path(folder) / shape.id / f"{hardware.id}.json"


def simulate_cached(
    shape: LayerShape,
    hardware: Hardware,
    folder: str | Path,
    limits: SimulationLimits | None = None,
) -> SimulationResult:
    """The kept result if there is one for exactly this machine, else simulate and keep it.

    A kept ``limit`` result is simulated again when the limits have been raised since.
    """
    limits = limits or SimulationLimits()
    path = simulation_path(shape, hardware, folder)
    with _locked(Path(folder) / ".locks" / f"{shape.id}.{hardware.id}"):
        if path.exists():
            kept = read_json(path)
            if _answers(kept, hardware, limits):
                return _result_from_json(kept, path)
        result = simulate(shape, hardware, limits)
        write_json(path, _result_to_json(shape, hardware, limits, result))
    return result


def read_simulation(path: str | Path) -> SimulationResult:
    """Read a kept result."""
    return _result_from_json(read_json(path), Path(path))


def _simulated_machine(hardware: Hardware) -> dict[str, Any]:
    """What SCALE-Sim knows of a machine; a preset edited in these is simulated anew."""
    return {
        "dataflow": hardware.dataflow,
        "rows": hardware.rows,
        "cols": hardware.cols,
        "sram_kb": list(hardware.sram_kb),
        "bandwidth_bpc": hardware.bandwidth_bpc,
    }


def _answers(kept: Any, hardware: Hardware, limits: SimulationLimits) -> bool:
    if not isinstance(kept, dict) or kept.get("machine") != _simulated_machine(hardware):
        return False
    if kept.get("simulator") != SIMULATOR:
        return False
    if kept.get("status") == "ok":
        return True
    tried = kept["limits"]
    return (
        limits.cpu_seconds <= tried["cpu_seconds"] and limits.memory_bytes <= tried["memory_bytes"]
    )


def _result_to_json(
    shape: LayerShape, hardware: Hardware, limits: SimulationLimits, result: SimulationResult
) -> dict[str, Any]:
    return {
        "simulator": SIMULATOR,
        "shape": shape.id,
        "machine": _simulated_machine(hardware),
        "mode": hardware.mode,
        "limits": {"cpu_seconds": limits.cpu_seconds, "memory_bytes": limits.memory_bytes},
        "status": result.status,
        "reason": result.reason,
        "time_cpu_seconds": result.time_cpu_seconds,
        "quantities": None if result.reports is None else result.reports.quantities(),
    }


def _result_from_json(kept: Any, path: Path) -> SimulationResult:
    try:
        quantities = kept["quantities"]
        return SimulationResult(
            kept["status"],
            kept["reason"],
            None if quantities is None else reports_from_quantities(quantities),
            kept["time_cpu_seconds"],
        )
    except (KeyError, TypeError) as error:
        raise DataError(f"not a simulation result ({error})", where=str(path)) from None


@contextmanager
def _locked(path: Path) -> Iterator[None]:
    """Hold an exclusive lock on `path`. The lock file stays: removing it would race."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("w") as file:
        hold(file)
        yield
