"""Random designs: every design its own rows, columns, buffers, bandwidth and dataflow.

There is no block to share work in, so each layer is computed for all designs of one group (one
bandwidth, dataflow and pipelining) at once, from fold counts looked up by rows and columns.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from edgeint8.arch.constants import Level
from edgeint8.arch.design_space import DesignSpace
from edgeint8.arch.design_tables import Folding, exposed, fold_cycles
from edgeint8.arch.explore import Exploration
from edgeint8.arch.hardware import Dataflow
from edgeint8.arch.layers import Layer
from edgeint8.arch.network_tables import Network, energy_block
from edgeint8.arch.pareto import StagedFront

Places = NDArray[np.intp]
_CHUNK = 1 << 15  # designs whose arrays stay in the second-level cache
_INT32_LIMIT = 1 << 31


@dataclass(frozen=True)
class Designs:
    """Some designs: their numbers and their places on the axes of the space."""

    numbers: NDArray[np.int64]
    sram: Places
    rows: Places
    cols: Places

    def chosen(self, which: NDArray[np.intp] | slice) -> "Designs":
        return Designs(self.numbers[which], self.sram[which], self.rows[which], self.cols[which])

    def chunks(self) -> Iterator["Designs"]:
        for start in range(0, len(self.numbers), _CHUNK):
            yield self.chosen(slice(start, start + _CHUNK))


@dataclass(frozen=True)
class Group:
    """One bandwidth, dataflow and pipelining, with its tables in the narrowest safe integer.

    `moving` holds DRAM cycles by (distinct layer, sram), array layers first; `always` their sum
    over the layers that are not on the array.
    """

    bandwidth_bpc: int | None
    pipelined: bool
    shared_bus: bool
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
    energies = {flow: _energies(network, flow, level) for flow in space.dataflows}
    areas = np.stack([network.area(sram_kb, level)[0] for sram_kb in space.sram_kb])
    stage = space.size // len(space.bandwidths_bpc)
    drawn = _draw(space, designs, seed)
    for place, bandwidth in enumerate(space.bandwidths_bpc):
        for dataflow in space.dataflows:
            prices = energies[dataflow][bandwidth is None]
            for pipelined in space.pipelined:
                group = _group(network, bandwidth, dataflow, pipelined)
                for chunk in next(drawn).chunks():
                    where = (chunk.sram, chunk.rows, chunk.cols)
                    cycles = group_cycles(group, chunk)
                    front.running.offer(cycles, prices[where], areas[where], chunk.numbers)
        front.close_stage(place * stage)
    evaluations = designs * network.layer_count
    return Exploration(space, level, designs, designs, evaluations, *front.columns())


def _draw(space: DesignSpace, designs: int, seed: int) -> Iterator[Designs]:
    """Random designs, one group after another: by bandwidth, then dataflow, then pipelining."""
    numbers = np.random.default_rng(seed).integers(0, space.size, designs)
    band, flow, sram, pipe, rows, cols = np.unravel_index(numbers, space.shape)
    lengths = (len(space.bandwidths_bpc), len(space.dataflows), len(space.pipelined))
    keys = np.ravel_multi_index((band, flow, pipe), lengths).astype(np.int16)
    order = np.argsort(keys, kind="stable")  # a radix sort for 16 bits
    ends = np.searchsorted(keys[order], np.arange(np.prod(lengths) + 1))
    everything = Designs(numbers, sram, rows, cols)
    for first, last in pairwise(ends):
        yield everything.chosen(order[first:last])


def _energies(network: Network, dataflow: Dataflow, level: Level) -> dict[bool, NDArray[np.int64]]:
    """Femtojoules by (sram, rows, cols), for limited and for unlimited bandwidth."""
    space = network.space
    return {
        unlimited: np.stack(
            [
                energy_block(network, dataflow, sram_kb, None if unlimited else 1, level)
                for sram_kb in space.sram_kb
            ]
        )
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
        space.shared_bus,
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
        used_rows=folding.used_rows.astype(dtype),
        col_folds=folding.col_folds.astype(dtype),
        used_cols=folding.used_cols.astype(dtype),
    )


def group_cycles(group: Group, designs: Designs) -> NDArray[np.signedinteger]:
    """Equation 31 for designs that share nothing but bandwidth, dataflow and pipelining."""
    rows, cols = group.rows[designs.rows], group.cols[designs.cols]
    total = group.always[designs.sram]
    for (folding, count), moving in zip(group.foldings, group.moving, strict=True):
        folds = folding.row_folds[designs.rows] * folding.col_folds[designs.cols]
        cycles = fold_cycles(folding, folds, rows, cols, group.pipelined)
        if group.bandwidth_bpc is not None:
            cycles += exposed(
                folding.dataflow,
                folding.used_rows[designs.rows],
                folding.used_cols[designs.cols],
                group.bandwidth_bpc,
                group.shared_bus,
            )
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
