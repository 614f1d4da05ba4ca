"""A million designs and more: the exact Pareto front of cycles, energy, area and bandwidth.

The sweep walks the space in blocks of all rows and columns, looks up what does not change, and
adds up max(computing, moving) over the layers: the only work that touches every design and
every layer. Of the designs only the front is kept. docs/physical_model.md, equations 30 to 34.
"""

import math
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from edgeint8.arch.explore.design_space import NO_LIMITS, Constraints, DesignSpace
from edgeint8.arch.explore.network_tables import Network, with_time
from edgeint8.arch.explore.pareto import StagedFront
from edgeint8.arch.machine.constants import Level
from edgeint8.arch.machine.processing_element import clock_fj
from edgeint8.arch.network.layers import Layer
from edgeint8.arch.network.totals import batch_of_layers
from edgeint8.dataflow import Dataflow

Counts = NDArray[np.int64]
Cycles = NDArray[np.integer]
Progress = Callable[[int], object]

_INT32_LIMIT = 1 << 31


@dataclass(frozen=True)
class Exploration:
    """What a sweep found: the front's designs by number, with their objectives.

    `feasible` counts the designs that hold every layer and keep to the constraints,
    `layer_evaluations` designs times layers of the network.
    """

    space: DesignSpace
    level: Level
    designs: int
    feasible: int
    layer_evaluations: int
    numbers: Counts
    cycles: Counts
    energy_fj: Counts
    area_mm2: NDArray[np.float64]


@dataclass(frozen=True)
class Cells:
    """Computing cycles of one layer for all rows and columns, times the layer's count."""

    values: Cycles
    least: int
    most: int


@dataclass(frozen=True)
class Block:
    """All rows and columns of one (bandwidth, dataflow, SRAM, pipelining); shape (rows, cols)."""

    first_number: int
    cycles: Cycles
    energy_fj: Counts
    area_mm2: NDArray[np.float64]
    area_bins: NDArray[np.int32]


def explore(
    layers: Sequence[Layer],
    space: DesignSpace,
    constraints: Constraints = NO_LIMITS,
    level: Level = "mid",
    progress: Progress | None = None,
) -> Exploration:
    """Evaluate every design of `space` and keep the front; bandwidths are its stages.

    `progress` is called with the number of designs of each finished block.
    """
    network, batch = Network(layers, space), batch_of_layers(layers)

    def blocks(bandwidth_bpc: int | None, number: int) -> Iterator[Block]:
        for block in network_blocks(network, bandwidth_bpc, number, level):
            allowed = within(constraints, space.clock_hz, block, batch)
            yield block if allowed is None else only(block, allowed, network.never)

    return sweep(space, level, blocks, network.never, network.layer_count, progress)


def sweep(
    space: DesignSpace,
    level: Level,
    blocks: Callable[[int | None, int], Iterator[Block]],
    never: int,
    layer_count: int,
    progress: Progress | None = None,
) -> Exploration:
    """The front of all `blocks`, by bandwidth and first number; `never` marks what is left out."""
    front, feasible = StagedFront(), 0
    stage = space.size // len(space.bandwidths_bpc)
    offsets = np.arange(len(space.rows) * len(space.cols)).reshape(len(space.rows), -1)
    for place, bandwidth in enumerate(space.bandwidths_bpc):
        for block in blocks(bandwidth, place * stage):
            energy = block.energy_fj
            feasible += int(np.count_nonzero(energy != never))
            hopeful = ~beaten_by_neighbour(block.cycles, energy)
            front.running.offer(
                block.cycles[hopeful],
                energy[hopeful],
                block.area_mm2[hopeful],
                offsets[hopeful] + block.first_number,
                block.area_bins[hopeful],
            )
            if progress is not None:
                progress(offsets.size)
        front.close_stage(place * stage)
    evaluations = space.size * layer_count
    return Exploration(space, level, space.size, feasible, evaluations, *front.columns())


def only(block: Block, allowed: NDArray[np.bool_], never: int) -> Block:
    """`block` without the designs that are not allowed."""
    return replace(block, energy_fj=np.where(allowed, block.energy_fj, never))


