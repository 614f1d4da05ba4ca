"""Cycles of folds, of the bus and of ports."""

import pytest
from tiling_layers import conv, named

from edgeint8.arch.cost.folds import compute_cycles
from edgeint8.arch.cost.physical import (
    exposed_cycles,
    layer_cost,
)
from edgeint8.arch.cost.tile_space import FP32, INT8
from edgeint8.arch.machine.hardware import parse_hardware_id


def test_serial_folds_are_scale_sims_lines() -> None:
    """SCALE-Sim reports 9,629 cycles for this layer, one less than the lines."""
    cycles = compute_cycles(
        conv(32, 3, 16, 16, pad=1), parse_hardware_id("ws_16x16_64kB_unlimited")
    )
    assert cycles.total == 9_630 and cycles.ideal == 9_216


def test_pipelined_folds_by_hand() -> None:
    """K = 32, M = 4, P = 9 on 4x4: 8 folds 9 apart; preload 4, last stream 9, skew 6."""
    layer = conv(3, 1, 32, 4)
    hardware = named("ws_4x4_64kB_unlimited", pipelined_folds=True)
    assert compute_cycles(layer, hardware).total == 4 + 7 * 9 + 9 + 6
    short = conv(1, 1, 32, 4)  # one pixel: the next weights take 4 cycles and set the pace
    assert compute_cycles(short, hardware).total == 4 + 7 * 4 + 1 + 6


def test_bus_and_ports_by_hand() -> None:
    layer = conv(1, 1, 64, 64)  # 64 + 4,096 + 64 bytes
    ports = named("ws_8x8_8kB_2Bpc", shared_bus=False)
    assert layer_cost(layer, ports).memory_cycles == 4096 // 2
    bus = parse_hardware_id("ws_8x8_8kB_2Bpc")
    assert layer_cost(layer, bus).memory_cycles == (64 + 4096 + 64) // 6
    # Before the first MAC a weight and an input, after the last one an output.
    assert exposed_cycles(layer, ports, INT8) == 1 + 1
    assert exposed_cycles(layer, bus, INT8) == 1 + 1
    narrow = named("ws_8x8_8kB_1Bpc", shared_bus=True)
    assert exposed_cycles(layer, narrow, FP32) == 3 + 2  # 8 bytes and 4 at 3 a cycle


def test_unlimited_bandwidth_has_no_stalls() -> None:
    cost = layer_cost(conv(8, 3, 16, 16), parse_hardware_id("os_8x8_8kB_unlimited"))
    assert cost.stall_cycles == 0 and cost.cycles == cost.compute.total


TINY_CNN_2D = [
    conv(32, 3, 3, 32, pad=1),
    conv(16, 3, 32, 64, pad=1),
    conv(8, 3, 64, 128, pad=1),
    conv(1, 1, 128, 10),
]


def _cycles(dataflow: str, size: int, pipelined: bool) -> int:
    hardware = named(f"{dataflow}_{size}x{size}_64kB_unlimited", pipelined_folds=pipelined)
    return sum(compute_cycles(layer, hardware).total for layer in TINY_CNN_2D)


@pytest.mark.parametrize(
    ("dataflow", "size", "published"),
    [
        *(("ws", 8, 1.20), ("ws", 16, 1.41), ("ws", 32, 1.78), ("ws", 64, 1.93)),
        ("is", 32, 2.22),
    ],
)
def test_what_serial_folds_cost(dataflow: str, size: int, published: float) -> None:
    """Serial over pipelined cycles of tiny_cnn_2d, measured independently."""
    gain = _cycles(dataflow, size, False) / _cycles(dataflow, size, True)
    assert gain == pytest.approx(published, abs=0.035)


@pytest.mark.parametrize(
    ("pipelined", "published"), [(False, (3.4, 3.0)), (True, (4.0, 3.8))], ids=["serial", "piped"]
)
def test_diminishing_returns_come_from_serial_folds(pipelined, published) -> None:
    """8x8 -> 16x16 -> 32x32, weight-stationary, measured independently."""
    cycles = [_cycles("ws", size, pipelined) for size in (8, 16, 32)]
    assert cycles[0] / cycles[1] == pytest.approx(published[0], abs=0.06)
    assert cycles[1] / cycles[2] == pytest.approx(published[1], abs=0.06)
