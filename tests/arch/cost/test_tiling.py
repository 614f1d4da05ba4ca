"""The tile search against a walk through the loops, and the laws that every schedule obeys."""

from itertools import permutations, product

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tiling_layers import chain, conv

from edgeint8.arch.cost import tile_space as tile_space_module
from edgeint8.arch.cost.loops import Loops, layer_loops
from edgeint8.arch.cost.physical import (
    Options,
    layer_cost,
)
from edgeint8.arch.cost.tile_space import FP32, tile_sizes
from edgeint8.arch.cost.tiling import Storage, best_tiling
from edgeint8.arch.machine.hardware import parse_hardware_id
from edgeint8.arch.network.layers import Layer, LayerShape
from edgeint8.errors import HardwareError, ModelError


def _ranges(extent: int, tile: int) -> list[range]:
    return [range(start, min(start + tile, extent)) for start in range(0, extent, tile)]


def _input_axis(outputs: range, stride: int, window: int, pad: int, inputs: int) -> set[int]:
    """Input positions that a DMA fetches for `outputs`, including the rows that a stride skips."""
    first = outputs[0] * stride - pad
    last = first + max((len(outputs) - 1) * stride + window, len(outputs) * stride)
    return set(range(max(first, 0), min(last, inputs)))


def _content(operand: str, loops: Loops, m: range, c: range, p: tuple[range, range]) -> frozenset:
    if operand == "filter":
        taps = range(loops.filter_h * loops.filter_w)
        return frozenset(product(m, c, taps))
    if operand == "ofmap":
        return frozenset(product(m, p[0], p[1]))
    rows = _input_axis(p[0], loops.stride_h, loops.filter_h, loops.pad_top, loops.input_h)
    cols = _input_axis(p[1], loops.stride_w, loops.filter_w, loops.pad_left, loops.input_w)
    return frozenset(product(c, rows, cols))


def _walk(operand: str, loops: Loops, order: tuple, level: int, tiles: dict) -> tuple[int, int]:
    """(bytes needed, bytes moved) with the operand kept inside the outermost `level` loops."""
    whole = {
        "m": [range(loops.filters)],
        "c": [range(loops.channels)],
        "p": [(range(loops.output_h), range(loops.output_w))],
    }
    outer = order[:level]
    contents, done, moved = [], {}, 0
    for place in product(*(tiles[loop] for loop in outer)):
        at = {loop: whole[loop][0] for loop in "mcp"} | dict(zip(outer, place, strict=True))
        content = _content(operand, loops, at["m"], at["c"], at["p"])
        if contents and content == contents[-1]:
            if operand == "ofmap":
                done |= {element: done[element] + len(at["c"]) for element in content}
            continue
        if operand == "ofmap":
            if contents:
                moved += _leave(contents[-1], done, loops.channels)
            moved += 4 * sum(0 < done.get(element, 0) < loops.channels for element in content)
            done |= {element: done.get(element, 0) + len(at["c"]) for element in content}
        else:
            moved += len(content)
        contents.append(content)
    if operand == "ofmap":
        moved += _leave(contents[-1], done, loops.channels)
        assert all(count == loops.channels for count in done.values())
    width = 4 if operand == "ofmap" else 1
    need = max(map(len, contents)) * width * (2 if len(contents) > 1 else 1)
    return need, moved


def _leave(content: frozenset, done: dict, channels: int) -> int:
    return sum(1 if done[element] == channels else 4 for element in content)


def walked(loops: Loops) -> list[dict[str, list[tuple[int, int]]]]:
    """For every order and every tile size the (need, moved) of each operand's buffer levels."""
    schedules = []
    sizes = (loops.filters, loops.channels, loops.output_h, loops.output_w)
    for tm, tc, th, tw in product(*(range(1, size + 1) for size in sizes)):
        tiles = {
            "m": _ranges(loops.filters, tm),
            "c": _ranges(loops.channels, tc),
            "p": list(product(_ranges(loops.output_h, th), _ranges(loops.output_w, tw))),
        }
        for order in permutations("mcp"):
            schedules.append(
                {
                    operand: [_walk(operand, loops, order, level, tiles) for level in range(4)]
                    for operand in ("ifmap", "filter", "ofmap")
                }
            )
    return schedules


