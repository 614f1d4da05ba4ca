"""Prices of quantisation choices: by hand, against the energy model, and reversed."""

import math
from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from edgeint8.arch.cost.energy import area_mm2, energy_band_pj
from edgeint8.arch.cost.physical import network_cost, total_cycles
from edgeint8.arch.machine.constants import LEVELS
from edgeint8.arch.machine.hardware import parse_hardware_id
from edgeint8.arch.network.layers import Layer, LayerShape
from edgeint8.codesign.codesign import (
    Evidence,
    codesign_rows,
    front,
    guaranteed_bits,
    quality_column,
    reference_machine,
    strategy_path,
)
from edgeint8.codesign.datapath import (
    REQUANTIZERS,
    Datapath,
    channels,
    datapath_area_mm2,
    datapath_cost,
    storage,
)
from edgeint8.codesign.narrower import narrower
from edgeint8.codesign.operand_widths import (
    ADDERS,
    MULTIPLIERS,
    adder_fj,
    adder_um2,
    multiplier_fj,
    multiplier_um2,
)
from edgeint8.errors import DataError, HardwareError
from edgeint8.quant.strategy import Strategy

SHAPE = LayerShape.from_output((8, 8), (3, 3), 4, 16)
NETWORK = (
    Layer("conv", "conv", SHAPE, 1, 256, 576, 1024, "test"),
    Layer(
        "depthwise",
        "depthwise",
        LayerShape.from_output((8, 8), (3, 3), 1, 1),
        *(16, 1024, 144, 1024, "test"),
    ),
    Layer("pool", "pool", None, 1, 1024, 0, 16, "test", "compares"),
    Layer("head", "gemm", LayerShape.from_gemm(1, 10, 16), 1, 16, 160, 10, "test"),
)
MACHINE = parse_hardware_id("ws_8x8_8kB_1Bpc")
FLOAT = REQUANTIZERS["ort_float32"]
PLAIN = Datapath()
AREA = 598 / 419
"""Horowitz's areas are the low end of a band whose middle is used."""


def strategy(name, symmetry="asymmetric", granularity="channel", accuracy=0.9, **more):
    """A row of ``quantization.csv``."""
    return {
        "strategy": name,
        "symmetry": symmetry,
        "granularity": granularity,
        "calibration": "minmax",
        "power_of_two": False,
        "weight_bits": 8,
        "float_nodes": 0,
        "accuracy": accuracy,
        "accuracy_delta": accuracy - 0.9,
        "sqnr_db": 30.0,
        "images": 100,
    } | more


def widths(name, bits=20, raw=21, observed=17):
    """A row of ``accumulator.csv``."""
    return {
        "strategy": name,
        "bits_guaranteed": bits,
        "bits_guaranteed_raw_codes": raw,
        "bits_observed": observed,
    }


def narrow(bits, accuracy, sqnr=20.0):
    return {
        "weight_bits": bits,
        "accuracy": accuracy,
        "accuracy_delta": accuracy - 0.9,
        "sqnr_db": sqnr,
        "images": 100,
        "compared_elements": 1000,
        "mismatches": 0,
        "bits_guaranteed": 12 + bits,
        "bits_guaranteed_raw_codes": 13 + bits,
    }


EVIDENCE = Evidence(
    strategies=[
        strategy("sym", "symmetric"),
        strategy("asym"),
        strategy("asym_tensor", granularity="tensor"),
        strategy("dynamic", calibration="dynamic"),
    ],
    accumulators=[widths("asym"), widths("sym"), widths("asym_tensor")],
    schemes=[
        {"scheme": name, "accuracy": 0.89, "sqnr_db": 25.0, "images": 100}
        for name in ("int16_half_up", "power_of_two")
    ],
    narrow=[narrow(4, 0.88), narrow(2, 0.3)],
    base="asym",
    replayed=100,
    learned=[
        narrow(3, 0.895) | {"bounded_bits": math.nan},
        narrow(8, 0.85) | {"bounded_bits": 17, "bits_guaranteed_raw_codes": 17},
    ],
)


@pytest.fixture(scope="module")
def rows():
    return codesign_rows("net", NETWORK, MACHINE, EVIDENCE)


def on(rows, axis, choice):
    (row,) = [row for row in rows if row["axis"] == axis and row["choice"] == choice]
    return row


