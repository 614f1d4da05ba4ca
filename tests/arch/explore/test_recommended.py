"""The recommended design by brute force, what survives the energy band, and SCALE-Sim's word."""

import math
from dataclasses import replace
from functools import cache

import numpy as np
import pytest
from scipy.stats import spearmanr
from test_explore import conv

from edgeint8.arch.cost.energy import network_energy_fj, sram_prices_fj
from edgeint8.arch.cost.machine import search
from edgeint8.arch.cost.machine.cost import machine_costs
from edgeint8.arch.cost.physical import network_cost, total_cycles, total_dram_bytes
from edgeint8.arch.explore.design_space import Constraints, DesignSpace, design_space
from edgeint8.arch.explore.design_tables import whole_tile
from edgeint8.arch.explore.energy_band import (
    band_rows,
    explore_band,
    rank_correlation,
    recommend_band,
)
from edgeint8.arch.explore.explore import explore
from edgeint8.arch.explore.least import least_cycles, least_energies_fj
from edgeint8.arch.explore.ranking import Ranking
from edgeint8.arch.explore.recommended import (
    NEARLY,
    best_rows,
    constraint_text,
    gb_per_s,
    recommend,
)
from edgeint8.arch.machine.constants import LEVELS
from edgeint8.arch.machine.hardware import Hardware
from edgeint8.arch.network.layers import Layer
from edgeint8.scale_sim.dse import replica_cycles, replica_total
from edgeint8.scale_sim.front_check import MOST_DESIGNS, QUANTITY, best_by_criterion, witness_rows
from edgeint8.scale_sim.simulator import cache as simulator_cache
from edgeint8.scale_sim.simulator.adapter import SimulationResult

NETWORK = [
    conv("one", 10, 3, 3, 8),
    conv("two", 5, 3, 8, 12),
    conv("again", 5, 3, 8, 12),
    Layer("pool", "pool", None, 1, 300, 0, 75, "test", "a pool has no MACs"),
    conv("depthwise", 5, 3, 1, 1, repeats=12),
    conv("fc", 1, 1, 300, 10),
]
SPACE = DesignSpace(
    rows=(3, 4, 8, 17),
    cols=(4, 5, 16),
    sram_kb=((2, 2, 4), (8, 8, 8)),
    bandwidths_bpc=(1, 3, None),
    balanced=False,
)
SPLITS = replace(SPACE, rows=(3, 8), cols=(4, 16), sram_kb=((16, 2, 4), (2, 4, 16), (8, 8, 8)))
EVERYTHING = 10_000  # candidates: more than the front has


@cache
def machine_products(level="mid", space=SPACE) -> dict[int, int]:
    """Energy times delay of every design of the front on the machine, by its number."""
    found = {}
    for number in map(int, explore(NETWORK, space, level=level).numbers):
        hardware = space.hardware(number)
        costs = [layer.cost for layer in machine_costs(NETWORK, hardware)]
        energy = sum(network_energy_fj(costs, hardware, level).values())
        found[number] = energy * total_cycles(costs)
    return found


def brute_choice(limit, level="mid", space=SPACE) -> tuple[int, list[int]]:
    """(bandwidth, products at it) that the stated rule names, one design at a time."""
    by_bandwidth: dict[int, list[int]] = {}
    for number, product in machine_products(level, space).items():
        bandwidth = space.hardware(number).bandwidth_bpc
        if bandwidth is not None and 3 * bandwidth * space.clock_hz / 1e9 <= limit:
            by_bandwidth.setdefault(bandwidth, []).append(product)
    least = min(map(min, by_bandwidth.values()))
    bandwidth = min(b for b, found in by_bandwidth.items() if min(found) <= NEARLY * least)
    return bandwidth, sorted(by_bandwidth[bandwidth])


@pytest.mark.parametrize("level", ["low", "mid", "high"])
@pytest.mark.parametrize("limit", [3.0, 9.0, math.inf])
def test_the_recommended_design_by_brute_force(level, limit) -> None:
    found = recommend(NETWORK, explore(NETWORK, SPACE, level=level), limit, EVERYTHING)
    assert found is not None
    bandwidth, expected = brute_choice(limit, level)
    assert {design.hardware.bandwidth_bpc for design in found.designs} == {bandwidth}
    assert [design.figure for design in found.designs] == expected
    assert found.least == min(machine_products(level).values())
    for design in found.designs:
        costs = [layer.cost for layer in machine_costs(NETWORK, design.hardware)]
        assert list(design.costs) == costs and design.cycles == total_cycles(costs)


