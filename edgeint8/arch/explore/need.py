"""What a network is needed for: so many inferences a second, or each within a time.

A need decides which figure of a design is to be small, and when a design is too slow. Without one
there is only energy times delay. docs/physical_model.md, equations 48 to 51.
"""

import math
from collections.abc import Mapping
from dataclasses import dataclass
from fractions import Fraction
from numbers import Real
from typing import Literal

from edgeint8.arch.cost.energy import area_mm2, idle_fj_per_cycle
from edgeint8.arch.machine.constants import Level
from edgeint8.arch.machine.hardware import Hardware
from edgeint8.conventions import NEAR_LEAST_PERCENT
from edgeint8.errors import ConfigError

Objective = Literal["rate", "deadline", "edp"]
SMALLEST, LARGEST = 1e-18, 1e18
"""Of a rate or deadline: far beyond what is built, and the figures of a period stay finite."""


@dataclass(frozen=True)
class Need:
    """What is asked of a design; without rate and deadline energy times delay is its figure.

    Parameters
    ----------
    rate
        Inferences a second, evenly spaced: the figure is femtojoules a period, idle included.
    deadline_ms
        Longest time of an inference: the figure is femtojoules of a run.
    """

    rate: float | None = None
    deadline_ms: float | None = None

    def __post_init__(self) -> None:
        if self.rate is not None and self.deadline_ms is not None:
            raise ConfigError("rate and deadline_ms", where="need", allowed="one of the two")
        for name in ("rate", "deadline_ms"):
            value = getattr(self, name)
            good = isinstance(value, Real) and not isinstance(value, bool)
            if value is not None and not (good and SMALLEST <= value <= LARGEST):
                allowed = f"a number above 0, from {SMALLEST:g} to {LARGEST:g}"
                raise ConfigError(f"{name} is {value}", where="need", allowed=allowed)

    @property
    def objective(self) -> Objective:
        """Whose figure decides."""
        if self.rate is not None:
            return "rate"
        return "edp" if self.deadline_ms is None else "deadline"

    @property
    def near_percent(self) -> int:
        """How far above the least figure the smallest design may lie. Equation 51."""
        return 0 if self.objective == "edp" else NEAR_LEAST_PERCENT

    def longest_cycles(self, clock_hz: float, batch: int = 1) -> int | None:
        """Whole cycles that a run of `batch` inferences may take; None: any. Equation 48."""
        cycles = batch * Fraction(clock_hz)  # exact: a run that just fits is not a cycle too slow
        if self.rate is not None:
            return math.floor(cycles / Fraction(str(self.rate)))
        if self.deadline_ms is not None:
            return math.floor(cycles * Fraction(str(self.deadline_ms)) / 1000)
        return None

    def figure(
        self, energy_fj: int, cycles: int, hardware: Hardware, level: Level, batch: int = 1
    ) -> int:
        """What is to be small of a run: fJ a period, fJ, or fJ cycles. Equations 49 and 50."""
        if self.rate is not None:
            period = self.longest_cycles(hardware.clock_hz, batch)
            assert period is not None
            return energy_fj + idle_fj_per_cycle(hardware, level) * (period - cycles)
        return energy_fj * (cycles if self.deadline_ms is None else 1)


NO_NEED = Need()


def size_of(hardware: Hardware) -> tuple[float, float]:
    """What makes a design small: its area in mm2, and of one area its bandwidth. Equation 51."""
    bandwidth = hardware.bandwidth_bpc
    return area_mm2(hardware), math.inf if bandwidth is None else bandwidth


def need_of(stated: Mapping[str, float | None], objective: Objective) -> Need:
    """What a workload `stated` (``rate``, ``deadline_ms``, neither) under an ``explore.objective``.

    `rate` takes what is stated, `deadline` reads a rate as the deadline of a whole period, `edp`
    ignores both.
    """
    rate, deadline_ms = stated.get("rate"), stated.get("deadline_ms")
    asked = Need(rate, deadline_ms)
    if objective == "edp":
        return NO_NEED
    if objective == "deadline" and rate is not None:
        return Need(deadline_ms=1e3 / rate)
    return asked
