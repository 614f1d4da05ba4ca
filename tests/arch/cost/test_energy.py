"""Energy and area against the published constants and cases worked by hand."""

from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from edgeint8.arch.cost.cost_rows import dse_row, energy_rows
from edgeint8.arch.cost.energy import (
    PARTS,
    Accesses,
    area_mm2,
    count_accesses,
    energy_band_pj,
    energy_fj,
    network_energy_fj,
)
from edgeint8.arch.cost.machine.cost import costs_on_machine
from edgeint8.arch.cost.physical import layer_cost, network_cost, total_cycles, total_dram_bytes
from edgeint8.arch.machine import constants
from edgeint8.arch.machine.constants import (
    LEVELS,
    SRAM_LEAKAGE,
    SRAM_PORT,
    Band,
    constant_rows,
    leakage_fj_per_cycle,
    sram_fj_per_byte,
)
from edgeint8.arch.machine.hardware import Hardware, parse_hardware_id
from edgeint8.arch.machine.processing_element import (
    clock_fj,
    network_clock_fj,
    register_bits,
    shifted_bits,
)
from edgeint8.arch.network.layers import Layer, LayerShape

CONV = Layer(
    "conv",
    "conv",
    LayerShape.from_output((32, 32), (3, 3), 16, 16),
    1,
    16_384,
    2_304,
    16_384,
    "one layer, many witnesses",
)
HARDWARE = parse_hardware_id("ws_16x16_64kB_unlimited")


def product(pixels: int, k: int, filters: int, repeats: int = 1) -> Layer:
    shape = LayerShape.from_output((pixels, 1), (1, 1), k, filters)
    sizes = (pixels * k * repeats, k * filters * repeats, pixels * filters * repeats)
    return Layer("product", "gemm", shape, repeats, *sizes, "test")


def test_published_constants() -> None:
    """Horowitz: INT8 MAC 0.30 pJ, FP32 4.6 pJ (15x), area 28x."""
    assert constants.mac_fj("mid", "int8") == 300 and constants.mac_fj("mid", "fp32") == 4600
    for level in LEVELS:
        ratio = constants.mac_area_um2(level, "fp32") / constants.mac_area_um2(level, "int8")
        assert ratio == pytest.approx(28.4, abs=0.1)
    assert constants.mac_area_um2("low", "int8") == 282 + 137
    for kb, picojoules_per_64_bit in ((8, 10), (32, 20), (1024, 100)):
        assert sram_fj_per_byte(kb, 8, "mid") == picojoules_per_64_bit * 1000 / 8


def test_every_constant_has_a_band_and_a_source() -> None:
    for row in constant_rows():
        assert 0 < row["low"] <= row["mid"] <= row["high"]
        assert len(str(row["source"])) > 20
    with pytest.raises(ValueError, match="not a band"):
        Band("x", "x", "fJ", 2, 1, 3, "nowhere")


def test_the_document_shows_the_constants_in_use() -> None:
    text = (Path(__file__).parents[3] / "docs" / "physical_model.md").read_text()
    for row in constant_rows():
        band = " | ".join(f"{row[level]:,g}" for level in LEVELS)
        assert f"| {row['constant']} | {row['unit']} | {band} | {row['source']} |" in text


@settings(deadline=None)
@given(st.integers(1, 1 << 14), st.integers(1, 1 << 12), st.integers(1, 1 << 10))
def test_larger_memories_cost_more_per_byte(kb: int, more: int, port: int) -> None:
    for level in LEVELS:
        assert sram_fj_per_byte(kb + more, port, level) >= sram_fj_per_byte(kb, port, level)


@settings(deadline=None)
@given(st.integers(8, 1 << 10), st.integers(1, 1 << 10), st.integers(1, 64))
def test_a_wider_port_makes_a_byte_cheaper_and_a_word_dearer(kb: int, port: int, more: int) -> None:
    """Within what rounding to whole femtojoules takes from a byte."""
    for level in LEVELS:
        narrow, wide = (sram_fj_per_byte(kb, p, level) for p in (port, port + more))
        assert wide <= narrow and (port + more) * (wide + 0.5) >= port * (narrow - 0.5)
    prices = [sram_fj_per_byte(kb, port, level) for level in LEVELS]
    assert prices == sorted(prices)


def test_the_port_s_exponents_give_cacti_back() -> None:
    """64 KiB, 64 against 512 bits: reads 3,234 and 1,199 fJ a byte, writes 2,456 and 1,979."""
    for level, (narrow, wide) in {
        "low": (2_456, 1_979),
        "mid": (3_234 + 2_456, 1_199 + 1_979),
        "high": (3_234, 1_199),
    }.items():
        assert 8 ** -SRAM_PORT.at(level) == pytest.approx(wide / narrow, rel=2e-3)
    # Low prices take the exponent of reads, high ones that of writes; narrow ports the other way.
    eight, sixty_four, two = (
        [sram_fj_per_byte(64, port, level) for level in LEVELS] for port in (8, 64, 2)
    )
    ratios = [wide / narrow for wide, narrow in zip(sixty_four, eight, strict=True)]
    assert ratios == pytest.approx([0.371, 0.5585, 0.8058], rel=2e-3)
    ratios = [narrow / wide for narrow, wide in zip(two, eight, strict=True)]
    assert ratios == pytest.approx([4**0.104, 4**0.28, 4**0.477], rel=2e-3)


