"""What a datapath costs: operators, elements, storage, by published and hand-derived figures."""

import math
from dataclasses import replace

import pytest
from codesign_tables import FLOAT, MACHINE, NETWORK, PLAIN
from hypothesis import given, settings
from hypothesis import strategies as st

from edgeint8.arch.cost.energy import area_mm2, energy_band_pj
from edgeint8.arch.cost.physical import network_cost, total_cycles
from edgeint8.arch.machine.constants import LEVELS
from edgeint8.arch.machine.hardware import parse_hardware_id
from edgeint8.arch.network.layers import Layer, LayerShape
from edgeint8.codesign.datapath import (
    REQUANTIZERS,
    Datapath,
    channels,
    datapath_area_mm2,
    datapath_cost,
    storage,
)
from edgeint8.codesign.operand_widths import (
    ADDERS,
    MULTIPLIERS,
    adder_fj,
    adder_um2,
    multiplier_fj,
    multiplier_um2,
)
from edgeint8.errors import HardwareError

AREA = 598 / 419
"""Horowitz's areas are the low end of a band whose middle is used."""


def test_operators_meet_what_is_published() -> None:
    for bits, (femtojoules, area) in MULTIPLIERS.items():
        assert multiplier_fj(bits, bits) == pytest.approx(femtojoules)
        assert multiplier_um2(bits, bits) == pytest.approx(area * AREA)
    for bits, (femtojoules, area) in ADDERS.items():
        close = 0.2 if bits == 8 else 0.03
        assert adder_fj(bits) == pytest.approx(femtojoules, rel=close)
        assert adder_um2(bits) == pytest.approx(area * AREA, rel=close)


@given(a=st.integers(1, 47), b=st.integers(1, 47))
def test_a_wider_operand_costs_more_and_their_order_does_not_matter(a: int, b: int) -> None:
    assert multiplier_fj(a, b) == multiplier_fj(b, a)
    assert multiplier_fj(a, b) < multiplier_fj(a + 1, b) and adder_um2(a) < adder_um2(a + 1)
    # between proportional and a little less than proportional to the partial products
    assert 1.9 < multiplier_fj(2 * a, b) / multiplier_fj(a, b) <= 2
    assert 1.8 < multiplier_um2(2 * a, b) / multiplier_um2(a, b) <= 2


@pytest.mark.parametrize("bits", [0, 97])
def test_absurd_widths_are_refused(bits: int) -> None:
    with pytest.raises(HardwareError):
        adder_fj(bits)
    with pytest.raises(HardwareError):
        Datapath(weight_bits=bits)


# --- datapaths --------------------------------------------------------------------------------


@pytest.mark.parametrize("dataflow", ["ws", "os", "is"])
def test_eight_bits_and_32_bit_sums_are_the_energy_model(dataflow: str) -> None:
    for text in (f"{dataflow}_8x8_8kB_1Bpc", f"{dataflow}_4x16_1kB_unlimited"):
        machine = parse_hardware_id(text)
        cost = datapath_cost(NETWORK, machine, PLAIN)
        reference = network_cost(NETWORK, machine)
        assert cost.energy_pj == energy_band_pj(reference, machine)
        assert cost.area_mm2 == pytest.approx(area_mm2(machine), rel=1e-12)
        assert cost.cycles == total_cycles(reference)


def test_one_product_by_hand() -> None:
    """2 x 2 weights on one pixel: 4 MACs, 2 inputs, 4 weights, 2 sums; 4-bit weights, 16-bit sums.

    ws_2x2, 8 kB buffers at 1,250 fJ a byte of a 64-bit port; ports of 2, 1 and 4 bytes. Horowitz:
    8x4-bit product 100.8 fJ, 16-bit sum 50 fJ.
    """
    layer = Layer("fc", "gemm", LayerShape.from_gemm(1, 2, 2), 1, 2, 4, 2, "test")
    machine = parse_hardware_id("ws_2x2_8kB_unlimited")
    path = Datapath(weight_bits=4, accumulator_bits=16)
    mac = round(200 * 0.5 ** (math.log(15.5) / math.log(16)) + 50)
    registers = round(1.2 * (8 + 16))
    clock = 5 * 4 * round(8.93 * (8 + 4 + 16))  # 2 lines of weights, 1 of input, 2 of skew; 4 PEs
    four_kb = 1250 / 2 ** (math.log(2) / math.log(4))
    weights_4kb, sums_4kb = round(four_kb * 8**0.28), round(four_kb * 2**0.28)
    by_hand = 4 * (mac + registers) + clock
    by_hand += (2 + 2) * round(1250 * 4**0.28)  # read by the array, filled from DRAM
    by_hand += 5 * round((8 + 4 + 4) * 8192 * 94.3e-6)  # leakage in five cycles
    by_hand += (4 + 4) // 2 * weights_4kb
    by_hand += 2 * 2 * 2 * sums_4kb  # two sums of two bytes, written and read
    by_hand += (2 + 2 + 2) * 100_000  # inputs, packed weights, outputs
    assert datapath_cost([layer], machine, path).energy_pj["mid"] == by_hand / 1000


