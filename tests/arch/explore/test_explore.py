"""The sweep against the full model and against brute force: every front point, no point missed."""

import math
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from edgeint8.arch.__main__ import find_hardware
from edgeint8.arch.cost.energy import area_mm2, network_energy_fj
from edgeint8.arch.cost.physical import layer_cost, network_cost, total_cycles
from edgeint8.arch.explore.design_space import (
    Constraints,
    DesignSpace,
    holds_array_tile,
)
from edgeint8.arch.explore.design_tables import distinct_layers
from edgeint8.arch.explore.explore import explore
from edgeint8.arch.explore.front import front_check_rows, front_rows
from edgeint8.arch.explore.random_designs import explore_random
from edgeint8.arch.machine.hardware import parse_hardware_id
from edgeint8.arch.network.layers import Layer, LayerShape
from edgeint8.arch.questions.switching import switching, switching_rows
from edgeint8.dataflow import DATAFLOWS
from edgeint8.errors import ConfigError, HardwareError


def conv(name: str, output: int, window: int, channels: int, filters: int, repeats: int = 1):
    shape = LayerShape.from_output((output, output), (window, window), channels, filters)
    side = shape.ifmap_h - (window - 1)
    sizes = (side * side * channels, window * window * channels * filters, output**2 * filters)
    operator = "grouped" if repeats > 1 else "conv"
    return Layer(name, operator, shape, repeats, *(size * repeats for size in sizes), "test")


NETWORK = [
    conv("one", 16, 3, 3, 16),
    conv("two", 8, 3, 16, 24),
    conv("again", 8, 3, 16, 24),
    Layer("pool", "pool", None, 1, 1536, 0, 384, "test", "a pool has no MACs"),
    conv("depthwise", 8, 3, 1, 1, repeats=24),
    conv("fc", 1, 1, 384, 10),
]


SPACE = DesignSpace(
    rows=(1, 3, 4, 8, 17),
    cols=(2, 4, 5, 16),
    sram_kb=((1, 1, 1), (2, 1, 4), (8, 8, 8)),
    bandwidths_bpc=(1, 3, None),
    balanced=False,
)


def objectives(space: DesignSpace, level: str = "mid", network=NETWORK) -> np.ndarray:
    """(cycles, energy, area, bandwidth) of every design, one machine at a time."""
    rows = []
    for number in range(space.size):
        hardware = space.hardware(number)
        costs = network_cost(network, hardware)
        rows.append(
            (
                total_cycles(costs),
                sum(network_energy_fj(costs, hardware, level).values()),
                area_mm2(hardware, level),
                hardware.bandwidth_bpc or math.inf,
            )
        )
    return np.array(rows, dtype=np.float64)


def brute_front(points: np.ndarray, allowed: np.ndarray | None = None) -> set[tuple]:
    """Non-dominated objective vectors by comparing every pair."""
    if allowed is not None:
        points = points[allowed]
    no_worse = (points[:, None, :] <= points[None, :, :]).all(axis=2)
    better = (points[:, None, :] < points[None, :, :]).any(axis=2)
    return set(map(tuple, points[~(no_worse & better).any(axis=0)]))


def found(exploration) -> set[tuple]:
    bandwidths = [exploration.space.hardware(int(n)).bandwidth_bpc for n in exploration.numbers]
    return {
        (float(c), float(e), float(a), float(b or math.inf))
        for c, e, a, b in zip(
            exploration.cycles,
            exploration.energy_fj,
            exploration.area_mm2,
            bandwidths,
            strict=True,
        )
    }


@pytest.mark.parametrize("shared_bus", [True, False])
@pytest.mark.parametrize("level", ["low", "mid", "high"])
def test_front_is_exactly_the_brute_force_front(shared_bus: bool, level) -> None:
    space = replace(SPACE, shared_bus=shared_bus)
    exploration = explore(NETWORK, space, level=level)
    assert exploration.designs == exploration.feasible == space.size == 3 * 3 * 3 * 2 * 20
    assert exploration.layer_evaluations == space.size * len(NETWORK)
    assert found(exploration) == brute_front(objectives(space, level))
    assert len(exploration.numbers) == len(found(exploration))  # equal designs appear once


