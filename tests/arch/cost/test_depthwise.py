"""Depthwise layers: what one channel at a time costs, and what packing wins."""

import pytest

from edgeint8.arch.machine.hardware import parse_hardware_id
from edgeint8.arch.network.layers import Layer, LayerShape
from edgeint8.arch.questions.depthwise import best_packing, pack_groups, packing_rows, packings
from edgeint8.errors import ModelError
from edgeint8.scale_sim.simulator.adapter import simulate

# MobileNet's second layer: 32 channels, 112x112 outputs, 3x3.
LAYER = Layer(
    "dw", "depthwise", LayerShape.from_output((112, 112), (3, 3), 1, 1), 32, 1, 288, 1, "test"
)
WS = parse_hardware_id("ws_16x16_64kB_unlimited")


def test_one_channel_at_a_time_uses_little_of_the_array() -> None:
    """9 of 256 cells hold a weight: 3.52 %, less fill and drain."""
    alone = packings(LAYER, WS)[0]
    assert alone.lines == 32 * (112 * 112 + 16 + 16 + 16 - 2)
    assert alone.utilization_percent == pytest.approx(100 * 9 / 256, rel=0.005)


def test_packing_wins_less_than_twice() -> None:
    """16 channels fill 9 folds with one useful row in 16: at most 1/16 = 6.25 %."""
    best = best_packing(LAYER, WS)
    assert best.groups_together == 16
    assert best.lines == 2 * 9 * (112 * 112 + 46)
    assert 6.2 < best.utilization_percent < 100 / 16


def test_packed_weights_are_block_diagonal() -> None:
    packed = pack_groups(LAYER, 8)
    assert packed.shape == LayerShape.from_output((112, 112), (3, 3), 8, 8)
    assert (packed.repeats, packed.filter_bytes) == (4, 288 * 8)


def test_packed_lines_are_scalesims() -> None:
    shape = LayerShape.from_output((6, 6), (3, 3), 1, 1)
    layer = Layer("dw", "depthwise", shape, 4, 1, 36, 1, "test")
    hardware = parse_hardware_id("ws_8x8_4kB_unlimited")
    for packing in packings(layer, hardware):
        assert packing.layer.shape is not None
        simulated = simulate(packing.layer.shape, hardware).reports
        assert simulated is not None
        lines = packing.layer.repeats * (simulated.compute.total_cycles + 1)
        assert lines == packing.lines


@pytest.mark.parametrize("groups", [0, 3, 64])
def test_uneven_packing_is_refused(groups: int) -> None:
    with pytest.raises(ModelError, match="divisor of 32"):
        pack_groups(LAYER, groups)


def test_a_pool_cannot_be_packed() -> None:
    pool = Layer("p", "pool", None, 1, 1, 0, 1, "test", "MaxPool is not a product")
    with pytest.raises(ModelError, match="not on the array"):
        packings(pool, WS)


def test_rows_are_those_of_the_grouped_layers() -> None:
    dense = Layer("c", "conv", LayerShape.from_output((4, 4), (1, 1), 3, 3), 1, 1, 1, 1, "test")
    [row] = packing_rows("net", [dense, LAYER], WS)
    assert (row["layer"], row["groups"], row["groups_together"]) == ("dw", 32, 16)
    assert row["bound_cycles_alone"] == 32 * (112 * 112 + 46)
    assert row["bound_cycles_packed"] == 2 * 9 * (112 * 112 + 46)
    assert row["utilization_alone"] == pytest.approx(9 / 256, rel=0.005)
    assert row["filter_bytes_packed"] == 16 * row["filter_bytes_alone"] == 16 * 288
