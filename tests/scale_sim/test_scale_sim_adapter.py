"""The adapter against SCALE-Sim itself: one small run, its limits, its reports, its cache."""

import json
import multiprocessing
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from edgeint8.arch.machine.hardware import parse_hardware_id
from edgeint8.arch.network.layers import LayerShape
from edgeint8.errors import DataError, SimulationError
from edgeint8.scale_sim.simulator import adapter, cache
from edgeint8.scale_sim.simulator.adapter import SimulationLimits, SimulationResult, simulate
from edgeint8.scale_sim.simulator.cache import read_simulation, simulate_cached, simulation_path

SHAPE = LayerShape.from_output((4, 4), (3, 3), 2, 5)
HARDWARE = parse_hardware_id("ws_4x4_1kB_unlimited")


@pytest.fixture(scope="module")
def result() -> SimulationResult:
    return simulate(SHAPE, HARDWARE)


def test_one_run(result: SimulationResult) -> None:
    assert (result.status, result.reason) == ("ok", "")
    assert result.reports is not None
    # 5 row folds x 2 column folds of 2*4 + 4 + 16 - 2 = 26 lines
    assert result.reports.compute.total_cycles == 5 * 2 * 26 - 1


def test_config_names_both_bandwidths(tmp_path: Path) -> None:
    path = tmp_path / "scale.cfg"
    adapter.generate_scalesim_config(parse_hardware_id("is_4x8_2kB_24Bpc"), path)
    text = path.read_text()
    for line in (
        "ArrayHeight : 4",
        "ArrayWidth : 8",
        "Dataflow : is",
        "InterfaceBandwidth : USER",
        "Bandwidth : 24",
        "IfmapSRAMBankBandwidth : 24",
        "FilterSRAMBankBandwidth : 24",
    ):
        assert f"{line}\n" in text


def test_topology_row_ends_in_a_comma(tmp_path: Path) -> None:
    path = tmp_path / "topology.csv"
    adapter.generate_topology_csv(SHAPE, path)
    assert path.read_text().splitlines()[1] == "layer,6,6,3,3,2,5,1,"


def test_cpu_limit_is_a_result() -> None:
    slow = LayerShape.from_output((40, 40), (3, 3), 32, 64)
    result = simulate(slow, parse_hardware_id("is_4x4_1kB_1Bpc"), SimulationLimits(1))
    assert result.status == "limit"
    assert result.reason == "needs more than 1 CPU seconds"
    assert result.reports is None


def test_memory_limit_is_a_result() -> None:
    large = LayerShape.from_output((112, 112), (7, 7), 3, 64)
    limits = SimulationLimits(60, 256 << 20)
    result = simulate(large, parse_hardware_id("ws_128x128_1kB_unlimited"), limits)
    assert (result.status, result.reason) == ("limit", "needs more than 268435456 bytes of memory")


def test_a_killed_study_leaves_no_simulator() -> None:
    """SIGKILL the process that waits for a long run: the run's process goes too."""
    script = (
        "from edgeint8.arch.machine.hardware import parse_hardware_id as h\n"
        "from edgeint8.arch.network.layers import LayerShape\n"
        "from edgeint8.scale_sim.simulator.adapter import simulate\n"
        "simulate(LayerShape.from_output((40, 40), (3, 3), 64, 64), h('is_4x4_1kB_1Bpc'))\n"
    )
    study = subprocess.Popen([sys.executable, "-c", script])
    children = Path(f"/proc/{study.pid}/task/{study.pid}/children")
    wait_until(lambda: children.read_text().strip() != "")
    child = Path("/proc") / children.read_text().split()[0]
    wait_until(lambda: b"request.json" in (child / "cmdline").read_bytes())
    study.kill()
    study.wait()
    wait_until(lambda: not child.exists())


def wait_until(condition: Callable[[], bool], seconds: float = 20) -> None:
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end
        time.sleep(0.01)


def test_scalesim_cannot_report_zero_cycles() -> None:
    result = simulate(LayerShape(1, 1, 1, 1, 1, 1, 1, 1), parse_hardware_id("os_1x1_1kB_unlimited"))
    assert (result.status, result.reason[:9]) == ("limit", "SCALE-Sim")


def test_a_crash_is_an_error(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(adapter, "RUN_NAME", "run/with/slashes")  # SCALE-Sim's mkdir fails
    with pytest.raises(SimulationError, match="ended with status 1"):
        simulate(SHAPE, HARDWARE)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "incomplete"),
        ("LayerID, Total Cycles,\n0, 1,\n", "incomplete"),
        (None, "no report"),
    ],
)
def test_incomplete_reports_are_refused(tmp_path: Path, text: str | None, message: str) -> None:
    path = tmp_path / "COMPUTE_REPORT.csv"
    if text is not None:
        path.write_text(text)
    with pytest.raises(SimulationError, match=message):
        adapter.parse_compute_report(path)


def test_cut_off_report_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "COMPUTE_REPORT.csv"
    header = (
        "LayerID, Total Cycles (incl. prefetch), Total Cycles, Stall Cycles, Overall Util %,"
        " Mapping Efficiency %, Compute Util %,\n"
    )
    path.write_text(header + "0, 12553, 9629, 0, 95.7, 100.0, 94.3,\n")
    assert adapter.parse_compute_report(path).total_cycles == 9629
    path.write_text(header + "0, 12553, 9629, 0, 95.7, 10")
    with pytest.raises(SimulationError, match="incomplete"):
        adapter.parse_compute_report(path)


def test_cache_keeps_and_reuses(
    tmp_path: Path, result: SimulationResult, monkeypatch: pytest.MonkeyPatch
) -> None:
    first = simulate_cached(SHAPE, HARDWARE, tmp_path)
    path = simulation_path(SHAPE, HARDWARE, tmp_path)
    assert path == tmp_path / SHAPE.id / f"{HARDWARE.id}.json"
    assert first.reports == result.reports
    monkeypatch.setattr(cache, "simulate", None)  # a second simulation would fail
    assert simulate_cached(SHAPE, HARDWARE, tmp_path) == first == read_simulation(path)


def test_cache_is_not_trusted_for_another_machine(tmp_path: Path) -> None:
    path = simulation_path(SHAPE, HARDWARE, tmp_path)
    simulate_cached(SHAPE, HARDWARE, tmp_path)
    kept = json.loads(path.read_text())
    path.write_text(json.dumps({**kept, "machine": {**kept["machine"], "rows": 8}, "status": "?"}))
    assert simulate_cached(SHAPE, HARDWARE, tmp_path).status == "ok"


def test_raised_limits_simulate_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    calls = []

    def stopped(*arguments: object) -> SimulationResult:
        calls.append(arguments)
        return SimulationResult("limit", "too slow", None, 1.0)

    monkeypatch.setattr(cache, "simulate", stopped)
    for cpu_seconds in (1, 1, 2):
        simulate_cached(SHAPE, HARDWARE, tmp_path, SimulationLimits(cpu_seconds))
    assert len(calls) == 2


def test_damaged_cache_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "x.json"
    path.write_text('{"status": "ok"}')
    with pytest.raises(DataError, match="not a simulation result"):
        read_simulation(path)


def test_two_processes_simulate_once(tmp_path: Path) -> None:
    context = multiprocessing.get_context("spawn")
    workers = [
        context.Process(target=simulate_cached, args=(SHAPE, HARDWARE, tmp_path)) for _ in range(2)
    ]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join()
    assert [worker.exitcode for worker in workers] == [0, 0]
    path = simulation_path(SHAPE, HARDWARE, tmp_path)
    assert [file.name for file in path.parent.iterdir()] == [path.name]
