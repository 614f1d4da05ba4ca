"""What SCALE-Sim will report of one layer on one machine, without running it.

`predict` answers for one machine, `predict_bandwidths` for a sweep: the misses do not depend on
bandwidth and are found once.
"""

from collections.abc import Iterable
from typing import NamedTuple

from edgeint8.arch.cost.systolic import Mapping, map_layer
from edgeint8.arch.machine.hardware import Hardware
from edgeint8.arch.network.layers import LayerShape
from edgeint8.conventions import KIB
from edgeint8.dataflow import Role, layout_of
from edgeint8.scale_sim.replica import epochs, fetches, misses
from edgeint8.scale_sim.replica.assemble import assemble_reports
from edgeint8.scale_sim.replica.compute import PortLines, read_lines
from edgeint8.scale_sim.replica.copies import NO_COPIES, Im2col, ifmap_im2col
from edgeint8.scale_sim.replica.distinct import stream_fetches, tile_fetches
from edgeint8.scale_sim.replica.misses import NO_MISSES, Misses
from edgeint8.scale_sim.replica.outputs import output_schedule
from edgeint8.scale_sim.replica.overhang import (
    overhang_cells,
    overhang_epochs,
    overhang_lines,
    overhang_misses,
)
from edgeint8.scale_sim.replica.read_port import ReadPort, Reads
from edgeint8.scale_sim.replica.schedule import held_tiles, stream_passes
from edgeint8.scale_sim.replica.stack import Stack, operand_stack
from edgeint8.scale_sim.replica.timeline import walk
from edgeint8.scale_sim.replica.window import Window, read_window
from edgeint8.scale_sim.replica.write_buffer import write_port
from edgeint8.scale_sim.simulator.reports import LayerReports


class ReadMisses(NamedTuple):
    """Misses of both operands of a layer on an array with its buffers, at any bandwidth."""

    ifmap: Misses
    filter: Misses


def predict(shape: LayerShape, hardware: Hardware) -> LayerReports:
    """All that SCALE-Sim would report of `shape` on `hardware`."""
    if hardware.bandwidth_bpc is None:
        return predict_calc(shape, hardware)
    return predict_user(shape, hardware, hardware.bandwidth_bpc, read_misses(shape, hardware))


def predict_bandwidths(
    shape: LayerShape, hardware: Hardware, bandwidths_bpc: Iterable[int]
) -> tuple[LayerReports, ...]:
    """The reports of `shape` on `hardware` with each of several bandwidths."""
    found = read_misses(shape, hardware)
    return tuple(predict_user(shape, hardware, each, found) for each in bandwidths_bpc)


def predict_calc(shape: LayerShape, hardware: Hardware) -> LayerReports:
    """CALC mode: reads never stall; addresses are fetched once, or epoch by epoch."""
    mapping = map_layer(shape, hardware)
    port = write_port(hardware.ofmap_sram_kb * KIB, mapping.cols)
    timeline = walk(output_schedule(mapping), port, NO_MISSES, 1, NO_MISSES, 1)
    ifmap = _ifmap_fetches(shape, mapping, hardware.ifmap_sram_kb * KIB)
    filter_ = _filter_fetches(shape, mapping, hardware.filter_sram_kb * KIB)
    lines = _ifmap_lines(shape, mapping)
    return assemble_reports(mapping, timeline, (NO_MISSES, NO_MISSES), (ifmap, filter_), lines)


def _ifmap_lines(shape: LayerShape, mapping: Mapping) -> PortLines | None:
    """First and last demand of an ifmap with empty cells; None where the closed forms hold."""
    return overhang_lines(overhang_cells(shape, mapping), mapping) if shape.overhangs else None