def cheapest(schedules: list, storage: Storage) -> int | None:
    capacity = {
        "ifmap": storage.ifmap_bytes,
        "filter": storage.filter_bytes,
        "ofmap": storage.ofmap_bytes,
    }
    best = None
    for schedule in schedules:
        fitting = [
            [moved for need, moved in levels if need <= capacity[operand]]
            for operand, levels in schedule.items()
        ]
        if all(fitting):
            total = sum(map(min, fitting))
            best = total if best is None else min(best, total)
    return best


TINY = [
    conv(3, 3, 3, 2, pad=1),
    conv(3, 1, 2, 4),
    conv(2, 3, 2, 3, stride=2, pad=1),
    conv(4, 2, 2, 2),
    conv(1, 1, 5, 4),
    conv(3, 2, 1, 3, stride=2),
]


@pytest.mark.parametrize("layer", TINY, ids=lambda layer: layer.shape.id)
def test_search_finds_what_a_walk_over_all_schedules_finds(layer: Layer) -> None:
    loops = layer_loops(layer)
    schedules = walked(loops)
    rng = np.random.default_rng(layer.macs)
    feasible = 0
    for _ in range(60):
        storage = Storage(*(int(size) for size in rng.integers(2, 90, 3)))
        expected = cheapest(schedules, storage)
        if expected is None:
            with pytest.raises(HardwareError, match="does not hold one tile"):
                best_tiling(loops, storage)
            continue
        feasible += 1
        assert best_tiling(loops, storage).dram_bytes == expected, storage
    assert feasible > 20


