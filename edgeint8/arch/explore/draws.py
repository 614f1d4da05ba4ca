"""How sure a recommendation is when every constant varies by itself.

Low, mid and high constants moved all together say little: an error of one constant is no reason
for an error of another. Here each is drawn alone from its own band, `DRAWS` times from a fixed
seed, and the designs compete in every draw by energy times delay. And each constant is moved alone
until the winner loses. docs/physical_model.md, equations 46 and 47.
"""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from edgeint8.arch.cost.energy import energy_fj, network_accesses
from edgeint8.arch.cost.physical import LayerCost, total_cycles
from edgeint8.arch.machine.constants import (
    DRAM_PER_BYTE,
    IDLE_CLOCK,
    INT8_MAC,
    REGISTER_BIT_CLOCK,
    REGISTER_BIT_DATA,
    SRAM_FACTOR,
    Band,
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
    "DRAM": DRAM_PER_BYTE,
}
"""What is varied: the constants of an INT8 machine's energy."""
BUSY, IDLE = list(VARIED).index("register clock"), list(VARIED).index("idle clock")


@dataclass(frozen=True)
class Contender:
    """A design with its cycles and its femtojoules at mid by constant, in the order of `VARIED`.

    What the idle share multiplies stands at its own place; the clock's constant multiplies it too.
    """

    hardware: Hardware
    cycles: int
    parts_fj: tuple[float, ...]


@dataclass(frozen=True)
class Flip:
    """The constant that dethrones a design first: its name, and its ratio to mid there."""

    constant: str
    ratio: float


def contender(costs: Sequence[LayerCost], hardware: Hardware) -> Contender:
    """A design whose layers cost that much, one after another."""
    accesses, cycles = network_accesses(costs, hardware), total_cycles(costs)
    parts = energy_fj(accesses, hardware)
    busy = accesses.macs * clock_fj(hardware.dataflow, hardware.pipelined_folds, "mid")[0]
    sram = parts["ifmap_sram"] + parts["filter_sram"] + parts["ofmap_sram"]
    clock = (min(busy, parts["clock"]), max(parts["clock"] - busy, 0))
    return Contender(
        hardware, cycles, (parts["mac"], parts["registers"], *clock, sram, parts["dram"])
    )


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


def shares(contenders: Sequence[Contender], ratios: NDArray[np.float64]) -> NDArray[np.float64]:
    """Share of the draws that each contender wins; a tie goes to the first."""
    products = _products(contenders, ratios)
    wins = np.bincount(products.argmin(axis=1), minlength=len(contenders))
    return wins / len(ratios)


def first_flip(contenders: Sequence[Contender], place: int) -> Flip | None:
    """What dethrones the contender at `place` soonest, moved alone. Equation 47.

    Energy times delay is linear in each constant, so two designs meet at one ratio of it; the one
    nearest to 1, up or down, counts. None where no ratio above 0 of any constant does it, for the
    share of idle elements' clock none that makes it more than one.
    """
    found: list[Flip] = []
    ones = np.ones((1, len(VARIED)))
    slopes = _slopes(contenders)
    behind = (_products(contenders, ones)[0] - _products(contenders, ones)[0][place]).tolist()
    for column, name in enumerate(VARIED):
        for other, lead in enumerate(behind):
            change = slopes[place, column] - slopes[other, column]
            if other == place or change == 0:
                continue
            ratio = 1 + lead / change
            most = 1 / IDLE_CLOCK.at("mid") if column == IDLE else math.inf
            if 0 < ratio <= most:
                found.append(Flip(name, ratio))
    return min(found, key=lambda flip: abs(math.log(flip.ratio)), default=None)


def dethroned_by(contenders: Sequence[Contender], place: int) -> list[str]:
    """Ends of bands, one constant at a time, at which another contender wins: ``DRAM low``, ..."""
    found = []
    for column, (name, band) in enumerate(VARIED.items()):
        for level in ("low", "high"):
            ratios = np.ones((1, len(VARIED)))
            ratios[0, column] = _ratio(band, level)
            products = _products(contenders, ratios)[0]
            if products.min() < products[place]:
                found.append(f"{name} {level}")
    return found


def _ratio(band: Band, level: str) -> float:
    mid = band.at("mid")
    return band.at("low" if level == "low" else "high") / mid if mid else 1.0


def _products(contenders: Sequence[Contender], ratios: NDArray[np.float64]) -> NDArray[np.float64]:
    """Energy times delay of every contender in every draw, (draws, contenders)."""
    factors = ratios.copy()
    factors[:, IDLE] *= ratios[:, BUSY]
    parts = np.array([design.parts_fj for design in contenders], dtype=np.float64)
    cycles = np.array([design.cycles for design in contenders], dtype=np.float64)
    products: NDArray[np.float64] = factors @ parts.T * cycles
    return products


def _slopes(contenders: Sequence[Contender]) -> NDArray[np.float64]:
    """Change of energy times delay with each ratio alone, all others at 1: (contenders, VARIED)."""
    parts = np.array([design.parts_fj for design in contenders], dtype=np.float64)
    parts[:, BUSY] += parts[:, IDLE]
    cycles = np.array([design.cycles for design in contenders], dtype=np.float64)
    slopes: NDArray[np.float64] = parts * cycles[:, None]
    return slopes
