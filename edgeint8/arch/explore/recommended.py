"""Which design of a front is recommended (``best.csv``): first the bandwidth, then the design.

Bandwidth has no price among the objectives, so least energy times delay alone would always ask for
most of it. The rule, stated before any result:

1. Only a bandwidth that is to be had: finite, and at most `dram_gb_per_s`. Unlimited bandwidth
   stays on the front as the bound of what more of it could buy.
2. Of these the least one whose best design comes within `NEARLY` of the best energy times delay.
3. At that bandwidth least energy times delay, both those of the machine that waits for tiles.

That is the rule without a stated need. With one (`need.py`) idle time has its price, and bandwidth
decides only between equals: of all designs that are to be had and fast enough, those within
`NEAR_LEAST_PERCENT` per cent of the least energy, and of these the smallest.
"""

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import chain, groupby

from edgeint8.arch.cost.energy import idle_fj_per_cycle
from edgeint8.arch.cost.machine.search import TooManyTilesError
from edgeint8.arch.cost.physical import dram_bytes_per_cycle
from edgeint8.arch.explore.design_space import NO_LIMITS, Constraints
from edgeint8.arch.explore.explore import Exploration
from edgeint8.arch.explore.front import design_row
from edgeint8.arch.explore.need import NO_NEED, Need, size_of
from edgeint8.arch.explore.ranking import Candidate, Ranking
from edgeint8.arch.explore.walk import Design, Walk
from edgeint8.arch.machine.constants import Level
from edgeint8.arch.machine.hardware import Hardware
from edgeint8.arch.network.layers import Layer
from edgeint8.arch.network.totals import batch_of_layers, mac_count, per_image
from edgeint8.conventions import Row

NEARLY = 1.05
RIVALS_WITHIN = 1.25
"""How far above the least figure a smaller design may lie to be a rival: what comes near in some
draw of constants, without running all that are small."""
CANDIDATES = 40
"""Designs of the recommended bandwidth that are ranked; SCALE-Sim chooses among them."""


@dataclass(frozen=True)
class Recommendation:
    """The best designs, best first, and the least figures of the need that they compete with.

    Without a need all have the recommended bandwidth. `least_to_be_had` is over all bandwidths that
    are to be had, `least` over all of the space. `machine` is False where designs had to be ranked
    by the bound, `level` that of the constants. `rivals` would win if constants were others: the
    one of least figure, and of those smaller than the first the ones that come nearest to it.
    """

    designs: tuple[Candidate, ...]
    least_to_be_had: int
    least: int
    machine: bool = True
    need: Need = NO_NEED
    level: Level = "mid"
    rivals: tuple[Candidate, ...] = ()


def recommend(
    layers: Sequence[Layer],
    exploration: Exploration,
    dram_gb_per_s: float | None = None,
    candidates: int = CANDIDATES,
    limits: Constraints = NO_LIMITS,
    need: Need = NO_NEED,
    rivals: int = 0,
) -> Recommendation | None:
    """The rule of this module; None where nothing is feasible. 1 GB is 1e9 bytes, None no limit.

    With a need, `rivals` smaller designs of least figure are looked for.

    `limits` hold for the machine as well as for the bound that the front knows. Nothing is
    recommended for a network of which part of the work is unknown or has no mapping.

    Where no bandwidth of the front is to be had, the least one stands in. Where designs have no
    machine (a DRAM port for each operand, or too many tiles), all are ranked by the bound.
    """
    if not mac_count(layers).complete:
        return None
    ranking = Ranking(layers, exploration, limits, exploration.space.shared_bus, need)
    limit = math.inf if dram_gb_per_s is None else dram_gb_per_s
    try:
        return _recommend(ranking, limit, candidates, rivals)
    except TooManyTilesError:
        return _recommend(replace(ranking, machine=False), limit, candidates, rivals)


def _recommend(
    ranking: Ranking, gb_per_s_limit: float, candidates: int, rivals: int
) -> Recommendation | None:
    groups = _by_bandwidth(ranking.exploration)
    had = to_be_had(ranking, gb_per_s_limit)
    best = ranking.best(chain(*had), 1)
    if not best:
        return None
    (least_of_all,) = ranking.best(chain(*groups), 1)
    least = best[0].figure
    designs = ranked(ranking, had, least, candidates)
    kept = (ranking.machine, ranking.need, ranking.exploration.level)
    smaller = _smaller(ranking, list(chain(*had)), designs[0], rivals, least)
    return Recommendation(designs, least, least_of_all.figure, *kept, (*best, *smaller))


def ranked(
    ranking: Walk[Design], had: Sequence[Sequence[int]], least: int, candidates: int
) -> tuple[Design, ...]:
    """The best of the designs that are `had`, by bandwidth, by the rule of this module."""
    if ranking.near_percent:
        return ranking.smallest(chain(*had), candidates)
    nearly = NEARLY * least
    enough = next(group for group in had if ranking.best(group, 1, nearly))
    return ranking.best(enough, candidates)


