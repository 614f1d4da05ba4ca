"""SRAM accesses on the chosen tile against a walk over tiles, folds and elements."""

from collections import Counter
from itertools import product

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from edgeint8.arch.cost.energy import count_accesses
from edgeint8.arch.cost.loops import Loops, layer_loops
from edgeint8.arch.cost.physical import layer_cost
from edgeint8.arch.cost.sram import port_lanes, tiled_accesses, tiled_words
from edgeint8.arch.cost.systolic import map_layer, sram_accesses
from edgeint8.arch.cost.tile_space import INT8, TileSizes, tile_space
from edgeint8.arch.cost.tiling import ORDERS, Storage, best_tiling, port_bytes
from edgeint8.arch.machine.hardware import parse_hardware_id
from edgeint8.arch.network.layers import Layer, LayerShape


def conv(output: int, window: int, channels: int, filters: int, **more) -> Layer:
    shape = LayerShape.from_output((output, output), (window, window), channels, filters)
    images = more.get("images", 1)
    sizes = (
        images * shape.ifmap_h * shape.ifmap_w * channels,
        shape.window * filters,
        images * shape.output_pixels * filters,
    )
    return Layer("layer", "conv", shape, 1, *sizes, "test", **more)


def ranges(extent: int, tile: int) -> list[range]:
    return [range(start, min(start + tile, extent)) for start in range(0, extent, tile)]


ACROSS = {
    "ws": {"ifmap": "k", "filter": "m", "sums": "m"},  # weights are loaded a row of columns a cycle
    "os": {"ifmap": "p", "filter": "m", "sums": "m"},  # sums leave by the columns
    "is": {"ifmap": "p", "filter": "k", "sums": "p"},
}
"""What lies side by side in a word of each SRAM."""


def walked(loops: Loops, tile: TileSizes, dataflow: str, rows: int, cols: int) -> Counter:
    """Operands of every tile and fold, as sets: what a fold holds or streams enters it once.

    And its words: one for all lanes that lie across the port, whether the fold fills them or not.
    """
    found: Counter = Counter()
    places = (
        list(product(*place))
        for place in product(
            ranges(loops.images, tile.images),
            ranges(loops.output_h, tile.height),
            ranges(loops.output_w, tile.width),
        )
    )
    taps = list(product(range(loops.filter_h), range(loops.filter_w)))
    cuts = product(
        places, ranges(loops.channels, tile.channels), ranges(loops.filters, tile.filters)
    )
    for pixels, channels, filters in cuts:
        axes = {"p": pixels, "k": list(product(channels, taps)), "m": list(filters)}
        on_rows, on_cols, stream = {"ws": "kmp", "os": "pmk", "is": "kpm"}[dataflow]
        for some_rows, some_cols in product(
            ranges(len(axes[on_rows]), rows), ranges(len(axes[on_cols]), cols)
        ):
            fold = {
                on_rows: [axes[on_rows][i] for i in some_rows],
                on_cols: [axes[on_cols][i] for i in some_cols],
                stream: axes[stream],
            }
            for name, pair in {"ifmap": "pk", "filter": "km", "sums": "pm"}.items():
                found[name] += len(set(product(fold[pair[0]], fold[pair[1]])))
                along = pair.replace(ACROSS[dataflow][name], "")
                found[f"{name} words"] += len(fold[along])
    return found


@settings(max_examples=80, deadline=None)
@given(
    st.builds(
        conv,
        st.integers(1, 5),
        st.integers(1, 3),
        st.integers(1, 6),
        st.integers(1, 9),
        images=st.integers(1, 3),
    ),
    st.tuples(*[st.integers(1, 9)] * 5),
    st.sampled_from(["ws", "os", "is"]),
    st.integers(1, 7),
    st.integers(1, 7),
)
def test_every_tile_and_fold_is_counted(layer, wish, dataflow, rows, cols) -> None:
    loops = layer_loops(layer)
    extents = (loops.output_h, loops.output_w, loops.channels, loops.filters, loops.images)
    sizes = [min(size, extent) for size, extent in zip(wish, extents, strict=True)]
    if sizes[4] > 1:  # several images only whole ones
        sizes[:2] = loops.output_h, loops.output_w
    tile = TileSizes(*sizes)
    expected = walked(loops, tile, dataflow, rows, cols)
    found = tiled_accesses(loops, tile, dataflow, rows, cols)
    assert found == (expected["ifmap"], expected["filter"], expected["sums"])
    side = {"ws": (rows, cols, cols), "os": (rows, cols, cols), "is": (cols, rows, cols)}[dataflow]
    assert port_lanes(dataflow, rows, cols) == side
    words = [
        expected[f"{name} words"] * n
        for name, n in zip(("ifmap", "filter", "sums"), side, strict=True)
    ]
    assert tiled_words(loops, tile, dataflow, rows, cols) == tuple(words)


