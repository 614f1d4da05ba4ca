"""Which conclusions survive the energy band: the sweep at its low, mid and high constants."""

from collections.abc import Sequence

import numpy as np

from edgeint8.arch.constants import LEVELS, Level
from edgeint8.arch.design_space import NO_LIMITS, Constraints, DesignSpace
from edgeint8.arch.explore import Exploration, explore
from edgeint8.arch.front import best_places
from edgeint8.arch.layers import Layer
from edgeint8.arch.roofline import Row


def explore_band(
    layers: Sequence[Layer], space: DesignSpace, constraints: Constraints = NO_LIMITS
) -> dict[Level, Exploration]:
    """One sweep a level. Cycles and bandwidth are the same in all; energy and area are not."""
    return {level: explore(layers, space, constraints, level) for level in LEVELS}


def band_rows(workload: str, explorations: dict[Level, Exploration]) -> list[Row]:
    """Rows of ``band.csv``: the front at each level, what it shares with mid, and its best design.

    `best_rank_mid` is the place (from 1) of that design by energy times delay on the mid front,
    0 when it is not on it.
    """
    mid = explorations["mid"]
    ranking = [int(mid.numbers[place]) for place in best_places(mid, len(mid.numbers))]
    rows: list[Row] = []
    for level, exploration in explorations.items():
        shared = np.intersect1d(exploration.numbers, mid.numbers).size
        best = [int(exploration.numbers[place]) for place in best_places(exploration, 1)]
        rows.append(
            {
                "workload": workload,
                "level": level,
                "front": len(exploration.numbers),
                "shared_with_mid": int(shared),
                "share_of_mid": shared / len(mid.numbers) if len(mid.numbers) else 0.0,
                "best_hardware": exploration.space.hardware(best[0]).id if best else "",
                "best_rank_mid": ranking.index(best[0]) + 1 if best and best[0] in ranking else 0,
            }
        )
    return rows
