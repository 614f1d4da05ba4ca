"""SCALE-Sim minus physics: exact sums, and every rung against something that it did not compute."""

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from edgeint8.arch.cost.physical import layer_cost
from edgeint8.arch.cost.systolic import Mapping, map_layer
from edgeint8.arch.machine.hardware import Hardware, uniform_hardware
from edgeint8.arch.network.layers import Layer, LayerShape
from edgeint8.dataflow import DATAFLOWS, Dataflow, Role, layout_of
from edgeint8.errors import ModelError
from edgeint8.scale_sim.account.account import (
    QUANTITIES,
    Account,
    account_rows,
    layer_accounts,
)
from edgeint8.scale_sim.account.account_bytes import Bytes, demand_order, real_bytes_touched
from edgeint8.scale_sim.account.account_cycles import (
    PortMisses,
    final_outputs,
    single_wait_cycles,
    spread_cycles,
    walked_cycles,
)
from edgeint8.scale_sim.replica.demand_order import demand_order_misses, fetched
from edgeint8.scale_sim.replica.misses import NO_MISSES
from edgeint8.scale_sim.replica.replica import predict, read_misses
from edgeint8.scale_sim.replica.timeline import walk
from edgeint8.scale_sim.replica.write_buffer import write_port


def conv(size: int, channels: int, filters: int) -> Layer:
    """3x3, stride 1, padding 1: size x size in and out."""
    shape = LayerShape.from_output((size, size), (3, 3), channels, filters)
    tensors = (size * size * channels, 9 * channels * filters, size * size * filters)
    return Layer(
        "conv", "conv", shape, 1, *tensors, "test", input_hw=(size, size), pads=(1, 1, 1, 1)
    )


@st.composite
def layers(draw: st.DrawFn) -> Layer:
    """Convolutions with stride, padding and repeats."""
    size, window = draw(st.integers(1, 9)), draw(st.integers(1, 3))
    pad, stride = draw(st.integers(0, window - 1)), draw(st.integers(1, 2))
    channels, filters, repeats = (draw(st.integers(1, top)) for top in (12, 12, 2))
    size = max(size, window - 2 * pad)
    output = (size + 2 * pad - window) // stride + 1
    shape = LayerShape.from_output(
        (output, output), (window, window), channels, filters, (stride, stride)
    )
    tensors = (size**2 * channels, shape.window * filters, output**2 * filters)
    images = draw(st.integers(1, 2))
    sizes = (repeats * images * tensors[0], repeats * tensors[1], repeats * images * tensors[2])
    return Layer(
        "l", "grouped", shape, repeats, *sizes, "test", images=images,
        input_hw=(size, size), pads=(pad,) * 4,
    )  # fmt: skip


@st.composite
def machines(draw: st.DrawFn) -> Hardware:
    """Arrays from 1x1 on and buffers that are often too small; half have a bandwidth."""
    rows, cols, kb = (draw(st.integers(1, top)) for top in (9, 9, 3))
    bandwidth = draw(st.sampled_from([None, 1, 2, 5, 16]))
    machine = uniform_hardware(draw(st.sampled_from(DATAFLOWS)), rows, cols, kb, bandwidth)
    if draw(st.booleans()):
        flags = draw(st.tuples(st.booleans(), st.booleans()))
        machine = replace(machine, name="a", shared_bus=flags[0], pipelined_folds=flags[1])
    return machine


def of(layer: Layer, machine: Hardware, quantity: str = "total_cycles") -> Account:
    return layer_accounts(layer, machine)[QUANTITIES.index(quantity)]


ONE_MAC = Layer("l", "conv", LayerShape(1, 1, 1, 1, 1, 1, 1, 1), 1, 1, 1, 1, "test")


