"""Random designs: every design its own rows, columns, buffers, bandwidth and dataflow.

There is no block to share work in, so each layer is computed for all designs of one group (one
bandwidth, dataflow and pipelining) at once, from fold counts looked up by rows and columns.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from edgeint8.arch.explore.design_space import DesignSpace
from edgeint8.arch.explore.design_tables import Folding, fold_cycles
from edgeint8.arch.explore.explore import Exploration
from edgeint8.arch.explore.network_tables import Network, energy_block, with_time
from edgeint8.arch.explore.pareto import StagedFront
from edgeint8.arch.machine.constants import Level
from edgeint8.arch.machine.processing_element import clock_fj
from edgeint8.arch.network.layers import Layer
from edgeint8.dataflow import Dataflow

Places = NDArray[np.intp]
_CHUNK = 1 << 15  # designs whose arrays stay in the second-level cache
_INT32_LIMIT = 1 << 31


@dataclass(frozen=True)
class Designs:
    """Some designs of one group, by their places on the other axes of the space."""

    sram: Places
    rows: Places
    cols: Places


@dataclass(frozen=True)
class Group:
    """One bandwidth, dataflow and pipelining, with its tables in the narrowest safe integer.

    `moving` holds DRAM cycles by (distinct layer, sram), array layers first; `always` their sum
    over the layers that are not on the array.
    """

    bandwidth_bpc: int | None
    pipelined: bool
    exposed: int
    foldings: list[tuple[Folding, int]]
    moving: NDArray[np.signedinteger]
    always: NDArray[np.signedinteger]
    rows: NDArray[np.signedinteger]
    cols: NDArray[np.signedinteger]


def explore_random(
    layers: Sequence[Layer], space: DesignSpace, designs: int, seed: int, level: Level = "mid"
) -> Exploration:
    """The front of `designs` random designs of `space`, drawn with replacement from `seed`."""
    network, front = Network(layers, space), StagedFront()
    rng = np.random.default_rng(seed)
    energies = {flow: _energies(network, flow, level) for flow in space.dataflows}
    leakage = np.array([network.leakage_fj(sram_kb, level) for sram_kb in space.sram_kb])
    groups = space.shape[0] * space.shape[1] * space.shape[3]
    sizes = iter(rng.multinomial(designs, [1 / groups] * groups).tolist())
    stage, feasible = space.size // len(space.bandwidths_bpc), 0
    for band, flow, pipe in np.ndindex(space.shape[0], space.shape[1], space.shape[3]):
        bandwidth, dataflow = space.bandwidths_bpc[band], space.dataflows[flow]
        accesses = energies[dataflow][bandwidth is None]
        pipelined = space.pipelined[pipe]
        clock, areas = (
            clock_fj(dataflow, pipelined, level),
            _areas(network, dataflow, pipelined, level),
        )
        group = _group(network, bandwidth, dataflow, pipelined)
        for chunk in _draw(space, next(sizes), rng):
            cell = (chunk.sram * len(space.rows) + chunk.rows) * len(space.cols) + chunk.cols
            numbers = _numbers(space, (band, flow, pipe), chunk)
            cycles = group_cycles(group, chunk)
            places, leaks = (chunk.rows, chunk.cols), leakage[chunk.sram]
            energy = with_time(network, accesses[cell], cycles, places, clock, leaks)
            feasible += int(np.count_nonzero(energy != network.never))
            front.running.offer(cycles, energy, areas[cell], numbers)
        if (flow, pipe) == (len(space.dataflows) - 1, len(space.pipelined) - 1):
            front.close_stage(band * stage)
    evaluations = designs * network.layer_count
    return Exploration(space, level, designs, feasible, evaluations, *front.columns())


def _draw(space: DesignSpace, count: int, rng: np.random.Generator) -> Iterator[Designs]:
    """`count` random designs of one group, in chunks."""
    for start in range(0, count, _CHUNK):
        size = min(_CHUNK, count - start)
        lengths = (len(space.sram_kb), len(space.rows), len(space.cols))
        yield Designs(*(rng.integers(0, length, size) for length in lengths))


def _numbers(
    space: DesignSpace, group: tuple[int, int, int], designs: Designs
) -> NDArray[np.int64]:
    """The designs' numbers in the space; the slowest axis comes first."""
    band, flow, pipe = group
    _, flows, srams, pipes, rows, cols = space.shape
    sram = designs.sram + (band * flows + flow) * srams
    return ((sram * pipes + pipe) * rows + designs.rows) * cols + designs.cols


def _areas(
    network: Network, dataflow: Dataflow, pipelined: bool, level: Level
) -> NDArray[np.float64]:
    """Square millimetres by (sram, rows, cols), flat."""
    sizes = network.space.sram_kb
    return np.stack([network.area(dataflow, pipelined, kb, level)[0] for kb in sizes]).ravel()


def _energies(network: Network, dataflow: Dataflow, level: Level) -> dict[bool, NDArray[np.int64]]:
    """Femtojoules but for clock and leakage by (sram, rows, cols), flat, for either bandwidth."""
    space = network.space
    return {
        unlimited: np.stack(
            [
                energy_block(network, dataflow, sram_kb, None if unlimited else 1, level)
                for sram_kb in space.sram_kb
            ]
        ).ravel()
        for unlimited in {bandwidth is None for bandwidth in space.bandwidths_bpc}
    }


def _group(
    network: Network, bandwidth_bpc: int | None, dataflow: Dataflow, pipelined: bool
) -> Group:
    space = network.space
    moving = np.array([network.memory_cycles(s, bandwidth_bpc) for s in space.sram_kb]).T
    foldings = network.foldings[dataflow]
    largest = sum(_most(network, *entry) for entry in foldings) + int(moving.max(axis=1).sum())
    dtype: type[np.signedinteger] = np.int32 if largest < _INT32_LIMIT else np.int64
    return Group(
        bandwidth_bpc,
        pipelined,
        network.exposed(bandwidth_bpc),
        [(_narrow(folding, dtype), count) for folding, count in foldings],
        moving[: len(foldings)].astype(dtype),
        moving[len(foldings) :].sum(axis=0).astype(dtype),
        network.rows.astype(dtype),
        network.cols.astype(dtype),
    )


def _narrow(folding: Folding, dtype: type[np.signedinteger]) -> Folding:
    return replace(
        folding,
        row_folds=folding.row_folds.astype(dtype),
        col_folds=folding.col_folds.astype(dtype),
    )


def group_cycles(group: Group, designs: Designs) -> NDArray[np.signedinteger]:
    """Equation 31 for designs that share nothing but bandwidth, dataflow and pipelining."""
    rows, cols = group.rows[designs.rows], group.cols[designs.cols]
    total = group.always[designs.sram]
    for (folding, count), moving in zip(group.foldings, group.moving, strict=True):
        folds = folding.row_folds[designs.rows] * folding.col_folds[designs.cols]
        cycles = fold_cycles(folding, folds, rows, cols, group.pipelined)
        cycles += group.exposed
        if count > 1:
            cycles *= count
        total += np.maximum(cycles, moving[designs.sram])
    return total


def _most(network: Network, folding: Folding, count: int) -> int:
    """An upper bound of a layer's cycles on any design: most folds, serial, nothing hidden."""
    folds = int(folding.row_folds.max()) * int(folding.col_folds.max()) * folding.repeats
    rows, cols = int(network.rows.max()), int(network.cols.max())
    interval = max(folding.temporal, rows) + 2 * rows + cols
    return count * (folds * interval + 3 * rows * cols)
