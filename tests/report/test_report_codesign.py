"""Co-design in the report: sentences turn when the table turns; the figure stands for any study."""

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import pytest

from edgeint8.report.document import part_d
from edgeint8.report.figures.figures import FIGURES
from edgeint8.report.findings import codesign_answers as answers
from edgeint8.tables.contents import tables_of_study
from edgeint8.tables.files import columns_of, with_absent

BAND = (0.5, 1.0, 2.5)


def choice(axis, name, *, energy=100.0, accuracy=0.9, band=BAND, **more):
    """A row of ``codesign.csv``; energies in uJ."""
    low, mid, high = (1e6 * energy * share for share in band)
    return {
        "workload": "net",
        "axis": axis,
        "choice": name,
        "strategy": name if axis == "strategy" else "asym",
        "base": axis == "strategy" and name == "asym",
        "hardware": "os_16x16_64kB_16Bpc",
        "weight_bits": 8,
        "activation_bits": 8,
        "accumulator_bits": 32,
        "zero_point": "folded",
        "requantizer": "ort_float32",
        "per_channel": True,
        "accuracy": accuracy,
        "accuracy_delta": accuracy - 0.9,
        "sqnr_db": 30.0,
        "images": 10_000,
        "energy_pj_low": low,
        "energy_pj": mid,
        "energy_pj_high": high,
        "area_mm2": 2.0,
        "bound_cycles": 50_000,
        "model_ms": 0.05,
        "weight_bytes": 90_000,
        "scale_bytes": 900,
        "storage_bytes": 91_000,
        "compared_elements": np.nan,
        "mismatches": np.nan,
        "pareto_low": False,
        "pareto": False,
        "pareto_high": False,
        "note": "",
        "data_source": "here",
    } | more


def narrow(bits, energy, accuracy, **more):
    return [
        choice(
            axis,
            f"{bits} bits",
            energy=energy + extra,
            accuracy=accuracy,
            **{"weight_bits": bits, "compared_elements": 5000, "mismatches": 0} | more,
        )
        for axis, extra in (("weight_bits", 4), ("weights_and_accumulator", 0))
    ]


def study(**changes):
    """A small table; `changes` replace whole axes."""
    axes = {
        "strategy": [
            choice("strategy", "asym"),
            choice("strategy", "sym", energy=100.5, accuracy=0.895),
            choice("strategy", "tensor", per_channel=False, scale_bytes=12, energy=99.5),
        ],
        "zero_point": [
            choice("zero_point", "folded", note="22 bits never overflow"),
            choice("zero_point", "subtracted", energy=101, activation_bits=9, area_mm2=2.1),
        ],
        "requantizer": [
            choice("requantizer", "int16_half_up", energy=99, accuracy=0.8990),
            choice("requantizer", "truncate", energy=98, accuracy=0.85),
        ],
        "accumulator": [choice("accumulator", "guaranteed", energy=96, accumulator_bits=22)],
        "narrow": [
            *narrow(6, 88, 0.899, accumulator_bits=20, pareto=True),
            *narrow(4, 80, 0.88, accumulator_bits=18),
        ],
    } | changes
    return pd.DataFrame([row for rows in axes.values() for row in rows])


def said(function, **changes):
    return " ".join(function(study(**changes)))


def test_the_base_and_its_machine() -> None:
    text = said(answers.where_and_what)
    assert "`os_16x16_64kB_16Bpc`" in text and "`asym`: 90.00 %, 100 µJ [50 to 250]" in text
    assert "2.00 mm², 50 µs" in text


def test_coincidence_follows_the_table() -> None:
    text = said(answers.strategies_coincide)
    assert "The 3 strategies coincide in energy, latency and area (within 1.0 %)" in text
    assert "they coincide in accuracy too (0.50 points" in text
    apart = [
        choice("strategy", "asym"),
        choice("strategy", "slow", energy=150, accuracy=0.8, bound_cycles=75_000),
    ]
    turned = said(answers.strategies_coincide, strategy=apart)
    assert "coincide in area (within 0.0 %), and differ in energy (by up to 50.0 %)" in turned
    assert "latency (by up to 50.0 %)" in turned
    assert "they differ in accuracy (10.00 points from best to worst)" in turned
    assert answers.strategies_coincide(study(strategy=apart[:1])) == []


