"""Branch and bound over the designs of a front: the best ones, and the smallest near the best.

Designs are walked in the order of a figure that no machine of theirs falls below, and run until the
next one could not be better. docs/machine.md, equation 14.
"""

import math
from abc import ABC, abstractmethod
from collections.abc import Iterable, Sequence
from functools import cached_property
from typing import Generic, Protocol, TypeVar

from edgeint8.arch.cost.energy import area_mm2
from edgeint8.arch.explore.explore import Exploration
from edgeint8.arch.explore.need import size_of
from edgeint8.arch.machine.hardware import Hardware


class Ran(Protocol):
    """A design that was run on the machine, and what of it is to be small."""

    @property
    def number(self) -> int:
        """Its number in the space."""

    @property
    def hardware(self) -> Hardware:
        """The machine."""

    @property
    def figure(self) -> int:
        """What is to be small."""


Design = TypeVar("Design", bound=Ran)


class Walk(ABC, Generic[Design]):
    """Branch and bound over the places of a front, whatever is run on its designs."""

    exploration: Exploration

    @property
    @abstractmethod
    def near_percent(self) -> int:
        """How far above the least figure the smallest may lie."""

    @property
    @abstractmethod
    def least(self) -> Sequence[int]:
        """Figure that no machine of a design falls below, by place."""

    @abstractmethod
    def run(self, place: int, limit: float) -> Design | None:
        """One design; None where it is too slow, out of limits, or its figure passes `limit`."""

    @cached_property
    def hardware(self) -> list[Hardware]:
        """The designs of the front, by place."""
        return [self.exploration.space.hardware(int(n)) for n in self.exploration.numbers]

    def best(
        self, places: Iterable[int], count: int, limit: float = math.inf
    ) -> tuple[Design, ...]:
        """The `count` of least figure, none above `limit`; best first. Equation 14."""
        found: list[Design] = []
        for place in sorted(places, key=lambda place: (self.least[place], place)):
            if self.least[place] > limit:
                break
            design = self.run(place, limit)
            if design is None or design.figure > limit:
                continue
            found = sorted([*found, design], key=lambda entry: (entry.figure, entry.number))
            if len(found) >= count:
                found = found[:count]
                limit = found[-1].figure
        return tuple(found)

    def smallest(self, places: Iterable[int], count: int) -> tuple[Design, ...]:
        """The `count` smallest near the least figure (`near_percent`). Equation 51.

        Of one area the least bandwidth comes first, then the least figure.
        """
        places = list(places)
        least = self.best(places, 1)
        if not least:
            return ()
        limit = least[0].figure * (100 + self.near_percent) // 100
        found: list[Design] = []
        areas = {place: area_mm2(self.hardware[place]) for place in places}
        for place in sorted(places, key=lambda place: (areas[place], place)):
            if len(found) >= count and areas[place] > area_mm2(found[-1].hardware):
                break
            design = self.run(place, limit) if self.least[place] <= limit else None
            if design is not None and design.figure <= limit:
                found.append(design)
        return tuple(sorted(found, key=by_size)[:count])


def by_size(design: Ran) -> tuple[float, float, int, int]:
    """The order of equation 51."""
    return *size_of(design.hardware), design.figure, design.number
