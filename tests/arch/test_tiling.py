"""The tile search against a walk through the loops, and the laws that every schedule obeys."""

from dataclasses import replace
from itertools import pairwise, permutations, product

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from edgeint8.arch.cost import tile_space as tile_space_module
from edgeint8.arch.cost.bounds import lower_bound, upper_bound
from edgeint8.arch.cost.folds import array_cycles, compute_cycles
from edgeint8.arch.cost.loops import Loops, layer_loops
from edgeint8.arch.cost.physical import (
    BOUNDS,
    Options,
    exposed_cycles,
    layer_cost,
    network_cost,
    total_dram_bytes,
)
from edgeint8.arch.cost.systolic import map_layer
from edgeint8.arch.cost.tile_space import FP32, INT8, tile_sizes
from edgeint8.arch.cost.tiling import Storage, best_tiling
from edgeint8.arch.machine.hardware import Hardware, parse_hardware_id
from edgeint8.arch.network.fusion import chained, fuse
from edgeint8.arch.network.layers import Layer, LayerShape, Tensor
from edgeint8.errors import HardwareError, ModelError


def conv(
    output: int, window: int, channels: int, filters: int, stride: int = 1, pad: int = 0, **more
) -> Layer:
    shape = LayerShape.from_output(
        (output, output), (window, window), channels, filters, (stride, stride)
    )
    real = shape.ifmap_h - 2 * pad
    return Layer(
        more.get("name", "layer"),
        more.get("operator", "conv"),
        shape,
        more.get("repeats", 1),
        real * real * channels * more.get("repeats", 1),
        window * window * channels * filters * more.get("repeats", 1),
        output * output * filters * more.get("repeats", 1),
        "test",
        input_hw=(real, real),
        pads=(pad,) * 4,
    )


def named(identifier: str, **changes) -> Hardware:
    return replace(parse_hardware_id(identifier), name="machine", **changes)


# ---------------------------------------------------------------- the oracle: walk and count


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


layer_strategy = st.builds(
    conv,
    st.integers(1, 12),
    st.sampled_from([1, 2, 3, 5]),
    st.integers(1, 40),
    st.integers(1, 40),
    st.integers(1, 2),
    repeats=st.integers(1, 3),
)
hardware_strategy = st.builds(
    Hardware,
    st.sampled_from(["ws", "os", "is"]),
    st.integers(1, 40),
    st.integers(1, 40),
    st.integers(1, 8),
    st.integers(1, 8),
    st.integers(1, 8),
    st.one_of(st.none(), st.integers(1, 32)),
    shared_bus=st.booleans(),
    pipelined_folds=st.booleans(),
    name=st.just("machine"),
)


@given(layer_strategy, hardware_strategy)
def test_pipelining_never_costs_cycles(layer: Layer, hardware: Hardware) -> None:
    assert layer.shape is not None
    mapping = map_layer(layer.shape, hardware)
    serial = array_cycles(mapping, layer.repeats, pipelined=False)
    pipelined = array_cycles(mapping, layer.repeats, pipelined=True)
    assert layer.macs / hardware.processing_elements <= pipelined <= serial


# ---------------------------------------------------------------- laws


@settings(max_examples=150, deadline=None)
@given(layer_strategy, hardware_strategy, st.booleans())
def test_bounds_hold(layer: Layer, hardware: Hardware, double_buffered: bool) -> None:
    options = Options(double_buffered=double_buffered)
    cost = layer_cost(layer, hardware, options)
    low_cycles, low_bytes = lower_bound(layer, hardware, options)
    high_cycles, high_bytes = upper_bound(layer, hardware, options)
    assert low_cycles <= cost.cycles <= high_cycles
    assert low_bytes <= cost.dram_bytes <= high_bytes
    assert sum(cost.parts.values()) == pytest.approx(cost.cycles, rel=1e-12)
    assert cost.bound in BOUNDS and min(cost.parts.values()) >= 0


def _scarce_bytes(costs, hardware: Hardware) -> int:
    """What the schedule economises: all bytes on a bus, the busiest port's on separate ports."""
    if hardware.shared_bus or hardware.bandwidth_bpc is None:
        return total_dram_bytes(costs)
    return sum(
        max(cost.ifmap_bytes, cost.filter_bytes, cost.ofmap_bytes + cost.psum_bytes)
        for cost in costs
    )