def test_the_zero_point_is_dear_or_cheap_as_the_table_says() -> None:
    text = said(answers.zero_point)
    assert "+1.0 % energy [+1.0 to +1.0] and +5.0 % area" in text and "9 bits wide" in text
    cheap = [
        choice("zero_point", "folded", energy=110),
        choice("zero_point", "subtracted", energy=99, activation_bits=9, area_mm2=1.8),
    ]
    assert "-10.0 % energy" in said(answers.zero_point, zero_point=cheap)
    assert "-10.0 % area" in said(answers.zero_point, zero_point=cheap)
    assert answers.zero_point(study(zero_point=[])) == []


def test_a_bracket_holds_the_whole_band() -> None:
    wide = [
        choice("zero_point", "folded"),
        choice("zero_point", "subtracted", energy=101, band=(0.6, 1.0, 2.5)),
    ]
    assert "+1.0 % energy [+1.0 to +21.2]" in said(answers.zero_point, zero_point=wide)


def test_scales_compare_equal_requantisers() -> None:
    text = said(answers.scales)
    assert "per channel takes 900 bytes, a scale per layer 12" in text
    assert "+0.5 % energy" in text
    only = [choice("strategy", "asym"), choice("strategy", "sym")]
    assert answers.scales(study(strategy=only)) == []


def test_requantisers_are_listed_by_energy() -> None:
    text = said(answers.requantizers)
    assert text.index("`truncate` 85.00 %") < text.index("`int16_half_up` 89.90 %")
    dearer = [
        choice("requantizer", "int16_half_up", energy=99),
        choice("requantizer", "truncate", energy=120),
    ]
    turned = said(answers.requantizers, requantizer=dearer)
    assert turned.index("`int16_half_up`") < turned.index("`truncate` 90.00 % at +20.0 % energy")


def test_sums_against_32_bits() -> None:
    assert "22 bits (): -4.0 % energy" in said(answers.accumulators)
    assert answers.accumulators(study(accumulator=[])) == []
    same = [choice("accumulator", "guaranteed")]
    assert "32 bits (): the same energy, +0.0 % area" in said(
        answers.accumulators, accumulator=same
    )


def test_the_narrowest_weights_follow_accuracy() -> None:
    text = said(answers.weights)
    assert "6-bit weights with 20-bit sums are the narrowest within 1 percentage point" in text
    assert "-12.0 % energy" in text and "4-bit weights lose 2.00 points." in text
    held = [*narrow(6, 88, 0.899), *narrow(4, 80, 0.898, accumulator_bits=18)]
    turned = said(answers.weights, narrow=held)
    assert "4-bit weights with 18-bit sums are the narrowest" in turned and "lose" not in turned
    lost = [*narrow(6, 88, 0.5), *narrow(4, 80, 0.899)]
    none = said(answers.weights, narrow=lost)
    assert "narrowest" not in none and "6-bit weights lose 40.00 points." in none
    assert answers.weights(study(narrow=[])) == []
    shifted = narrow(6, 88, 0.5, note="scales stay powers of two")
    assert "lose 40.00 points. Their scales stay powers of two." in said(
        answers.weights, narrow=shifted
    )


def test_mismatches_are_said_aloud() -> None:
    assert "equals it in all 10,000 elements" in said(answers.weights)
    wrong = said(answers.weights, narrow=narrow(6, 88, 0.9, mismatches=3))
    assert "**3 of 5,000 elements" in wrong and "equals" not in wrong


def test_the_front_survives_the_band_or_not() -> None:
    steady = [
        row | {"pareto_low": row["pareto"], "pareto_high": row["pareto"]}
        for row in narrow(6, 88, 0.899, pareto=True)
    ]
    text = said(answers.fronts, narrow=steady)
    assert "The front survives the energy band" in text and "6-bit weights" in text
    assert "does **not** survive" in said(answers.fronts)


def test_a_strategy_is_on_the_front_once() -> None:
    once = study(
        strategy=[choice("strategy", "asym", pareto=True)],
        zero_point=[choice("zero_point", "folded", pareto=True)],
    )
    assert "`asym`. The front" in " ".join(answers.fronts(once))
    assert "folded" not in answers.front_table(once)


def test_nothing_is_not_less_than_nothing() -> None:
    tiny = [choice("accumulator", "guaranteed", energy=99.99)]
    assert "+0.0 % energy [+0.0 to +0.0]" in said(answers.accumulators, accumulator=tiny)


def without_labels(rows):
    return rows.assign(accuracy=np.nan, accuracy_delta=np.nan)