def test_larger_arrays_that_only_save_energy_stay_on_the_front() -> None:
    """A dense layer that waits for its weights: more rows save no cycle, but partial sums.

    Sums in a large memory are dear, and gates stop most of the clock of what waits (low).
    """
    dense = [conv("dense", 1, 1, 512, 64)]
    space = DesignSpace((8, 16, 32, 64), (8, 16), ((8, 8, 1024),), (1,), ("ws",), balanced=False)
    exploration = explore(dense, space, level="low")
    assert found(exploration) == brute_front(objectives(space, "low", dense))
    assert len(exploration.numbers) > len(set(exploration.cycles.tolist()))


def test_a_waiting_array_that_is_larger_than_it_must_be_is_not_on_the_front() -> None:
    """The same layer where the clock is not gated: more rows cost more than they save."""
    dense = [conv("dense", 1, 1, 512, 64)]
    space = DesignSpace((8, 16, 32, 64), (8, 16), ((8, 8, 8),), (1,), ("ws",), balanced=False)
    exploration = explore(dense, space)
    assert found(exploration) == brute_front(objectives(space, network=dense))
    assert {space.hardware(int(number)).rows for number in exploration.numbers} == {8}


@pytest.mark.parametrize("shared_bus", [True, False])
def test_every_design_of_the_front_agrees_with_the_full_model(shared_bus: bool) -> None:
    exploration = explore(NETWORK, replace(SPACE, shared_bus=shared_bus))
    rows = front_check_rows("net", NETWORK, exploration)
    assert len(rows) == 3 * len(exploration.numbers) > 100
    assert {row["difference"] for row in rows} == {0}
    assert list(rows[0])[:3] == ["workload", "hardware", "quantity"]


def test_a_changed_design_is_seen() -> None:
    exploration = explore(NETWORK, SPACE)
    exploration.cycles[0] += 1
    wrong = [row for row in front_check_rows("net", NETWORK, exploration) if row["difference"]]
    assert [(row["quantity"], row["difference"]) for row in wrong] == [("bound_cycles", 1)]


@pytest.mark.parametrize(
    "limits",
    [
        {"area_mm2": 0.05},
        {"power_mw": 60.0},
        {"latency_ms": 0.02},
        {"fps": 30_000.0, "area_mm2": 0.1},
        {"power_mw": 100.0, "latency_ms": 0.05, "area_mm2": 0.2},
    ],
    ids=str,
)
def test_constraints(limits: dict[str, float]) -> None:
    points = objectives(SPACE)
    milliseconds = points[:, 0] / SPACE.clock_hz * 1e3
    power = points[:, 1] * 1e-15 / (milliseconds * 1e-3) * 1e3
    allowed = (
        (points[:, 2] <= limits.get("area_mm2", math.inf))
        & (power <= limits.get("power_mw", math.inf))
        & (milliseconds <= limits.get("latency_ms", math.inf))
        & (milliseconds <= 1e3 / limits.get("fps", 1e-9))
    )
    assert 0 < allowed.sum() < len(points)
    exploration = explore(NETWORK, SPACE, Constraints(**limits))
    assert exploration.feasible == allowed.sum()
    assert found(exploration) == brute_front(points, allowed)


def test_buffers_that_hold_no_window_are_left_out() -> None:
    """One channel of a 40x40 window, twice, exceeds 1 and 2 KiB; 8 KiB hold it."""
    wide = [conv("wide", 2, 40, 2, 2)]
    fitting = replace(SPACE, sram_kb=((8, 8, 8),))
    exploration = explore(wide, SPACE)
    assert exploration.feasible == fitting.size == SPACE.size // 3
    assert found(exploration) == brute_front(objectives(fitting, network=wide))
    drawn = explore_random(wide, SPACE, 20_000, seed=3)
    assert found(drawn) == found(exploration) and 6_000 < drawn.feasible < 7_300


