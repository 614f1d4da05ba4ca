"""Ranks, windows, copies and epochs against brute force over explicit lists of cells."""

import itertools

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from edgeint8.arch.cost.systolic import Mapping, map_layer
from edgeint8.arch.machine.hardware import Hardware, parse_hardware_id, uniform_hardware
from edgeint8.arch.network.layers import LayerShape, parse_shape_id
from edgeint8.dataflow import DATAFLOWS, layout_of
from edgeint8.scale_sim.replica.copies import NO_COPIES, ifmap_im2col
from edgeint8.scale_sim.replica.distinct import stream_fetches, tile_fetches
from edgeint8.scale_sim.replica.epochs import ifmap_inputs, stream_epochs, tile_epochs
from edgeint8.scale_sim.replica.fetches import Fetches, ifmap_bytes_touched
from edgeint8.scale_sim.replica.misses import Misses, stream_misses, tile_misses
from edgeint8.scale_sim.replica.schedule import held_tiles, stream_passes
from edgeint8.scale_sim.replica.stack import (
    Stack,
    cell_rank,
    diagonal_cells,
    line_rank,
    operand_stack,
)
from edgeint8.scale_sim.replica.window import (
    Window,
    in_window,
    read_window,
    sets_ahead,
    slide,
    steps_to,
)

extent = st.integers(1, 6)
shapes = st.builds(
    LayerShape.from_output,
    st.tuples(extent, extent),
    st.tuples(st.integers(1, 4), st.integers(1, 4)),
    st.integers(1, 5),
    st.integers(1, 20),
    st.tuples(st.integers(1, 3), st.integers(1, 3)),
)
machines = st.builds(uniform_hardware, st.sampled_from(DATAFLOWS), extent, extent, st.just(1))


@st.composite
def stacks(draw: st.DrawFn) -> Stack:
    width = draw(extent)
    return Stack(
        draw(st.booleans()), draw(extent), draw(extent), width, draw(st.integers(1, width))
    )


def prefetch_order(stack: Stack) -> list[tuple[int, int]]:
    """All (row, column) in use, in prefetch order."""
    rows = stack.blocks * stack.block_rows
    cells = list(itertools.product(range(rows), range(stack.width)))
    if stack.diagonal:
        cells.sort(key=lambda cell: (sum(cell), -cell[0]))
    last = rows - stack.block_rows
    return [(row, col) for row, col in cells if row < last or col < stack.last_width]


def test_ranks_of_the_picture() -> None:
    """The picture in the module's docstring."""
    stack = Stack(True, 2, 3, 4, 2)
    ranks = [[cell_rank(stack, row, col) for col in range(4)] for row in range(3)]
    assert ranks == [[0, 2, 5, 9], [1, 4, 8, 13], [3, 7, 12, 16]]
    assert [[cell_rank(stack, row, col) for col in range(2)] for row in range(3, 6)] == [
        [6, 11],
        [10, 15],
        [14, 17],
    ]


@settings(deadline=None)
@given(stacks())
def test_ranks(stack: Stack) -> None:
    order = prefetch_order(stack)
    assert [cell_rank(stack, row, col) for row, col in order] == list(range(stack.cells))
    rows = stack.blocks * stack.block_rows
    lines = rows + stack.width - 1 if stack.diagonal else rows
    for line in range(lines + 1):
        before = [cell for cell in order if (sum(cell) if stack.diagonal else cell[0]) < line]
        assert line_rank(stack, line) == len(before)


@settings(deadline=None)
@given(extent, extent, st.integers(-2, 14))
def test_diagonal_cells(rows: int, width: int, diagonals: int) -> None:
    cells = itertools.product(range(rows), range(width))
    assert diagonal_cells(diagonals, rows, width) == sum(sum(cell) < diagonals for cell in cells)


@settings(deadline=None)
@given(st.integers(100, 4096), st.integers(1, 20_000), st.data())
def test_window_slides_until_it_holds_the_cell(
    buffer_bytes: int, cells: int, data: st.DataObject
) -> None:
    window = read_window(buffer_bytes, cells)
    start = data.draw(st.integers(0, window.sets - 1))
    rank = data.draw(st.integers(0, cells - 1))
    steps, place = 0, start
    while rank // window.set_cells not in {
        (place + held) % window.sets for held in range(window.active)
    }:
        place = (place + window.step) % window.sets
        steps += 1
    ahead = sets_ahead(window, start, rank)
    assert in_window(window, start, rank) == (ahead < window.active)
    if window.step:
        assert steps_to(window, ahead) == steps
        assert slide(window, start, steps) == place


