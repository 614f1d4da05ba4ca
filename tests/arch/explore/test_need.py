"""What a stated rate or deadline asks of a design: by hand, and by running every design."""

import math

import pytest
from test_recommended import NETWORK, SPACE

from edgeint8.arch.cost.energy import area_mm2, idle_fj_per_cycle, network_energy_fj
from edgeint8.arch.cost.machine.cost import machine_costs
from edgeint8.arch.cost.physical import total_cycles
from edgeint8.arch.explore.explore import explore
from edgeint8.arch.explore.need import LARGEST, NO_NEED, SMALLEST, Need, need_of
from edgeint8.arch.explore.ranking import Ranking
from edgeint8.arch.explore.recommended import need_columns, recommend
from edgeint8.arch.machine.hardware import Hardware
from edgeint8.errors import ConfigError

MACHINE = Hardware("ws", 4, 8, 16, 16, 16, bandwidth_bpc=1, clock_hz=1e6)
LEAKS = 37_080
EVERYTHING = 10_000
# At 1 GHz: too fast for some designs, for none, and so slow that idle time is nearly all.
NEEDS = [Need(60_000), Need(30_000), Need(100), Need(deadline_ms=0.02), Need(deadline_ms=1)]


def test_a_period_by_hand() -> None:
    """32 elements of 48 register bits: 429 fJ each and cycle (docs/physical_model.md).

    And 48 KiB at 94.3 pW a bit: 37 uW, at 1 MHz 37 pJ a cycle.
    """
    idle = idle_fj_per_cycle(MACHINE, "mid")
    assert idle == 32 * 429 + LEAKS and round(48 * 8192 * 94.3e-12 * 1e-6 * 1e15) == LEAKS
    need = Need(rate=100)
    assert need.longest_cycles(1e6) == 10_000 and need.longest_cycles(1e6, batch=4) == 40_000
    assert need.figure(7_000, 10_000, MACHINE, "mid") == 7_000  # busy to the end
    assert need.figure(7_000, 4_000, MACHINE, "mid") == 7_000 + 6_000 * idle
    assert Need(deadline_ms=2).longest_cycles(1e6) == 2_000
    assert Need(deadline_ms=2).figure(7_000, 10, MACHINE, "mid") == 7_000
    assert NO_NEED.figure(7_000, 10, MACHINE, "mid") == 70_000
    assert NO_NEED.longest_cycles(1e6) is None


def test_a_run_that_just_fits_is_fast_enough() -> None:
    """0.57 ms are 570,000 cycles at 1 GHz; 1e9 * 0.57 / 1e3 is a little less in floats."""
    assert Need(deadline_ms=0.57).longest_cycles(1e9) == 570_000
    assert Need(rate=0.1).longest_cycles(1e9, batch=3) == 30 * 10**9


@pytest.mark.parametrize("value", [0, -1, 1e-300, 1e300, float("nan"), float("inf")])
def test_a_need_beyond_measure_is_refused(value: float) -> None:
    for name in ("rate", "deadline_ms"):
        with pytest.raises(ConfigError, match=name):
            Need(**{name: value})
    for extreme in (SMALLEST, LARGEST):
        assert Need(rate=extreme).figure(1, 0, MACHINE, "mid") >= 1


def test_idle_elements_cost_energy() -> None:
    """Twice the elements wait at twice the power, whatever they did before; SRAM leaks alike."""
    wide = Hardware("ws", 8, 8, 16, 16, 16, bandwidth_bpc=1, clock_hz=1e6)
    need = Need(rate=100)
    extra = [need.figure(0, 0, machine, "mid") for machine in (MACHINE, wide)]
    clocks = [fj - 10_000 * LEAKS for fj in extra]
    assert clocks[1] == 2 * clocks[0] > 0


