"""Constants that vary by themselves: closed forms of two designs, and one at a time by hand."""

import math
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
from test_explore import NETWORK, SPACE

from edgeint8.arch.cost.energy import network_energy_fj
from edgeint8.arch.cost.physical import network_cost
from edgeint8.arch.explore.draws import (
    VARIED,
    Contender,
    Flip,
    _products,
    _ratio,
    contender,
    dethroned_by,
    drawn_ratios,
    first_flip,
    shares,
)
from edgeint8.arch.explore.energy_band import band_rows, explore_band, recommend_band
from edgeint8.arch.machine.constants import IDLE_CLOCK, LEVELS
from edgeint8.arch.machine.hardware import parse_hardware_id
from edgeint8.arch.machine.technology import Technology, using
from edgeint8.report.findings.recommended_answers import draws_won

MACHINE = parse_hardware_id("ws_8x8_8kB_8Bpc")
DRAM = VARIED["DRAM"]


def design(cycles=1, **parts) -> Contender:
    places = {"mac": 0, "registers": 1, "busy": 2, "idle": 3, "sram": 4, "dram": 5}
    values = [0.0] * 6
    for name, value in parts.items():
        values[places[name]] = float(value)
    return Contender(MACHINE, cycles, tuple(values))


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
    assert shares(pair, ratios)[1] == pytest.approx(expected, abs=0.015)
    assert shares(pair, ratios).sum() == pytest.approx(1)


def test_the_flip_by_hand() -> None:
    """(600 + 400 r) x 2 against (1,000 + 300 r) x 2: equal at r = 4. Against 100 cycles, never."""
    pair = [design(2, mac=600, dram=400), design(2, mac=1000, dram=300)]
    flip = first_flip(pair, 0)
    assert flip is not None
    # MAC: 400 + 600 r = 300 + 1000 r at r = 0.25, a factor of four as well: the first stands.
    assert flip == Flip("INT8 MAC", 0.25)
    assert first_flip([design(2, dram=400), design(2, sram=100, dram=380)], 0) == Flip("DRAM", 5.0)
    assert first_flip([design(1, dram=1), design(100, dram=1)], 0) is None
    assert first_flip([design(1, dram=1)], 0) is None


def test_the_idle_share_does_not_pass_one() -> None:
    """100 + 100 r = 210 at r = 1.1: the clock's constant may be so, a share of mid's 1 may not."""
    pair = [design(mac=100, idle=100), design(mac=105, sram=105)]
    flip = first_flip(pair, 0)
    assert flip is not None and flip.constant == "register clock"
    assert flip.ratio == pytest.approx(1.1)
    assert IDLE_CLOCK.mid == 1


def test_the_clock_s_constant_moves_idle_elements_as_well() -> None:
    pair = [design(busy=100, idle=100), design(mac=125, sram=125)]
    assert first_flip(pair, 0) == Flip("register clock", 1.25)  # the others only at 0.6 and 1.5
    pair = [design(busy=100, idle=100), design(busy=150, mac=75)]
    ratios = np.ones((1, len(VARIED)))
    ratios[0, 2], ratios[0, 3] = 2.0, 0.5
    assert shares(pair, ratios).tolist() == [1.0, 0.0]  # 200 + 100 against 300 + 75


def test_one_constant_at_a_time_finds_the_ends_that_dethrone() -> None:
    """DRAM's high end is 3.2 times mid: 100 + 3.2 x 100 = 420 against 350 + 3.2 x 10 = 382."""
    pair = [design(mac=100, dram=100), design(mac=350, dram=10)]
    assert dethroned_by(pair, 0) == ["INT8 MAC low", "DRAM high"]
    # MAC's low end is 0.263 times mid: 26 + 100 = 126 against 92 + 10 = 102.


def test_parts_add_up_to_the_full_model_in_every_constant() -> None:
    """One constant at the end of its band, by the full model and by the parts, but for rounding."""
    machine = parse_hardware_id("os_16x8_16kB_8Bpc")
    costs = network_cost(NETWORK, machine)
    one = replace(contender(costs, machine), cycles=1)
    assert sum(one.parts_fj) == sum(network_energy_fj(costs, machine).values())
    for column, (_, band) in enumerate(VARIED.items()):
        for level in LEVELS:
            value = band.at(level)
            moved = replace(band, low=value, mid=value, high=value)
            with using(Technology("test", {band.key: moved})):
                full = sum(network_energy_fj(costs, machine).values())
            ratios = np.ones((1, len(VARIED)))
            ratios[0, column] = _ratio(band, level) if level != "mid" else 1.0
            assert _products([one], ratios)[0, 0] == pytest.approx(full, rel=2e-3)


def test_the_band_has_the_draws_and_the_report_says_so() -> None:
    explorations = explore_band(NETWORK, SPACE)
    band = recommend_band(NETWORK, explorations)
    rows = {row["level"]: row for row in band_rows("net", explorations, band)}
    mid = rows["mid"]
    assert mid["draws"] == 1000 and 0 < mid["draws_won"] <= 1
    assert mid["flip_constant"] in VARIED and mid["flip_ratio"] > 0
    (sentence,) = draws_won(pd.DataFrame(rows.values()).set_index("level"))
    assert mid["best_hardware"] in sentence and "of 1,000 draws" in sentence
    assert draws_won(pd.DataFrame([{"level": "mid", "front": 1}]).set_index("level")) == []