def _ifmap_fetches(shape: LayerShape, mapping: Mapping, buffer_bytes: int) -> Reads:
    touched = fetches.ifmap_bytes_touched(shape)
    capacity = fetches.epoch_capacity_bytes(buffer_bytes)
    if touched < capacity:
        return fetches.single_fetch(touched, buffer_bytes)
    role, _ = layout_of(mapping.dataflow).read_roles
    if shape.overhangs:
        cells = overhang_cells(shape, mapping)
        first = overhang_lines(cells, mapping).first
        return fetches.repeated_fetch(first, overhang_epochs(cells, mapping, capacity), capacity)
    stack = operand_stack(mapping, role)
    inputs = epochs.ifmap_inputs(shape, mapping)
    if role == "held":
        found = epochs.tile_epochs(stack, inputs, held_tiles(mapping), capacity)
    else:
        found = epochs.stream_epochs(stack, inputs, stream_passes(mapping, role), capacity)
    return fetches.repeated_fetch(read_lines(mapping, role).first, found, capacity)


def _filter_fetches(shape: LayerShape, mapping: Mapping, buffer_bytes: int) -> Reads:
    weights = shape.window * shape.filters
    capacity = fetches.epoch_capacity_bytes(buffer_bytes)
    if weights < capacity:
        return fetches.single_fetch(weights, buffer_bytes)
    _, role = layout_of(mapping.dataflow).read_roles
    stack = operand_stack(mapping, role)
    if role == "held":
        found = tile_fetches(stack, held_tiles(mapping), capacity)
    else:
        found = stream_fetches(stack, stream_passes(mapping, role), capacity)
    return fetches.repeated_fetch(read_lines(mapping, role).first, found, capacity)


def read_misses(shape: LayerShape, hardware: Hardware) -> ReadMisses:
    """USER mode: the demand lines that miss."""
    mapping = map_layer(shape, hardware)
    ifmap_role, filter_role = layout_of(mapping.dataflow).read_roles
    ifmap = operand_stack(mapping, ifmap_role)
    ifmap_window = read_window(hardware.ifmap_sram_kb * KIB, ifmap.cells)
    filter_ = operand_stack(mapping, filter_role)
    filter_window = read_window(hardware.filter_sram_kb * KIB, filter_.cells)
    if shape.overhangs:
        cells = overhang_cells(shape, mapping)
        found = overhang_misses(cells, mapping, hardware.ifmap_sram_kb * KIB)
    elif ifmap_window.step:
        im2col = ifmap_im2col(shape, mapping)
        found = _operand_misses(mapping, ifmap_role, ifmap, ifmap_window, im2col)
    else:
        found = NO_MISSES
    return ReadMisses(
        found,
        _operand_misses(mapping, filter_role, filter_, filter_window, NO_COPIES)
        if filter_window.step
        else NO_MISSES,
    )


def _operand_misses(
    mapping: Mapping, role: Role, stack: Stack, window: Window, im2col: Im2col
) -> Misses:
    if role == "held":
        return misses.tile_misses(stack, im2col, window, held_tiles(mapping))
    return misses.stream_misses(stack, im2col, window, stream_passes(mapping, role))


def predict_user(
    shape: LayerShape, hardware: Hardware, bandwidth_bpc: int, found: ReadMisses
) -> LayerReports:
    """USER mode with `bandwidth_bpc` bytes per cycle and port."""
    mapping = map_layer(shape, hardware)
    sizes = (hardware.ifmap_sram_kb * KIB, hardware.filter_sram_kb * KIB)
    ifmap, filter_ = (
        ReadPort(size, bandwidth_bpc, operand_stack(mapping, role).padded_cells)
        for size, role in zip(sizes, layout_of(mapping.dataflow).read_roles, strict=True)
    )
    timeline = walk(
        output_schedule(mapping),
        write_port(hardware.ofmap_sram_kb * KIB, bandwidth_bpc),
        found.ifmap,
        ifmap.prefetch_cycles,
        found.filter,
        filter_.prefetch_cycles,
    )
    reads = (
        ifmap.reads(found.ifmap.total, timeline.ifmap_prefetched),
        filter_.reads(found.filter.total, timeline.filter_prefetched),
    )
    lines = _ifmap_lines(shape, mapping)
    return assemble_reports(mapping, timeline, (found.ifmap, found.filter), reads, lines)