@settings(max_examples=200, deadline=None)
@given(
    st.lists(layer_strategy, min_size=1, max_size=3),
    hardware_strategy,
    st.tuples(st.integers(0, 20), st.integers(0, 20), st.integers(0, 20)),
    st.booleans(),
    st.booleans(),
)
def test_more_sram_is_never_slower_nor_costlier(layers, hardware, extra, on_chip, double) -> None:
    options = Options(double_buffered=double, on_chip=on_chip)
    more = replace(
        hardware,
        ifmap_sram_kb=hardware.ifmap_sram_kb + extra[0],
        filter_sram_kb=hardware.filter_sram_kb + extra[1],
        ofmap_sram_kb=hardware.ofmap_sram_kb + extra[2],
    )
    before, after = network_cost(layers, hardware, options), network_cost(layers, more, options)
    for old, new in zip(before, after, strict=True):
        assert new.cycles <= old.cycles
    assert _scarce_bytes(after, more) <= _scarce_bytes(before, hardware)


@settings(max_examples=150, deadline=None)
@given(
    st.integers(1, 12),
    st.lists(st.integers(1, 60), min_size=2, max_size=5),
    hardware_strategy,
    st.tuples(st.integers(0, 20), st.integers(0, 20), st.integers(0, 20)),
    st.booleans(),
)
def test_tensors_on_chip_obey_the_same_law(side, channels, hardware, extra, branches) -> None:
    """A chain whose tensors stay when they fit: each layer alone is never worse with more."""
    layers = [
        conv(side, 1, first, second, name=f"l{place}")
        for place, (first, second) in enumerate(pairwise(channels))
    ]
    layers = list(chained(layers))
    size = layers[-1].ofmap_bytes
    if branches:
        two = (layers[-1].writes[0], Tensor("other", size, "input"))
        add = Layer("add", "elementwise", None, 1, 2 * size, 0, size, "t", "an addition", reads=two)
        layers.append(add)
    more = replace(
        hardware,
        ifmap_sram_kb=hardware.ifmap_sram_kb + extra[0],
        filter_sram_kb=hardware.filter_sram_kb + extra[1],
        ofmap_sram_kb=hardware.ofmap_sram_kb + extra[2],
    )
    options = Options(on_chip=True)
    apart = network_cost(layers, hardware)
    before, after = network_cost(layers, hardware, options), network_cost(layers, more, options)
    for alone, old, new in zip(apart, before, after, strict=True):
        assert new.cycles <= old.cycles <= alone.cycles
    assert _scarce_bytes(after, more) <= _scarce_bytes(before, hardware)
    assert _scarce_bytes(before, hardware) <= _scarce_bytes(apart, hardware)


@settings(max_examples=150, deadline=None)
@given(layer_strategy, hardware_strategy, st.integers(1, 64), st.booleans())
def test_more_bandwidth_is_never_slower_nor_costlier(layer, hardware, extra, double) -> None:
    slow = replace(hardware, bandwidth_bpc=hardware.bandwidth_bpc or 1)
    fast = replace(slow, bandwidth_bpc=(slow.bandwidth_bpc or 0) + extra)
    options = Options(double_buffered=double)
    before, after = layer_cost(layer, slow, options), layer_cost(layer, fast, options)
    unlimited = layer_cost(layer, replace(slow, bandwidth_bpc=None), options)
    assert unlimited.cycles <= after.cycles <= before.cycles
    assert unlimited.dram_bytes <= after.dram_bytes == before.dram_bytes


@settings(max_examples=60, deadline=None)
@given(layer_strategy, hardware_strategy)
def test_double_buffering_hides_what_it_costs_in_space(layer, hardware) -> None:
    alone = layer_cost(layer, hardware, Options(double_buffered=False))
    assert alone.dram_bytes <= layer_cost(layer, hardware).dram_bytes or (
        hardware.bandwidth_bpc is not None and not hardware.shared_bus
    )
    assert alone.cycles >= alone.compute.total


# ---------------------------------------------------------------- networks


