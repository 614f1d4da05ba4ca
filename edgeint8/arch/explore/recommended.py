"""Which design of a front is recommended (``best.csv``): first the bandwidth, then the design.

Bandwidth has no price among the objectives, so least energy times delay alone would always ask for
most of it. The rule, stated before any result:

1. Only a bandwidth that is to be had: finite, and at most `dram_gb_per_s`. Unlimited bandwidth
   stays on the front as the bound of what more of it could buy.
2. Of these the least one whose best design comes within `NEARLY` of the best energy times delay.
3. At that bandwidth least energy times delay, the delay that of a tile-by-tile schedule.
"""

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from itertools import groupby

from edgeint8.arch.cost.physical import dram_bytes_per_cycle
from edgeint8.arch.cost.schedule import scheduled_cycles
from edgeint8.arch.explore.explore import Exploration
from edgeint8.arch.explore.front import best_places, design_row
from edgeint8.arch.machine.hardware import Hardware
from edgeint8.arch.network.layers import Layer
from edgeint8.arch.network.totals import batch_of_layers, mac_count, per_image
from edgeint8.conventions import Row

NEARLY = 1.05
CANDIDATES = 40
"""Designs of each bandwidth that are scheduled: the best by the bound, which the schedule ranks
again."""


@dataclass(frozen=True)
class Candidate:
    """A design with its energy and the cycles of its tile-by-tile schedule."""

    number: int
    hardware: Hardware
    energy_fj: int
    cycles: int

    @property
    def product(self) -> int:
        """Energy times delay, in femtojoule cycles: one clock for all designs of a space."""
        return self.energy_fj * self.cycles


@dataclass(frozen=True)
class Recommendation:
    """Designs of the recommended bandwidth, best first, and the least products they compete with.

    `least_to_be_had` is over all bandwidths that are to be had, `least` over all of the space.
    """

    designs: tuple[Candidate, ...]
    least_to_be_had: int
    least: int


def recommend(
    layers: Sequence[Layer],
    exploration: Exploration,
    dram_gb_per_s: float | None = None,
    candidates: int = CANDIDATES,
) -> Recommendation | None:
    """The rule of this module; None for an empty front. 1 GB is 1e9 bytes, None is no limit.

    Nothing is recommended for a network of which part of the work is unknown or has no mapping.

    Where no bandwidth of the front is to be had, the least one stands in.
    """
    ranked = _ranked_by_bandwidth(layers, exploration, candidates)
    if not ranked or not mac_count(layers).complete:
        return None
    limit = math.inf if dram_gb_per_s is None else dram_gb_per_s
    had = [designs for designs in ranked if _had(designs[0].hardware, limit)] or ranked[:1]
    least = min(designs[0].product for designs in had)
    enough = next(designs for designs in had if designs[0].product <= NEARLY * least)
    return Recommendation(enough, least, min(designs[0].product for designs in ranked))


def gb_per_s(hardware: Hardware) -> float:
    """DRAM bandwidth of all ports, 1 GB = 1e9 bytes; infinite when unlimited."""
    return dram_bytes_per_cycle(hardware) * hardware.clock_hz / 1e9


def _had(hardware: Hardware, limit: float) -> bool:
    return hardware.bandwidth_bpc is not None and gb_per_s(hardware) <= limit


def _ranked_by_bandwidth(
    layers: Sequence[Layer], exploration: Exploration, count: int
) -> list[tuple[Candidate, ...]]:
    """Of every bandwidth, ascending, its `count` best by the bound, ranked by their schedules."""
    space = exploration.space
    stage = space.size // len(space.bandwidths_bpc)

    def bandwidth(place: int) -> int:
        return int(exploration.numbers[place]) // stage

    places = sorted(best_places(exploration, len(exploration.numbers)), key=bandwidth)  # stable
    ranked = []
    for _, group in groupby(places, key=bandwidth):
        found = []
        for place in list(group)[:count]:
            number = int(exploration.numbers[place])
            hardware = space.hardware(number)
            cycles = sum(scheduled_cycles(layers, hardware))
            found.append(Candidate(number, hardware, int(exploration.energy_fj[place]), cycles))
        ranked.append(tuple(sorted(found, key=lambda design: (design.product, design.number))))
    return ranked


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
        row = design_row(workload, layers, design.hardware)
        row |= {
            "schedule_cycles": per_image(design.cycles, batch),
            "rank": place + 1,
            "behind_to_be_had": design.product / found.least_to_be_had - 1,
            "behind_any": design.product / found.least - 1,
            "dram_gb_per_s": gb_per_s(design.hardware),
            "scalesim_cycles": per_image(simulated[place], batch),
            "scalesim_choice": place == choice,
            "constraints": constraint_text({**limits, "dram_gb_per_s": kept}),
        }
        rows.append(row)
    return rows


def constraint_text(limits: Mapping[str, float | None]) -> str:
    """``area_mm2 <= 2, fps >= 30``; only what is limited."""
    signs = {"fps": ">="}
    return ", ".join(
        f"{name} {signs.get(name, '<=')} {limit:g}"
        for name, limit in limits.items()
        if limit is not None
    )
