"""How sure a recommendation is when every constant varies by itself.

Low, mid and high constants moved all together say little: an error of one constant is no reason
for an error of another. Here each is drawn alone from its own band, `DRAWS` times from a fixed
seed, and the designs compete in every draw by the rule that recommends them (`need.py`). And each
constant is moved alone until the winner loses. docs/physical_model.md, equations 46 and 47.
"""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from edgeint8.arch.cost.energy import energy_fj, network_accesses
from edgeint8.arch.cost.physical import LayerCost, total_cycles
from edgeint8.arch.explore.need import NO_NEED, Need, size_of
from edgeint8.arch.machine.constants import (
    DRAM_PER_BYTE,
    IDLE_CLOCK,
    INT8_MAC,
    REGISTER_BIT_CLOCK,
    REGISTER_BIT_DATA,
    SRAM_FACTOR,
    SRAM_LEAKAGE,
    Band,
    leakage_fj_per_cycle,
)
from edgeint8.arch.machine.hardware import Hardware
from edgeint8.arch.machine.processing_element import clock_fj

DRAWS = 1000
SEED = 0
VARIED: Mapping[str, Band] = {
    "INT8 MAC": INT8_MAC,
    "register data": REGISTER_BIT_DATA,
    "register clock": REGISTER_BIT_CLOCK,
    "idle clock": IDLE_CLOCK,
    "SRAM": SRAM_FACTOR,
    "SRAM leakage": SRAM_LEAKAGE,
    "DRAM": DRAM_PER_BYTE,
}
"""What is varied: the constants of an INT8 machine's energy. The exponent of the SRAM's port is not
among them, for it is in no figure as a factor."""
BUSY, IDLE = list(VARIED).index("register clock"), list(VARIED).index("idle clock")


@dataclass(frozen=True)
class Contender:
    """A design with its femtojoules at mid by constant, in the order of `VARIED`.

    Their sum times `weight` is the figure that the need wants small. What the idle share multiplies
    stands at its own place; the clock's constant multiplies it too.
    """

    hardware: Hardware
    weight: int
    parts_fj: tuple[float, ...]


@dataclass(frozen=True)
class Flip:
    """The constant that dethrones a design first: its name, and its ratio to mid there."""

    constant: str
    ratio: float


def contender(
    costs: Sequence[LayerCost], hardware: Hardware, need: Need = NO_NEED, batch: int = 1
) -> Contender:
    """A design whose layers cost that much, one after another: its figure (50) by constant."""
    accesses, cycles = network_accesses(costs, hardware), total_cycles(costs)
    parts = energy_fj(accesses, hardware)
    busy_fj, idle_fj = clock_fj(hardware.dataflow, hardware.pipelined_folds, "mid")
    busy = accesses.macs * busy_fj
    sram = parts["ifmap_sram"] + parts["filter_sram"] + parts["ofmap_sram"]
    idle, leakage = max(parts["clock"] - busy, 0), parts["sram_leakage"]
    if need.rate is not None:
        period = need.longest_cycles(hardware.clock_hz, batch)
        assert period is not None
        waits = period - cycles
        idle += hardware.processing_elements * idle_fj * waits
        leakage += leakage_fj_per_cycle(sum(hardware.sram_kb), hardware.clock_hz, "mid") * waits
    clock = (min(busy, parts["clock"]), idle)
    weight = cycles if need.objective == "edp" else 1
    memory = (sram, leakage, parts["dram"])
    return Contender(hardware, weight, (parts["mac"], parts["registers"], *clock, *memory))


def drawn_ratios(draws: int = DRAWS, seed: int = SEED) -> NDArray[np.float64]:
    """Ratios to mid, (draws, constants): half of the draws below mid, half above. Equation 46.

    Within either half the logarithm is uniform up to the end of the band.
    """
    rng = np.random.default_rng(seed)
    below, place = rng.random((2, draws, len(VARIED)))
    columns = []
    for column, band in enumerate(VARIED.values()):
        low, high = (_ratio(band, level) for level in ("low", "high"))
        end = np.where(below[:, column] < 0.5, math.log(low), math.log(high))
        columns.append(np.exp(end * place[:, column]))
    return np.stack(columns, axis=1)


