"""What each strategy's datapath costs on a plain machine: the one number that ranks strategies.

Built is what the strategy's INT8 graph asks for: weights of its bits, sums as wide as any input can
need, its requantiser, and float32 units where nodes calculate in floating point. The machine is
`PLAIN_MACHINE` whatever the study maps networks onto: what is mapped depends on the recommendation,
so the recommendation must not depend on what it is mapped onto.
docs/physical_model.md, equations 65 and 66; docs/decisions/0022-ranked-by-price.md.
"""

import math
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import onnx

from edgeint8.arch.cost.energy import energy_fj, network_accesses
from edgeint8.arch.cost.physical import Options, network_cost
from edgeint8.arch.cost.tile_space import FP32
from edgeint8.arch.machine.constants import mac_area_um2, mac_fj
from edgeint8.arch.machine.hardware import Hardware, parse_hardware_id
from edgeint8.arch.machine.processing_element import clock_fj
from edgeint8.arch.network.fusion import fuse
from edgeint8.arch.network.inputs import read_layers
from edgeint8.arch.network.layers import Layer
from edgeint8.arch.network.totals import batch_of_layers
from edgeint8.codesign.codesign import strategy_path
from edgeint8.codesign.datapath import Datapath, datapath_cost, node_of
from edgeint8.conventions import PLAIN_MACHINE, Row
from edgeint8.quant.evidence.recommend import HardwareCost, float_arithmetic
from edgeint8.quant.learn.guarantee import sums_bits

NARROWEST_SUMS = 8


@dataclass(frozen=True)
class Bill:
    """Energy of one inference in pJ and area in mm2, at 45 nm and mid constants."""

    energy_pj: float
    area_mm2: float

    def relative_to(self, other: "Bill") -> float:
        """Geometric mean of both ratios: neither weighs more, and no unit does. Equation 66."""
        return math.sqrt(self.energy_pj / other.energy_pj * self.area_mm2 / other.area_mm2)


@dataclass(frozen=True)
class StrategyPrice:
    """A bill, its price relative to the plain datapath's, and what it is for."""

    price: float
    bill: Bill
    reasons: tuple[str, ...]

    def beside(self, counted: HardwareCost) -> HardwareCost:
        """This price in the place of points."""
        return replace(counted, price=self.price, reasons=self.reasons)

    @property
    def columns(self) -> Row:
        """Of ``recommendation.csv``."""
        return vars(self.bill) | {"priced_on": PLAIN_MACHINE}


def strategy_prices(
    network: str | Path,
    graphs: Mapping[str, str | Path],
    facts: Mapping[str, Mapping[str, Any]],
    spent: Iterable[Mapping[str, Any]] = (),
) -> dict[str, StrategyPrice]:
    """Prices by strategy, of those that have a graph and facts; `network` is the float file.

    spent: rows of ``bits.csv``. Raises `ModelError` for what cannot be sized and `HardwareError`
    where the plain machine does not hold a layer.
    """
    bits: dict[str, list[tuple[str, int]]] = {}
    for row in spent:
        bits.setdefault(row["strategy"], []).append((row["layer"], int(row["weight_bits"])))
    usable = [name for name in facts if name in graphs]
    if not usable:
        return {}
    plain = plain_bill(read_layers(network))
    prices = {}
    for name in usable:
        executable, layers = onnx.load(graphs[name]), read_layers(graphs[name])
        prices[name] = strategy_price(executable, layers, facts[name], plain, bits.get(name, ()))
    return prices


def plain_bill(layers: Sequence[Layer]) -> Bill:
    """Of eight-bit operands, 32-bit sums and no requantiser: the machine of ``energy.py``."""
    return _bill(fuse(layers), (), Datapath())


def strategy_price(
    executable: onnx.ModelProto,
    layers: Sequence[Layer],
    facts: Mapping[str, Any],
    plain: Bill,
    spent: Sequence[tuple[str, int]] = (),
) -> StrategyPrice:
    """The price of a static strategy by its `executable`, the `layers` of that and its `facts`.

    facts: of ``quantize.json``; spent: (node, bits) of layers on which a budget was spent.
    """
    sums = max(sums_bits(executable), NARROWEST_SUMS)
    path = replace(strategy_path(facts), accumulator_bits=sums, layer_bits=tuple(spent))
    bill = _bill(*_split(layers, float_arithmetic(executable, facts["float_nodes"])), path)
    reasons = (
        *(f"{facts['mean_weight_bits']:.3g}-bit weights", f"{sums}-bit sums"),
        *facts["hardware_cost_reasons"],
        *(f"{bill.energy_pj / 1e6:.3g} uJ", f"{bill.area_mm2:.3g} mm2"),
    )
    return StrategyPrice(bill.relative_to(plain), bill, reasons)


def _split(
    layers: Sequence[Layer], floating: Collection[str]
) -> tuple[tuple[Layer, ...], tuple[Layer, ...]]:
    """Layers on levels, fused, and those of these nodes, which no other layer takes in."""
    alone = [
        replace(layer, operator="other")
        if layer.shape is None and node_of(layer) in floating
        else layer
        for layer in layers
    ]
    fused = fuse(alone)
    return (
        tuple(layer for layer in fused if node_of(layer) not in floating),
        tuple(layer for layer in fused if node_of(layer) in floating),
    )


def _bill(levels: Sequence[Layer], floats: Sequence[Layer], path: Datapath) -> Bill:
    machine = parse_hardware_id(PLAIN_MACHINE)
    cost = datapath_cost(levels, machine, path)
    energy, area = cost.energy_pj["mid"], cost.area_mm2
    if floats:
        energy += _float_fj(floats, machine) / 1000
        area += machine.cols * mac_area_um2("mid", "fp32") / 1e6
    return Bill(energy / batch_of_layers((*levels, *floats)), area)


def _float_fj(layers: Sequence[Layer], machine: Hardware) -> int:
    """Layers on a float32 unit a column, while the array waits. Equation 65."""
    operations = sum(layer.macs or layer.ofmap_bytes for layer in layers)
    passed = [replace(layer, shape=None, reason="floating point") for layer in layers]
    costs = network_cost(passed, machine, Options(element_bytes=FP32))
    moved = sum(energy_fj(network_accesses(costs, machine), machine).values())
    _, idle = clock_fj(machine.dataflow, machine.pipelined_folds, "mid")
    waiting = -(-operations // machine.cols) * machine.processing_elements * idle
    return operations * mac_fj("mid", "fp32") + moved + waiting
