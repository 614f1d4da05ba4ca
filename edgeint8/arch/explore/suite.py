"""One machine for several networks: ``suite.csv``.

A suite is judged as one network is: what is to be small is the sum of its networks' figures, each
with its own need (`need.py`), times their weights; a design that is too slow for one of them is
out; of those near the least sum the smallest wins. docs/physical_model.md, equations 52 and 53.
"""

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from fractions import Fraction
from functools import cached_property

import numpy as np

from edgeint8.arch.cost.energy import area_mm2
from edgeint8.arch.cost.machine.search import TooManyTilesError
from edgeint8.arch.explore.design_space import NO_LIMITS, Constraints, DesignSpace
from edgeint8.arch.explore.explore import (
    Block,
    Exploration,
    explore,
    network_blocks,
    only,
    sweep,
    within,
)
from edgeint8.arch.explore.front import design_row
from edgeint8.arch.explore.least import least_cycles
from edgeint8.arch.explore.need import NO_NEED, Need
from edgeint8.arch.explore.network_tables import WIDE_MACS, Network
from edgeint8.arch.explore.pareto import beyond
from edgeint8.arch.explore.ranking import Candidate, Ranking
from edgeint8.arch.explore.recommended import (
    need_columns,
    ranked,
    recommend,
    to_be_had,
)
from edgeint8.arch.explore.walk import Walk
from edgeint8.arch.machine.hardware import Hardware
from edgeint8.arch.network.layers import Layer
from edgeint8.arch.network.totals import batch_of_layers, mac_count, per_image
from edgeint8.conventions import Row
from edgeint8.errors import ConfigError

WHERE = "$.explore.suite"
MOST_TIMES = 10**6
"""Largest whole number that weights may come to when they are made whole in proportion."""


@dataclass(frozen=True)
class Member:
    """A network of a suite, what is asked of it, and how much it counts."""

    name: str
    layers: Sequence[Layer]
    weight: float = 1
    need: Need = NO_NEED


@dataclass(frozen=True)
class SuiteCandidate:
    """A design with each network on the machine; `figure` is their weighted sum.

    `machine` is False where designs had to be ranked by the bound.
    """

    number: int
    hardware: Hardware
    members: tuple[Candidate, ...]
    figure: int
    machine: bool