@pytest.mark.slow
@pytest.mark.parametrize(("kb", "loss"), [(8, 0.13), (32, 0.0), (128, 0.0)])
def test_what_the_coarse_list_of_tiles_costs_large_layers(monkeypatch, kb, loss) -> None:
    """Against every number of trips: nothing from 32 KiB on, at most 13 % of a layer at 8 KiB."""
    storage = Storage(kb * 1024, kb * 1024, kb * 1024)
    layers = [conv(56, 3, 64, 64, pad=1), conv(28, 3, 128, 128, pad=1), conv(14, 1, 256, 1024)]
    coarse = [best_tiling(layer_loops(layer), storage).dram_bytes for layer in layers]
    monkeypatch.setattr(
        tile_space_module,
        "tile_sizes",
        lambda extent: sorted({-(-extent // n) for n in range(1, extent + 1)}, reverse=True),
    )
    tile_space_module.tile_space.cache_clear()
    best_tiling.cache_clear()
    try:
        complete = [best_tiling(layer_loops(layer), storage).dram_bytes for layer in layers]
    finally:
        tile_space_module.tile_space.cache_clear()
        best_tiling.cache_clear()
    for found, best in zip(coarse, complete, strict=True):
        assert best <= found <= best * (1 + loss)


# ---------------------------------------------------------------- worked by hand


def test_matrix_product_with_half_the_inner_axis() -> None:
    """4 outputs x 4 filters, K = 4; each buffer holds two elements of its operand, twice."""
    loops = layer_loops(conv(2, 1, 4, 4))
    tiling = best_tiling(loops, Storage(4, 4, 16))
    # One 1x2 or 2x1 block of outputs at a time (16 B = 2 x 2 sums of 4 bytes), K streamed:
    # 2 pixels x 1 filter: inputs come once per filter (4 x 16), weights once per pixel pair
    # (2 x 16), 16 outputs.
    assert tiling.psum_bytes == 0
    assert tiling.dram_bytes == 4 * 16 + 2 * 16 + 16


def test_ample_buffers_move_every_tensor_once() -> None:
    layer = conv(8, 3, 16, 32, pad=1)
    tiling = best_tiling(layer_loops(layer), Storage(1 << 20, 1 << 20, 1 << 20))
    assert (tiling.ifmap_bytes, tiling.filter_bytes) == (layer.ifmap_bytes, layer.filter_bytes)
    assert (tiling.ofmap_bytes, tiling.psum_bytes) == (layer.ofmap_bytes, 0)


def test_padding_is_not_fetched() -> None:
    layer = conv(32, 3, 16, 16, pad=1)
    assert layer.shape is not None
    assert layer.shape.ifmap_h * layer.shape.ifmap_w * 16 == 18_496  # 34 * 34 * 16
    assert layer_cost(layer, parse_hardware_id("ws_16x16_64kB_unlimited")).ifmap_bytes == 16_384


def test_partial_sums_spill_when_that_is_cheaper_than_fetching_windows_again() -> None:
    """5x5 windows, 8 channels: one input plane (144 B) and one 5x5 filter fit, twice each.

    Channels run outside: every plane and every weight comes once, and each of the 1,024 sums is
    written and read back 7 times in 4 bytes. Keeping the one sum on chip instead would fetch a
    window and a filter for each of its 8 channels.
    """
    loops = layer_loops(conv(8, 5, 8, 16))
    tiling = best_tiling(loops, Storage(2 * 144 + 12, 2 * 25, 2 * 4))
    assert (tiling.ifmap_bytes, tiling.filter_bytes) == (8 * 144, 8 * 16 * 25)
    assert (tiling.ofmap_bytes, tiling.psum_bytes) == (1024, 7 * 2 * 4 * 1024)


@pytest.mark.parametrize("extent", [1, 2, 7, 16, 17, 56, 512, 4096])
def test_tile_sizes_cover_the_axis(extent: int) -> None:
    sizes = tile_sizes(extent)
    assert sizes[0] == extent and sizes[-1] == 1 and sizes == sorted(set(sizes), reverse=True)
    if extent <= 16:  # complete: the smallest tile of every number of trips
        assert set(sizes) == {-(-extent // n) for n in range(1, extent + 1)}


@settings(max_examples=300, deadline=None)
@given(*[st.integers(1, 9)] * 4, st.integers(0, 8), st.integers(-3, 9))
def test_input_rows_of_tiles_are_counted(tile, outputs, stride, reach, pad, more) -> None:
    """Equation 6 against the rows themselves, tile by tile; the last one reads to the edge."""
    inputs = max(1, (outputs - 1) * stride + reach - pad + more)
    rows = [
        len(set(range(first, inputs if start + tile >= outputs else last)) & set(range(inputs)))
        for start in range(0, outputs, tile)
        for size in [min(tile, outputs - start)]
        for first in [start * stride - pad]
        for last in [first + max((size - 1) * stride + reach, size * stride)]
    ]
    found = tile_space_module.input_extent(tile, outputs, stride, reach, pad, inputs)
    assert found == (max(rows), sum(rows))


def test_published_products_can_be_tiled_along_k() -> None:
    """SCALE-Sim writes K as the filter's width; as channels it can be cut."""
    layer = Layer("mm", "gemm", LayerShape.from_gemm(64, 64, 512), 1, 1 << 15, 1 << 15, 4096, "t")
    loops = layer_loops(layer)
    assert (loops.channels, loops.filter_w, loops.output_h) == (512, 1, 64)
    assert best_tiling(loops, Storage(64, 64, 64)).tile.channels < 512


# ---------------------------------------------------------------- folds


def test_float_moves_four_times_the_bytes_when_everything_fits() -> None:
    layer, hardware = conv(8, 3, 4, 4), parse_hardware_id("ws_8x8_64kB_unlimited")
    int8 = layer_cost(layer, hardware)
    fp32 = layer_cost(layer, hardware, Options(element_bytes=FP32))
    assert fp32.dram_bytes == 4 * int8.dram_bytes


def test_errors_name_the_problem() -> None:
    with pytest.raises(ModelError, match="not on the array"):
        layer_loops(chain()[1])
    with pytest.raises(HardwareError, match="at least"):
        best_tiling(layer_loops(conv(4, 3, 2, 2)), Storage(4, 4, 4))