def test_the_requantiser_is_paid_for_each_output_and_each_scale() -> None:
    path = replace(PLAIN, requantizer=FLOAT)
    plain, paid = (datapath_cost(NETWORK, MACHINE, p) for p in (PLAIN, path))
    outputs, scales = 1024 + 1024 + 10, 4 * (16 + 16 + 10)
    product = 200 * 9 ** (math.log(15.5) / math.log(16))  # 24 x 24 bits
    edges = 2 * (417.3 * 45 / 40 + 100 * 24 / 32) + 100  # in, out, zero-point
    waiting = (paid.cycles - plain.cycles) * 64 * round(8.93 * 48)  # for the scales
    extra = outputs * round(product + edges) + scales * 100_000 + waiting
    assert paid.energy_pj["mid"] - plain.energy_pj["mid"] == pytest.approx(extra / 1000)
    assert paid.storage.scales == scales
    area = multiplier_um2(24, 24) + 2 * (249.6 * (45 / 40) ** 2 + adder_um2(24)) + adder_um2(32)
    assert datapath_area_mm2(MACHINE, path) - datapath_area_mm2(MACHINE, PLAIN) == pytest.approx(
        8 * area / 1e6
    )


@pytest.mark.parametrize("sum_bits", [22, 24, 32])
def test_a_float32_rule_is_smaller_than_a_31_bit_multiplier(sum_bits: int) -> None:
    """24 x 24 bits against sum x 31: what a synthesis of both shows."""
    (float_fj, float_um2), (wide_fj, wide_um2) = (
        REQUANTIZERS[name].parts(sum_bits) for name in ("ort_float32", "int32_half_up")
    )
    assert float_um2 < wide_um2 and float_fj < wide_fj
    assert REQUANTIZERS["power_of_two"].parts(sum_bits)[1] < float_um2 / 3


@pytest.mark.parametrize(
    ("dataflow", "sum_bits", "synthesised"),
    [("ws", 32, 1025), ("ws", 24, 937), ("ws", 16, 837), ("os", 32, 1445), ("os", 24, 1225)],
)
def test_an_element_is_within_a_quarter_of_a_synthesis(dataflow, sum_bits, synthesised) -> None:
    """yosys 0.23, Nangate45 typical, 9 x 8 bits with a second register: um2."""
    machine = replace(MACHINE, dataflow=dataflow, pipelined_folds=True, name="pipelined")
    path = Datapath(accumulator_bits=sum_bits, zero_point="subtracted")
    assert path.pe_um2(machine) == pytest.approx(synthesised, rel=0.25)


def test_storage_by_hand() -> None:
    assert [channels(layer) for layer in NETWORK] == [16, 16, 0, 10]
    path = Datapath(weight_bits=3, requantizer=REQUANTIZERS["int16_half_up"])
    held = storage(NETWORK, path)
    assert held.weights == math.ceil((576 + 144 + 160) * 3 / 8)
    assert held.scales == 3 * 42 and held.biases == 4 * 42
    per_tensor = storage(NETWORK, replace(path, per_channel=False))
    assert per_tensor.scales == 3 * 3
    assert held.total - per_tensor.total == 3 * 39


def test_a_subtracted_zero_point_widens_the_multiplier() -> None:
    folded, subtracted = (Datapath(zero_point=z) for z in ("folded", "subtracted"))
    assert (folded.activation_bits, subtracted.activation_bits) == (8, 9)
    free, paid = (datapath_cost(NETWORK, MACHINE, p) for p in (folded, subtracted))
    assert free == datapath_cost(NETWORK, MACHINE, PLAIN)
    assert all(paid.energy_pj[level] > free.energy_pj[level] for level in LEVELS)
    wider = multiplier_um2(9, 8) - multiplier_um2(8, 8) + 5.851  # a register bit
    extra = 64 * wider + 8 * adder_um2(9)
    assert paid.area_mm2 - free.area_mm2 == pytest.approx(extra / 1e6)


@settings(max_examples=40, deadline=None)
@given(
    bits=st.integers(2, 7),
    sums=st.integers(12, 31),
    dataflow=st.sampled_from(["ws", "os", "is"]),
    level=st.sampled_from(LEVELS),
)
def test_narrower_is_never_dearer(bits: int, sums: int, dataflow: str, level: str) -> None:
    machine = parse_hardware_id(f"{dataflow}_8x8_8kB_1Bpc")
    narrow_path = Datapath(weight_bits=bits, accumulator_bits=sums, requantizer=FLOAT)
    costs = [
        datapath_cost(NETWORK, machine, path)
        for path in (
            narrow_path,
            replace(narrow_path, weight_bits=bits + 1),
            replace(narrow_path, accumulator_bits=sums + 1),
        )
    ]
    for wider in costs[1:]:
        assert costs[0].energy_pj[level] < wider.energy_pj[level]
        assert costs[0].area_mm2 < wider.area_mm2 and costs[0].cycles <= wider.cycles