def test_idle_memory_costs_energy() -> None:
    """Twice the SRAM leaks twice as much while it waits."""
    idle = [
        idle_fj_per_cycle(Hardware("ws", 1, 1, kb, kb, kb, name="x", clock_hz=1e6), "mid")
        for kb in (64, 128)
    ]
    assert idle[1] - 429 == pytest.approx(2 * (idle[0] - 429), abs=1) and idle[0] > 429


def test_what_a_workload_states_under_each_objective() -> None:
    assert need_of({"rate": 50}, "rate") == Need(rate=50)
    assert need_of({"rate": 50}, "deadline") == Need(deadline_ms=20)
    assert need_of({"deadline_ms": 5}, "rate") == Need(deadline_ms=5)
    assert need_of({"rate": 50}, "edp") == need_of({}, "rate") == NO_NEED
    with pytest.raises(ConfigError, match="one of the two"):
        Need(1, 1)
    with pytest.raises(ConfigError, match="above 0"):
        Need(rate=0)


def brute(need: Need, level: str = "mid") -> list[tuple[float, int, int, int]]:
    """(area, bandwidth, figure, number) of every fast enough design of the front, by machine."""
    found = []
    for number in map(int, explore(NETWORK, SPACE, level=level).numbers):
        hardware = SPACE.hardware(number)
        if hardware.bandwidth_bpc is None:
            continue
        costs = [layer.cost for layer in machine_costs(NETWORK, hardware)]
        energy, cycles = network_energy_fj(costs, hardware, level), total_cycles(costs)
        figure = sum(energy.values())
        if need.rate is not None:
            period = 1e9 / need.rate
            if cycles > period:
                continue
            figure += (math.floor(period) - cycles) * idle_fj_per_cycle(hardware, level)
        elif cycles > 1e6 * need.deadline_ms:
            continue
        found.append((area_mm2(hardware), hardware.bandwidth_bpc, figure, number))
    return found


@pytest.mark.parametrize("need", NEEDS, ids=str)
@pytest.mark.parametrize("level", ["low", "mid"])
def test_the_smallest_within_ten_per_cent_by_brute_force(need, level) -> None:
    designs = brute(need, level)
    found = recommend(NETWORK, explore(NETWORK, SPACE, level=level), None, EVERYTHING, need=need)
    if not designs:
        assert found is None
        return
    least = min(figure for _, _, figure, _ in designs)
    near = sorted(design for design in designs if 10 * design[2] <= 11 * least)
    assert found is not None and found.least_to_be_had == least
    assert [design.number for design in found.designs] == [number for *_, number in near]
    first = recommend(NETWORK, explore(NETWORK, SPACE, level=level), None, 1, need=need)
    assert first is not None and first.designs[0].number == near[0][-1]


@pytest.mark.parametrize("need", NEEDS, ids=str)
def test_no_machine_falls_below_the_bound_of_its_figure(need) -> None:
    exploration = explore(NETWORK, SPACE)
    ranking = Ranking(NETWORK, exploration, need=need)
    least = dict(zip(map(int, exploration.numbers), ranking.least, strict=True))
    for *_, figure, number in brute(need):
        assert least[number] <= figure


def test_a_need_that_nothing_meets_recommends_nothing() -> None:
    assert recommend(NETWORK, explore(NETWORK, SPACE), need=Need(rate=1e9)) is None


def test_power_at_the_rate() -> None:
    """Energy a period times rate lies between idle power and the power at full speed."""
    found = recommend(NETWORK, explore(NETWORK, SPACE), None, 1, need=Need(rate=100))
    assert found is not None
    row = need_columns(found.designs[0], found.need, "mid", 1)
    assert row["objective"] == "rate"
    assert row["rate_power_mw"] == pytest.approx(found.designs[0].figure * 1e-15 * 100 * 1e3)
    assert row["idle_power_mw"] < row["rate_power_mw"] < 1.05 * row["idle_power_mw"]
    assert math.isnan(need_columns(found.designs[0], NO_NEED, "mid", 1)["rate"])