def test_balanced_designs_hold_the_arrays_tile_twice() -> None:
    """Weights (or inputs) rows x cols, a stream of rows x rows, sums of 4 x rows x cols bytes."""
    space = replace(SPACE, rows=(1, 3, 8, 13, 17), balanced=True)
    machines = [space.hardware(number) for number in range(space.size)]
    tiles = [
        {"ifmap": m.rows * (m.cols if m.dataflow == "is" else m.rows),
         "filter": m.rows * (m.rows if m.dataflow == "is" else m.cols),
         "ofmap": 4 * m.rows * m.cols}
        for m in machines
    ]  # fmt: skip
    allowed = np.array(
        [
            all(2 * tile[key] <= getattr(m, f"{key}_sram_kb") * 1024 for key in tile)
            for m, tile in zip(machines, tiles, strict=True)
        ]
    )
    assert 0 < allowed.sum() < space.size
    exploration = explore(NETWORK, space)
    assert exploration.feasible == allowed.sum()
    assert found(exploration) == brute_front(objectives(space), allowed)
    assert found(explore_random(NETWORK, space, 20_000, seed=4)) == found(exploration)


def test_presets_are_balanced() -> None:
    for name in ("gemmini", "tpu_v1", "nvdla_large", "nvdla_small", "ethos_u55_256_like"):
        m = find_hardware(name)
        held = holds_array_tile(m.dataflow, np.array(m.rows), np.array(m.cols), m.sram_kb)
        assert held, name


def test_impossible_constraints_leave_an_empty_front() -> None:
    exploration = explore(NETWORK, SPACE, Constraints(area_mm2=1e-9))
    assert exploration.feasible == 0 and len(exploration.numbers) == 0
    assert front_rows("net", NETWORK, exploration) == []


def test_random_designs_agree_and_miss_nothing_of_what_they_drew() -> None:
    exploration = explore_random(NETWORK, SPACE, 20_000, seed=1)  # draws every design of 1,080
    assert found(exploration) == found(explore(NETWORK, SPACE))
    few = explore_random(NETWORK, SPACE, 50, seed=2)
    assert {row["difference"] for row in front_check_rows("net", NETWORK, few)} == {0}
    again = explore_random(NETWORK, SPACE, 50, seed=2)
    assert np.array_equal(few.numbers, again.numbers)


def test_large_counts_do_not_overflow() -> None:
    """Above 2^31 cycles the sweep widens its integers."""
    layer = conv("large", 512, 7, 64, 256)
    space = DesignSpace((1, 2), (1, 3), ((64, 64, 64),), (1, None))
    exploration = explore([layer] * 3, space)
    assert exploration.cycles.max() > 1 << 31
    assert {row["difference"] for row in front_check_rows("n", [layer] * 3, exploration)} == {0}
    drawn = explore_random([layer] * 3, space, 300, seed=0)
    assert found(drawn) == found(exploration)


def test_progress_adds_up() -> None:
    steps: list[int] = []
    explore(NETWORK, SPACE, progress=steps.append)
    assert sum(steps) == SPACE.size


def test_front_rows_are_ordered_and_complete() -> None:
    exploration = explore(NETWORK, SPACE)
    rows = front_rows("net", NETWORK, exploration)
    assert [row["bound_cycles"] for row in rows] == sorted(exploration.cycles.tolist())
    assert {row["bound_by"] for row in rows} <= {
        *("compute", "dram_bandwidth", "fill_drain", "fold_edges", "stalls")
    }
    first = rows[0]
    seconds = first["bound_cycles"] / SPACE.clock_hz
    assert first["power_mw"] == pytest.approx(first["energy_pj"] * 1e-12 / seconds * 1e3)
    assert first["fps"] == pytest.approx(1 / seconds) == 1e3 / first["model_ms"]
    assert all(row["energy_pj_low"] < row["energy_pj"] < row["energy_pj_high"] for row in rows)


