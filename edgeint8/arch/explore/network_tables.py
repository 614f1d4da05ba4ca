"""Everything about a network that a sweep over designs looks up instead of computing.

docs/physical_model.md, equations 30 to 33, 54 and 55.
"""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from edgeint8.arch.cost.physical import exposed_cycles
from edgeint8.arch.cost.sram import port_lanes
from edgeint8.arch.cost.tile_space import INT8, TileSizes
from edgeint8.arch.explore.design_space import DesignSpace, Sram, holds_array_tile
from edgeint8.arch.explore.design_tables import (
    Traffic,
    array_traffic,
    distinct_layers,
    fold_cycles,
    fold_layer,
    traffic_table,
    whole_tile,
)
from edgeint8.arch.explore.pareto import beyond, logarithmic_bins
from edgeint8.arch.machine.constants import (
    DRAM_PER_BYTE,
    SRAM_AREA_PER_BIT,
    Level,
    leakage_fj_per_cycle,
    mac_fj,
    sram_fj_per_byte,
)
from edgeint8.arch.machine.processing_element import (
    area_um2,
    data_fj,
    network_clock_fj,
)
from edgeint8.arch.network.layers import Layer
from edgeint8.conventions import KIB
from edgeint8.dataflow import Dataflow

Counts = NDArray[np.int64]

WIDE_MACS = 1 << 36
"""From here on energies may pass int64: a MAC may cost 320 pJ of DRAM for each of its operands and
a word of thousands of lanes from each SRAM, and sums are exact. Such networks are explored in
Python's integers, which takes longer."""


