"""What the report says of learned codes, word for word, from small tables."""

import pandas as pd

from edgeint8.report.document import learned

NET = {"workload": "net"}
LEARNING = pd.DataFrame(
    [
        NET
        | {
            "strategy": "w4",
            "layer": name,
            "k": 9,
            "channels": 4,
            "error_before": 0.02,
            "error_after": 0.004,
            "codes_changed": 9,
            "bits_guaranteed": bits,
            "bits_tile": 15,
            "tile_rows": 16,
            "weight_bits": 4,
        }
        for name, bits in (("a", 16), ("b", 18))
    ]
)
QUANTIZATION = pd.DataFrame([NET | {"strategy": "w4", "accuracy_delta": -0.004}])


def choice(axis, bits, accuracy, energy, sums, base=False):
    return NET | {
        "axis": axis,
        "strategy": "asym",
        "base": base,
        "weight_bits": bits,
        "accumulator_bits": sums,
        "accuracy": accuracy,
        "energy_pj": energy,
        "energy_vs_proven": energy / 95,
        "area_vs_proven": energy / 190,
    }


CODESIGN = pd.DataFrame(
    [
        choice("strategy", 8, 0.90, 100, 32, base=True),
        choice("weights_and_accumulator", 4, 0.75, 76, 19),
        choice("learned", 5, 0.899, 80.75, 20),
        choice("learned", 4, 0.895, 76, 19),
        choice("learned", 3, 0.85, 72, 18),
    ]
)
ABLATION = pd.DataFrame(
    [
        NET
        | {
            "strategy": "w4",
            "part": part,
            "accuracy": accuracy,
            "accuracy_delta": accuracy - 0.9,
            "mcnemar_p_before": p,
            "sqnr_db": 10.0,
        }
        for part, accuracy, p in (("nearest", 0.75, None), ("codes", 0.895, 0.001))
    ]
)


def said(**changes):
    tables = {"learning": LEARNING, "quantization": QUANTIZATION, "codesign": CODESIGN}
    return "\n".join(learned.section(tables | {"ablation": ABLATION} | changes))


def test_the_fewest_bits_within_the_margin_and_what_they_save():
    text = said()
    assert "has 4-bit weights and 19-bit sums: 89.50 % for 90.00 %." in text
    assert "it takes -20.0 % energy and -60.0 % area" in text
    assert "The nearest codes of 4 bits reach 75.00 %." in text


def test_a_metric_judges_learned_codes():
    """Within 3 of psnr the 3-bit choice is still there, which accuracy would not admit."""
    value = 40 - 50 * (0.9 - CODESIGN["accuracy"])
    judged = CODESIGN.assign(judged_by="psnr", value=value, margin=3.0)
    ablation = ABLATION.assign(judged_by="psnr", value=[33.25, 39.75])
    text = said(codesign=judged, ablation=ablation)
    assert (
        "within 3 of psnr of `asym` has 3-bit weights and 18-bit sums: psnr 37.5 for psnr 40."
        in text
    )
    assert "| psnr" in text and "39.75" in text
    narrow = said(codesign=judged.assign(margin=0.01))
    assert (
        "No learned choice stays within 0.01 of psnr of `asym`; the best loses 0.05 (5-bit"
        in narrow
    )


def test_a_row_a_strategy_and_the_parts_of_learning():
    text = said()
    assert "| `w4` | 4 | 2.0e-02 | 4.0e-03 | 25.00 % | 18 | 15 (16 rows) | -0.40 |" in text
    assert "| + codes | 89.50 % | -0.50 | 0.001 | 10.00 |" in text


def test_choices_that_all_lose_too_much_are_said_to():
    worse = CODESIGN.assign(
        accuracy=[
            a if base else a - 0.1
            for a, base in zip(CODESIGN["accuracy"], CODESIGN["base"], strict=True)
        ]
    )
    assert "No learned choice stays within 1 percentage point of `asym`; the best loses" in said(
        codesign=worse
    )


def test_nothing_learned_says_nothing():
    empty = pd.DataFrame()
    assert learned.section({"learning": empty}) == []
    assert "No learned network was priced" in said(codesign=empty, ablation=empty)