def demands(mapping: Mapping, is_ifmap: bool) -> list[tuple[int, int, int]]:
    """(line, across, along) of every demand of an operand, in demand order."""
    role = layout_of(mapping.dataflow).read_roles[0 if is_ifmap else 1]
    found = []
    folds = itertools.product(range(mapping.col_folds), range(mapping.row_folds))
    for fold, (col_fold, row_fold) in enumerate(folds):
        line = fold * mapping.fold_lines
        if role == "held":
            left, top = col_fold * mapping.cols, row_fold * mapping.rows
            for offset in range(mapping.rows):
                along = top + mapping.rows - 1 - offset
                for across in range(left, min(left + mapping.cols, mapping.spatial_cols)):
                    if along < mapping.spatial_rows:
                        found.append((line + offset, across, along))
            continue
        width, total, block = (
            (mapping.rows, mapping.spatial_rows, row_fold)
            if role == "rows"
            else (mapping.cols, mapping.spatial_cols, col_fold)
        )
        for x in range(mapping.temporal + width - 1):
            for col in range(width):
                if 0 <= x - col < mapping.temporal and block * width + col < total:
                    entry = line + mapping.preload_lines + x
                    found.append((entry, block * width + col, x - col))
    return found


def fetches_by_sets(addressed: list[tuple[int, int]], capacity: int) -> Fetches:
    """(line, address) demands: fill a set, forget it when it is full."""
    held: set[int] = set()
    reads = flush_line = 0
    for line, address in addressed:
        if address not in held:
            held.add(address)
            reads += 1
            if len(held) == capacity:
                held.clear()
                flush_line = line
    return Fetches(reads, flush_line)


def input_address(shape: LayerShape, pixel: int, tap: int) -> int:
    y, x = divmod(pixel, shape.output_w)
    r, rest = divmod(tap, shape.filter_w * shape.channels)
    s, channel = divmod(rest, shape.channels)
    row, column = y * shape.stride_h + r, x * shape.stride_w + s
    return (row * shape.ifmap_w + column) * shape.channels + channel


@settings(max_examples=200, deadline=None)
@given(shapes, machines, st.data())
def test_input_epochs(shape: LayerShape, hardware: Hardware, data: st.DataObject) -> None:
    mapping = map_layer(shape, hardware)
    across_is_tap = mapping.dataflow == "ws"
    addressed = [
        (line, input_address(shape, *((along, across) if across_is_tap else (across, along))))
        for line, across, along in demands(mapping, is_ifmap=True)
    ]
    unique = len({address for _, address in addressed})
    assert unique == ifmap_bytes_touched(shape)
    capacity = data.draw(st.integers(1, unique))
    role = layout_of(mapping.dataflow).read_roles[0]
    stack, inputs = operand_stack(mapping, role), ifmap_inputs(shape, mapping)
    if role == "held":
        found = tile_epochs(stack, inputs, held_tiles(mapping), capacity)
    else:
        found = stream_epochs(stack, inputs, stream_passes(mapping, role), capacity)
    assert found == fetches_by_sets(addressed, capacity)


@settings(max_examples=200, deadline=None)
@given(shapes, machines, st.data())
def test_weight_fetches(shape: LayerShape, hardware: Hardware, data: st.DataObject) -> None:
    mapping = map_layer(shape, hardware)
    addressed = [
        (line, across * 10_000 + along) for line, across, along in demands(mapping, is_ifmap=False)
    ]
    capacity = data.draw(st.integers(1, shape.window * shape.filters))
    role = layout_of(mapping.dataflow).read_roles[1]
    stack = operand_stack(mapping, role)
    if role == "held":
        found = tile_fetches(stack, held_tiles(mapping), capacity)
    else:
        found = stream_fetches(stack, stream_passes(mapping, role), capacity)
    assert found == fetches_by_sets(addressed, capacity)