def test_leakage_by_hand() -> None:
    """64 KiB of low-standby cells: CACTI as it runs says 1.7 uW, periphery and all."""
    assert leakage_fj_per_cycle(64, 1e6, "low") / 1e15 * 1e6 == pytest.approx(1.7e-6, rel=0.02)
    assert leakage_fj_per_cycle(64, 1e9, "mid") == round(524_288 * 94.3 * 1e-12 / 1e9 * 1e15) == 49
    # A cell: 0.208 um of transistors that are off at 4 nA, 0.094 um of a gate that tunnels.
    by_hand = (4.03e-9 * 0.2079 + 32.4e-9 * 0.0936) * 0.7 * 1e12
    assert SRAM_LEAKAGE.high == pytest.approx(by_hand, rel=1e-3)
    assert leakage_fj_per_cycle(64, 1e6, "mid") == pytest.approx(49.4e3, rel=1e-3)


def test_accesses_agree_with_scale_sim_and_timeloop() -> None:
    """SRAM accesses 147,456 / 2,304 / 147,456 by SCALE-Sim and by Timeloop.

    On top come the fills from DRAM (16,384 and 2,304) and, for 16 x 1,024 outputs in 9 row
    folds of 4-byte sums, 8 readings to be added to and one to leave.
    """
    accesses = count_accesses(layer_cost(CONV, HARDWARE), HARDWARE)
    assert accesses.ifmap_sram_bytes == 147_456 + 16_384
    assert accesses.filter_sram_bytes == 2_304 + 2_304
    assert accesses.ofmap_sram_bytes == (147_456 + 8 * 16_384 + 16_384) * 4


def test_one_product_by_hand() -> None:
    """2 x 3 x 2 on 2x2 ws: K = 3 takes 2 row folds, so every sum leaves twice.

    Serial folds of 2 + 2 + 2 lines: 12 cycles, in which 4 PEs could do 48 MACs; 36 of these are
    idle, and the clock of 8 + 8 + 32 register bits reaches them all.
    """
    hardware = parse_hardware_id("ws_2x2_8kB_unlimited")
    accesses = count_accesses(layer_cost(product(2, 3, 2), hardware), hardware)
    # ifmap 6 read + 6 filled, weights 6 + 6; sums: 8 written, 4 read to be added to, 4 read out.
    # Words of two lanes: 2 pixels in 2 row folds, the second with one lane idle, and 3 of weights.
    assert accesses == Accesses(
        *(12, 12, 12, (8 + 4 + 4) * 4), *(2 * 2 * 2 + 6, 3 * 2 + 6, 4 * 2 * 8), 6 + 6 + 4, 12
    )
    parts = energy_fj(accesses, hardware)
    assert parts == {
        "mac": 12 * 300,
        "registers": 12 * round((8 + 32) * 1.2),
        "clock": 48 * round((8 + 8 + 32) * 8.93),
        "ifmap_sram": 14 * round(1250 * 4**0.28),  # a port of two bytes, not eight
        "filter_sram": 12 * round(1250 * 4**0.28),
        "ofmap_sram": 64 * 1250,  # two sums of four bytes
        "sram_leakage": 12 * round(24 * 1024 * 8 * 94.3e-6),
        "dram": 16 * 100_000,
    }
    assert tuple(parts) == PARTS


def test_area_by_hand() -> None:
    """256 PEs of a MAC and 48 register bits, and 192 KiB of 0.5993 um2 a bit."""
    expected = (256 * (598 + 48 * 5.851) + 192 * 1024 * 8 * 0.5993) / 1e6
    assert area_mm2(HARDWARE) == pytest.approx(expected, rel=1e-12)
    assert area_mm2(HARDWARE, "low") < area_mm2(HARDWARE) < area_mm2(HARDWARE, "high")


def test_an_idle_element_costs_energy() -> None:
    """One MAC on arrays of 1 and of 64 elements: the same MAC, the same bytes, more clock.

    And words of eight lanes, of which seven are idle, in more cycles of leakage.
    """
    one, many = (parse_hardware_id(f"ws_{n}x{n}_8kB_unlimited") for n in (1, 8))
    parts = [network_energy_fj(network_cost([product(1, 1, 1)], m), m) for m in (one, many)]
    assert all(parts[0][part] == parts[1][part] for part in ("mac", "registers", "dram"))
    sram = ("ifmap_sram", "filter_sram", "ofmap_sram", "sram_leakage")
    assert all(parts[0][part] < parts[1][part] for part in sram)
    busy = round(48 * 8.93)
    cycles = [layer_cost(product(1, 1, 1), machine).cycles for machine in (one, many)]
    assert [p["clock"] for p in parts] == [cycles[0] * busy, cycles[1] * 64 * busy]