class Network:
    """The tables of one network over one space; everything that the sweep looks up."""

    def __init__(self, layers: Sequence[Layer], space: DesignSpace) -> None:
        self.space = space
        self.rows, self.cols = np.array(space.rows), np.array(space.cols)
        self.distinct = distinct_layers(layers)
        self.layer_count = len(layers)
        self.on_array = [entry for entry in self.distinct if entry.layer.shape is not None]
        self.macs = sum(entry.layer.mapped_macs * entry.count for entry in self.distinct)
        self.wide = self.macs >= WIDE_MACS
        self.never = beyond(np.dtype(object if self.wide else np.int64))
        self._traffic: dict[tuple[Sram, bool], Traffic] = {}
        self._energies: dict[tuple[Dataflow, Sram, bool, Level], Counts] = {}
        self._uncut: dict[Dataflow, tuple[Counts, Counts, Counts]] = {}
        self._compute: dict[tuple[Dataflow, bool], list[Counts]] = {}
        self._prices: dict[tuple[int, int, int, Level], Counts] = {}
        self.elements = np.multiply.outer(self.rows, self.cols)
        self.foldings = {
            dataflow: [
                (fold_layer(entry.layer, dataflow, self.rows, self.cols), entry.count)
                for entry in self.on_array
            ]
            for dataflow in space.dataflows
        }

    def traffic(self, sram_kb: Sram, bandwidth_bpc: int | None) -> Traffic:
        """On a shared bus the tiling is the same at any bandwidth."""
        key = (sram_kb, self._free(bandwidth_bpc))
        if key not in self._traffic:
            unlimited = bandwidth_bpc is None
            self._traffic[key] = traffic_table(self.distinct, self.space, sram_kb, unlimited)
        return self._traffic[key]

    def _free(self, bandwidth_bpc: int | None) -> bool:
        """Whether the tiling is that of ports without a limit, which only separate ports have."""
        return bandwidth_bpc is None and not self.space.shared_bus

    def energy(
        self, dataflow: Dataflow, sram_kb: Sram, bandwidth_bpc: int | None, level: Level
    ) -> Counts:
        """`energy_block`, once for all bandwidths of one tiling."""
        key = (dataflow, sram_kb, self._free(bandwidth_bpc), level)
        if key not in self._energies:
            self._energies[key] = energy_block(self, dataflow, sram_kb, bandwidth_bpc, level)
        return self._energies[key]

    def streams(
        self, dataflow: Dataflow, sram_kb: Sram, bandwidth_bpc: int | None
    ) -> tuple[Counts, Counts, Counts]:
        """Bytes between array and SRAM with the tiles of `traffic`. Equation 54."""
        return self._passed(dataflow, self.traffic(sram_kb, bandwidth_bpc).tiles)

    def uncut_streams(self, dataflow: Dataflow) -> tuple[Counts, Counts, Counts]:
        """The same with every layer as one tile, whatever the buffers hold."""
        if dataflow not in self._uncut:
            tiles = [whole_tile(entry.layer) for entry in self.on_array]
            self._uncut[dataflow] = self._passed(dataflow, tiles)
        return self._uncut[dataflow]

    def _passed(
        self, dataflow: Dataflow, tiles: Sequence[TileSizes]
    ) -> tuple[Counts, Counts, Counts]:
        return array_traffic(self.on_array, tiles, dataflow, (self.rows, self.cols), self.wide)

    def prices(self, dataflow: Dataflow, sram_kb: Sram, level: Level) -> tuple[Counts, ...]:
        """Femtojoules a byte of each SRAM; shapes broadcast to (rows, cols). Equation 24."""
        axes, widths = port_lanes(dataflow, 0, 1), (INT8.ifmap, INT8.filter, INT8.accumulator)
        return tuple(
            self._price(kb, axis, width, level)
            for kb, axis, width in zip(sram_kb, axes, widths, strict=True)
        )

    def _price(self, kb: int, axis: int, width: int, level: Level) -> Counts:
        """The same of one SRAM whose port is as wide as one side of the array."""
        key = (kb, axis, width, level)
        if key not in self._prices:
            lanes = (self.rows[:, None], self.cols[None, :])[axis]
            ports = [sram_fj_per_byte(kb, width * int(n), level) for n in lanes.ravel()]
            self._prices[key] = np.array(ports).reshape(lanes.shape)
        return self._prices[key]

    def leakage_fj(self, sram_kb: Sram, level: Level) -> int:
        """Femtojoules a cycle of all SRAM."""
        return leakage_fj_per_cycle(sum(sram_kb), self.space.clock_hz, level)

    def memory_cycles(self, sram_kb: Sram, bandwidth_bpc: int | None) -> list[int]:
        """DRAM cycles of each distinct layer, all its copies together; array layers first."""
        cycles = self.traffic(sram_kb, bandwidth_bpc).memory_cycles(self.space, bandwidth_bpc)
        return [time * entry.count for time, entry in zip(cycles, self.distinct, strict=True)]

    def compute(self, dataflow: Dataflow, pipelined: bool) -> list[Counts]:
        """Compute cycles of each array layer; shape (rows, cols). Equation 30."""
        key = (dataflow, pipelined)
        if key not in self._compute:
            rows, cols = self.rows[:, None], self.cols[None, :]
            self._compute[key] = [
                fold_cycles(
                    folding,
                    folding.row_folds[:, None] * folding.col_folds[None, :],
                    rows,
                    cols,
                    pipelined,
                )
                for folding, _ in self.foldings[dataflow]
            ]
        return self._compute[key]

    def exposed(self, bandwidth_bpc: int | None) -> int:
        """Exposed cycles of an array layer, on any array: equation 14 of docs/physical_model.md."""
        if not self.on_array:
            return 0
        hardware = self.space.machine("ws", 1, 1, self.space.sram_kb[0], bandwidth_bpc, False)
        return exposed_cycles(self.on_array[0].layer, hardware, INT8)

    def area(
        self, dataflow: Dataflow, pipelined: bool, sram_kb: Sram, level: Level
    ) -> tuple[NDArray[np.float64], NDArray[np.int32]]:
        """Area of every array size, and its bins; equation 29, in the order of `area_mm2`."""
        bits = sum(sram_kb) * KIB * 8
        one = area_um2(dataflow, pipelined, level)
        area = (self.elements * one + bits * SRAM_AREA_PER_BIT.at(level)) / 1e6
        return area, logarithmic_bins(area)