@pytest.mark.parametrize("space", [SPACE, SPLITS])
@pytest.mark.parametrize("level", ["low", "high"])
def test_no_machine_beats_what_the_search_stops_at(level, space) -> None:
    """Neither in cycles nor in energy, buffers of different prices included."""
    exploration = explore(NETWORK, space, level=level)
    ranking = Ranking(NETWORK, exploration)
    products = machine_products(level, space)
    for place, number in enumerate(map(int, exploration.numbers)):
        hardware = space.hardware(number)
        costs = [layer.cost for layer in machine_costs(NETWORK, hardware)]
        energy = sum(network_energy_fj(costs, hardware, level).values())
        assert exploration.cycles[place] <= total_cycles(costs)
        assert ranking.least_energy_fj[place] <= energy
        assert ranking.least[place] <= products[number]


@pytest.mark.parametrize("space", [SPACE, SPLITS])
def test_the_least_of_all_designs_is_that_of_each(space) -> None:
    """One machine at a time, by the full model: the bound's costs with each layer as one tile.

    Less what is saved where all that fills the SRAMs for the array fills the cheapest of them.
    """
    exploration = explore(NETWORK, space, level="high")
    least = least_energies_fj(NETWORK, exploration)
    cycles = least_cycles(NETWORK, space, exploration.numbers)
    np.testing.assert_array_equal(cycles, exploration.cycles)
    for value, number in zip(least, map(int, exploration.numbers), strict=True):
        hardware = space.hardware(number)
        costs = network_cost(NETWORK, hardware)
        uncut = [
            cost if cost.tile is None else replace(cost, tile=whole_tile(cost.layer))
            for cost in costs
        ]
        energy = sum(network_energy_fj(uncut, hardware, "high").values())
        prices = sram_prices_fj(hardware, "high")
        fills = [
            (cost.ifmap_bytes, cost.filter_bytes, cost.psum_bytes) for cost in costs if cost.tile
        ]
        saved = sum(
            fill * (price - min(prices))
            for layer in fills
            for fill, price in zip(layer, prices, strict=True)
        )
        assert value == energy - saved


def test_prices_of_a_byte_differ_by_level() -> None:
    """The bound above is about prices that differ; equal ones would hide a fault in it."""
    for level in LEVELS:
        assert len(set(sram_prices_fj(Hardware("ws", 4, 16, 8, 8, 8, name="x"), level))) == 3


@pytest.mark.parametrize("operand", ["ifmap_bytes", "filter_bytes", "psum_bytes"])
def test_as_many_bytes_through_a_cheaper_buffer_stay_above_the_least_energy(operand) -> None:
    """A tile may move the bound's bytes, but more of them as inputs and fewer as weights.

    Outputs leave once, whatever the tile.
    """
    hardware = Hardware("ws", 8, 8, 256, 4, 16, 2, name="splits")
    bound = network_cost(NETWORK, hardware)
    space = DesignSpace((8,), (8,), ((256, 4, 16),), (2,), ("ws",), (False,), balanced=False)
    (least,) = least_energies_fj(NETWORK, explore(NETWORK, space))
    nothing = dict.fromkeys(("ifmap_bytes", "filter_bytes", "psum_bytes"), 0)
    moved = [
        replace(cost, **nothing | {operand: cost.dram_bytes - cost.ofmap_bytes})
        if cost.tile
        else cost
        for cost in bound
    ]
    assert total_dram_bytes(moved) == total_dram_bytes(bound)
    assert sum(network_energy_fj(moved, hardware).values()) >= least > 0


@pytest.mark.parametrize("space", [SPACE, SPLITS])
@pytest.mark.parametrize(
    ("count", "limit"), [(1, math.inf), (2, math.inf), (6, math.inf), (7, 1.2), (2, 0.9)]
)
def test_branch_and_bound_is_brute_force_over_the_front(space, count, limit) -> None:
    """The first few of all designs, none above the limit."""
    exploration = explore(NETWORK, space)
    products = sorted((product, n) for n, product in machine_products(space=space).items())
    most = limit * products[0][0]
    expected = [(product, n) for product, n in products if product <= most][:count]
    ranking = Ranking(NETWORK, exploration)
    found = ranking.best(range(len(exploration.numbers)), count, most)
    assert [(design.figure, design.number) for design in found] == expected