@given(st.integers(2, 9), st.integers(1, 9), st.integers(1, 9), st.sampled_from(["ws", "os", "is"]))
def test_one_tile_is_the_layer_as_scale_sim_folds_it(pixels, channels, filters, dataflow) -> None:
    layer = conv(pixels, 2, channels, filters)
    assert layer.shape is not None
    hardware = parse_hardware_id(f"{dataflow}_3x2_8kB_unlimited")
    tile = TileSizes(pixels, pixels, channels, filters)
    found = tiled_accesses(layer_loops(layer), tile, hardware.dataflow, 3, 2)
    assert found == sram_accesses(map_layer(layer.shape, hardware))


@pytest.mark.parametrize(
    ("dataflow", "expected"),
    [
        # 16 pixels, K = 4, 4 filters on 4x4, in tiles of 8 pixels and 2 channels, all filters.
        ("ws", (64, 2 * 16, 2 * 64)),  # weights for both pixel tiles, sums for both channel tiles
        ("os", (64, 4 * 16, 2 * 64)),  # 8 pixels are two folds of four rows: weights four times
        ("is", (64, 4 * 16, 2 * 64)),
    ],
)
def test_two_tiles_of_pixels_and_channels_by_hand(dataflow, expected) -> None:
    loops = layer_loops(conv(4, 1, 4, 4))
    assert tiled_accesses(loops, TileSizes(8, 1, 2, 4), dataflow, 4, 4) == expected


def test_energy_follows_the_tile() -> None:
    """1 KiB cannot hold what 64 KiB hold: the same MACs, more cuts, more passes."""
    layer = conv(16, 3, 32, 32)
    large, small = (parse_hardware_id(f"ws_16x16_{kb}kB_unlimited") for kb in (64, 1))
    untiled = count_accesses(layer_cost(layer, large), large)
    tiled = count_accesses(layer_cost(layer, small), small)
    assert untiled.filter_sram_bytes == 2 * layer.filter_bytes  # filled once, loaded once
    assert tiled.filter_sram_bytes > 2 * layer.filter_bytes
    assert tiled.macs == untiled.macs


@given(
    st.builds(conv, st.integers(1, 9), st.integers(1, 3), st.integers(1, 20), st.integers(1, 20)),
    st.tuples(*[st.integers(40, 4000)] * 3),
)
@settings(max_examples=40, deadline=None)
def test_of_equal_dram_bytes_the_fewest_sram_bytes_win(layer, sizes) -> None:
    """Against all tilings of the least DRAM bytes, walked on an array that holds any tile."""
    loops, storage = layer_loops(layer), Storage(*sizes)
    space = tile_space(loops, INT8)
    totals = {order: sum(port_bytes(space, storage, order)) for order in ORDERS}
    least = min(int(total.min()) for total in totals.values())
    if least >= 1 << 57:
        return
    tied = {
        space.sizes((int(p), int(c), int(m)))
        for total in totals.values()
        for p, c, m in np.argwhere(total == least)
    }

    def moved(tile: TileSizes) -> int:
        ifmap, filter_, sums = tiled_accesses(loops, tile, "os", 1 << 20, 1 << 20)
        return ifmap + filter_ + 8 * sums

    chosen = best_tiling(loops, storage)
    assert chosen.dram_bytes == least and chosen.tile in tied
    assert moved(chosen.tile) == min(map(moved, tied))
