"""Designs of a front ranked by the machine that waits for tiles: branch and bound.

The sweep knows the bound, in which computing and moving overlap as a whole. Designs are walked in
the order of the least figure of the need (`need.py`) that the bound allows them; each gets the best
tile of every layer on the machine, from which its cycles, bytes and energy come, until the next one
could not be better with the bound's. docs/machine.md, equations 13 and 14.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property, lru_cache

from edgeint8.arch.cost.energy import network_energy_fj
from edgeint8.arch.cost.machine.cost import machine_cost
from edgeint8.arch.cost.machine.prices import Prices, prices_of
from edgeint8.arch.cost.physical import (
    DEFAULT,
    LayerCost,
    network_cost,
    network_layers,
    total_cycles,
)
from edgeint8.arch.explore.design_space import NO_LIMITS, Constraints
from edgeint8.arch.explore.explore import Exploration
from edgeint8.arch.explore.least import least_energies_fj
from edgeint8.arch.explore.need import NO_NEED, Need
from edgeint8.arch.explore.walk import Walk
from edgeint8.arch.machine.hardware import Hardware
from edgeint8.arch.network.layers import Layer
from edgeint8.arch.network.totals import batch_of_layers


@dataclass(frozen=True)
class Candidate:
    """A design with what each layer costs on the machine, and the energy of these costs.

    `figure` is what the need wants small, by default energy times delay.
    """

    number: int
    hardware: Hardware
    costs: tuple[LayerCost, ...]
    energy_fj: int
    figure: int

    @property
    def cycles(self) -> int:
        """Cycles of all layers, one after another."""
        return total_cycles(self.costs)

    def keeps(self, limits: Constraints, batch: int) -> bool:
        """Whether an inference's time, and power, are inside the limits. Equation 34."""
        seconds = self.cycles / self.hardware.clock_hz
        power_mw = self.energy_fj * 1e-12 / seconds
        most_mw = math.inf if limits.power_mw is None else limits.power_mw
        return seconds * 1e3 <= limits.longest_ms * batch and power_mw <= most_mw


@dataclass(frozen=True)
class Ranking(Walk[Candidate]):
    """The designs of a front on the machine, or by the bound alone (`machine` False).

    Designs whose machine breaks one of the `limits`, or is too slow for the need, are left out.
    """

    layers: Sequence[Layer]
    exploration: Exploration
    limits: Constraints = NO_LIMITS
    machine: bool = True
    need: Need = NO_NEED

    @cached_property
    def batch(self) -> int:
        """Inferences a run."""
        return batch_of_layers(self.layers)

    @cached_property
    def longest(self) -> float:
        """Cycles that a run may take for the need."""
        longest = self.need.longest_cycles(self.exploration.space.clock_hz, self.batch)
        return math.inf if longest is None else longest

    @property
    def near_percent(self) -> int:
        """How far above the least figure the smallest may lie."""
        return self.need.near_percent

    @cached_property
    def least_energy_fj(self) -> list[int]:
        """What no machine of a design falls below."""
        return least_energies_fj(self.layers, self.exploration)

    @cached_property
    def least(self) -> list[int]:
        """Figure of the need that no machine of a design falls below. Equation 13."""
        columns = zip(self.hardware, self.least_energy_fj, self.exploration.cycles, strict=True)
        return [self._figure(hardware, fj, int(cycles)) for hardware, fj, cycles in columns]

    def _figure(self, hardware: Hardware, energy_fj: int, cycles: int) -> int:
        return self.need.figure(energy_fj, cycles, hardware, self.exploration.level, self.batch)

    def run(self, place: int, limit: float) -> Candidate | None:
        """One design, None once the layers so far and the bound of the others pass `limit`."""
        hardware, exploration = self.hardware[place], self.exploration
        least_fj, cycles = self.least_energy_fj[place], int(exploration.cycles[place])
        if cycles > self.longest:
            return None
        costs, prices = [], prices_of(hardware) if self.machine else None
        for layer in network_layers(self.layers, DEFAULT):
            cost, bound_cycles = _layer_cost(layer, hardware, prices)
            costs.append(cost)
            cycles += cost.cycles - bound_cycles
            if cycles > self.longest or self._figure(hardware, least_fj, cycles) > limit:
                return None
        energy = sum(network_energy_fj(costs, hardware, exploration.level).values())
        number, figure = int(exploration.numbers[place]), self._figure(hardware, energy, cycles)
        design = Candidate(number, hardware, tuple(costs), energy, figure)
        return design if design.keeps(self.limits, self.batch) else None


@lru_cache(maxsize=1 << 16)
def _layer_cost(layer: Layer, hardware: Hardware, prices: Prices | None) -> tuple[LayerCost, int]:
    """The layer on the machine, and its bound; kept, for levels of energy share the designs.

    Without prices there is no machine: the bound alone.
    """
    if prices is None:
        (cost,) = network_cost([layer], hardware)
        return cost, cost.cycles
    found = machine_cost(layer, hardware, prices=prices)
    return found.cost, found.bound_cycles