def times_of(members: Sequence[Member]) -> tuple[int, ...]:
    """The weights as whole numbers of the same proportions, so that sums stay exact.

    Raises `ConfigError` for a weight that is no positive number, for proportions finer than a
    millionth, and where only some of the networks state a need: energy and energy times delay do
    not add up.
    """
    if not members:
        raise ConfigError("no network", where=WHERE, allowed="one or more")
    for member in members:
        if not 0 < member.weight < math.inf:
            raise ConfigError(
                f"weight {member.weight!r}", where=f"{WHERE}.{member.name}", allowed="above 0"
            )
    silent = [member.name for member in members if member.need.objective == "edp"]
    if silent and len(silent) < len(members):
        raise ConfigError(
            f"no need is stated for {', '.join(silent)}",
            where=WHERE,
            allowed="rate or deadline_ms of every network, of none, or objective: edp",
        )
    weights = [Fraction(str(member.weight)) for member in members]
    whole = math.lcm(*(weight.denominator for weight in weights))
    times = [int(weight * whole) for weight in weights]
    times = [count // math.gcd(*times) for count in times]
    if max(times) > MOST_TIMES:
        raise ConfigError(
            f"weights in the proportion {':'.join(map(str, times))}",
            where=WHERE,
            allowed=f"whole numbers up to {MOST_TIMES:,}",
        )
    return tuple(times)


def explore_suite(
    members: Sequence[Member], space: DesignSpace, limits: Constraints = NO_LIMITS
) -> Exploration:
    """The front of the weighted sums of cycles and energy, and of area and bandwidth. Equation 52.

    Only designs that hold every network, are fast enough for its need, and keep to the limits.
    """
    networks = [Network(member.layers, space) for member in members]
    times = times_of(members)
    work = sum(n * network.macs for n, network in zip(times, networks, strict=True))
    never = beyond(np.dtype(object if work >= WIDE_MACS else np.int64))

    def blocks(bandwidth_bpc: int | None, number: int) -> Iterator[Block]:
        each = (network_blocks(network, bandwidth_bpc, number, "mid") for network in networks)
        for together in zip(*each, strict=True):
            yield _sum(together, members, times, networks, limits, never)

    return sweep(space, "mid", blocks, never, sum(network.layer_count for network in networks))


def _sum(
    blocks: Sequence[Block],
    members: Sequence[Member],
    times: Sequence[int],
    networks: Sequence[Network],
    limits: Constraints,
    never: int,
) -> Block:
    """The same designs with every network: sums of cycles and energy where all are fast enough."""
    kind = np.int64 if never == beyond(np.dtype(np.int64)) else object
    first = blocks[0]
    allowed = np.ones(first.cycles.shape, np.bool_)
    cycles = np.zeros(first.cycles.shape, np.int64)
    energy = np.zeros(first.cycles.shape, kind)
    for block, member, count, network in zip(blocks, members, times, networks, strict=True):
        clock_hz, batch = network.space.clock_hz, batch_of_layers(member.layers)
        longest = member.need.longest_cycles(clock_hz, batch)
        kept = within(limits, clock_hz, block, batch)
        there = block.energy_fj != network.never
        there &= True if longest is None else block.cycles <= longest
        there &= True if kept is None else kept
        allowed &= there
        cycles += block.cycles.astype(np.int64) * count
        energy = energy + np.where(there, block.energy_fj, 0).astype(kind) * count
    return only(replace(first, cycles=cycles, energy_fj=energy), allowed, never)


@dataclass(frozen=True)
class SuiteRanking(Walk[SuiteCandidate]):
    """The designs of a suite's front on the machine, every network on each. Equation 53."""

    members: Sequence[Member]
    exploration: Exploration
    limits: Constraints = NO_LIMITS
    machine: bool = True

    @property
    def near_percent(self) -> int:
        """How far above the least sum the smallest may lie."""
        return self.members[0].need.near_percent

    @cached_property
    def times(self) -> tuple[int, ...]:
        """How often each network counts."""
        return times_of(self.members)

    @cached_property
    def rankings(self) -> tuple[Ranking, ...]:
        """The same designs for each network alone."""
        rankings = []
        for member in self.members:
            numbers, space = self.exploration.numbers, self.exploration.space
            alone = replace(self.exploration, cycles=least_cycles(member.layers, space, numbers))
            rankings.append(Ranking(member.layers, alone, self.limits, self.machine, member.need))
        return tuple(rankings)

    @cached_property
    def least(self) -> list[int]:
        """Sum that no machine of a design falls below."""
        each = zip(*(ranking.least for ranking in self.rankings), strict=True)
        return [sum(map(int.__mul__, self.times, figures)) for figures in each]

    def run(self, place: int, limit: float) -> SuiteCandidate | None:
        """One design, None once the networks so far and the bound of the others pass `limit`."""
        figure, members = self.least[place], []
        for ranking, count in zip(self.rankings, self.times, strict=True):
            others = figure - count * ranking.least[place]
            room = limit if limit == math.inf else (limit - others) // count
            found = ranking.run(place, room)
            if found is None:
                return None
            members.append(found)
            figure = others + count * found.figure
        number = int(self.exploration.numbers[place])
        return SuiteCandidate(number, self.hardware[place], tuple(members), figure, self.machine)


def recommend_suite(
    members: Sequence[Member],
    exploration: Exploration,
    dram_gb_per_s: float | None = None,
    limits: Constraints = NO_LIMITS,
) -> SuiteCandidate | None:
    """The machine for all networks; None where none is fast enough for all, or work is unknown."""
    if not all(mac_count(member.layers).complete for member in members):
        return None
    ranking = SuiteRanking(members, exploration, limits, exploration.space.shared_bus)
    limit = math.inf if dram_gb_per_s is None else dram_gb_per_s
    try:
        return _recommended(ranking, limit)
    except TooManyTilesError:
        return _recommended(replace(ranking, machine=False), limit)


def _recommended(ranking: SuiteRanking, limit: float) -> SuiteCandidate | None:
    had = to_be_had(ranking, limit)
    best = ranking.best([place for group in had for place in group], 1)
    return ranked(ranking, had, best[0].figure, 1)[0] if best else None


def suite_rows(
    members: Sequence[Member],
    space: DesignSpace,
    dram_gb_per_s: float | None = None,
    limits: Constraints = NO_LIMITS,
) -> list[Row]:
    """Rows of ``suite.csv``: each network on the suite's machine and what it loses there.

    `regret` is the network's figure there over the least of all designs to be had for it alone,
    `own_hardware` what is recommended for it alone. Empty where no machine is fast enough for all.
    """
    found = recommend_suite(members, explore_suite(members, space, limits), dram_gb_per_s, limits)
    if found is None:
        return []
    rows = []
    for member, design in zip(members, found.members, strict=True):
        alone = explore(member.layers, space, limits)
        own = recommend(member.layers, alone, dram_gb_per_s, 1, limits, member.need)
        batch = batch_of_layers(member.layers)
        if own is None:  # no design of its own front is fast enough on the machine
            there: Row = {"regret": math.nan, "own_hardware": "", "own_area_mm2": math.nan}
        else:
            best = own.designs[0].hardware
            there = {"regret": design.figure / own.least_to_be_had}
            there |= {"own_hardware": best.id, "own_area_mm2": area_mm2(best)}
        row = design_row(member.name, member.layers, design.hardware, design.costs)
        row["machine_cycles"] = per_image(design.cycles, batch) if found.machine else math.nan
        need = need_columns(design, member.need, "mid", batch)
        rows.append(row | {"weight": member.weight} | there | need)
    return rows