def _smaller(
    ranking: Ranking, places: Sequence[int], first: Candidate, count: int, least: int
) -> tuple[Candidate, ...]:
    """The `count` of least figure among the designs smaller than the recommended one."""
    if ranking.need.objective == "edp" or not count:
        return ()
    size = size_of(first.hardware)
    smaller = [p for p in places if size_of(ranking.hardware[p]) < size]
    return ranking.best(smaller, count, RIVALS_WITHIN * least)


def gb_per_s(hardware: Hardware) -> float:
    """DRAM bandwidth of all ports, 1 GB = 1e9 bytes; infinite when unlimited."""
    return dram_bytes_per_cycle(hardware) * hardware.clock_hz / 1e9


def _had(hardware: Hardware, limit: float) -> bool:
    return hardware.bandwidth_bpc is not None and gb_per_s(hardware) <= limit


def to_be_had(ranking: Walk[Design], gb_per_s_limit: float) -> list[list[int]]:
    """Places of each bandwidth that is to be had, ascending; the least one where none is."""
    groups = _by_bandwidth(ranking.exploration)
    return [g for g in groups if _had(ranking.hardware[g[0]], gb_per_s_limit)] or groups[:1]


def _by_bandwidth(exploration: Exploration) -> list[list[int]]:
    """Places on the front of each bandwidth, ascending."""
    stage = exploration.space.size // len(exploration.space.bandwidths_bpc)

    def bandwidth(place: int) -> int:
        return int(exploration.numbers[place]) // stage

    places = sorted(range(len(exploration.numbers)), key=bandwidth)
    return [list(group) for _, group in groupby(places, key=bandwidth)]


def recommended_row(
    workload: str, layers: Sequence[Layer], found: Recommendation, place: int = 0
) -> Row:
    """One of the ranked designs: the columns of ``pareto.csv``, on the machine, and its cycles.

    All of an inference: a run of several images is divided.
    """
    design, batch = found.designs[place], batch_of_layers(layers)
    cycles = per_image(design.cycles, batch) if found.machine else math.nan
    row = design_row(workload, layers, design.hardware, design.costs)
    return row | {"machine_cycles": cycles}


def need_columns(design: Candidate, need: Need, level: Level, batch: int) -> Row:
    """The need, and what a design takes at its rate, an inference; nan without a rate."""
    picojoules = math.nan if need.rate is None else per_image(design.figure, batch) / 1e3
    idle = idle_fj_per_cycle(design.hardware, level) * design.hardware.clock_hz
    return {
        "objective": need.objective,
        "rate": math.nan if need.rate is None else need.rate,
        "deadline_ms": math.nan if need.deadline_ms is None else need.deadline_ms,
        "period_energy_pj": picojoules,
        "rate_power_mw": picojoules * 1e-9 * (need.rate or math.nan),
        "idle_power_mw": idle * 1e-12,
    }


def best_rows(
    workload: str,
    layers: Sequence[Layer],
    found: Recommendation | None,
    count: int,
    simulated_cycles: Callable[[Sequence[Layer], Hardware], int],
    limits: Mapping[str, float | None],
    dram_gb_per_s: float | None = None,
) -> list[Row]:
    """Rows of ``best.csv``: the recommended design, `count` in all, and what SCALE-Sim would say.

    SCALE-Sim alone knows cycles only: of the candidates it would take the one of fewest USER
    cycles (the exact replica's). That design has `scalesim_choice` and a row of its own when it
    is not among the first. `simulated_cycles` tells them; `limits` and `dram_gb_per_s` are the
    configuration's.
    """
    if found is None:
        return []
    exceeded = dram_gb_per_s is not None and gb_per_s(found.designs[0].hardware) > dram_gb_per_s
    kept, batch = None if exceeded else dram_gb_per_s, batch_of_layers(layers)
    simulated = [simulated_cycles(layers, design.hardware) for design in found.designs]
    choice = simulated.index(min(simulated))
    shown = list(range(min(count, len(found.designs))))
    rows: list[Row] = []
    for place in shown if choice in shown else [*shown, choice]:
        design = found.designs[place]
        row = recommended_row(workload, layers, found, place)
        row |= {
            "rank": place + 1,
            "behind_to_be_had": design.figure / found.least_to_be_had - 1,
            "behind_any": design.figure / found.least - 1,
            "dram_gb_per_s": gb_per_s(design.hardware),
            "scalesim_cycles": per_image(simulated[place], batch),
            "scalesim_choice": place == choice,
            "constraints": constraint_text({**limits, "dram_gb_per_s": kept}),
        }
        rows.append(row | need_columns(design, found.need, found.level, batch))
    return rows


def constraint_text(limits: Mapping[str, float | None]) -> str:
    """``area_mm2 <= 2, fps >= 30``; only what is limited."""
    signs = {"fps": ">="}
    return ", ".join(
        f"{name} {signs.get(name, '<=')} {limit:g}"
        for name, limit in limits.items()
        if limit is not None
    )
