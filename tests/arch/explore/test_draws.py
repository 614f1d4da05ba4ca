"""Constants that vary by themselves: closed forms of two designs, and one at a time by hand."""

import math
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
from test_explore import NETWORK, SPACE

from edgeint8.arch.cost.energy import network_energy_fj
from edgeint8.arch.cost.machine.prices import Prices, prices_of
from edgeint8.arch.cost.physical import network_cost, total_cycles
from edgeint8.arch.explore import ranking
from edgeint8.arch.explore.draws import (
    VARIED,
    Contender,
    Contest,
    Flip,
    _ratio,
    contender,
    drawn_ratios,
)
from edgeint8.arch.explore.energy_band import (
    band_rows,
    contest_of,
    explore_band,
    recommend_band,
)
from edgeint8.arch.explore.need import NO_NEED, Need
from edgeint8.arch.explore.recommended import recommend
from edgeint8.arch.machine.constants import IDLE_CLOCK, LEVELS
from edgeint8.arch.machine.hardware import Hardware, parse_hardware_id
from edgeint8.arch.machine.technology import Technology, using
from edgeint8.report.findings.recommended_answers import draws_won

MACHINE = parse_hardware_id("ws_8x8_8kB_8Bpc")
LARGE, SMALL, HUGE = (parse_hardware_id(f"ws_{size}x{size}_8kB_8Bpc") for size in (16, 4, 32))
DRAM = VARIED["DRAM"]


def design(weight=1, machine=MACHINE, **parts) -> Contender:
    names = ("mac", "registers", "busy", "idle", "sram", "leakage", "dram")
    places = {name: place for place, name in enumerate(names)}
    values = [0.0] * len(names)
    for name, value in parts.items():
        values[places[name]] = float(value)
    return Contender(machine, weight, tuple(values))


def test_ratios_stay_inside_their_bands_and_are_independent() -> None:
    ratios = drawn_ratios(4000, seed=1)
    for column, band in enumerate(VARIED.values()):
        assert ratios[:, column].min() >= band.low / band.mid * (1 - 1e-12)
        assert ratios[:, column].max() <= band.high / band.mid * (1 + 1e-12)
    wide = [c for c, b in enumerate(VARIED.values()) if b.low < b.mid < b.high]
    assert np.median(ratios[:, wide], axis=0) == pytest.approx(np.ones(len(wide)), abs=0.06)
    correlation = np.corrcoef(np.log(ratios), rowvar=False)
    assert np.abs(correlation - np.eye(len(VARIED))).max() < 0.08
    np.testing.assert_array_equal(ratios, drawn_ratios(4000, seed=1))


def test_the_share_of_draws_has_a_closed_form_for_two_designs() -> None:
    """One has all its energy in DRAM, the other 1.5 times as much in SRAM (its mid is its high).

    The second wins where r_dram > 1.5 r_sram.
    """
    pair = [design(dram=1000), design(sram=1500)]
    ratios = drawn_ratios(20_000, seed=3)
    a, b = math.log(VARIED["SRAM"].low / VARIED["SRAM"].mid), math.log(DRAM.high / DRAM.mid)
    c, t = math.log(DRAM.low / DRAM.mid), math.log(1.5)
    # u = log r_dram: halves uniform on [c, 0] and [0, b]; v = log r_sram: half on [a, 0], half 0.
    grid = np.linspace(0, 1, 4001)
    above = (b * grid > t).mean()
    mixed = np.mean([np.mean(x * grid[:, None] > t + a * grid[None, ::40]) for x in (b, c)])
    expected = 0.5 * (0.5 * above) + 0.5 * mixed
    assert Contest(pair).shares(ratios)[1] == pytest.approx(expected, abs=0.015)
    assert Contest(pair).shares(ratios).sum() == pytest.approx(1)


def test_the_flip_by_hand() -> None:
    """(600 + 400 r) x 2 against (1,000 + 300 r) x 2: equal at r = 4. Against 100 cycles, never."""
    pair = [design(2, mac=600, dram=400), design(2, mac=1000, dram=300)]
    flip = Contest(pair).first_flip(0)
    assert flip is not None
    # MAC: 400 + 600 r = 300 + 1000 r at r = 0.25, a factor of four as well: the first stands.
    assert flip == Flip("INT8 MAC", 0.25)
    # DRAM: 400 r = 120 + 380 r at r = 6. SRAM: 400 = 60 r + 440 at none; MAC alike.
    other = design(2, mac=60, sram=60, dram=380)
    assert Contest([design(2, dram=400), other]).first_flip(0) == Flip("DRAM", 6.0)
    assert Contest([design(1, dram=1), design(100, dram=1)]).first_flip(0) is None
    assert Contest([design(1, dram=1)]).first_flip(0) is None


