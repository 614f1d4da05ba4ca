"""DRAM bytes from SCALE-Sim's report down to the physical model, one fault after another off.

Each function is a model of its own; `byte_rungs` puts them in order.
docs/cost_model_account.md, equations 2 to 9.
"""

from functools import lru_cache
from typing import NamedTuple

import numpy as np

from edgeint8.arch.cost.physical import LayerCost
from edgeint8.arch.cost.systolic import map_layer, sram_accesses
from edgeint8.arch.machine.hardware import Hardware
from edgeint8.arch.network.layers import Layer, LayerShape
from edgeint8.conventions import KIB
from edgeint8.dataflow import Role, layout_of
from edgeint8.errors import ModelError
from edgeint8.scale_sim.replica.demand_order import Fetched, demand_order_misses, fetched
from edgeint8.scale_sim.replica.fetches import ifmap_bytes_touched
from edgeint8.scale_sim.replica.misses import Misses
from edgeint8.scale_sim.replica.read_port import ReadPort
from edgeint8.scale_sim.replica.replica import predict, predict_calc
from edgeint8.scale_sim.replica.stack import operand_stack


class Bytes(NamedTuple):
    """DRAM bytes of the three ports, all repeats of a layer together."""

    ifmap: int
    filter: int
    ofmap: int


class ByteRung(NamedTuple):
    """A model without the fault `term`, and what it moves."""

    term: str
    moved: Bytes


class Operand(NamedTuple):
    """One operand prefetched in demand order: its port, what it fetches, where it misses."""

    port: ReadPort
    cells: int
    found: Fetched
    misses: Misses

    @property
    def reads(self) -> int:
        """Equation 2: the first half and one more for every miss, in whole rows."""
        return self.port.reads(self.misses.total, 0).reads

    @property
    def reads_of_full_blocks(self) -> int:
        """The same without the cells that short blocks lack."""
        return self.port._replace(operand_bytes=self.cells).reads(self.misses.total, 0).reads


replica = lru_cache(maxsize=4096)(predict)
"""SCALE-Sim's reports; equal layers are asked for once."""


def array_shape(layer: Layer) -> LayerShape:
    """The layer's shape; raises `ModelError` for a layer that SCALE-Sim has no report of."""
    if layer.shape is None:
        raise ModelError(f"the layer is not on the array: {layer.reason}", where=layer.name)
    return layer.shape


@lru_cache(maxsize=4096)
def demand_order(shape: LayerShape, hardware: Hardware, bandwidth_bpc: int) -> tuple[Operand, ...]:
    """(ifmap, filter) in USER mode without the cyclic window. Equations 2 and 3."""
    mapping = map_layer(shape, hardware)

    def operand(role: Role, sram_kb: int) -> Operand:
        stack, half_bytes = operand_stack(mapping, role), sram_kb * KIB // 2
        found = fetched(mapping, role, half_bytes)
        port = ReadPort(sram_kb * KIB, bandwidth_bpc, stack.padded_cells)
        return Operand(port, stack.cells, found, demand_order_misses(found, half_bytes))

    ifmap_role, filter_role = layout_of(mapping.dataflow).read_roles
    return (
        operand(ifmap_role, hardware.ifmap_sram_kb),
        operand(filter_role, hardware.filter_sram_kb),
    )


@lru_cache(maxsize=4096)
def address_reads(shape: LayerShape, hardware: Hardware) -> tuple[int, int]:
    """(ifmap, filter) addresses fetched, as SCALE-Sim's CALC mode counts them. Equation 4."""
    access = predict_calc(shape, hardware).access
    return access.ifmap_dram_reads, access.filter_dram_reads


def real_bytes_touched(layer: Layer) -> int:
    """Inputs of one run that some window reads and that are no padding. Equation 6."""
    shape = array_shape(layer)
    height, width = input_extent(layer)
    rows = _real_positions(shape.output_h, shape.stride_h, shape.filter_h, layer.pads[0], height)
    cols = _real_positions(shape.output_w, shape.stride_w, shape.filter_w, layer.pads[1], width)
    return rows * cols * shape.channels


def input_extent(layer: Layer) -> tuple[int, int]:
    """Height and width of one run's input without padding."""
    shape = array_shape(layer)
    return layer.input_hw or (shape.ifmap_h, shape.ifmap_w)


def _real_positions(outputs: int, stride: int, window: int, pad: int, real: int) -> int:
    """Positions of one axis under a window, padding left out."""
    reached = np.unique(np.add.outer(np.arange(outputs) * stride, np.arange(window)))
    return int(((reached >= pad) & (reached < pad + real)).sum())


def byte_rungs(layer: Layer, hardware: Hardware, cost: LayerCost) -> tuple[ByteRung, ...]:
    """From SCALE-Sim's bytes to those of `cost`, the physical model's. Equations 2 to 9."""
    shape, runs = array_shape(layer), layer.separate_runs
    mapping = map_layer(shape, hardware)
    access = replica(shape, hardware).access
    reads = [(access.ifmap_dram_reads, access.filter_dram_reads), *_read_rungs(shape, hardware)]
    weights, outputs = shape.window * shape.filters, shape.output_pixels * shape.filters
    real_hw = input_extent(layer)
    written, leaving = access.ofmap_dram_writes, sram_accesses(mapping)[2]
    real = real_hw[0] * real_hw[1] * shape.channels
    once = ifmap_bytes_touched(shape)
    per_run = [
        ("scalesim", (*reads[0], written)),
        ("cyclic_refetch", (*reads[1], written)),
        ("fold_edges", (*reads[2], written)),
        ("whole_fetches", (*reads[3], written)),
        ("expanded_reads", (*reads[4], written)),
        ("epoch_flushes", (once, weights, written)),
        ("short_rows", (once, weights, leaving)),
        ("partial_sum_writes", (once, weights, outputs)),
        ("padding", (real_bytes_touched(layer), weights, outputs)),
        ("skipped_inputs", (real, weights, outputs)),
    ]
    rungs = [ByteRung(term, Bytes(*(runs * count for count in moved))) for term, moved in per_run]
    tensors = Bytes(layer.ifmap_bytes, layer.filter_bytes, layer.ofmap_bytes)
    tiled = Bytes(cost.ifmap_bytes, cost.filter_bytes, cost.ofmap_bytes + cost.psum_bytes)
    fused = tensors._replace(ifmap=tensors.ifmap + layer.added_bytes)
    return (
        *rungs,
        ByteRung("shared_operands", tensors),
        ByteRung("fused_operands", fused),
        ByteRung("tiling", tiled),
    )


def _read_rungs(shape: LayerShape, hardware: Hardware) -> list[tuple[int, int]]:
    """(ifmap, filter) reads in demand order, of full blocks, cell by cell, address by address.

    CALC mode counts addresses from the start.
    """
    addresses = address_reads(shape, hardware)
    if hardware.bandwidth_bpc is None:
        return [addresses] * 4
    ifmap, filter_ = demand_order(shape, hardware, hardware.bandwidth_bpc)
    return [
        (ifmap.reads, filter_.reads),
        (ifmap.reads_of_full_blocks, filter_.reads_of_full_blocks),
        (ifmap.found.cells, filter_.found.cells),
        addresses,
    ]