def test_without_labels_everything_is_said_in_decibels() -> None:
    rows = without_labels(study())
    text = " ".join(answers.codesign_answers(rows))
    assert "30.0 dB SQNR" in text and "nan" not in text and "points" not in text
    assert "6 bits 30.0 dB, 4 bits 30.0 dB" in text and "their SQNR spreads over 0.0 dB" in text


def judged_by_psnr(rows):
    """A metric that halves where accuracy falls by a tenth; two decibels may be lost."""
    return rows.assign(judged_by="psnr", value=40 - 200 * (0.9 - rows["accuracy"]), margin=2.0)


def test_a_metric_speaks_where_accuracy_would() -> None:
    text = " ".join(answers.codesign_answers(judged_by_psnr(study())))
    assert "`asym`: psnr 40, 100 µJ" in text and "%, 100 µJ" not in text
    assert "they coincide in psnr too (1 from best to worst)" in text
    assert "6-bit weights with 20-bit sums are the narrowest within 2 of psnr of the base" in text
    assert "(psnr 39.8)" in text and "4-bit weights lose 4." in text
    assert "On the front of psnr and energy" in text and "points" not in text
    unknown = study(requantizer=[choice("requantizer", "truncate")]).assign(
        judged_by="psnr", value=[40.0, *[np.nan] * 10], margin=2.0
    )
    assert "`truncate` psnr not known" in " ".join(answers.requantizers(unknown))


def test_an_unknown_accuracy_is_not_a_number_in_words() -> None:
    rows = study(requantizer=[choice("requantizer", "truncate", accuracy=np.nan)])
    text = " ".join(answers.codesign_answers(rows))
    assert "`truncate` accuracy not known" in text and "nan" not in text


def test_the_section_and_its_place() -> None:
    rows = study()
    (head, figure, sentences, table) = answers.section(rows)
    assert head.startswith("### ") and "codesign.svg" in figure and "**net**" in sentences
    assert "| 6-bit weights |" in table and "| `asym` |" in table
    assert answers.section(pd.DataFrame(columns=columns_of("codesign"))) == []
    tables = with_absent({"codesign": rows})
    assert "What quantisation costs in hardware" in part_d.section(tables)
    assert "What quantisation costs" not in part_d.section(with_absent({}))


@pytest.mark.parametrize("absent", ["calibrated", "hardware"])
def test_a_study_without_strategies_or_hardware_leaves_it_out(absent) -> None:
    whole = dict.fromkeys(
        (
            *("names", "floats", "strategies", "static", "calibrated", "learned", "unbounded"),
            *("static_detail", "detail", "hardware"),
        ),
        True,
    )
    assert "codesign" in tables_of_study(**whole)["d"]
    assert "codesign" not in tables_of_study(**whole | {absent: False})["d"]


def texts(figure):
    panels = [ax.get_title() for ax in figure.axes]
    return " ".join([*panels, *(t.get_text() for ax in figure.axes for t in ax.texts)])


@pytest.mark.parametrize(
    "rows",
    [
        study(),
        without_labels(study()),
        judged_by_psnr(study()),
        study(zero_point=[], accumulator=[], narrow=[]),
        study(strategy=[choice("strategy", "asym")], requantizer=[], narrow=[]),
        study(accumulator=[choice("accumulator", "observed", accuracy=np.nan)]),
        pd.concat([study(), study().assign(workload="other")]),
    ],
    ids=["whole", "unlabelled", "metric", "no sweeps", "one strategy", "unknown", "two networks"],
)
def test_the_figure_stands_for_any_study(rows) -> None:
    figure = FIGURES["codesign"](rows)
    text = texts(figure)
    assert len(figure.axes) == 2 * rows["workload"].nunique()
    assert "base asym" in text and "nan" not in text.lower()
    plt.close(figure)


def test_the_figure_says_in_words_what_coincides() -> None:
    figure = FIGURES["codesign"](study())
    assert "the 3 strategies coincide in energy" in texts(figure)
    assert "latency of all choices is the same" in texts(figure)
    plt.close(figure)
    apart = [choice("strategy", "asym"), choice("strategy", "s", energy=150, bound_cycles=40_000)]
    turned = FIGURES["codesign"](study(strategy=apart))
    assert "the 2 strategies differ in energy" in texts(turned)
    assert "latency differs by up to 25.0%" in texts(turned)
    plt.close(turned)