def test_the_idle_share_does_not_pass_one() -> None:
    """100 + 100 r = 210 at r = 1.1: the clock's constant may be so, a share of mid's 1 may not."""
    pair = [design(mac=100, idle=100), design(mac=105, sram=105)]
    flip = Contest(pair).first_flip(0)
    assert flip is not None and flip.constant == "register clock"
    assert flip.ratio == pytest.approx(1.1)
    assert IDLE_CLOCK.mid == 1


def test_the_clock_s_constant_moves_idle_elements_as_well() -> None:
    pair = [design(busy=100, idle=100), design(mac=125, sram=125)]
    assert Contest(pair).first_flip(0) == Flip(
        "register clock", 1.25
    )  # the others only at 0.6 and 1.5
    pair = [design(busy=100, idle=100), design(busy=150, mac=75)]
    ratios = np.ones((1, len(VARIED)))
    ratios[0, 2], ratios[0, 3] = 2.0, 0.5
    assert Contest(pair).shares(ratios).tolist() == [1.0, 0.0]  # 200 + 100 against 300 + 75


def test_the_smallest_near_the_least_figure_wins() -> None:
    """109 of a medium one beats 100 of a large one; a small one has 111. Without the rule 100."""
    three = [design(machine=LARGE, mac=100), design(mac=109), design(machine=SMALL, mac=111)]
    ones = np.ones((1, len(VARIED)))
    assert Contest(three, 10).winners(ones).tolist() == [1]
    assert Contest(three).winners(ones).tolist() == [0]
    same = [design(machine=SMALL, mac=108), design(machine=SMALL, mac=103), design(mac=100)]
    assert Contest(same, 10).winners(ones).tolist() == [1]


def test_a_flip_near_the_least_by_hand() -> None:
    """A small design enters below 110 % of the large one's figure, and leaves above it.

    120 = 60 + 60 r against 100: DRAM or MAC at 50 / 60, or 110 r of SRAM at 12 / 11, which is
    nearer. 105 = 60 + 45 r against 100: DRAM at 50 / 45, MAC at 65 / 60, SRAM at 105 / 110.
    """
    enters = [design(machine=LARGE, sram=100), design(machine=SMALL, mac=60, dram=60)]
    flip = Contest(enters, 10).first_flip(0)
    assert flip is not None and flip.constant == "SRAM"
    assert flip.ratio == pytest.approx(12 / 11)
    assert Contest(enters, 10).first_flip(1) is None  # it does not win at mid
    leaves = [design(machine=LARGE, sram=100), design(machine=SMALL, mac=60, dram=45)]
    flip = Contest(leaves, 10).first_flip(1)
    assert flip is not None and flip.constant == "SRAM"
    assert flip.ratio == pytest.approx(105 / 110)


def test_a_third_design_that_sets_the_least_can_keep_a_smaller_one_out() -> None:
    """At 1.055 of SRAM the least is 105.5, and 116 would do; a third of 100 holds it at 100.

    So the large one stays until it has 110 itself. Less DRAM: 116 = 90 + 26 r falls to 110 at 0.77,
    but there the third has 40 + 60 r = 86; the large one leaves at 100 = 1.1 (40 + 60 r).
    """
    pair = [design(machine=LARGE, sram=100), design(machine=SMALL, mac=90, dram=26)]
    flips = [Contest(pair, 10).first_flip(0)]
    third = design(machine=HUGE, mac=40, dram=60)
    flips.append(Contest([*pair, third], 10).first_flip(0))
    assert flips[0] == Flip("SRAM", pytest.approx(116 / 110))
    assert flips[1] == Flip("SRAM", pytest.approx(1.1))
    moved = Contest([*pair, third], 10)._ends(0, list(VARIED).index("DRAM"))
    assert min(moved, key=lambda end: abs(end - 1)) == pytest.approx((100 / 1.1 - 40) / 60)


@pytest.mark.parametrize("near", [0, 10])
def test_flips_equal_a_scan_of_the_ratio(near) -> None:
    """Every winner moved in steps of 0.05 % until another one wins, constant by constant."""
    rng = np.random.default_rng(5)
    machines = [LARGE, MACHINE, SMALL, HUGE]
    steps = np.exp(np.arange(1, 9211) * 5e-4)  # up to a factor of 100
    several = 0
    for _ in range(60):
        parts = rng.gamma(1.0, 1.0, (7, len(VARIED))) + 3 * rng.random(len(VARIED))
        contest = Contest(
            [Contender(machines[k % 4], 1, tuple(row)) for k, row in enumerate(parts)], near
        )
        place = int(contest.winners(np.ones((1, len(VARIED))))[0])
        scanned = {}
        for column, name in enumerate(VARIED):
            for direction in (steps, 1 / steps):
                ratios = np.ones((len(steps), len(VARIED)))
                ratios[:, column] = direction
                lost = np.flatnonzero(contest.winners(ratios) != place)
                if len(lost) and (name != "idle clock" or direction[lost[0]] <= 1):
                    scanned[float(direction[lost[0]])] = name
        flip = contest.first_flip(place)
        if not scanned:
            assert flip is None or not 0.01 < flip.ratio < 100
            continue
        nearest = min(scanned, key=lambda ratio: abs(math.log(ratio)))
        several += 1
        assert flip is not None
        assert abs(math.log(flip.ratio)) == pytest.approx(abs(math.log(nearest)), abs=6e-4)
    assert several > 50