def test_the_low_end_gates_the_clock_of_what_is_idle() -> None:
    busy, idle = clock_fj("os", True, "low")
    assert busy == round((8 + 8 + 32 + 32) * 2.6) and idle == round(busy / 10)
    assert network_clock_fj(macs=10, cycles=5, elements=4, prices=(busy, idle)) == (
        10 * busy + 10 * idle
    )


@pytest.mark.parametrize(
    ("dataflow", "pipelined", "bits", "shifted"),
    [
        ("ws", False, 48, 40),
        ("ws", True, 56, 40),
        ("is", True, 56, 40),
        ("os", False, 48, 48),
        ("os", True, 80, 48),
    ],
)
def test_registers_of_an_element_by_hand(dataflow, pipelined, bits, shifted) -> None:
    """Pipelined: a second stationary operand (8 bits), or os a second sum (32 bits)."""
    assert register_bits(dataflow, pipelined) == bits
    assert shifted_bits(dataflow) == shifted


def test_int8_against_fp32_on_the_same_array() -> None:
    """The arithmetic alone is 15.3 times dearer in FP32, the whole layer less than that."""
    rows = {(row["number_format"], row["level"]): row for row in energy_rows("n", [CONV], HARDWARE)}
    assert rows["fp32", "mid"]["mac_pj"] / rows["int8", "mid"]["mac_pj"] == pytest.approx(46 / 3)
    for level in LEVELS:
        ratio = rows["fp32", level]["total_pj"] / rows["int8", level]["total_pj"]
        assert 1 < ratio < 46 / 3
        assert rows["fp32", level]["dram_bytes"] >= 4 * rows["int8", level]["dram_bytes"]


def test_dse_row_has_the_design_columns() -> None:
    row = dse_row("net", [CONV], HARDWARE, cycles=9_629, stall_cycles=0)
    assert list(row)[:18] == [
        *("workload", "hardware", "rows", "cols", "dataflow", "sram_kb", "bandwidth"),
        *("scalesim_cycles", "scalesim_stall_cycles", "bound_cycles", "machine_cycles"),
        *("utilization", "dram_bytes"),
        *("energy_pj_low", "energy_pj", "energy_pj_high", "area_mm2", "bound_by"),
    ]
    assert row["scalesim_utilization"] == pytest.approx(9_216 / 9_629)
    costs = network_cost([CONV], HARDWARE)
    assert row["bound_cycles"] == total_cycles(costs)
    assert row["utilization"] == pytest.approx(CONV.macs / (total_cycles(costs) * 256))
    assert row["energy_pj_low"] <= row["energy_pj"] <= row["energy_pj_high"]
    machine = costs_on_machine([CONV], HARDWARE)
    assert row["dram_bytes"] == total_dram_bytes(machine) > CONV.dram_bytes_minimum
    assert row["machine_cycles"] == total_cycles(machine) > row["bound_cycles"]
    assert row["energy_pj"] == energy_band_pj(machine, HARDWARE)["mid"]
    split = replace(HARDWARE, ofmap_sram_kb=128, name="split")
    assert dse_row("net", [CONV], split, 1, 0)["sram_kb"] == "64/64/128"


def test_a_pool_costs_only_its_traffic() -> None:
    pool = Layer("pool", "pool", None, 1, 4096, 0, 1024, "t", "no MACs")
    accesses = count_accesses(layer_cost(pool, HARDWARE), HARDWARE)
    assert accesses == Accesses(0, 8192, 0, 2048, 8192, 0, 2048, 5120, 0)


@settings(deadline=None, max_examples=60)
@given(
    st.lists(
        st.builds(product, st.integers(1, 99), st.integers(1, 99), st.integers(1, 99)),
        min_size=1,
        max_size=3,
    ),
    st.builds(
        Hardware,
        st.sampled_from(["ws", "os", "is"]),
        st.integers(1, 32),
        st.integers(1, 32),
        st.integers(1, 8),
        st.integers(1, 8),
        st.integers(1, 8),
        st.integers(1, 32),
        shared_bus=st.just(True),
        name=st.just("machine"),
    ),
)
def test_band_is_ordered_and_dram_energy_falls_with_sram(layers, hardware) -> None:
    costs = network_cost(layers, hardware)
    totals = [sum(network_energy_fj(costs, hardware, level).values()) for level in LEVELS]
    assert totals == sorted(totals) and totals[0] > 0
    more = replace(hardware, ifmap_sram_kb=16, filter_sram_kb=16, ofmap_sram_kb=16)
    after = network_energy_fj(network_cost(layers, more), more)
    assert after["dram"] <= network_energy_fj(costs, hardware)["dram"]
    assert after["mac"] == network_energy_fj(costs, hardware)["mac"]
