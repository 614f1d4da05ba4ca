"""The tile-by-tile schedule against a walk over the tiles, and its place above the bound."""

from dataclasses import replace
from itertools import product

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tiling_layers import machines

from edgeint8.arch.cost.bounds import upper_bound
from edgeint8.arch.cost.folds import array_cycles
from edgeint8.arch.cost.loops import layer_loops
from edgeint8.arch.cost.physical import Options, layer_cost, network_cost
from edgeint8.arch.cost.pieces import cut
from edgeint8.arch.cost.roofline import roofline_rows
from edgeint8.arch.cost.schedule import best_schedule, scheduled_cycles, tiled_lines
from edgeint8.arch.cost.systolic import map_layer
from edgeint8.arch.cost.tile_space import INT8, tile_space
from edgeint8.arch.machine.hardware import Hardware, parse_hardware_id
from edgeint8.arch.network.layers import Layer, LayerShape
from edgeint8.errors import HardwareError


def conv(output: int, window: int, channels: int, filters: int, repeats: int = 1) -> Layer:
    shape = LayerShape.from_output((output, output), (window, window), channels, filters)
    sizes = (
        shape.ifmap_h * shape.ifmap_w * channels,
        shape.window * filters,
        shape.output_pixels * filters,
    )
    return Layer("layer", "conv", shape, repeats, *(size * repeats for size in sizes), "test")


def machine(dataflow: str, rows: int, cols: int, pipelined: bool) -> Hardware:
    hardware = parse_hardware_id(f"{dataflow}_{rows}x{cols}_8kB_unlimited")
    return replace(hardware, pipelined_folds=pipelined, name="machine")


def _parts(extent: int, tile: int) -> list[int]:
    return [min(tile, extent - start) for start in range(0, extent, tile)]


def walked(layer: Layer, hardware: Hardware, tile: tuple[int, int, int, int]) -> tuple[int, int]:
    """(serial, pipelined) cycles of one tiling: every tile laid out as a layer of its own.

    Pipelined, the folds of all tiles follow each other; each holds the array for its stream or
    for the next preload, whichever is longer. The walk cannot know which fold comes last, so
    its pipelined figure leaves the last interval whole.
    """
    loops = layer_loops(layer)
    th, tw, tc, tm = tile
    serial, intervals = 0, 0
    for h, w, c, m in product(
        _parts(loops.output_h, th),
        _parts(loops.output_w, tw),
        _parts(loops.channels, tc),
        _parts(loops.filters, tm),
    ):
        shape = LayerShape.from_output((h, w), (loops.filter_h, loops.filter_w), c, m)
        mapping = map_layer(shape, hardware)
        serial += array_cycles(mapping, layer.repeats, pipelined=False)
        intervals += mapping.folds * max(mapping.temporal, hardware.rows) * layer.repeats
    return serial, hardware.rows + intervals + hardware.rows + hardware.cols - 2


@pytest.mark.parametrize("dataflow", ["ws", "os", "is"])
@pytest.mark.parametrize(
    "layer", [conv(5, 3, 4, 6), conv(3, 1, 9, 5, repeats=3), conv(1, 2, 7, 11)], ids=str
)
def test_every_tiling_agrees_with_a_walk_over_its_tiles(layer: Layer, dataflow: str) -> None:
    space = tile_space(layer_loops(layer), INT8)
    for pipelined in (False, True):
        hardware = machine(dataflow, 4, 3, pipelined)
        lines = np.broadcast_to(
            tiled_lines(space, hardware.dataflow, 4, 3, layer.repeats, pipelined), space.grid
        )
        for p, c, m in product(*map(range, space.grid)):
            tile = (space.tile_h[p], space.tile_w[p], space.tile_c[c], space.tile_m[m])
            serial, piped = walked(layer, hardware, tuple(map(int, tile)))
            if not pipelined:
                assert lines[p, c, m] == serial
            else:  # the last fold ends with its stream, not with an interval
                assert piped - hardware.rows < lines[p, c, m] <= piped


def test_pieces() -> None:
    pieces = cut(10, np.array([10, 4, 3, 1]))
    assert pieces.pieces.tolist() == [1, 3, 4, 10]
    assert (pieces.count * pieces.size).sum(axis=1).tolist() == [10] * 4


def test_one_tile_is_the_bound() -> None:
    """When the whole layer fits, computing and moving are at their best together."""
    layer = conv(8, 3, 16, 16)
    for dataflow, pipelined in product(("ws", "os", "is"), (False, True)):
        hardware = replace(
            parse_hardware_id(f"{dataflow}_8x8_256kB_4Bpc"), pipelined_folds=pipelined, name="m"
        )
        assert best_schedule(layer, hardware).cycles == layer_cost(layer, hardware).cycles


layers = st.builds(
    conv, st.integers(1, 12), st.integers(1, 3), st.integers(1, 40), st.integers(1, 40)
)


@settings(max_examples=150, deadline=None)
@given(layers, machines(24), st.booleans())
def test_bracket(layer: Layer, hardware: Hardware, double_buffered: bool) -> None:
    options = Options(double_buffered=double_buffered)
    bound = layer_cost(layer, hardware, options)
    schedule = best_schedule(layer, hardware, options)
    assert bound.cycles <= schedule.cycles
    assert bound.compute.total <= schedule.compute_cycles
    assert bound.cycles <= upper_bound(layer, hardware, options)[0]


@settings(max_examples=150, deadline=None)
@given(layers, machines(24), st.tuples(*[st.integers(0, 20)] * 3), st.integers(0, 32))
def test_more_sram_and_bandwidth_never_slow_a_schedule(layer, hardware, sram, bandwidth) -> None:
    more = replace(
        hardware,
        ifmap_sram_kb=hardware.ifmap_sram_kb + sram[0],
        filter_sram_kb=hardware.filter_sram_kb + sram[1],
        ofmap_sram_kb=hardware.ofmap_sram_kb + sram[2],
    )
    if hardware.bandwidth_bpc is not None:
        more = replace(more, bandwidth_bpc=hardware.bandwidth_bpc + bandwidth)
    assert best_schedule(layer, more).cycles <= best_schedule(layer, hardware).cycles


def test_rows_of_the_roofline_carry_both_ends() -> None:
    pool = Layer("pool", "pool", None, 1, 900, 0, 300, "t", "no MACs")
    network = [conv(12, 3, 24, 40), pool]
    hardware = parse_hardware_id("ws_16x16_1kB_2Bpc")
    rows = roofline_rows("net", network, hardware)
    assert [row["schedule_cycles"] for row in rows] == list(scheduled_cycles(network, hardware))
    assert rows[0]["bound_cycles"] < rows[0]["schedule_cycles"]
    assert (
        rows[1]["bound_cycles"]
        == rows[1]["schedule_cycles"]
        == network_cost([pool], hardware)[0].cycles
    )


def test_what_does_not_fit_is_refused() -> None:
    layer = conv(2, 40, 2, 2)  # one window of one channel is 1,600 bytes
    with pytest.raises(HardwareError, match="does not hold one tile"):
        best_schedule(layer, parse_hardware_id("ws_4x4_1kB_1Bpc"))