def test_equal_layers_are_computed_once() -> None:
    distinct = distinct_layers(NETWORK)
    assert [entry.count for entry in distinct] == [1, 2, 1, 1, 1]
    assert distinct[-1].layer.operator == "pool"  # what is not on the array comes last


def test_switching_by_hand() -> None:
    """A long stream suits ws, a long K os; each wins its layer and switching takes both."""
    many_pixels, long_k = conv("pixels", 32, 1, 8, 8), conv("long", 1, 1, 4096, 8)
    hardware = parse_hardware_id("ws_8x8_64kB_unlimited")
    chosen = switching([many_pixels, long_k], hardware)
    cycles = {
        (flow, place): layer_cost(layer, replace(hardware, dataflow=flow)).cycles
        for flow in DATAFLOWS
        for place, layer in enumerate((many_pixels, long_k))
    }
    assert cycles["ws", 0] == 1024 + 22 and cycles["os", 1] == 4096 + 14 + 8
    assert chosen.best(0) == "ws" and chosen.best(1) == "os"
    assert chosen.switched_cycles == cycles["ws", 0] + cycles["os", 1]
    assert chosen.switched_cycles < min(chosen.fixed_cycles.values())
    rows = switching_rows("net", [many_pixels, long_k], hardware)
    assert [row["best"] for row in rows] == ["ws", "os", chosen.best_fixed]
    assert rows[-1]["bound_cycles_best"] == chosen.switched_cycles


@settings(max_examples=40, deadline=None)
@given(st.sampled_from(["ws_4x4_8kB_1Bpc", "os_16x8_8kB_4Bpc", "is_3x9_8kB_unlimited"]))
def test_switching_never_loses(identifier: str) -> None:
    chosen = switching(NETWORK, parse_hardware_id(identifier))
    assert chosen.switched_cycles <= min(chosen.fixed_cycles.values())
    assert chosen.fixed_cycles[chosen.best_fixed] == min(chosen.fixed_cycles.values())


# ---------------------------------------------------------------- settings


def test_every_number_is_one_machine() -> None:
    assert len({SPACE.hardware(number).id for number in range(SPACE.size)}) == SPACE.size


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        ({"rows": (8, 4)}, "ascending"),
        ({"cols": (4, 4)}, "ascending"),
        ({"bandwidths_bpc": (4, 2)}, "ascending"),
        ({"bandwidths_bpc": (None, 2)}, "unlimited last"),
        ({"sram_kb": ()}, "sram_kb is empty"),
        ({"pipelined": ()}, "pipelined is empty"),
    ],
    ids=str,
)
def test_bad_spaces_are_refused(wrong, message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        replace(SPACE, **wrong)


@pytest.mark.parametrize("wrong", [{"fps": -1}, {"area_mm2": True}, {"power_mw": math.nan}])
def test_bad_constraints_are_refused(wrong) -> None:
    with pytest.raises(ConfigError, match="above 0"):
        Constraints(**wrong)


def test_the_tighter_of_latency_and_frames_counts() -> None:
    assert Constraints(fps=100, latency_ms=50).longest_ms == 10.0
    assert Constraints(fps=10, latency_ms=50).longest_ms == 50


def test_absurd_machines_are_refused() -> None:
    with pytest.raises(HardwareError):
        DesignSpace((0, 1), (1,), ((1, 1, 1),), (1,))
    with pytest.raises(HardwareError):
        DesignSpace((1,), (1,), ((1, 1, 1),), (0,))
    with pytest.raises(ConfigError, match="design"):
        SPACE.hardware(SPACE.size)