def misses_by_sets(
    order: list[int], window: Window, addressed: list[tuple[int, int]]
) -> dict[int, int]:
    """Misses of each line, with the addresses of the window in plain sets."""
    size = window.set_cells
    sets = [set(order[first : first + size]) for first in range(0, len(order) + 1, size)]
    assert len(sets[: window.sets]) == window.sets
    start, found = 0, {}
    for line, address in addressed:
        while not any(
            address in sets[(start + place) % window.sets] for place in range(window.active)
        ):
            start = (start + window.step) % window.sets
            found[line] = found.get(line, 0) + 1
    return found


@st.composite
def windows(draw: st.DrawFn, cells: int) -> Window:
    """Any buffer too small for the operand; real ones have sets of 11 cells and more."""
    set_cells = draw(st.integers(1, max(1, cells // 3)))
    sets = cells // set_cells + 1
    half = draw(st.integers(1, sets))
    active = min(half, sets)
    return Window(set_cells, sets, active, min(half, sets - active))


def as_dict(misses: Misses) -> dict[int, int]:
    return dict(zip(misses.lines.tolist(), misses.counts.tolist(), strict=True))


def check_misses(shape: LayerShape, hardware: Hardware, is_ifmap: bool, window: Window) -> None:
    mapping = map_layer(shape, hardware)
    role = layout_of(mapping.dataflow).read_roles[0 if is_ifmap else 1]
    stack = operand_stack(mapping, role)
    taps_across = is_ifmap and mapping.dataflow == "ws"

    def address(across: int, along: int) -> int:
        if not is_ifmap:
            return across * 10_000 + along
        return input_address(shape, *((along, across) if taps_across else (across, along)))

    order = [
        address(row // stack.block_rows * stack.width + col, row % stack.block_rows)
        for row, col in prefetch_order(stack)
    ]
    addressed = [
        (line, address(across, along)) for line, across, along in demands(mapping, is_ifmap)
    ]
    im2col = ifmap_im2col(shape, mapping) if is_ifmap else NO_COPIES
    if role == "held":
        found = tile_misses(stack, im2col, window, held_tiles(mapping))
    else:
        found = stream_misses(stack, im2col, window, stream_passes(mapping, role))
    assert as_dict(found) == misses_by_sets(order, window, addressed)


@settings(max_examples=100, deadline=None)
@given(shapes, machines, st.booleans(), st.data())
def test_misses(shape: LayerShape, hardware: Hardware, is_ifmap: bool, data: st.DataObject) -> None:
    """Streams and held tiles, with copies (inputs) and without (weights)."""
    mapping = map_layer(shape, hardware)
    role = layout_of(mapping.dataflow).read_roles[0 if is_ifmap else 1]
    window = data.draw(windows(operand_stack(mapping, role).cells))
    if window.step:
        check_misses(shape, hardware, is_ifmap, window)


@pytest.mark.parametrize(
    ("shape", "hardware", "window"),
    [
        ("h4w10_r3s4_c1_m6_u1v2", "os_6x9_1kB_unlimited", Window(11, 9, 2, 2)),
        ("h3w6_r1s4_c1_m5_u2v1", "ws_11x4_1kB_unlimited", Window(4, 7, 1, 1)),
        ("h4w3_r1s2_c2_m3_u1v1", "ws_7x10_1kB_unlimited", Window(3, 11, 3, 3)),
        ("h2w4_r1s2_c2_m4_u1v1", "ws_6x4_1kB_unlimited", Window(1, 25, 8, 8)),
    ],
)
def test_copies_to_the_side_end_with_their_row(shape: str, hardware: str, window: Window) -> None:
    """Layers in which a run of sideways copies that went on into the next row would be wrong."""
    check_misses(parse_shape_id(shape), parse_hardware_id(hardware), True, window)


@settings(max_examples=100, deadline=None)
@given(shapes, machines)
def test_demand_order_is_the_schedule(shape: LayerShape, hardware: Hardware) -> None:
    """Every cell of the im2col matrix is demanded once for each fold it takes part in."""
    mapping = map_layer(shape, hardware)
    counts = np.zeros((shape.output_pixels, shape.window), np.int64)
    for _, across, along in demands(mapping, is_ifmap=True):
        pixel, tap = (along, across) if mapping.dataflow == "ws" else (across, along)
        counts[pixel, tap] += 1
    assert (counts == (1 if mapping.dataflow == "is" else mapping.col_folds)).all()