def energy_block(
    network: Network,
    dataflow: Dataflow,
    sram_kb: Sram,
    bandwidth_bpc: int | None,
    level: Level,
    least: bool = False,
) -> Counts:
    """Femtojoules of every array size without clock and leakage; shape (rows, cols). Equation 33.

    `least` is what no tiling falls below that moves as many DRAM bytes or more: each layer passes
    its SRAMs as one tile, and what fills them for the array fills the cheapest.
    `never` where the network does not fit, or in a balanced space the array's tile does not.
    """
    traffic = network.traffic(sram_kb, bandwidth_bpc)
    kind = object if network.wide else np.int64
    if not traffic.fits:
        return np.full((len(network.rows), len(network.cols)), network.never, dtype=kind)
    streams = (
        network.uncut_streams(dataflow)
        if least
        else network.streams(dataflow, sram_kb, bandwidth_bpc)
    )
    counts = np.array([entry.count for entry in network.distinct], dtype=kind)
    moved = int(((traffic.ifmap + traffic.filter + traffic.ofmap + traffic.psum) * counts).sum())
    total = moved * round(DRAM_PER_BYTE.at(level))
    total += network.macs * (mac_fj(level, "int8") + data_fj(dataflow, level))
    prices = network.prices(dataflow, sram_kb, level)
    cheapest = np.minimum(np.minimum(prices[0], prices[1]), prices[2])
    block = np.full((1, 1), total, dtype=kind)
    for price, stream, (filled, buffered) in zip(
        prices, streams, _fills(traffic, network, counts), strict=True
    ):
        block = block + price.astype(kind) * (stream + buffered)
        block = block + (cheapest if least else price).astype(kind) * filled
    block = np.broadcast_to(block, network.elements.shape)
    if network.space.balanced:
        fed = holds_array_tile(dataflow, network.rows[:, None], network.cols[None, :], sram_kb)
        return np.where(fed, block, network.never)
    return block


def _fills(traffic: Traffic, network: Network, counts: Counts) -> list[tuple[int, int]]:
    """Bytes into each SRAM: from DRAM for the array, and those of layers that are not on it."""
    array = np.array([entry.layer.shape is not None for entry in network.distinct])
    on, off = np.where(array, counts, 0), np.where(array, 0, 2 * counts)
    from_dram = (traffic.ifmap, traffic.filter, traffic.psum)
    buffered = (traffic.ifmap, traffic.filter, traffic.ofmap)
    return [
        (int((fill * on).sum()), int((passed * off).sum()))
        for fill, passed in zip(from_dram, buffered, strict=True)
    ]


def with_time(
    network: Network,
    energy: Counts,
    cycles: NDArray[np.integer],
    places: tuple[NDArray[np.intp], NDArray[np.intp]] | None,
    prices: tuple[int, int],
    leakage: int | Counts,
) -> Counts:
    """`energy` and what every one of the `cycles` costs: equation 28 for many designs at once.

    That is the clock of all elements, `prices` of a busy and of an idle one, and the `leakage` of
    all SRAM. `places` on the axes of rows and columns, None for all of them. `never` stays. Exact:
    what may pass int64 is added in Python's integers.
    """
    elements = network.elements if places is None else network.elements[places]
    most = int(cycles.max()) * (int(elements.max()) * max(prices) + int(np.max(leakage)))
    kind = object if network.wide or most >= 1 << 61 else np.int64
    time = cycles.astype(kind)
    clock = network_clock_fj(network.macs, time, elements.astype(kind), prices)
    return np.where(energy == network.never, network.never, energy + clock + time * leakage)