def network_blocks(
    network: Network, bandwidth_bpc: int | None, number: int, level: Level
) -> Iterator[Block]:
    """The blocks of one bandwidth, in the order of the space's numbers."""
    space = network.space
    out: Cycles | None = None
    for dataflow in space.dataflows:
        cells = [_cells(network, dataflow, piped, bandwidth_bpc) for piped in space.pipelined]
        for sram_kb in space.sram_kb:
            memory = network.memory_cycles(sram_kb, bandwidth_bpc)
            accesses = network.energy(dataflow, sram_kb, bandwidth_bpc, level)
            leakage = network.leakage_fj(sram_kb, level)
            for piped, computing in zip(space.pipelined, cells, strict=True):
                out = network_cycles(computing, memory, accesses.shape, out)
                prices = clock_fj(dataflow, piped, level)
                energy = with_time(network, accesses, out, None, prices, leakage)
                area, bins = network.area(dataflow, piped, sram_kb, level)
                yield Block(number, out, energy, area, bins)
                number += area.size


def _cells(
    network: Network, dataflow: Dataflow, pipelined: bool, bandwidth_bpc: int | None
) -> list[Cells]:
    cells, ends = [], network.exposed(bandwidth_bpc)
    for values, (_, count) in zip(
        network.compute(dataflow, pipelined), network.foldings[dataflow], strict=True
    ):
        scaled = (values + ends) * count
        cells.append(Cells(scaled, int(scaled.min()), int(scaled.max())))
    if sum(cell.most for cell in cells) >= _INT32_LIMIT:
        return cells
    return [Cells(c.values.astype(np.int32), c.least, c.most) for c in cells]


def network_cycles(
    cells: Sequence[Cells], memory: Sequence[int], shape: tuple[int, ...], out: Cycles | None
) -> Cycles:
    """Sum over layers of max(computing, moving); both already times the layer's count. Eq. 31.

    `memory` has the array's layers first. A layer that always moves longer than it computes, or
    never, needs no maximum. `out` is reused when its type still fits.
    """
    always = sum(moving for cell, moving in zip(cells, memory, strict=False) if moving > cell.most)
    constant = sum(memory[len(cells) :]) + always
    small = constant + sum(max(c.most, m) for c, m in zip(cells, memory, strict=False))
    dtype = np.int32 if small < _INT32_LIMIT else np.int64
    if out is None or out.dtype != dtype:
        out = np.empty(shape, dtype=dtype)
    scratch = np.empty_like(out)
    out.fill(constant)
    for cell, moving in zip(cells, memory, strict=False):
        if moving <= cell.least:
            out += cell.values
        elif moving <= cell.most:
            np.maximum(cell.values, moving, out=scratch)
            out += scratch
    return out


def beaten_by_neighbour(cycles: Cycles, energy: Counts) -> NDArray[np.bool_]:
    """Designs that one row or one column less would serve as well: smaller, so dominated.

    Between two fold edges more columns change nothing, and most designs fall here.
    """
    beaten = np.zeros(cycles.shape, dtype=np.bool_)
    beaten[:, 1:] = (cycles[:, :-1] <= cycles[:, 1:]) & (energy[:, :-1] <= energy[:, 1:])
    beaten[1:] |= (cycles[:-1] <= cycles[1:]) & (energy[:-1] <= energy[1:])
    return beaten


def within(
    constraints: Constraints, clock_hz: float, block: Block, batch: int = 1
) -> NDArray[np.bool_] | None:
    """Which designs of a block keep to the limits; None when there are none. Equation 34.

    A run serves `batch` inferences, and limits on time are of one.
    """
    masks = []
    if constraints.area_mm2 is not None:
        masks.append(block.area_mm2 <= constraints.area_mm2)
    if constraints.longest_ms < math.inf:
        masks.append(block.cycles <= constraints.longest_ms * batch * 1e-3 * clock_hz)
    if constraints.power_mw is not None:
        masks.append(power_mw(block.energy_fj, block.cycles, clock_hz) <= constraints.power_mw)
    return np.logical_and.reduce(masks) if masks else None


def power_mw(energy_fj: Counts, cycles: Cycles, clock_hz: float) -> NDArray[np.float64]:
    """Mean power while running: 1 fJ a cycle at 1 Hz is 1e-12 mW."""
    return energy_fj * (clock_hz * 1e-12) / cycles