def test_one_constant_at_a_time_finds_the_ends_that_dethrone() -> None:
    """DRAM's high end is 3.2 times mid: 100 + 3.2 x 100 = 420 against 350 + 3.2 x 10 = 382."""
    pair = [design(mac=100, dram=100), design(mac=350, dram=10)]
    assert Contest(pair).dethroned_by(0) == ["INT8 MAC low", "DRAM high"]
    # MAC's low end is 0.263 times mid: 26 + 100 = 126 against 92 + 10 = 102.


def test_parts_add_up_to_the_full_model_in_every_constant() -> None:
    """One constant at the end of its band, by the full model and by the parts, but for rounding."""
    machine = parse_hardware_id("os_16x8_16kB_8Bpc")
    costs = network_cost(NETWORK, machine)
    needs = [NO_NEED, Need(rate=100), Need(deadline_ms=9)]
    contest = Contest([contender(costs, machine, need) for need in needs])

    def figures() -> list[int]:
        energy, cycles = network_energy_fj(costs, machine), total_cycles(costs)
        return [need.figure(sum(energy.values()), cycles, machine, "mid") for need in needs]

    assert contest.figures(np.ones((1, len(VARIED))))[0].tolist() == figures()
    for column, (_, band) in enumerate(VARIED.items()):
        for level in LEVELS:
            value = band.at(level)
            moved = replace(band, low=value, mid=value, high=value)
            with using(Technology("test", {band.key: moved})):
                full = figures()
            ratios = np.ones((1, len(VARIED)))
            ratios[0, column] = _ratio(band, level) if level != "mid" else 1.0
            assert contest.figures(ratios)[0] == pytest.approx(full, rel=3e-3)


def test_the_band_has_the_draws_and_the_report_says_so() -> None:
    explorations = explore_band(NETWORK, SPACE)
    band = recommend_band(NETWORK, explorations)
    rows = {row["level"]: row for row in band_rows("net", NETWORK, explorations, band)}
    mid = rows["mid"]
    assert mid["draws"] == 1000 and 0 < mid["draws_won"] <= 1
    assert mid["flip_constant"] in VARIED and mid["flip_ratio"] > 0
    (sentence,) = draws_won(pd.DataFrame(rows.values()).set_index("level"))
    assert mid["best_hardware"] in sentence and "of 1,000 draws" in sentence
    assert draws_won(pd.DataFrame([{"level": "mid", "front": 1}]).set_index("level")) == []


@pytest.mark.parametrize("need", [Need(20_000), Need(15_000), Need(deadline_ms=0.1)], ids=str)
def test_a_need_has_its_draws(need, monkeypatch) -> None:
    """Every winner of a draw is what the rule recommends at the draw's own constants.

    With the tiles of mid, but for rounding to femtojoules, and for designs that no ranking at mid
    came near.
    """

    def at_mid(hardware: Hardware) -> Prices:
        with using():
            return prices_of(hardware)

    monkeypatch.setattr(ranking, "prices_of", at_mid)
    explorations = explore_band(NETWORK, SPACE)
    band = recommend_band(NETWORK, explorations, need=need)
    rows = band_rows("net", NETWORK, explorations, band, need)
    (mid,) = (row for row in rows if row["level"] == "mid")
    assert mid["draws"] == 1000 and mid["objective"] == need.objective
    assert mid["draws_won"] + mid["challenger_won"] <= 1 and mid["challenger_won"] > 0
    contest = contest_of(band)
    names = [design.hardware.id for design in contest.contenders]
    assert names[contest.winners(np.ones((1, len(VARIED))))[0]] == mid["best_hardware"]
    ratios = drawn_ratios(8, seed=2)
    same = 0
    for row, winner in zip(ratios, contest.winners(ratios), strict=True):
        values = {
            band.key: replace(band, low=band.mid * r, mid=band.mid * r, high=band.mid * r)
            for band, r in zip(VARIED.values(), row, strict=True)
        }
        with using(Technology("drawn", values)):
            found = recommend(NETWORK, explorations["mid"], None, 1, need=need)
        assert found is not None
        same += found.designs[0].hardware.id == names[winner]
    assert same >= 7
