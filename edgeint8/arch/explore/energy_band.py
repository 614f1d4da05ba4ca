"""Which conclusions survive the energy band: the sweep at its low, mid and high constants."""

import math
from collections.abc import Mapping, Sequence
from itertools import chain

import numpy as np
from numpy.typing import NDArray

from edgeint8.arch.explore.design_space import NO_LIMITS, Constraints, DesignSpace
from edgeint8.arch.explore.draws import DRAWS, Contest, contender, drawn_ratios
from edgeint8.arch.explore.explore import Exploration, explore
from edgeint8.arch.explore.need import NO_NEED, Need
from edgeint8.arch.explore.recommended import CANDIDATES, Recommendation, recommend
from edgeint8.arch.machine.constants import LEVELS, Level
from edgeint8.arch.network.layers import Layer
from edgeint8.arch.network.totals import batch_of_layers
from edgeint8.conventions import Row

RIVALS = 10
"""Designs smaller than the recommended one that compete in the draws: those of least figure."""


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
    counts = {level: CANDIDATES if level == "mid" else 1 for level in explorations}
    return {
        level: recommend(layers, found, dram_gb_per_s, counts[level], limits, need, RIVALS)
        for level, found in explorations.items()
    }


def band_rows(
    workload: str,
    layers: Sequence[Layer],
    explorations: Mapping[Level, Exploration],
    best: Mapping[Level, Recommendation | None],
    need: Need = NO_NEED,
) -> list[Row]:
    """Rows of ``band.csv``: the front, the ranking and the recommended design at each level.

    `share_of_mid` is how much of the mid front is on this one; `rank_correlation` Spearman's
    between the figures of the designs on both that are fast enough for the need (by the bound);
    `best_rank_mid` the place (from 1) of this level's recommended design among those ranked at mid,
    0 when it is not among them. `best` is that of `recommend_band`. `draws_won` and the columns
    after it let every constant vary by itself (`draws`).
    """
    mid, batch = explorations["mid"], batch_of_layers(layers)
    ranking = [] if best["mid"] is None else [d.hardware.id for d in best["mid"].designs]
    contest = contest_of(best, batch)
    figures = {level: _figures(found, need, batch) for level, found in explorations.items()}
    rows: list[Row] = []
    for level, exploration in explorations.items():
        shared = np.intersect1d(exploration.numbers, mid.numbers).size
        ranked = [number for number in figures[level] if number in figures["mid"]]
        found = best[level]
        name = "" if found is None else found.designs[0].hardware.id
        row: Row = {
            "workload": workload,
            "level": level,
            "front": len(exploration.numbers),
            "shared_with_mid": int(shared),
            "share_of_mid": shared / len(mid.numbers) if len(mid.numbers) else 0.0,
            "best_hardware": name,
            "best_rank_mid": ranking.index(name) + 1 if name in ranking else 0,
            "rank_correlation": rank_correlation(
                *(np.array([figures[at][n] for n in ranked], np.float64) for at in (level, "mid"))
            ),
            "objective": need.objective,
        }
        rows.append(row | _draw_columns(contest, name, level))
    return rows


def contest_of(best: Mapping[Level, Recommendation | None], batch: int = 1) -> Contest:
    """The designs ranked at mid, the recommended ones of the other levels, and the rivals of all.

    Each once, in the order of their numbers. Energy times delay competes at the bandwidth that is
    recommended at mid, which its rule settles first.
    """
    mid = best["mid"]
    if mid is None:
        return Contest(())
    found = [entry for entry in best.values() if entry is not None]
    designs = chain(mid.designs, *((entry.designs[0], *entry.rivals) for entry in found))
    bandwidth = mid.designs[0].hardware.bandwidth_bpc
    kept = {
        design.number: contender(design.costs, design.hardware, mid.need, batch)
        for design in designs
        if mid.need.objective != "edp" or design.hardware.bandwidth_bpc == bandwidth
    }
    return Contest(tuple(kept[number] for number in sorted(kept)), mid.need.near_percent)


def _draw_columns(contest: Contest, name: str, level: Level) -> Row:
    """Draws that a design wins; for mid's also what dethrones it, and who wins most of the rest."""
    names = [design.hardware.id for design in contest.contenders]
    row: Row = {"draws": 0, "draws_won": 0.0}
    row |= {"dethroned_by": "", "flip_constant": "", "flip_ratio": math.nan}
    row |= {"contenders": len(names), "challenger": "", "challenger_won": 0.0}
    if name not in names:
        return row
    place, shares = names.index(name), contest.shares(drawn_ratios())
    row |= {"draws": DRAWS, "draws_won": float(shares[place])}
    if level != "mid":
        return row
    flip = contest.first_flip(place)
    if flip is not None:
        row |= {"flip_constant": flip.constant, "flip_ratio": flip.ratio}
    shares[place] = 0
    if shares.any():
        second = int(shares.argmax())
        row |= {"challenger": names[second], "challenger_won": float(shares[second])}
    return row | {"dethroned_by": ", ".join(contest.dethroned_by(place))}


def rank_correlation(a: NDArray[np.float64], b: NDArray[np.float64]) -> float:
    """Spearman's, equal values ranked by their order; 1 where fewer than two can be ranked."""
    count = len(a)
    if count < 2:
        return 1.0
    ranks = [np.argsort(np.argsort(values, kind="stable"), kind="stable") for values in (a, b)]
    squares = int(((ranks[0] - ranks[1]) ** 2).sum())
    return 1 - 6 * squares / (count * (count**2 - 1))


def _figures(exploration: Exploration, need: Need, batch: int) -> dict[int, int]:
    """Figure of the need by number, of the designs that are fast enough by the bound."""
    longest = need.longest_cycles(exploration.space.clock_hz, batch)
    columns = zip(exploration.numbers, exploration.energy_fj, exploration.cycles, strict=True)
    return {
        int(number): need.figure(
            int(energy),
            int(cycles),
            exploration.space.hardware(int(number)),
            exploration.level,
            batch,
        )
        for number, energy, cycles in columns
        if longest is None or cycles <= longest
    }
