"""The best tile of a layer: branch and bound over tile sizes, loop orders and buffer levels.

The best is that of least energy times delay, all its energy that of its own cycles. Energy without
cycles is known of every tiling, and cycles that it cannot beat; candidates run in the order of the
product of the two until it is no better than the best machine seen. docs/machine.md, equations 10
to 12.
"""

from dataclasses import dataclass
from functools import lru_cache

import numpy as np

from edgeint8.arch.cost.loops import Loops
from edgeint8.arch.cost.machine.candidates import (
    Candidates,
    Counts,
    Cuts,
    candidates,
    least_cycles,
)
from edgeint8.arch.cost.machine.prices import Prices, tiling_fj
from edgeint8.arch.cost.machine.program import CONSTANT_BYTES, Run, Tile, program_of, run
from edgeint8.arch.cost.machine.walk import Engine
from edgeint8.arch.cost.tiling import Storage
from edgeint8.errors import HardwareError

MOST_TILES = 1 << 16
"""Tiles of a program; finer cuts are tried only where nothing else fits."""
LARGEST_PROGRAM = 1 << 20
"""Tiles of the largest program that is run at all: about half a gigabyte."""
MOST_STEPS = 1 << 21
"""Tiles of all programs that a search runs; beyond it the best one so far is taken."""


Rank = tuple[float, int, int]
"""Femtojoules times cycles, cycles, DRAM bytes."""


class TooManyTilesError(HardwareError):
    """No tiling that fits the buffers is coarse enough to be run."""


@dataclass(frozen=True)
class Found:
    """The best tile, its run, and how many candidates there were and were run.

    `proven` is False when the search stopped at `MOST_STEPS`.
    """

    tile: Tile
    run: Run
    candidates: int
    tried: int
    proven: bool


def best_tile(
    loops: Loops,
    storage: Storage,
    engine: Engine,
    prices: Prices,
    repeats: int = 1,
    grouped: bool = False,
    constant_bytes: int = CONSTANT_BYTES,
) -> Found:
    """The tiling of least energy times delay on the machine; ties go to fewer cycles, then bytes.

    Raises `HardwareError` when no tiling fits the buffers, `TooManyTilesError` when none of those
    that fit has `LARGEST_PROGRAM` tiles or fewer.
    """
    return _best_tile(loops, storage, engine, prices, repeats, grouped, constant_bytes)


@lru_cache(maxsize=4096)
def _best_tile(
    loops: Loops,
    storage: Storage,
    engine: Engine,
    prices: Prices,
    repeats: int,
    grouped: bool,
    constant_bytes: int,
) -> Found:
    every, cuts = candidates(loops, storage, repeats), Cuts(loops)
    chosen = _few_tiles(every)
    energy = tiling_fj(every, engine, prices, constant_bytes)
    cycles = least_cycles(every, engine, constant_bytes).astype(np.float64)
    product = ((energy + prices.cycle * cycles) * cycles)[chosen]

    def attempt(place: int) -> tuple[Rank, Tile, Run]:
        tile = every.tile(int(chosen[place]))
        found = run(program_of(cuts.nest(tile, repeats, grouped, constant_bytes)), engine)
        spent_fj = float(energy[chosen[place]]) + prices.cycle * found.cycles
        return (spent_fj * found.cycles, found.cycles, found.program.dram_bytes), tile, found

    first = int(product.argmin())
    best = attempt(first)
    steps, tried, proven = len(best[2].program.tiles), 1, True
    better = np.flatnonzero(product < best[0][0])
    for place in map(int, better[np.argsort(product[better], kind="stable")]):
        if product[place] >= best[0][0] or steps > MOST_STEPS:
            proven = bool(product[place] >= best[0][0])
            break
        if place != first:
            found = attempt(place)
            steps, tried = steps + len(found[2].program.tiles), tried + 1
            best = min(best, found, key=lambda entry: entry[0])
    return Found(best[1], best[2], len(chosen), tried, proven)


def _few_tiles(every: Candidates) -> Counts:
    """Places of the tilings that are coarse enough to be run."""
    for most in (MOST_TILES, LARGEST_PROGRAM):
        few = np.flatnonzero(every.tiles <= most)
        if few.size:
            return few
    raise TooManyTilesError(
        f"every tiling has more than {LARGEST_PROGRAM:,} tiles",
        allowed="a smaller layer or larger buffers",
    )
