"""Which conclusions survive the energy band: the sweep at its low, mid and high constants."""

import math
from collections.abc import Mapping, Sequence

import numpy as np
from numpy.typing import NDArray

from edgeint8.arch.explore.design_space import NO_LIMITS, Constraints, DesignSpace
from edgeint8.arch.explore.draws import (
    DRAWS,
    Contender,
    contender,
    dethroned_by,
    drawn_ratios,
    first_flip,
    shares,
)
from edgeint8.arch.explore.explore import Exploration, explore
from edgeint8.arch.explore.need import NO_NEED, Need
from edgeint8.arch.explore.recommended import CANDIDATES, Recommendation, recommend
from edgeint8.arch.machine.constants import LEVELS, Level
from edgeint8.arch.network.layers import Layer
from edgeint8.conventions import Row


def explore_band(
    layers: Sequence[Layer], space: DesignSpace, constraints: Constraints = NO_LIMITS
) -> dict[Level, Exploration]:
    """One sweep a level. Cycles and bandwidth are the same in all; energy and area are not."""
    return {level: explore(layers, space, constraints, level) for level in LEVELS}


def recommend_band(
    layers: Sequence[Layer],
    explorations: Mapping[Level, Exploration],
    dram_gb_per_s: float | None = None,
    limits: Constraints = NO_LIMITS,
    need: Need = NO_NEED,
) -> dict[Level, Recommendation | None]:
    """What is recommended at each level; at mid as many candidates as are ranked, else one."""
    return {
        level: recommend(
            layers, found, dram_gb_per_s, CANDIDATES if level == "mid" else 1, limits, need
        )
        for level, found in explorations.items()
    }


def band_rows(
    workload: str,
    explorations: Mapping[Level, Exploration],
    best: Mapping[Level, Recommendation | None],
) -> list[Row]:
    """Rows of ``band.csv``: the front, the ranking and the recommended design at each level.

    `share_of_mid` is how much of the mid front is on this one; `rank_correlation` Spearman's
    between the energy times delay of the designs on both; `best_rank_mid` the place (from 1) of
    this level's recommended design among those ranked at mid, 0 when it is not among them.
    `best` is that of `recommend_band`. `draws_won` and the columns after it let every constant vary
    by itself (`draws`), which ranks by energy times delay: with another objective they are empty.
    """
    mid = explorations["mid"]
    ranking = [] if best["mid"] is None else [d.hardware.id for d in best["mid"].designs]
    competition = _competition(best)
    rows: list[Row] = []
    for level, exploration in explorations.items():
        shared, here, there = np.intersect1d(exploration.numbers, mid.numbers, return_indices=True)
        found = best[level]
        name = "" if found is None else found.designs[0].hardware.id
        row: Row = {
            "workload": workload,
            "level": level,
            "front": len(exploration.numbers),
            "shared_with_mid": int(shared.size),
            "share_of_mid": shared.size / len(mid.numbers) if len(mid.numbers) else 0.0,
            "best_hardware": name,
            "best_rank_mid": ranking.index(name) + 1 if name in ranking else 0,
            "rank_correlation": rank_correlation(
                _products(exploration)[here], _products(mid)[there]
            ),
        }
        rows.append(row | _draw_columns(competition, name, level))
    return rows


def _competition(best: Mapping[Level, Recommendation | None]) -> tuple[Contender, ...]:
    """The designs ranked at mid and the recommended ones of the other levels, each once."""
    if best["mid"] is None or best["mid"].need.objective != "edp":
        return ()
    others = [found.designs[0] for found in best.values() if found is not None]
    designs = {d.hardware.id: d for d in (*best["mid"].designs, *others)}
    return tuple(contender(d.costs, d.hardware) for d in designs.values())


def _draw_columns(competition: Sequence[Contender], name: str, level: Level) -> Row:
    """Draws that a design wins; for mid's also what dethrones it."""
    names = [design.hardware.id for design in competition]
    row: Row = {"draws": 0, "draws_won": 0.0}
    row |= {"dethroned_by": "", "flip_constant": "", "flip_ratio": math.nan}
    if name not in names:
        return row
    place = names.index(name)
    row |= {"draws": DRAWS, "draws_won": float(shares(competition, drawn_ratios())[place])}
    if level != "mid":
        return row
    flip = first_flip(competition, place)
    if flip is not None:
        row |= {"flip_constant": flip.constant, "flip_ratio": flip.ratio}
    return row | {"dethroned_by": ", ".join(dethroned_by(competition, place))}


def rank_correlation(a: NDArray[np.float64], b: NDArray[np.float64]) -> float:
    """Spearman's, equal values ranked by their order; 1 where fewer than two can be ranked."""
    count = len(a)
    if count < 2:
        return 1.0
    ranks = [np.argsort(np.argsort(values, kind="stable"), kind="stable") for values in (a, b)]
    squares = int(((ranks[0] - ranks[1]) ** 2).sum())
    return 1 - 6 * squares / (count * (count**2 - 1))


def _products(exploration: Exploration) -> NDArray[np.float64]:
    return exploration.energy_fj.astype(np.float64) * exploration.cycles
