"""One machine for several networks: by brute force over a small space, and by hand."""

import math
from dataclasses import replace

import numpy as np
import pytest
from test_explore import conv
from test_recommended import NETWORK, SPACE

from edgeint8.arch.cost.energy import area_mm2, idle_fj_per_cycle, network_energy_fj
from edgeint8.arch.cost.machine.cost import machine_costs
from edgeint8.arch.cost.physical import network_cost, total_cycles
from edgeint8.arch.explore.explore import explore
from edgeint8.arch.explore.need import NO_NEED, Need
from edgeint8.arch.explore.suite import (
    Member,
    SuiteRanking,
    explore_suite,
    recommend_suite,
    suite_rows,
    times_of,
)
from edgeint8.errors import ConfigError

OTHER = [conv("wide", 6, 3, 8, 24), conv("narrow", 6, 1, 24, 4)]
THIRD = [conv("deep", 5, 3, 16, 16)]


def suite(*needs: Need, weights=(2, 0.5, 1)) -> tuple[Member, ...]:
    networks = zip((NETWORK, OTHER, THIRD), weights, needs, strict=False)
    return tuple(Member(f"net{k}", *entry) for k, entry in enumerate(networks))


SUITES = {
    "slow": suite(Need(100), Need(1000), Need(10)),
    "fast": suite(Need(20_000), Need(80_000), Need(100)),
    "mixed": suite(Need(30_000), Need(deadline_ms=0.02), weights=(1, 3)),
    "impossible": suite(Need(100), Need(1e9)),
}


def figures(members, hardware, costs_of) -> tuple[int, list[int]] | None:
    """(sum of weighted figures, cycles of each), None where one network is too slow."""
    total, all_cycles = 0, []
    for member, times in zip(members, times_of(members), strict=True):
        costs = costs_of(member.layers, hardware)
        cycles = total_cycles(costs)
        figure = sum(network_energy_fj(costs, hardware).values())
        if member.need.rate is not None:
            period = math.floor(1e9 / member.need.rate)
            figure += (period - cycles) * idle_fj_per_cycle(hardware, "mid")
        else:
            period = 1e6 * member.need.deadline_ms
        if cycles > period:
            return None
        total, all_cycles = total + times * figure, [*all_cycles, cycles]
    return total, all_cycles


def on_the_machine(layers, hardware):
    return [layer.cost for layer in machine_costs(layers, hardware)]


@pytest.mark.parametrize("name", SUITES)
def test_the_front_of_a_suite_by_brute_force(name) -> None:
    """Every design that no other equals or beats in sums of cycles and energy, area, bandwidth."""
    members, found = SUITES[name], {}
    times = times_of(members)
    for number in range(SPACE.size):
        hardware = SPACE.hardware(number)
        if figures(members, hardware, network_cost) is None:
            continue
        costs = [network_cost(member.layers, hardware) for member in members]
        cycles = sum(n * total_cycles(c) for n, c in zip(times, costs, strict=True))
        energy = sum(
            n * sum(network_energy_fj(c, hardware).values())
            for n, c in zip(times, costs, strict=True)
        )
        band = math.inf if hardware.bandwidth_bpc is None else hardware.bandwidth_bpc
        found[number] = (cycles, energy, area_mm2(hardware), band)
    front = explore_suite(members, SPACE)
    assert front.feasible == len(found)
    points = np.array(list(found.values())).reshape(-1, 4)
    kept = {
        tuple(point)
        for point in points
        if not ((points <= point).all(axis=1) & (points < point).any(axis=1)).any()
    }
    columns = zip(front.numbers, front.cycles, front.energy_fj, front.area_mm2, strict=True)
    assert {found[int(number)] for number, *_ in columns} == kept
    for number, cycles, energy, *_ in zip(
        front.numbers, front.cycles, front.energy_fj, strict=True
    ):
        assert found[int(number)][:2] == (int(cycles), int(energy))


