"""The numbers and names in docs/cost_model_account.md come from the code."""

import re
from pathlib import Path
from typing import cast

from edgeint8.arch.cost.physical import layer_cost
from edgeint8.arch.cost.systolic import map_layer
from edgeint8.arch.machine.hardware import uniform_hardware
from edgeint8.arch.network.layers import Layer, LayerShape
from edgeint8.dataflow import Dataflow
from edgeint8.report.findings.account_answers import TERMS
from edgeint8.scale_sim.account.account import QUANTITIES, Account, layer_accounts
from edgeint8.scale_sim.account.account_bytes import byte_rungs, demand_order
from edgeint8.scale_sim.account.account_cycles import cycle_rungs
from edgeint8.scale_sim.replica.replica import read_misses

DOCUMENT = (Path(__file__).parents[2] / "docs" / "cost_model_account.md").read_text("utf-8")
ROW = re.compile(r"\| (conv\d) (ws|os|is) \| (\d+) \| (.*) \|")
SIZES = {"conv2": (16, 32, 64), "conv3": (8, 64, 128)}


def conv(name: str) -> Layer:
    size, channels, filters = SIZES[name]
    shape = LayerShape.from_output((size, size), (3, 3), channels, filters)
    tensors = (size * size * channels, 9 * channels * filters, size * size * filters)
    return Layer(name, "conv", shape, 1, *tensors, "test")


def accounts(name: str, dataflow: str, kb: int) -> dict[str, Account]:
    machine = uniform_hardware(cast(Dataflow, dataflow), 16, 16, kb, 16)
    return dict(zip(QUANTITIES, layer_accounts(conv(name), machine), strict=True))


def test_the_table_is_recomputed() -> None:
    rows = ROW.findall(DOCUMENT)
    assert len(rows) == 12
    for name, dataflow, kb, cells in rows:
        account = accounts(name, dataflow, int(kb))["total_cycles"]
        terms = dict(account.terms)
        refetch = terms.pop("cyclic_refetch", 0)
        twice = terms.pop("double_counted_stalls", 0)
        drain = {"undrained_outputs"} if dataflow == "os" else set()
        assert set(terms) == {"off_by_one", "exposed_ends"} | drain
        expected = (account.scalesim, refetch, twice, sum(terms.values()), account.physics)
        assert cells == " | ".join(f"{value:,}" for value in expected)


def test_the_story_is_recomputed() -> None:
    misses = {}
    for kb in (64, 128, 256):
        machine = uniform_hardware("os", 16, 16, kb, 16)
        shape = conv("conv2").shape
        assert shape is not None
        in_order = demand_order(shape, machine, 16)[0].misses.total
        misses[kb] = read_misses(shape, machine).ifmap.total, in_order
    assert misses == {64: (9, 8), 128: (26, 4), 256: (0, 0)}
    machine, shape = uniform_hardware("ws", 16, 16, 128, 16), conv("conv2").shape
    assert shape is not None
    lines = map_layer(shape, machine).fold_lines
    cyclic = read_misses(shape, machine).ifmap.lines // lines
    assert cyclic.tolist() == [15, 18, 22, 23]
    direct = demand_order(shape, machine, 16)[0].misses.lines // lines
    assert direct.tolist() == [16, 32, 48, 64]
    for dataflow, name in (("os", "conv2"), ("ws", "conv2"), ("is", "conv3")):
        serial = accounts(name, dataflow, 256)["total_cycles_pipelined"].terms["serial_folds"]
        assert f"{serial:,} " in DOCUMENT.split("### Two machines")[1]


def test_the_order_is_that_of_the_ladders() -> None:
    layer, machine = conv("conv2"), uniform_hardware("ws", 16, 16, 32, 16)
    moved = byte_rungs(layer, machine, layer_cost(layer, machine))
    cycles = cycle_rungs(layer, machine, moved)
    order = DOCUMENT.split("## The order")[1].split("## The ladder")[0]
    told = [re.findall(r"`(\w+)`", part) for part in order.split("Cycles:")]
    assert told == [[rung.term for rung in moved[1:]], [rung.term for rung in cycles[1:]]]


def test_every_term_and_equation_is_explained() -> None:
    for term in TERMS:
        assert f"`{term}`" in DOCUMENT, term
    for number in range(1, 17):
        assert f"\n({number}) " in DOCUMENT
