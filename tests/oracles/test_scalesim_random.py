"""The replica against SCALE-Sim itself: every reported number, on random and published layers."""

import pytest
from scalesim_cases import random_cases

from edgeint8.arch.machine.hardware import Hardware, parse_hardware_id
from edgeint8.arch.network.layers import Layer, LayerShape
from edgeint8.scale_sim.crosscheck import crosscheck_rows
from edgeint8.scale_sim.simulator.adapter import SimulationLimits, SimulationResult, simulate
from edgeint8.scale_sim.simulator.reports import reports_from_quantities

SOON = SimulationLimits(cpu_seconds=20)
QUANTITIES = 30


def differences(shape: LayerShape, hardware: Hardware, simulated: SimulationResult) -> list[object]:
    layer = Layer("layer", "conv", shape, 1, 0, 0, 0, "test")
    rows = crosscheck_rows(layer, hardware, simulated)
    assert len(rows) == QUANTITIES
    return [row for row in rows if row.difference != 0]


def compare(count: int, seed: int, most_cells: int) -> tuple[int, int, int]:
    """Compare `count` cases; return how many stalled, refetched inputs, refetched weights."""
    stalled = inputs = weights = compared = 0
    for shape, hardware in random_cases(2 * count, seed, most_cells):
        if compared == count:
            break
        simulated = simulate(shape, hardware, SOON)
        if simulated.reports is None:
            continue  # SCALE-Sim takes too long; another case is drawn in its place
        assert differences(shape, hardware, simulated) == [], f"{shape.id} {hardware}"
        compared += 1
        stalled += simulated.reports.compute.stall_cycles > 0
        inputs += simulated.reports.access.ifmap_dram_stop_cycle > 0
        weights += simulated.reports.access.filter_dram_stop_cycle > 0
    assert compared == count
    return stalled, inputs, weights


def test_sixty_random_cases() -> None:
    """The cases are not all easy: some stall, some fetch inputs or weights again."""
    stalled, inputs, weights = compare(60, seed=11, most_cells=60_000)
    assert min(stalled, inputs, weights) >= 5


@pytest.mark.slow
def test_a_thousand_random_cases() -> None:
    stalled, inputs, weights = compare(1000, seed=2025, most_cells=400_000)
    assert min(stalled, inputs, weights) >= 100


# Rows of published topologies: MLPerf Tiny's visual wake words, MobileNet, ResNet-18, AlexNet.
PUBLISHED = {
    "vww DepthwiseConv2D_14": LayerShape.from_output((1, 1), (3, 3), 256, 1),
    "vww Conv2D_13": LayerShape.from_output((3, 3), (1, 1), 128, 256),
    "mobilenet Conv14_dw": LayerShape.from_output((12, 12), (3, 3), 1, 1),
    "mobilenet Conv12_dw": LayerShape.from_output((14, 14), (3, 3), 1, 1, (2, 2)),
}
PUBLISHED_LARGE = {
    "resnet18 fc": LayerShape.from_gemm(1, 1000, 512),
    "resnet18 conv5_s": LayerShape.from_output((7, 7), (1, 1), 256, 512, (2, 2)),
    "alexnet conv1, four rows": LayerShape.from_output((4, 55), (11, 11), 3, 96, (4, 4)),
    "mobilenet Conv19": LayerShape.from_output((7, 7), (1, 1), 1024, 1024),
}
MACHINES = ("ws_32x32_64kB_unlimited", "os_32x32_64kB_10Bpc", "is_16x32_32kB_4Bpc")


@pytest.mark.parametrize("name", PUBLISHED)
@pytest.mark.parametrize("hardware", MACHINES)
def test_published_layers(name: str, hardware: str) -> None:
    machine = parse_hardware_id(hardware)
    simulated = simulate(PUBLISHED[name], machine)
    assert differences(PUBLISHED[name], machine, simulated) == []


@pytest.mark.slow
@pytest.mark.parametrize("name", PUBLISHED_LARGE)
@pytest.mark.parametrize("hardware", MACHINES)
def test_large_published_layers(name: str, hardware: str) -> None:
    machine = parse_hardware_id(hardware)
    simulated = simulate(PUBLISHED_LARGE[name], machine, SimulationLimits(cpu_seconds=900))
    assert differences(PUBLISHED_LARGE[name], machine, simulated) == []


def test_a_gemm_row_is_a_1x1_convolution() -> None:
    """SCALE-Sim maps a GEMM row to a 1 x K window; all 30 numbers equal those of our shape."""
    as_scalesim = LayerShape(ifmap_h=12, ifmap_w=70, filter_h=1, filter_w=70, channels=1,
                             filters=20, stride_h=1, stride_w=1)  # fmt: skip
    for hardware in ("ws_8x8_1kB_4Bpc", "is_8x8_1kB_unlimited"):
        machine = parse_hardware_id(hardware)
        theirs = simulate(as_scalesim, machine).reports
        assert theirs == simulate(LayerShape.from_gemm(12, 20, 70), machine).reports


@pytest.mark.parametrize("hardware", ["ws_4x4_1kB_unlimited", "is_4x4_1kB_2Bpc"])
def test_one_changed_cell_is_seen(hardware: str) -> None:
    """Each cell of each report, off by one or by one part in 1e8, is one difference."""
    shape = LayerShape.from_output((6, 6), (3, 3), 8, 6)
    machine = parse_hardware_id(hardware)
    simulated = simulate(shape, machine)
    assert simulated.reports is not None
    quantities = simulated.reports.quantities()
    for quantity, value in quantities.items():
        changed = value + 1 if isinstance(value, int) else value * (1 + 1e-8)
        altered = reports_from_quantities({**quantities, quantity: changed})
        rows = differences(shape, machine, SimulationResult("ok", "", altered, 0.0))
        assert [row.quantity for row in rows] == [quantity]  # type: ignore[attr-defined]
