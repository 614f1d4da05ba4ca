"""What no machine of a front's designs falls below: cycles and energy, all designs at once.

docs/machine.md, equation 13.
"""

from collections.abc import Iterator, Sequence

import numpy as np
from numpy.typing import NDArray

from edgeint8.arch.explore.design_space import DesignSpace
from edgeint8.arch.explore.explore import Exploration, network_blocks
from edgeint8.arch.explore.network_tables import Network, energy_block, with_time
from edgeint8.arch.machine.processing_element import clock_fj
from edgeint8.arch.network.layers import Layer

Numbers = NDArray[np.int64]


def least_cycles(layers: Sequence[Layer], space: DesignSpace, numbers: Numbers) -> Numbers:
    """The bound's cycles of `layers` on the designs with these numbers."""
    network, found = Network(layers, space), np.zeros(len(numbers), np.int64)
    stage, block_size = space.size // len(space.bandwidths_bpc), network.elements.size
    for place, bandwidth in enumerate(space.bandwidths_bpc):
        if not np.isin(numbers // stage, place).any():
            continue
        for block in network_blocks(network, bandwidth, place * stage, "mid"):
            here = np.flatnonzero(numbers // block_size == block.first_number // block_size)
            found[here] = block.cycles.ravel()[numbers[here] % block_size]
    return found


def least_energies_fj(layers: Sequence[Layer], exploration: Exploration) -> list[int]:
    """Energy that no machine of a design falls below, from the bound's costs, by place.

    The array reads and writes its SRAMs least where nothing is cut: every cut only adds folds, and
    with them words. A machine moves no fewer bytes than the bound, but others: of buffers of
    different prices it may fill the cheaper ones more. So the bound's bytes count as if all filled
    the cheapest.
    """
    space, level = exploration.space, exploration.level
    network, found = Network(layers, space), [0] * len(exploration.numbers)
    for here, (band, flow, sram, pipe), cells in _groups(exploration):
        dataflow, sram_kb = space.dataflows[flow], space.sram_kb[sram]
        bandwidth, piped = space.bandwidths_bpc[band], space.pipelined[pipe]
        least = energy_block(network, dataflow, sram_kb, bandwidth, level, least=True)[cells]
        clock, leakage = clock_fj(dataflow, piped, level), network.leakage_fj(sram_kb, level)
        cycles = exploration.cycles[here]
        for place, value in zip(
            here, with_time(network, least, cycles, cells, clock, leakage), strict=True
        ):
            found[place] = int(value)
    return found


def _groups(
    exploration: Exploration,
) -> Iterator[tuple[NDArray[np.intp], tuple[int, int, int, int], tuple[Numbers, Numbers]]]:
    """Places of the designs that differ in rows and columns alone: with their other axes, and
    their cells.
    """
    shape = exploration.space.shape
    *others, rows, cols = np.unravel_index(exploration.numbers, shape)
    keys = np.stack(others, axis=1) if len(rows) else np.empty((0, 4), np.int64)
    for key in np.unique(keys, axis=0):
        here = np.flatnonzero((keys == key).all(axis=1))
        band, flow, sram, pipe = map(int, key)
        yield here, (band, flow, sram, pipe), (rows[here], cols[here])