def chain() -> list[Layer]:
    first = conv(16, 3, 8, 16, pad=1, name="conv1")
    pool = Layer("pool", "pool", None, 1, first.ofmap_bytes, 0, first.ofmap_bytes // 4, "t", "pool")
    second = conv(8, 3, 16, 16, pad=1, name="conv2")
    return list(chained([first, pool, second]))


def test_fusing_saves_the_tensor_between() -> None:
    hardware = named("ws_16x16_64kB_16Bpc", shared_bus=True)
    apart = network_cost(chain(), hardware)
    together = network_cost(chain(), hardware, Options(fused=True))
    assert [cost.layer.name for cost in together] == ["conv1+pool", "conv2"]
    saved = 2 * chain()[0].ofmap_bytes  # written and read again
    assert total_dram_bytes(apart) - total_dram_bytes(together) == saved


def test_fusing_needs_a_tensor_that_nobody_else_reads() -> None:
    first, pool, second = chain()
    assert len(fuse([first, pool, second])) == 2
    also = replace(second, reads=(*second.reads, first.writes[0]))
    assert len(fuse([first, pool, also])) == 3
    wanted = replace(first, writes=(replace(first.writes[0], role="output"),))
    asked = replace(pool, reads=wanted.writes)
    assert len(fuse([wanted, asked, second])) == 3


def test_an_addition_reads_its_second_operand_once() -> None:
    first, pool, _ = chain()
    shortcut = Tensor("shortcut", first.ofmap_bytes, "input")
    add = replace(
        pool, operator="elementwise", ifmap_bytes=2 * first.ofmap_bytes,
        ofmap_bytes=first.ofmap_bytes, reads=(shortcut, first.writes[0]),
        writes=(Tensor("sum", first.ofmap_bytes),),
    )  # fmt: skip
    (together,) = fuse([first, add])
    assert together.added_bytes == first.ofmap_bytes and together.ofmap_bytes == add.ofmap_bytes
    hardware = named("ws_16x16_64kB_16Bpc")
    moved = layer_cost(together, hardware).dram_bytes
    assert moved == layer_cost(first, hardware).dram_bytes + first.ofmap_bytes


def test_on_chip_moves_only_the_ends_and_the_weights() -> None:
    layers = chain()
    hardware = named("ws_16x16_64kB_16Bpc", shared_bus=True)
    costs = network_cost(layers, hardware, Options(on_chip=True))
    weights = sum(layer.filter_bytes for layer in layers)
    assert total_dram_bytes(costs) == layers[0].ifmap_bytes + weights + layers[-1].ofmap_bytes
    small = replace(hardware, ifmap_sram_kb=1)
    assert total_dram_bytes(network_cost(layers, small, Options(on_chip=True))) == (
        total_dram_bytes(network_cost(layers, small))
    )


def test_branches_are_written_even_when_they_stay() -> None:
    """The addition needs the first tensor again: only its first reading is saved, and its own."""
    first, _, _ = chain()
    second = conv(16, 3, 16, 16, pad=1, name="second")
    size = first.ofmap_bytes
    again = Tensor("again", size)
    second = replace(second, reads=first.writes, writes=(again,))
    add = Layer(
        "add", "elementwise", None, 1, 2 * size, 0, size, "t", "element-wise",
        reads=(again, first.writes[0]), writes=(Tensor("sum", size, "output"),),
    )  # fmt: skip
    hardware = named("ws_16x16_64kB_16Bpc", shared_bus=True)
    apart = total_dram_bytes(network_cost([first, second, add], hardware))
    kept = total_dram_bytes(network_cost([first, second, add], hardware, Options(on_chip=True)))
    assert apart - kept == 3 * size  # first read by second; again neither written nor read


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


def test_float_moves_four_times_the_bytes_when_everything_fits() -> None:
    layer, hardware = conv(8, 3, 4, 4), parse_hardware_id("ws_8x8_64kB_unlimited")
    int8 = layer_cost(layer, hardware)
    fp32 = layer_cost(layer, hardware, Options(element_bytes=FP32))
    assert fp32.dram_bytes == 4 * int8.dram_bytes


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


def test_errors_name_the_problem() -> None:
    with pytest.raises(ModelError, match="not on the array"):
        layer_loops(chain()[1])
    with pytest.raises(HardwareError, match="at least"):
        best_tiling(layer_loops(conv(4, 3, 2, 2)), Storage(4, 4, 4))