@pytest.mark.parametrize("name", SUITES)
def test_the_machine_of_a_suite_by_brute_force(name) -> None:
    members = SUITES[name]
    front = explore_suite(members, SPACE)
    designs = []
    for number in map(int, front.numbers):
        hardware = SPACE.hardware(number)
        seen = figures(members, hardware, on_the_machine)
        if seen is not None and hardware.bandwidth_bpc is not None:
            designs.append((area_mm2(hardware), hardware.bandwidth_bpc, seen[0], number))
    found = recommend_suite(members, front)
    if not designs:
        assert found is None
        return
    least = min(figure for _, _, figure, _ in designs)
    near = sorted(design for design in designs if 10 * design[2] <= 11 * least)
    assert found is not None and (found.figure, found.number) == near[0][2:]
    ranking = SuiteRanking(members, front)
    for _, _, figure, number in designs:
        assert ranking.least[list(front.numbers).index(number)] <= figure


def test_without_needs_energy_times_delay_adds_up() -> None:
    """The least bandwidth whose best sum of products is within 5 % of the best of all."""
    members = suite(NO_NEED, NO_NEED, weights=(1, 2))
    front, sums = explore_suite(members, SPACE), {}
    for number in map(int, front.numbers):
        hardware = SPACE.hardware(number)
        if hardware.bandwidth_bpc is None:
            continue
        total = 0
        for member in members:
            costs = on_the_machine(member.layers, hardware)
            energy = sum(network_energy_fj(costs, hardware).values())
            total += int(member.weight) * energy * total_cycles(costs)
        sums.setdefault(hardware.bandwidth_bpc, []).append((total, number))
    least = min(min(group) for group in sums.values())[0]
    enough = next(group for _, group in sorted(sums.items()) if min(group)[0] <= 1.05 * least)
    found = recommend_suite(members, front)
    assert found is not None and (found.figure, found.number) == min(enough)


def test_a_suite_of_one_network_is_that_network() -> None:
    need = Need(20_000)
    (row,) = suite_rows([Member("net", NETWORK, 7, need)], SPACE)
    assert row["own_hardware"] == row["hardware"] and row["own_area_mm2"] == row["area_mm2"]
    assert 1 <= row["regret"] <= 1.1
    alone = explore(NETWORK, SPACE)
    front = explore_suite([Member("net", NETWORK, 7)], SPACE)
    np.testing.assert_array_equal(front.numbers, alone.numbers)
    np.testing.assert_array_equal(front.energy_fj, alone.energy_fj)


def test_regret_is_energy_here_over_the_least_energy_alone() -> None:
    rows = suite_rows(SUITES["fast"], SPACE)
    assert [row["weight"] for row in rows] == [2, 0.5, 1]
    assert len({row["hardware"] for row in rows}) == 1
    assert all(row["regret"] >= 1 for row in rows)
    hurt = max(rows, key=lambda row: row["regret"])
    alone = next(m for m in SUITES["fast"] if m.name == hurt["workload"])
    (own,) = suite_rows([replace(alone, weight=1)], SPACE)
    least = own["period_energy_pj"] / own["regret"]
    assert hurt["regret"] == pytest.approx(hurt["period_energy_pj"] / least)
    assert suite_rows(SUITES["impossible"], SPACE) == []


def test_weights_become_whole_numbers_of_the_same_proportions() -> None:
    assert times_of(suite(NO_NEED, NO_NEED, NO_NEED)) == (4, 1, 2)
    assert times_of(suite(NO_NEED, NO_NEED, weights=(0.1, 0.3))) == (1, 3)
    with pytest.raises(ConfigError, match=r"weight 0 @ .*suite.net0; allowed: above 0"):
        times_of(suite(NO_NEED, weights=(0,)))
    with pytest.raises(ConfigError, match="no need is stated for net1"):
        times_of(suite(Need(1), NO_NEED))
    with pytest.raises(ConfigError, match="proportion 10000000:1"):
        times_of(suite(NO_NEED, NO_NEED, weights=(1, 1e-7)))
    with pytest.raises(ConfigError, match="no network"):
        times_of([])
