"""Sentences about published figures and peers turn when their tables turn."""

import pandas as pd

from edgeint8.report.document import part_d
from edgeint8.report.findings import validation_answers


def figure(source, published, ours, quantity="time", why="because"):
    """A row of ``validation.csv``."""
    row = {"source": source, "quantity": quantity, "unit": "ms", "conditions": "as published"}
    return row | {
        "published": published,
        "ours": ours,
        "error": ours / published - 1,
        "why": why,
    }


ROWS = [
    figure("preset x", 10.0, 5.0),
    figure("chip", 10.0, 10.5),
    figure("chip", 10.0, 9.5),
    figure("sheet", 100.0, 150.0, why="tiling is not published"),
    figure("chip", 8.0, 9.0, quantity="MLP throughput"),
]


def test_what_is_met_and_what_is_not_follows_the_table():
    met, order, worst = validation_answers.validation_sentences(pd.DataFrame(ROWS))
    assert met.startswith("2 of 3 published figures are met within 10 %")
    assert "chip (5.0 %) fits best and sheet (50.0 %) worst" in order
    assert "sheet, time: 150 against 100 ms (+50.0 %): tiling is not published" in worst
    turned = [figure("chip", 10.0, 30.0, why="cold"), figure("sheet", 100.0, 101.0)]
    met, order, worst = validation_answers.validation_sentences(pd.DataFrame(turned))
    assert met.startswith("1 of 2") and "sheet (1.0 %) fits best and chip" in order
    assert "chip, time: 30 against 10 ms (+200.0 %): cold" in worst
    only_presets = pd.DataFrame(ROWS[:1])
    assert validation_answers.validation_sentences(only_presets) == []


def test_energies_are_held_against_their_band():
    """One below, one inside, one above; counts have no band."""
    band = {"ours_low": 5.0, "ours_high": 20.0, "kind": "silicon", "predicted": False}
    rows = [figure("chip", value, 10.0, "energy") | band for value in (4.0, 9.0, 30.0)]
    rows.append(figure("sheet", 10.0, 10.0) | {"kind": "model", "predicted": False})
    frame = pd.DataFrame(rows)
    met, kinds, energies, *_ = validation_answers.validation_sentences(frame)
    assert met.startswith("1 of 4") and "silicon 0 of 3 and model 1 of 1" in kinds
    assert energies.startswith("1 of 3 published energies lie inside our band, 1 below its low end")
    assert "1 above its high end; 1 are within 50 % of its mid" in energies
    lines = validation_answers.energy_table(frame).splitlines()
    assert len(lines) == 2 + 3 and [line.split(" | ")[-2] for line in lines[2:]] == [
        *("no", "yes", "no")
    ]


def test_predictions_are_reported_as_they_fell():
    rows = [
        figure("chip", 10.0, ours) | {"predicted": True, "kind": "silicon", "ours_low": None}
        for ours in (10.5, 14.0, 30.0)
    ]
    (said,) = validation_answers.predicted_sentence(pd.DataFrame(rows))
    assert "Of 3 figures" in said and "1 are met within 10 %, 2 within 50 %" in said
    assert "median error is 40 %" in said
    rows = [row | {"predicted": False} for row in rows]
    assert validation_answers.predicted_sentence(pd.DataFrame(rows)) == []


def test_a_program_above_its_roof_is_not_hidden():
    (said,) = validation_answers.roof_sentence(pd.DataFrame(ROWS))
    assert "All 1 measured programs stay below" in said and "89 % to 89 %" in said
    above = [figure("chip", 9.5, 9.0, quantity="MLP throughput")]
    (said,) = validation_answers.roof_sentence(pd.DataFrame(above))
    assert "**1 of 1 measured programs lie above their roof.**" in said
    assert validation_answers.roof_sentence(pd.DataFrame(ROWS[:2])) == []


def test_the_section_of_the_report_links_to_the_whole_table():
    parts = part_d.validation_section(pd.DataFrame(ROWS))
    assert "tables/validation.csv" in parts[-1] and "2 of 3" in parts[1]
    assert part_d.validation_section(pd.DataFrame()) == []


def test_a_table_of_all_rows_gives_every_reason():
    text = validation_answers.validation_table(pd.DataFrame(ROWS))
    assert len(text.splitlines()) == 2 + len(ROWS) and "tiling is not published" in text
    assert "| -50.0 % |" in text and "| 100 | 150 |" in text


def peer(quantity, zigzag, ours, layer="conv"):
    """A row of the kept comparison with ZigZag."""
    row = {"layer": layer, "form": "convolution", "quantity": quantity, "unit": "bytes"}
    return row | {"zigzag": zigzag, "ours": ours, "ratio": ours / zigzag, "why": "because"}


def test_peers_are_compared_as_the_table_has_them():
    rows = [
        peer("cycles", 100.0, 90.0),
        peer("cycles", 100.0, 120.0, "fc"),
        peer("ifmap SRAM reads", 8.0, 8.0),
        peer("filter SRAM reads", 8.0, 16.0),
        peer("time: layers mapped per CPU second", 2.0, 9000.0, "all"),
    ]
    frame = pd.DataFrame(rows)
    said = validation_answers.peers_sentence(frame)
    assert "1 of 2 access counts are equal" in said and "0.90 to 1.20 times ZigZag's" in said
    assert "4,500 times as many layers mapped per CPU second" in said
    differing = validation_answers.peers_differences(frame)
    assert "filter SRAM reads | 8 | 16 | because" in differing and "ifmap" not in differing
    assert validation_answers.peers_cycles(frame).count("\n") == 3
    equal = pd.DataFrame([*rows[:3], peer("filter SRAM reads", 8.0, 8.0), rows[4]])
    assert "2 of 2 access counts" in validation_answers.peers_sentence(equal)
