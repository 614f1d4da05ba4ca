"""What a tiling costs in energy before it is run: linear in its bytes, words and cycles.

docs/machine.md, equation 12.
"""

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from edgeint8.arch.cost.energy import energy_fj, total_accesses
from edgeint8.arch.cost.machine.candidates import Candidates
from edgeint8.arch.cost.machine.program import layout_of_engine
from edgeint8.arch.cost.machine.walk import Engine
from edgeint8.arch.cost.sram import elements_of, words_of_tilings
from edgeint8.arch.cost.tile_space import INT8
from edgeint8.arch.machine.hardware import Hardware

NOTHING = total_accesses([])


@dataclass(frozen=True)
class Prices:
    """Femtojoules of a MAC, of a byte of each SRAM and of DRAM, and of a cycle that passes."""

    mac: int
    ifmap: int
    filter: int
    sums: int
    dram: int
    cycle: int


FEWEST_CYCLES = Prices(0, 0, 0, 0, 0, 1)
"""Nothing but time has a price: the best tile is the fastest."""


def prices_of(hardware: Hardware) -> Prices:
    """Those of equation 28 of docs/physical_model.md at mid of the constants in use."""
    counts = ("macs", "ifmap_port_bytes", "filter_port_bytes", "ofmap_port_bytes")
    return Prices(
        *(
            sum(energy_fj(replace(NOTHING, **{name: 1}), hardware).values())
            for name in (*counts, "dram_bytes", "cycles")
        )
    )


def tiling_fj(
    found: Candidates, engine: Engine, prices: Prices, constant_bytes: int
) -> NDArray[np.float64]:
    """Energy of every tiling without that of its cycles, all runs."""
    space, layout = found.space, layout_of_engine(engine)
    words = words_of_tilings(space, layout, engine.rows, engine.cols)
    sizes = (INT8.ifmap, INT8.filter, 2 * INT8.accumulator)  # sums go in and out
    each = (prices.ifmap, prices.filter, prices.sums)
    loops = space.loops
    energy = 1.0 * elements_of(loops).ifmap * loops.filters * prices.mac
    energy += constant_bytes * loops.filters * (prices.filter + prices.dram)
    energy -= space.final_bytes * prices.sums  # outputs fill nothing: the array's words have them
    array = np.full((1, 1, 1), energy)
    for count, size, price in zip(words, sizes, each, strict=True):
        array = array + count.astype(np.float64) * size * price
    moved = np.array(each, np.float64) + prices.dram
    return (found.here(array) + moved @ found.moved_bytes) * found.repeats
