"""One published figure beside ours, and the machines and networks that both are about."""

import math
import warnings
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Literal

from edgeint8.arch.cost.physical import LayerCost
from edgeint8.arch.machine.hardware import Hardware, load_preset
from edgeint8.arch.network.layers import Layer
from edgeint8.arch.network.topology import TopologyWarning, layers_from_topology
from edgeint8.data import HARDWARE, TOPOLOGIES

Kind = Literal["silicon", "foreign RTL", "synthesis", "model", "arithmetic"]
"""What the published figure comes from: a chip, another's RTL or synthesis, a model, a division."""


@dataclass(frozen=True)
class Check:
    """One published figure. `error` is ours over published, less one.

    `low` and `high` are ours at the ends of the constants' bands, nan where no constant enters.
    `predicted` figures are those that ours were committed before.
    """

    source: str
    quantity: str
    unit: str
    conditions: str
    published: float
    ours: float
    why: str
    kind: Kind = "model"
    low: float = math.nan
    high: float = math.nan
    predicted: bool = False

    @property
    def error(self) -> float:
        return self.ours / self.published - 1


def preset(name: str) -> Hardware:
    return load_preset(HARDWARE / f"{name}.yaml")


def network(name: str) -> tuple[Layer, ...]:
    """The rows beside this file; halves of groups and branches do not chain, as they should not."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", TopologyWarning)
        return layers_from_topology(TOPOLOGIES / f"{name}.csv")


def milliseconds(costs: Iterable[LayerCost], hardware: Hardware) -> float:
    return sum(cost.cycles for cost in costs) / hardware.clock_hz * 1e3