@settings(max_examples=150, deadline=None)
@given(layers(), machines())
@example(ONE_MAC, uniform_hardware("os", 1, 1, 1))  # no cycles, as SCALE-Sim counts them
def test_terms_add_up(layer: Layer, machine: Hardware) -> None:
    """Both ends are the models' own, and the terms between them add up to the last unit."""
    assert layer.shape is not None
    reports = predict(layer.shape, machine)
    cost = layer_cost(layer, machine)
    pipelined = layer_cost(layer, replace(machine, pipelined_folds=True))
    ends = {
        "total_cycles": (reports.compute.total_cycles, cost.cycles),
        "total_cycles_pipelined": (reports.compute.total_cycles, pipelined.cycles),
        "ifmap_dram_bytes": (reports.access.ifmap_dram_reads, cost.ifmap_bytes),
        "filter_dram_bytes": (reports.access.filter_dram_reads, cost.filter_bytes),
        "ofmap_dram_bytes": (
            reports.access.ofmap_dram_writes,
            cost.ofmap_bytes + cost.psum_bytes,
        ),
    }
    for account in layer_accounts(layer, machine):
        simulated, physical = ends[account.quantity]
        assert account.scalesim == layer.separate_runs * simulated
        assert account.physics == physical
        assert account.scalesim == account.physics + sum(account.terms.values())


def demanded_lines(mapping: Mapping, role: Role, half_bytes: int) -> list[int]:
    """The line of each fetched cell, one by one, in the order of demand."""
    lines = []
    spatial = mapping.spatial_cols if role == "columns" else mapping.spatial_rows
    lanes = mapping.cols if role == "columns" else mapping.rows
    for col_fold in range(mapping.col_folds):
        for row_fold in range(mapping.row_folds):
            begin = (col_fold * mapping.row_folds + row_fold) * mapping.fold_lines
            if role == "held":
                rows = range(row_fold * mapping.rows, (row_fold + 1) * mapping.rows)
                for line, row in enumerate(reversed(rows)):
                    used = min(mapping.cols, mapping.spatial_cols - col_fold * mapping.cols)
                    lines += [begin + line] * (used if row < mapping.spatial_rows else 0)
                continue
            block, repeat = (row_fold, col_fold) if role == "rows" else (col_fold, row_fold)
            width = min(lanes, spatial - block * lanes)
            group = spatial if role == "rows" else width
            if repeat and group * mapping.temporal <= half_bytes:
                continue
            for diagonal in range(mapping.temporal + width - 1):
                cells = sum(0 <= diagonal - lane < mapping.temporal for lane in range(width))
                lines += [begin + mapping.preload_lines + diagonal] * cells
    return lines


sizes = st.integers(1, 14)
mappings = st.builds(Mapping, st.sampled_from(DATAFLOWS), sizes, sizes, sizes, sizes, sizes)


@given(mappings, st.integers(1, 200))
def test_demand_order_is_brute_force(mapping: Mapping, half_bytes: int) -> None:
    """Every half_bytes-th fetched cell misses, in the line that demands it."""
    for role in layout_of(mapping.dataflow).read_roles:
        lines = demanded_lines(mapping, role, half_bytes)
        found = fetched(mapping, role, half_bytes)
        misses = demand_order_misses(found, half_bytes)
        assert found.cells == len(lines)
        assert np.repeat(misses.lines, misses.counts).tolist() == lines[half_bytes::half_bytes]


def literal_single_wait(mapping: Mapping, reads: list[PortMisses]) -> int:
    """Cycle after cycle: a line is over when its last prefetch is, or one cycle after demand."""
    clock, ends = 0, [-1] * len(reads)
    missing = [dict(zip(port.misses.lines, port.misses.counts, strict=True)) for port in reads]
    for line in range(mapping.lines):
        served = clock + 1
        for k, port in enumerate(reads):
            for _ in range(missing[k].get(line, 0)):
                ends[k] += port.prefetch_cycles
                served = max(served, ends[k])
        clock = served
    return clock