@dataclass(frozen=True)
class Contest:
    """Designs that compete: the smallest within `near_percent` of the least figure wins.

    Within 0 per cent it is the least figure itself. Of one size (`size_of`) the least figure wins,
    then the first. Figures are linear in each constant.
    """

    contenders: tuple[Contender, ...]
    near_percent: int = 0

    @cached_property
    def sizes(self) -> NDArray[np.int64]:
        """Rank of each contender by size; equal ones share it."""
        sizes = [size_of(design.hardware) for design in self.contenders]
        ranks = {size: rank for rank, size in enumerate(sorted(set(sizes)))}
        return np.array([ranks[size] for size in sizes])

    def figures(self, ratios: NDArray[np.float64]) -> NDArray[np.float64]:
        """What is to be small, of every contender in every draw: (draws, contenders)."""
        factors = ratios.copy()
        factors[:, IDLE] *= ratios[:, BUSY]
        figures: NDArray[np.float64] = factors @ self._weighted().T
        return figures

    def winners(self, ratios: NDArray[np.float64]) -> NDArray[np.intp]:
        """Place of the contender that wins each draw."""
        figures = self.figures(ratios)
        near = 100 * figures <= (100 + self.near_percent) * figures.min(axis=1, keepdims=True)
        sizes = np.where(near, self.sizes, len(self.contenders))
        smallest = sizes == sizes.min(axis=1, keepdims=True)
        return np.where(smallest, figures, np.inf).argmin(axis=1)

    def shares(self, ratios: NDArray[np.float64]) -> NDArray[np.float64]:
        """Share of the draws that each contender wins."""
        return np.bincount(self.winners(ratios), minlength=len(self.contenders)) / len(ratios)

    def first_flip(self, place: int) -> Flip | None:
        """What dethrones the winner at mid, at `place`, soonest, moved alone. Equation 47.

        None where no ratio above 0 of any constant does it, for the share of idle elements' clock
        none that makes it more than one; and where the contender does not win at mid.
        """
        if self.winners(np.ones((1, len(VARIED))))[0] != place:
            return None
        found = [
            Flip(name, float(ratio))
            for column, name in enumerate(VARIED)
            for ratio in self._ends(place, column)
            if 0 < ratio <= (1 / IDLE_CLOCK.at("mid") if column == IDLE else math.inf)
        ]
        finite = [flip for flip in found if flip.ratio < math.inf]
        return min(finite, key=lambda flip: abs(math.log(flip.ratio)), default=None)

    def dethroned_by(self, place: int) -> list[str]:
        """Ends of bands, one constant at a time, at which another wins: ``DRAM low``, ..."""
        found = []
        for column, (name, band) in enumerate(VARIED.items()):
            for level in ("low", "high"):
                ratios = np.ones((1, len(VARIED)))
                ratios[0, column] = _ratio(band, level)
                if self.winners(ratios)[0] != place:
                    found.append(f"{name} {level}")
        return found

    def _ends(self, place: int, column: int) -> list[float]:
        """Ratios of one constant, all others at mid, where the winner at `place` may lose first.

        Being near the least figure is one inequality a rival, each linear in the ratio, so every
        contender is near on one interval. The winner loses where it leaves its own, where a smaller
        one enters its own, and where one of its size has less.
        """
        slopes = self._slopes()[:, column]
        rest = self.figures(np.ones((1, len(VARIED))))[0] - slopes
        near = (100 + self.near_percent) / 100
        low, high = _interval(
            rest[:, None] - near * rest[None], slopes[:, None] - near * slopes[None]
        )
        ends = [low[place], high[place]]
        for other in np.flatnonzero((self.sizes < self.sizes[place]) & (low <= high)):
            ends.append(low[other] if low[other] > 1 else high[other])
        for other in np.flatnonzero(self.sizes == self.sizes[place]):
            lead, change = rest[other] - rest[place], slopes[other] - slopes[place]
            if other != place and change:
                ends.append(-lead / change)
        return ends

    def _weighted(self) -> NDArray[np.float64]:
        """Parts of the figures at mid: (contenders, VARIED)."""
        return np.array(
            [np.multiply(design.parts_fj, float(design.weight)) for design in self.contenders]
        )

    def _slopes(self) -> NDArray[np.float64]:
        """Change of the figure with each ratio alone, all others at 1: (contenders, VARIED)."""
        parts = self._weighted()
        parts[:, BUSY] += parts[:, IDLE]
        return parts


def _interval(
    rest: NDArray[np.float64], slopes: NDArray[np.float64]
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Of each row the ratios from, to at which no ``rest + slope x ratio`` of it is above 0.

    From is above to where there are none.
    """
    with np.errstate(divide="ignore", invalid="ignore"):
        roots = -rest / slopes
    low = np.where(slopes < 0, roots, -np.inf).max(axis=1)
    high = np.where(slopes > 0, roots, np.inf).min(axis=1)
    never = ((slopes == 0) & (rest > 0)).any(axis=1)
    return np.where(never, np.inf, low), np.where(never, -np.inf, high)


def _ratio(band: Band, level: str) -> float:
    mid = band.at("mid")
    return band.at("low" if level == "low" else "high") / mid if mid else 1.0
