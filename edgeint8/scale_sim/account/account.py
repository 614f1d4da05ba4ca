"""``physics.csv``: SCALE-Sim minus the physical model, in named terms that add up exactly.

A term is the difference of two neighbouring rungs of a ladder of models in which one fault after
another is switched off. docs/cost_model_account.md explains every rung.
"""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import pairwise
from typing import Any

from edgeint8.arch.cost.physical import layer_cost
from edgeint8.arch.machine.hardware import Hardware
from edgeint8.arch.network.layers import Layer, array_layers
from edgeint8.scale_sim.account.account_bytes import byte_rungs
from edgeint8.scale_sim.account.account_cycles import cycle_rungs

PHYSICS = "physics"
QUANTITIES = (
    "total_cycles",
    "total_cycles_pipelined",
    "ifmap_dram_bytes",
    "filter_dram_bytes",
    "ofmap_dram_bytes",
)
"""``total_cycles_pipelined`` holds SCALE-Sim against the same array with pipelined folds."""


@dataclass(frozen=True)
class Account:
    """One quantity of a layer on a machine: ``scalesim == physics + sum of all terms``."""

    quantity: str
    scalesim: int
    physics: int
    terms: dict[str, int]


def layer_accounts(layer: Layer, hardware: Hardware) -> tuple[Account, ...]:
    """One account for each of `QUANTITIES`; all repeats of the layer.

    Raises `ModelError` for a layer that is not on the array.
    """
    cost = layer_cost(layer, hardware)
    pipelined = replace(hardware, pipelined_folds=True)
    moved = byte_rungs(layer, hardware, cost)
    serial_rungs = cycle_rungs(layer, hardware, moved)
    overlapped_rungs = cycle_rungs(layer, pipelined, moved)
    ladders: tuple[Sequence[tuple[str, int]], ...] = (
        serial_rungs,
        overlapped_rungs,
        *([(rung.term, rung.moved[port]) for rung in moved] for port in range(3)),
    )
    return tuple(
        account(quantity, ladder) for quantity, ladder in zip(QUANTITIES, ladders, strict=True)
    )


def account(quantity: str, ladder: Sequence[tuple[str, int]]) -> Account:
    """Terms of a ladder of (fault switched off, value), from SCALE-Sim down to physics.

    A fault that changes nothing has no term.
    """
    terms = {lower[0]: upper[1] - lower[1] for upper, lower in pairwise(ladder)}
    return Account(
        quantity,
        ladder[0][1],
        ladder[-1][1],
        {term: value for term, value in terms.items() if value},
    )


def account_rows(
    workload: str, layers: Iterable[Layer], hardware: Hardware
) -> Iterator[dict[str, Any]]:
    """Rows of ``physics.csv``: the physical value first, then the terms.

    The values of one (layer, hardware, quantity) add up to its `scalesim`.
    """
    for layer in array_layers(layers):
        for each in layer_accounts(layer, hardware):
            for term, value in {PHYSICS: each.physics, **each.terms}.items():
                yield {
                    "workload": workload,
                    "layer": layer.name,
                    "hardware": hardware.id,
                    "quantity": each.quantity,
                    "scalesim": each.scalesim,
                    "term": term,
                    "value": value,
                    "mode": hardware.mode,
                }
