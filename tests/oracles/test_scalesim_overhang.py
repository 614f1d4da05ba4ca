"""Rows whose last window overhangs: SCALE-Sim on the row as it stands, and the replica."""

import random

import pytest

from edgeint8.arch.cost.systolic import map_layer
from edgeint8.arch.machine.hardware import Hardware, parse_hardware_id, uniform_hardware
from edgeint8.arch.network.layers import LayerShape
from edgeint8.dataflow import DATAFLOWS
from edgeint8.scale_sim.crosscheck import difference
from edgeint8.scale_sim.replica.replica import predict
from edgeint8.scale_sim.simulator.adapter import simulate


def cases(count: int, seed: int) -> list[tuple[LayerShape, Hardware]]:
    """Small rows, arrays and buffers; a third without a limit of bandwidth."""
    rng = random.Random(seed)
    found: list[tuple[LayerShape, Hardware]] = []
    while len(found) < count:
        window = rng.randint(1, 4), rng.randint(1, 4)
        extent = tuple(rng.randint(side, 12) for side in window)
        strides = rng.randint(1, 4), rng.randint(1, 4)
        shape = LayerShape(*extent, *window, rng.randint(1, 20), rng.randint(1, 20), *strides)
        size = rng.randint(1, 12), rng.randint(1, 12)
        bandwidth = rng.choice((None, None, 1, 2, 3, 5, 9))
        machine = uniform_hardware(
            rng.choice(DATAFLOWS), *size, rng.choice((1, 1, 2, 4)), bandwidth
        )
        if shape.overhangs and map_layer(shape, machine).lines > 1:
            found.append((shape, machine))
    return found


def test_the_published_row() -> None:
    """ResNet-50's CB5a_1: 7,219 cycles; on the next size without overhang it was 150,279."""
    shape = LayerShape(14, 14, 1, 1, 1024, 2, 2, 2)
    found = predict(shape, parse_hardware_id("ws_16x16_8kB_7Bpc")).compute
    assert (found.total_cycles, found.stall_cycles) == (7_219, 180)


def _compare(count: int, seed: int) -> None:
    for shape, machine in cases(count, seed):
        simulated = simulate(shape, machine).reports
        assert simulated is not None
        reported, predicted = simulated.quantities(), predict(shape, machine).quantities()
        assert len(predicted) == 30
        wrong = {k: (reported[k], v) for k, v in predicted.items() if difference(reported[k], v)}
        assert not wrong, (shape.id, machine.id, wrong)


def test_random_rows_are_predicted_exactly() -> None:
    _compare(30, seed=5)


@pytest.mark.slow
def test_many_random_rows_are_predicted_exactly() -> None:
    _compare(300, seed=6)