def test_no_design_is_run_that_the_bound_rules_out(monkeypatch) -> None:
    exploration = explore(NETWORK, SPACE)
    ranking, run, walked = Ranking(NETWORK, exploration), Ranking.run, []

    def counted(self, place, limit):
        walked.append(place)
        return run(self, place, limit)

    monkeypatch.setattr(Ranking, "run", counted)
    (best,) = ranking.best(range(len(exploration.numbers)), 1)
    ruled_out = sum(least > best.figure for least in ranking.least)
    assert len(walked) == len(ranking.least) - ruled_out < len(ranking.least) / 2


def test_a_design_that_breaks_a_limit_on_the_machine_is_left_out() -> None:
    """The bound keeps to the limit, the machine does not."""
    exploration = explore(NETWORK, SPACE)
    fastest, *_ = sorted(
        sum(layer.cycles for layer in machine_costs(NETWORK, SPACE.hardware(int(n))))
        for n in exploration.numbers
    )
    bound = int(exploration.cycles.min())
    assert bound < fastest
    between = Constraints(latency_ms=(fastest - 1) / SPACE.clock_hz * 1e3)
    kept = explore(NETWORK, SPACE, between)
    assert len(kept.numbers) and recommend(NETWORK, kept, limits=between) is None
    reached = Constraints(latency_ms=fastest / SPACE.clock_hz * 1e3)
    found = recommend(NETWORK, explore(NETWORK, SPACE, reached), None, 3, reached)
    assert found is None or all(design.cycles <= fastest for design in found.designs)


def test_designs_without_a_machine_are_ranked_by_the_bound(monkeypatch) -> None:
    """A DRAM port for each operand, or too many tiles: no cycles of a machine are claimed."""

    def by_the_bound(space: DesignSpace) -> None:
        exploration = explore(NETWORK, space)
        found = recommend(NETWORK, exploration, None, 2)
        assert found is not None and not found.machine
        for row in best_rows("net", NETWORK, found, 2, replica_total, {}):
            assert math.isnan(row["machine_cycles"])
        place = list(exploration.numbers).index(found.designs[0].number)
        product = int(exploration.energy_fj[place]) * int(exploration.cycles[place])
        assert found.designs[0].figure == product

    by_the_bound(replace(SPACE, shared_bus=False))
    monkeypatch.setattr(search, "MOST_TILES", 0)
    monkeypatch.setattr(search, "LARGEST_PROGRAM", 0)
    by_the_bound(replace(SPACE, clock_hz=5e8, rows=(4, 9), cols=(5, 7)))


def test_less_bandwidth_is_recommended_where_more_wins_little() -> None:
    """Of wide bandwidths several come within 5 %; the least of them is enough."""
    space = replace(SPACE, bandwidths_bpc=(1, 16, 32, 64, 128, None))
    best: dict[float, int] = {}
    for number, product in machine_products(space=space).items():
        bandwidth = space.hardware(number).bandwidth_bpc or math.inf
        best[bandwidth] = min(product, best.get(bandwidth, product))
    finite = {bandwidth: product for bandwidth, product in best.items() if bandwidth < math.inf}
    near = [b for b, product in finite.items() if product <= NEARLY * min(finite.values())]
    assert 1 < len(near) < len(finite)
    found = recommend(NETWORK, explore(NETWORK, space), None, EVERYTHING)
    assert found is not None and found.designs[0].hardware.bandwidth_bpc == min(near)
    limited = recommend(NETWORK, explore(NETWORK, space), 3.0, EVERYTHING)
    assert limited is not None and limited.designs[0].hardware.bandwidth_bpc == 1
    assert limited.designs[0].figure > NEARLY * found.designs[0].figure


@pytest.mark.parametrize(("bandwidths", "stands_in"), [((8, None), 8), ((None,), None)])
def test_the_least_bandwidth_stands_in_where_none_is_to_be_had(bandwidths, stands_in) -> None:
    space = replace(SPACE, bandwidths_bpc=bandwidths)
    found = recommend(NETWORK, explore(NETWORK, space), 3.0)
    assert found is not None and found.designs[0].hardware.bandwidth_bpc == stands_in


