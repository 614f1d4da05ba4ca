"""Pareto fronts of (cycles, energy, area), exact and with bounded memory.

All three are to be small. A point is dominated when another is nowhere worse and somewhere
better; of equal points the first offered stays.
"""

from dataclasses import dataclass, field

import numpy as np
from numba import njit
from numpy.typing import NDArray

Integers = NDArray[np.int64]
Reals = NDArray[np.float64]

_BINS_PER_OCTAVE_BITS = 5
_PENDING_LEAST = 16384


def front_indices(cycles: Integers, energy: Integers, area: Reals) -> Integers:
    """Indices of the non-dominated points, ascending.

    In the order of cycles, then energy, then area, a point is dominated exactly when an earlier
    one has no more energy and no more area.
    """
    rank = np.unique(energy, return_inverse=True)[1]  # energies may be Python's integers
    order = np.lexsort((area, rank, cycles))  # stable: of equal points the first stays first
    kept = _sweep(rank[order], area[order])
    return np.sort(order[kept])


@njit(cache=True)
def _sweep(rank: Integers, area: Reals) -> NDArray[np.bool_]:
    """Which points have no earlier one of at most their energy rank and area.

    `least[i]` holds the least area of a run of ranks that ends at i - 1 (a binary indexed tree).
    """
    kept = np.zeros(len(rank), dtype=np.bool_)
    least = np.full(len(rank) + 1, np.inf)
    for point in range(len(rank)):
        node, best = rank[point] + 1, np.inf
        while node > 0:
            best = min(best, least[node])
            node -= node & -node
        if best <= area[point]:
            continue
        kept[point] = True
        node = rank[point] + 1
        while node < len(least):
            least[node] = min(least[node], area[point])
            node += node & -node
    return kept


def logarithmic_bins(values: NDArray[np.generic]) -> NDArray[np.int32]:
    """32 bins an octave for positive values: the exponent and the first bits of a float32.

    Monotone: a smaller bin means a smaller value.
    """
    bits = values.astype(np.float32).view(np.int32)
    return bits >> np.int32(23 - _BINS_PER_OCTAVE_BITS)


def beyond(kind: np.dtype[np.generic]) -> int:
    """An energy above all others of this kind: int64, or Python's integers."""
    return 1 << 200 if kind.hasobject else int(np.iinfo(np.int64).max)


@dataclass
class RunningFront:
    """The front of everything offered so far.

    Most points fall at a coarse table: the least energy of the front among strictly smaller bins
    of cycles and area. Who passes waits until enough have gathered for the exact sweep.
    """

    cycles: Integers = field(default_factory=lambda: np.empty(0, np.int64))
    energy: Integers = field(default_factory=lambda: np.empty(0, np.int64))
    area: Reals = field(default_factory=lambda: np.empty(0, np.float64))
    ids: Integers = field(default_factory=lambda: np.empty(0, np.int64))
    _pending: list[tuple[Integers, Integers, Reals, Integers]] = field(default_factory=list)
    _pending_count: int = 0
    _table: Integers | None = None
    _origin: tuple[int, int] = (0, 0)

    def offer(
        self,
        cycles: NDArray[np.integer],
        energy: Integers,
        area: Reals,
        ids: Integers,
        area_bins: NDArray[np.int32] | None = None,
    ) -> None:
        """Add points; arrays of one shape. `area_bins` may be handed in when known."""
        if area_bins is None:
            area_bins = logarithmic_bins(area)
        never = beyond(energy.dtype)
        alive = energy < self._least_energy(logarithmic_bins(cycles), area_bins, never)
        count = int(np.count_nonzero(alive))
        if not count:
            return
        self._pending.append(
            (cycles[alive].astype(np.int64), energy[alive], area[alive], ids[alive])
        )
        self._pending_count += count
        if self._table is None or self._pending_count > _PENDING_LEAST + len(self.ids):
            self.settle()

    def settle(self) -> None:
        """Sweep what is pending into the front."""
        parts = [(self.cycles, self.energy, self.area, self.ids), *self._pending]
        columns = [np.concatenate(column) for column in zip(*parts, strict=True)]
        keep = front_indices(columns[0], columns[1], columns[2])
        self.cycles, self.energy, self.area, self.ids = (column[keep] for column in columns)
        self._pending, self._pending_count = [], 0
        self._rebuild()

    def _rebuild(self) -> None:
        if not len(self.cycles):
            return
        t, a = logarithmic_bins(self.cycles), logarithmic_bins(self.area)
        self._origin = (int(t.min()), int(a.min()))
        t, a = t - self._origin[0], a - self._origin[1]
        kind = self.energy.dtype
        table = np.full((int(t.max()) + 2, int(a.max()) + 2), beyond(kind), dtype=kind)
        np.minimum.at(table, (t + 1, a + 1), self.energy)  # + 1: strictly smaller bins only
        table = np.minimum.accumulate(np.minimum.accumulate(table, axis=0), axis=1)
        self._table = table

    def _least_energy(
        self, t: NDArray[np.int32], a: NDArray[np.int32], never: int
    ) -> Integers | int:
        if self._table is None:
            return never
        rows, cols = self._table.shape
        t = np.clip(t - np.int32(self._origin[0]), 0, rows - 1)
        a = np.clip(a - np.int32(self._origin[1]), 0, cols - 1)
        return self._table.ravel().take(t * np.int32(cols) + a)


@dataclass
class StagedFront:
    """A front with a fourth objective that only rises from stage to stage.

    A design is on the four-dimensional front exactly when it is on the running front of the
    other three at the end of its own stage: what comes later has more of the fourth and cannot
    dominate it.
    """

    running: RunningFront = field(default_factory=RunningFront)
    _winners: list[list[NDArray[np.generic]]] = field(default_factory=list)

    def close_stage(self, first_id: int) -> None:
        """Keep what the stage that began with `first_id` added to the front."""
        front = self.running
        front.settle()
        new = front.ids >= first_id
        self._winners.append([c[new] for c in (front.ids, front.cycles, front.energy, front.area)])

    def columns(self) -> tuple[Integers, Integers, Integers, Reals]:
        """(ids, cycles, energy, area) of the front of all closed stages."""
        ids, cycles, energy, area = (np.concatenate(c) for c in zip(*self._winners, strict=True))
        return ids, cycles, energy, area
