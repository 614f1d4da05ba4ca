"""Prices of quantisation choices: by hand, against the energy model, and reversed."""

import math
from dataclasses import replace

import pytest
from codesign_tables import FLOAT, MACHINE, NETWORK, PLAIN
from hypothesis import given
from hypothesis import strategies as st

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
    Datapath,
    datapath_cost,
)
from edgeint8.codesign.narrower import narrower
from edgeint8.errors import DataError
from edgeint8.quant.strategy import Strategy


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


def test_a_metric_or_the_worst_entry_takes_the_place_of_accuracy() -> None:
    """Accuracies turn the order round: what judges strategies judges the front, and says so."""
    of_metric = {"metric": "psnr", "metric_value": 30.0, "metric_margin": 1.5}
    values = {"schemes": 29.0, "narrow": 28.0, "learned": 31.0}
    judged = replace(
        EVIDENCE,
        strategies=[row | of_metric for row in EVIDENCE.strategies],
        **{
            name: [row | {"judged_by": "psnr", "value": value} for row in getattr(EVIDENCE, name)]
            for name, value in values.items()
        },
    )
    rows = codesign_rows("net", NETWORK, MACHINE, judged)
    assert quality_column(rows) == "value"
    assert {row["judged_by"] for row in rows} == {"psnr"} and {row["margin"] for row in rows} == {
        1.5
    }
    assert rows[0]["value"] == 30.0 and on(rows, "learned", "3-bit weights")["value"] == 31.0
    assert [row["pareto"] for row in rows] == front(rows, "value", "energy_pj")
    assert [row["pareto"] for row in rows] != front(rows, "accuracy", "energy_pj")

    unknown = {"accuracy": math.nan, "agreement": math.nan, "worst_channel_sqnr_db": 250.0}
    boxes = replace(EVIDENCE, strategies=[row | unknown for row in EVIDENCE.strategies])
    base = codesign_rows("net", NETWORK, MACHINE, boxes)[0]
    assert (base["judged_by"], base["value"], base["margin"]) == ("worst channel", 100.0, 1.0)
    classes = [row | {"worst_channel_sqnr_db": 9.0, "agreement": 0.9} for row in boxes.strategies]
    plain = codesign_rows("net", NETWORK, MACHINE, replace(EVIDENCE, strategies=classes))[0]
    assert (plain["judged_by"], plain["value"], plain["margin"]) == (None, None, 0.01)


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