# --- operators --------------------------------------------------------------------------------


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

    ws_2x2, 8 kB buffers at 1,250 fJ a byte. Horowitz: 8x4-bit product 100.8 fJ, 16-bit sum 50 fJ.
    """
    layer = Layer("fc", "gemm", LayerShape.from_gemm(1, 2, 2), 1, 2, 4, 2, "test")
    machine = parse_hardware_id("ws_2x2_8kB_unlimited")
    path = Datapath(weight_bits=4, accumulator_bits=16)
    mac = round(200 * 0.5 ** (math.log(15.5) / math.log(16)) + 50)
    registers = round(1.2 * (8 + 16))
    clock = 5 * 4 * round(8.93 * (8 + 4 + 16))  # 2 lines of weights, 1 of input, 2 of skew; 4 PEs
    weights_4kb, sums_4kb = (round(1250 / 2 ** (math.log(2) / math.log(4))),) * 2
    by_hand = 4 * (mac + registers) + clock
    by_hand += (2 + 2) * 1250  # read by the array, filled from DRAM
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


def test_packed_weights_shorten_a_layer_that_waits_for_them() -> None:
    layer = Layer("fc", "gemm", LayerShape.from_gemm(1, 64, 64), 1, 64, 4096, 64, "test")
    machine = parse_hardware_id("ws_64x64_16kB_1Bpc")
    eight, four = (
        datapath_cost([layer], machine, Datapath(weight_bits=bits)).cycles for bits in (8, 4)
    )
    # 3 bytes a cycle: 4,096 or 2,048 bytes of weights, 64 inputs, 64 outputs
    assert (eight, four) == (1408, 726)


# --- rows -------------------------------------------------------------------------------------


def test_each_axis_changes_one_thing(rows) -> None:
    base = rows[0]
    assert base["base"] and base["strategy"] == "asym" and sum(row["base"] for row in rows) == 1
    widths_of = ("weight_bits", "activation_bits", "accumulator_bits", "requantizer")
    for row in rows:
        changed = {name for name in widths_of if row[name] != base[name]}
        allowed = {
            "strategy": set(),
            "zero_point": {"activation_bits"},
            "requantizer": {"requantizer"},
            "accumulator": {"accumulator_bits"},
            "weight_bits": {"weight_bits"},
            "weights_and_accumulator": {"weight_bits", "accumulator_bits"},
            "learned": {"weight_bits", "accumulator_bits"},
        }
        assert changed <= allowed[row["axis"]], row
    assert [row["choice"] for row in rows if row["axis"] == "strategy"] == [
        *("asym", "sym", "asym_tensor")
    ]


def test_widths_come_from_the_tables(rows) -> None:
    assert on(rows, "accumulator", "guaranteed")["accumulator_bits"] == 21  # raw codes
    assert on(rows, "accumulator", "observed")["accumulator_bits"] == 17
    assert on(rows, "weights_and_accumulator", "4 bits")["accumulator_bits"] == 17
    symmetric = codesign_rows("net", NETWORK, MACHINE, replace(EVIDENCE, base="sym"))
    assert on(symmetric, "accumulator", "guaranteed")["accumulator_bits"] == 20
    assert on(symmetric, "zero_point", "subtracted")["strategy"] == "asym"
    assert guaranteed_bits(widths("s"), "subtracted") == 20


def test_power_of_two_strategies_need_a_shift() -> None:
    assert strategy_path(strategy("p", power_of_two=True)).requantizer.name == "power_of_two"
    assert strategy_path(strategy("s", "symmetric")).zero_point == "none"
    shifted = replace(EVIDENCE, strategies=[strategy("asym", power_of_two=True)])
    rows = codesign_rows("net", NETWORK, MACHINE, shifted)
    assert on(rows, "weight_bits", "4 bits")["note"] == "scales stay powers of two"


def test_an_observed_width_has_an_accuracy_only_if_every_image_was_seen(rows) -> None:
    assert on(rows, "accumulator", "observed")["accuracy"] == 0.9
    partly = codesign_rows("net", NETWORK, MACHINE, replace(EVIDENCE, replayed=40))
    row = on(partly, "accumulator", "observed")
    assert row["accuracy"] is None and row["images"] == 40 and not row["pareto"]


def test_without_labels_fidelity_takes_the_place_of_accuracy() -> None:
    unlabelled = replace(
        EVIDENCE,
        **{
            name: [
                row | {"accuracy": math.nan, "accuracy_delta": math.nan}
                for row in getattr(EVIDENCE, name)
            ]
            for name in ("strategies", "schemes", "narrow", "learned")
        },
    )
    rows = codesign_rows("net", NETWORK, MACHINE, unlabelled)
    assert quality_column(rows) == "sqnr_db" and any(row["pareto"] for row in rows)


def test_a_study_without_asymmetric_strategies_has_no_zero_point_axis() -> None:
    only = replace(EVIDENCE, strategies=[strategy("sym", "symmetric")], base="sym")
    assert not any(
        row["axis"] == "zero_point" for row in codesign_rows("net", NETWORK, MACHINE, only)
    )


def test_a_strategy_of_unknown_width_does_not_stand_for_the_zero_point() -> None:
    measured = [widths("sym"), widths("asym_tensor")]
    partly = replace(EVIDENCE, accumulators=measured, base="sym")
    rows = codesign_rows("net", NETWORK, MACHINE, partly)
    assert on(rows, "zero_point", "folded")["strategy"] == "asym_tensor"


def test_a_base_that_is_not_there_is_named() -> None:
    with pytest.raises(DataError, match="'gone'"):
        codesign_rows("net", NETWORK, MACHINE, replace(EVIDENCE, base="gone"))


@given(
    points=st.lists(
        st.tuples(st.integers(0, 5) | st.none(), st.integers(0, 5)), min_size=1, max_size=12
    )
)
def test_the_front_by_definition(points) -> None:
    rows = [
        {"accuracy": math.nan if quality is None else float(quality), "energy": energy}
        for quality, energy in points
    ]
    for (quality, energy), marked in zip(points, front(rows, "accuracy", "energy"), strict=True):
        better = [
            (q, e)
            for q, e in points
            if quality is not None and q is not None and q >= quality and e <= energy
        ]
        assert marked == (quality is not None and all(p == (quality, energy) for p in better))


def test_the_reference_machine_is_the_one_most_like_the_recommended() -> None:
    machines = [
        parse_hardware_id(text)
        for text in ("os_16x16_64kB_unlimited", "ws_16x16_64kB_16Bpc", "os_16x16_64kB_16Bpc")
    ]
    sizes = {f"{name}_sram_kb": 32 for name in ("ifmap", "filter", "ofmap")}
    design = {"rows": 32, "cols": 8, "dataflow": "os", "bandwidth": "8", **sizes}
    assert reference_machine(machines, design).id == "os_16x16_64kB_16Bpc"
    assert reference_machine(machines, design | {"dataflow": "ws"}).id == "ws_16x16_64kB_16Bpc"
    assert reference_machine(machines[:1], design | {"bandwidth": "unlimited"}) == machines[0]
    assert reference_machine(machines, None).id == "ws_16x16_64kB_16Bpc"
    near = [parse_hardware_id(f"os_{n}x{n}_64kB_16Bpc") for n in (8, 16, 32)]
    assert reference_machine(near, design | {"cols": 32}).rows == 32
    with pytest.raises(DataError):
        reference_machine([], design)


# --- learned codes ----------------------------------------------------------------------------


def test_learned_choices_are_priced_at_their_bits_and_the_width_they_need(rows) -> None:
    few, bounded = on(rows, "learned", "3-bit weights"), on(rows, "learned", "17-bit sums")
    assert (few["weight_bits"], few["accumulator_bits"]) == (3, 16)
    assert (bounded["weight_bits"], bounded["accumulator_bits"]) == (8, 17)
    path = replace(PLAIN, weight_bits=8, accumulator_bits=17, zero_point="folded")
    path = replace(path, per_channel=True, requantizer=FLOAT)
    assert bounded["energy_pj"] == datapath_cost(NETWORK, MACHINE, path).energy_pj["mid"]
    proven = on(rows, "accumulator", "guaranteed")
    assert proven["accumulator_bits"] == 21
    for row in rows:
        assert row["energy_vs_proven"] == row["energy_pj"] / proven["energy_pj"]
        assert row["area_vs_proven"] == row["area_mm2"] / proven["area_mm2"]
    assert few["energy_vs_proven"] < 1 and few["rounding"] == "learned"


def test_the_front_without_learning_is_that_of_the_other_rows(rows) -> None:
    plain = [row for row in rows if row["axis"] != "learned"]
    expected = front(plain, "accuracy", "energy_pj")
    assert [row["pareto_unlearned"] for row in plain] == expected
    assert not any(row["pareto_unlearned"] for row in rows if row["axis"] == "learned")
    assert on(rows, "learned", "3-bit weights")["pareto"]


def test_a_strategy_that_guarantees_a_width_is_priced_at_it() -> None:
    assert strategy_path(strategy("bound", bounded_bits=17)).accumulator_bits == 17
    assert strategy_path(strategy("free", bounded_bits=math.nan)).accumulator_bits == 32


def test_narrower_variants_keep_all_but_what_they_change() -> None:
    base = Strategy("b", rounding="learned", accumulator_bits=18, weight_bits=6, bias_bits=20)
    found = narrower(base, [4, 7, 5], [3], [16, 17])
    described = [(s.rounding, s.weight_bits, s.accumulator_bits) for s in found]
    assert described == [
        *(("nearest", 5, None), ("nearest", 4, None), ("learned", 3, None)),
        *(("learned", 6, 17), ("learned", 6, 16)),
    ]
    assert {s.bias_bits for s in found} == {20}
