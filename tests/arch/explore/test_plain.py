"""What a design saves against ws 16x16: nothing for itself, and by hand for another."""

import math
from dataclasses import replace

import pytest
from test_recommended import NETWORK, SPACE

from edgeint8.arch.cost.energy import area_mm2, idle_fj_per_cycle, network_energy_fj
from edgeint8.arch.cost.machine.cost import machine_costs
from edgeint8.arch.cost.physical import total_cycles
from edgeint8.arch.explore.design_space import DesignSpace
from edgeint8.arch.explore.explore import explore
from edgeint8.arch.explore.need import NO_NEED, Need
from edgeint8.arch.explore.recommended import best_rows, recommend
from edgeint8.arch.machine.hardware import parse_hardware_id
from edgeint8.arch.questions.plain import against_plain

ITSELF = DesignSpace(
    rows=(16,),
    cols=(16,),
    sram_kb=((64, 64, 64),),
    bandwidths_bpc=(4,),
    dataflows=("ws",),
    pipelined=(False,),
    balanced=False,
)
PLAIN = parse_hardware_id("ws_16x16_64kB_4Bpc")
OTHERS = replace(SPACE, bandwidths_bpc=(4,))


def plain_costs():
    return [found.cost for found in machine_costs(NETWORK, PLAIN)]


def first_row(space, need):
    found = recommend(NETWORK, explore(NETWORK, space), need=need)
    rows = best_rows("net", NETWORK, found, 1, lambda *_: 1, {})
    assert found is not None
    return found.designs[0], against_plain(rows, NETWORK, found)[0]


@pytest.mark.parametrize("need", [NO_NEED, Need(rate=100), Need(deadline_ms=5)], ids=str)
def test_the_plain_machine_saves_nothing_against_itself(need) -> None:
    design, row = first_row(ITSELF, need)
    assert design.hardware.rows == design.hardware.cols == 16
    assert row["figure_vs_plain"] == row["area_vs_plain"] == 1
    assert row["plain_hardware"].startswith("ws_16x16_64")


def test_energy_of_a_period_and_area_by_hand() -> None:
    need, period = Need(rate=1000), 10**9 // 1000
    design, row = first_row(OTHERS, need)
    costs = plain_costs()
    idle = idle_fj_per_cycle(PLAIN, "mid") * (period - total_cycles(costs))
    plain = sum(network_energy_fj(costs, PLAIN).values()) + idle
    assert design.hardware.processing_elements != 256
    assert row["figure_vs_plain"] == pytest.approx(design.figure / plain, rel=1e-12)
    assert row["area_vs_plain"] == pytest.approx(area_mm2(design.hardware) / area_mm2(PLAIN))


def test_a_plain_machine_that_is_too_slow_has_no_figure() -> None:
    slow = total_cycles(plain_costs())
    design, row = first_row(OTHERS, Need(deadline_ms=(slow - 1) / 1e6))
    assert design.cycles < slow
    assert math.isnan(row["figure_vs_plain"]) and not math.isnan(row["area_vs_plain"])


def test_without_a_recommendation_there_are_no_rows() -> None:
    assert against_plain([], NETWORK, None) == []