def test_rows_of_the_best_say_what_scale_sim_alone_would_take() -> None:
    found = recommend(NETWORK, explore(NETWORK, SPACE), 9.0, EVERYTHING)
    assert found is not None
    rows = best_rows("net", NETWORK, found, 3, replica_total, {"area_mm2": 2.0, "fps": None}, 9.5)
    assert [row["rank"] for row in rows[:3]] == [1, 2, 3]
    simulated = {d.hardware.id: replica_cycles(NETWORK, d.hardware)[0] for d in found.designs}
    assert all(row["scalesim_cycles"] == simulated[row["hardware"]] for row in rows)
    chosen = [row for row in rows if row["scalesim_choice"]]
    assert [row["scalesim_cycles"] for row in chosen] == [min(simulated.values())]
    limits = {(row["dram_gb_per_s"], row["constraints"]) for row in rows}
    assert limits == {(9.0, "area_mm2 <= 2, dram_gb_per_s <= 9.5")}
    exceeded = best_rows("net", NETWORK, found, 3, replica_total, {"area_mm2": None}, 8.0)
    assert {row["constraints"] for row in exceeded} == {""}
    for row in rows:
        hardware = next(d.hardware for d in found.designs if d.hardware.id == row["hardware"])
        costs = [layer.cost for layer in machine_costs(NETWORK, hardware)]
        assert row["machine_cycles"] == total_cycles(costs) >= row["bound_cycles"]
        assert row["dram_bytes"] == sum(cost.dram_bytes for cost in costs)
        assert row["energy_pj"] == sum(network_energy_fj(costs, hardware).values()) / 1000
        assert row["model_ms"] == row["machine_cycles"] / hardware.clock_hz * 1e3
    assert all(row["behind_to_be_had"] <= row["behind_any"] for row in rows)


def test_nothing_is_recommended_where_nothing_is_feasible() -> None:
    nothing = explore(NETWORK, SPACE, Constraints(area_mm2=1e-9))
    assert recommend(NETWORK, nothing) is None and best_by_criterion(nothing) == []
    assert best_rows("net", NETWORK, None, 3, replica_total, {}) == []
    empty = explore_band(NETWORK, SPACE, Constraints(area_mm2=1e-9))
    rows = band_rows("net", NETWORK, empty, recommend_band(NETWORK, empty))
    assert {(row["front"], row["best_hardware"]) for row in rows} == {(0, "")}


def test_a_network_without_work_needs_no_energy() -> None:
    assert set(least_energies_fj([], explore([], SPACE))) <= {0}


def test_constraints_in_words() -> None:
    limits = {"area_mm2": 2.5, "power_mw": None, "fps": 30.0}
    assert constraint_text(limits) == "area_mm2 <= 2.5, fps >= 30"
    assert constraint_text({"area_mm2": None}) == ""


# ---------------------------------------------------------------- the energy band


def test_the_band_tells_what_survives() -> None:
    explorations = explore_band(NETWORK, SPACE)
    band = recommend_band(NETWORK, explorations, 9.0)
    rows = {row["level"]: row for row in band_rows("net", NETWORK, explorations, band)}
    assert list(rows) == ["low", "mid", "high"]
    mid = set(explorations["mid"].numbers.tolist())
    for level, row in rows.items():
        exploration = explorations[level]
        front = set(exploration.numbers.tolist())
        assert row["front"] == len(front) and row["shared_with_mid"] == len(front & mid)
        assert row["share_of_mid"] == len(front & mid) / len(mid)
        best = recommend(NETWORK, exploration, 9.0)
        assert best is not None and row["best_hardware"] == best.designs[0].hardware.id
    assert rows["mid"]["share_of_mid"] == rows["mid"]["rank_correlation"] == 1.0
    assert rows["mid"]["best_rank_mid"] == 1


def test_the_rank_correlation_is_spearmans() -> None:
    rng = np.random.default_rng(0)
    a = rng.permutation(50).astype(float)
    b = a + rng.normal(0, 10, 50)
    assert rank_correlation(a, b) == pytest.approx(spearmanr(a, b).statistic)
    assert rank_correlation(a, -a) == -1.0 and rank_correlation(a, a) == 1.0
    assert rank_correlation(a[:1], b[:1]) == 1.0