@settings(max_examples=100, deadline=None)
@given(layers(), machines(), st.integers(1, 16))
def test_waits_once(layer: Layer, machine: Hardware, bandwidth_bpc: int) -> None:
    """Equation 12 is the literal walk; counting waits twice never takes less, spreading no more."""
    assert layer.shape is not None
    machine = replace(machine, bandwidth_bpc=bandwidth_bpc)
    mapping = map_layer(layer.shape, machine)
    in_order = demand_order(layer.shape, machine, bandwidth_bpc)
    cycles = [operand.port.prefetch_cycles for operand in in_order]
    never_full = write_port(machine.ofmap_sram_kb * 1024, mapping.cols)
    for misses in (
        list(read_misses(layer.shape, machine)),
        [operand.misses for operand in in_order],
    ):
        reads = list(map(PortMisses, misses, cycles))
        single = single_wait_cycles(mapping, reads)
        assert single == literal_single_wait(mapping, reads)
        assert single <= walked_cycles(mapping, final_outputs(mapping), never_full, reads)
    moved = Bytes(in_order[0].reads, in_order[1].reads, 0)
    assert spread_cycles(replace(layer, repeats=1, images=1), machine, moved) <= single


@given(mappings, st.integers(2, 300))
def test_final_outputs(mapping: Mapping, buffer_bytes: int) -> None:
    """Each output is written once, from the line in which its last partial sum leaves."""
    outputs = final_outputs(mapping)
    port = write_port(buffer_bytes, 1)
    timeline = walk(outputs, port, NO_MISSES, 1, NO_MISSES, 1)
    held = mapping.dataflow == "os"
    rows = mapping.spatial_rows if held else mapping.temporal
    assert timeline.writes == rows * mapping.spatial_cols
    assert outputs.row_folds * outputs.col_folds * outputs.fold_lines == mapping.lines
    if not held:
        complete = (mapping.row_folds - 1) * mapping.fold_lines + 2 * mapping.rows - 1
        assert outputs.first_line == complete


@given(layers())
def test_real_inputs_are_brute_force(layer: Layer) -> None:
    """Inputs under a window, one by one, without the ring of padding."""
    shape = layer.shape
    assert shape is not None
    for padding in range(min(shape.ifmap_h, shape.ifmap_w)):
        front, real = padding // 2, (shape.ifmap_h - padding, shape.ifmap_w - padding)
        touched = {
            (y * shape.stride_h + r, x * shape.stride_w + s)
            for y in range(shape.output_h)
            for x in range(shape.output_w)
            for r in range(shape.filter_h)
            for s in range(shape.filter_w)
        }
        inside = [1 for y, x in touched if 0 <= y - front < real[0] and 0 <= x - front < real[1]]
        changed = replace(layer, input_hw=real, pads=(front,) * 4)
        assert real_bytes_touched(changed) == len(inside) * shape.channels


def test_overhanging_windows() -> None:
    """56 x 56 inputs, 1x1 windows, stride 2, as SCALE-Sim rounds: the 29th reads beyond the end."""
    shape = LayerShape.from_output((29, 29), (1, 1), 64, 128, (2, 2))
    tensors = (56 * 56 * 64, 64 * 128, 29 * 29 * 128)
    layer = Layer("l", "conv", shape, 1, *tensors, "test", input_hw=(56, 56))
    assert of(layer, uniform_hardware("ws", 16, 16, 256), "ifmap_dram_bytes").terms == {
        "padding": (29 * 29 - 28 * 28) * 64,
        "skipped_inputs": (28 * 28 - 56 * 56) * 64,
    }


def test_smallest_example() -> None:
    """3x3 on 3x3 inputs with padding 1: 25 - 9 zeros; K = 9 on 4 rows: two sums too many each."""
    layer = conv(3, 1, 1)
    machine = uniform_hardware("ws", 4, 4, 1)
    assert of(layer, machine, "ifmap_dram_bytes").terms == {"padding": 16}
    ofmap = of(layer, machine, "ofmap_dram_bytes")
    assert ofmap.terms["partial_sum_writes"] == 2 * 9
    assert (ofmap.scalesim - sum(ofmap.terms.values())) == 9
    # three folds of 4 + 9 + 6 lines, reported as 56; pipelined they start 9 lines apart
    assert of(layer, machine).terms == {"off_by_one": -1}
    assert of(layer, machine, "total_cycles_pipelined").terms == {
        "off_by_one": -1,
        "serial_folds": 57 - (4 + 2 * 9 + 9 + 6),
    }


MORE_SRAM = {
    ("os", 16, 32, 64): [20_351, 20_351, 109_665, 20_351],
    ("ws", 16, 32, 64): [115_687, 26_135, 34_813, 21_743],
    ("is", 8, 64, 128): [147_599, 29_153, 108_663, 25_055],
}
"""SCALE-Sim's own cycles of tiny_cnn_2d layers at 32, 64, 128 and 256 kB: 16x16, 16 B/cycle."""


@pytest.mark.parametrize("case", MORE_SRAM)
def test_more_sram_is_slower(case: tuple[Dataflow, int, int, int]) -> None:
    """From 64 to 128 kB the cyclic refetch grows most, and physics does not move."""
    dataflow, *layer = case
    accounts = [
        of(conv(*layer), uniform_hardware(dataflow, 16, 16, kb, 16)) for kb in (32, 64, 128, 256)
    ]
    assert [account.scalesim for account in accounts] == MORE_SRAM[case]
    assert len({account.physics for account in accounts}) == 1
    smaller, larger = accounts[1].terms, accounts[2].terms
    growth = {term: larger[term] - smaller.get(term, 0) for term in larger}
    assert max(growth, key=lambda term: growth[term]) == "cyclic_refetch"
    assert sum(growth.values()) == accounts[2].scalesim - accounts[1].scalesim


def test_more_sram_is_slower_term_by_term() -> None:
    """conv2, os: 89,314 cycles more; counting waits twice adds 3,020, going round the rest."""
    layer = conv(16, 32, 64)
    larger = of(layer, uniform_hardware("os", 16, 16, 128, 16)).terms
    assert of(layer, uniform_hardware("os", 16, 16, 64, 16)).terms == {
        "off_by_one": -1,
        "undrained_outputs": -64 * 16,  # 16 x 4 folds, each drains 16 rows
        "exposed_ends": -2,
    }
    assert (larger["double_counted_stalls"], larger["cyclic_refetch"]) == (3_020, 86_294)


def test_shared_operands() -> None:
    """Two runs with the same weights: SCALE-Sim fetches them twice."""
    layer = replace(conv(4, 2, 4), repeats=2, ifmap_bytes=64, ofmap_bytes=128)
    machine = uniform_hardware("ws", 4, 4, 8)
    assert of(layer, machine, "filter_dram_bytes").terms["shared_operands"] == 72
    assert of(layer, machine).terms["off_by_one"] == -2


def test_per_port_bandwidth() -> None:
    """A shared bus gives a busy operand what the others leave; ports do not."""
    layer = conv(2, 64, 64)
    ports = replace(uniform_hardware("ws", 8, 8, 64, 4), name="ports")
    bus = replace(ports, name="bus", shared_bus=True)
    assert "per_port_bandwidth" not in of(layer, ports).terms
    filter_cycles = 9 * 64 * 64 // 4
    lines = map_layer(layer.shape, ports).lines if layer.shape else 0
    moved = 4 * 64 + 9 * 64 * 64 + 4 * 64
    expected = max(lines, filter_cycles) - max(lines, -(-moved // 12))
    assert of(layer, bus).terms.get("per_port_bandwidth", 0) == expected


def test_rows() -> None:
    """Physics first; the values of a group add up to its `scalesim`; no row off the array."""
    machine = uniform_hardware("os", 16, 16, 64, 16)
    pool = Layer("pool", "pool", None, 1, 16, 0, 4, "test", reason="a pool")
    rows = list(account_rows("w", [conv(16, 32, 64), pool], machine))
    assert {row["layer"] for row in rows} == {"conv"}
    for quantity in QUANTITIES:
        group = [row for row in rows if row["quantity"] == quantity]
        assert group[0]["term"] == "physics"
        assert {row["scalesim"] for row in group} == {sum(row["value"] for row in group)}
    with pytest.raises(ModelError, match="a pool"):
        layer_accounts(pool, machine)