# ---------------------------------------------------------------- SCALE-Sim

SMALL = [conv("one", 4, 3, 3, 8), conv("depthwise", 4, 3, 1, 1, repeats=3), *NETWORK[3:4]]
SMALL_SPACE = replace(SPACE, rows=(3, 8), cols=(4, 5), bandwidths_bpc=(1, 3))


def test_scale_sim_agrees_with_the_sweep_on_the_best_designs(tmp_path) -> None:
    exploration = explore(SMALL, SMALL_SPACE)
    designs = best_by_criterion(exploration, recommend(SMALL, exploration))
    ids = [design.id for design in designs]
    best = recommend(SMALL, exploration)
    assert best is not None and ids[0] == best.designs[0].hardware.id and len(set(ids)) == len(ids)
    cycles = {SMALL_SPACE.hardware(int(n)).id: int(c) for n, c in
              zip(exploration.numbers, exploration.cycles, strict=True)}  # fmt: skip
    assert min(cycles, key=lambda name: cycles[name]) in ids
    rows = witness_rows("net", SMALL, designs[:2], tmp_path)
    simulated = [row for row in rows if "scalesim" in row]
    assert simulated and {row["quantity"] for row in rows} == {QUANTITY}
    assert all(row["difference"] == row["scalesim_difference"] == 0 for row in simulated)
    assert all(row["sweep"] == row["full_model"] == row["scalesim"] for row in simulated)


def test_a_witness_that_contradicts_is_seen_and_one_that_stops_says_so(
    tmp_path, monkeypatch
) -> None:
    designs = [SMALL_SPACE.hardware(0)]
    honest = witness_rows("net", SMALL, designs, tmp_path)[0]["full_model"]

    def stopped(shape, hardware, limits):
        return SimulationResult("limit", "needs more than 60 CPU seconds", None, 60.0)

    monkeypatch.setattr(simulator_cache, "simulate", stopped)
    (row,) = witness_rows("net", SMALL, designs, tmp_path / "other")
    assert row["note"] == "one: needs more than 60 CPU seconds" and "scalesim" not in row
    monkeypatch.setattr("edgeint8.scale_sim.front_check._sweep_cycles", lambda *_: honest + 7)
    (row,) = witness_rows("net", SMALL, designs, tmp_path)
    assert row["difference"] == 7 and row["scalesim_difference"] == 0


def test_dear_and_repeated_designs_are_listed_and_not_simulated(tmp_path, monkeypatch) -> None:
    monkeypatch.setattr(
        "edgeint8.scale_sim.front_check._simulated", lambda *_: {"scalesim": 1, "note": ""}
    )
    large = [conv("large", 64, 3, 64, 64)]
    (row,) = witness_rows("net", large, [SMALL_SPACE.hardware(0)], tmp_path)
    assert "more than 50,000: not simulated" in row["note"] and row["difference"] == 0
    space = replace(SPACE, pipelined=(True, False))
    first = space.hardware(0)
    designs = [first, replace(first, pipelined_folds=False, name="twin")]
    designs += [replace(first, rows=rows, name=f"rows_{rows}") for rows in (2, 4, 5)]
    notes = [row["note"] for row in witness_rows("net", SMALL, designs, tmp_path)]
    assert notes[0] == notes[2] == notes[3] == "" and "another design" in notes[1]
    assert f"first {MOST_DESIGNS}" in notes[4]


# ---------------------------------------------------------------- the configuration

OPTIONS = {
    "rows": [1, 4],
    "cols": [2, 3],
    "sram_kb": [1, 2],
    "sram_splits": False,
    "bandwidth": [2, "unlimited"],
    "dataflows": ["ws"],
    "pipelined": [True],
    "shared_bus": True,
    "clock_mhz": 500,
    "balanced": True,
}


def test_the_space_is_the_one_of_the_configuration() -> None:
    space = design_space(OPTIONS)
    assert space.rows == (1, 2, 3, 4) and space.cols == (2, 3) and space.balanced
    assert space.bandwidths_bpc == (2, None) and space.clock_hz == 5e8
    assert gb_per_s(space.hardware(0)) == 3.0
    assert not design_space({**OPTIONS, "balanced": False}).balanced
    assert len(design_space({**OPTIONS, "sram_splits": True}).sram_kb) == 8
