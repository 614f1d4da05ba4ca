"""The report's section on runtimes, from a table."""

import pandas as pd

from edgeint8.report.document import part_c
from edgeint8.tables.contents import TABLES, tables_of_study

ROW = {
    "workload": "kws", "strategy": "given", "first": "litert_xnnpack", "second": "tflm",
    "images": 2000, "elements_differing": 9, "outputs_differing": 1001, "decisions_differing": 48,
    "max_abs_diff": 87.0, "elements": 100, "parts_at": "a", "parts_operator": "CONV_2D",
    "data_source": "own",
}  # fmt: skip


def test_the_sentence_is_of_the_pair_that_people_mix_up():
    other = ROW | {"first": "ort", "second": "tflm", "outputs_differing": 5, "parts_operator": None}
    frame = pd.DataFrame([other, ROW])
    (sentence,) = part_c.runtime_sentences(frame)
    assert "1,001 of 2,000 inputs" in sentence and "decision on 48" in sentence
    text = part_c.runtime_table(frame)
    assert "CONV_2D" in text and "nan" not in text.lower()


def test_what_to_build_stands_once_an_operator():
    rule = {"strategy": "given", "litert_ref": "a", "litert_xnnpack": "b", "tflm": "c"}
    rows = [
        {"workload": w, "operator": op, **rule} for w in ("kws", "net") for op in ("ADD", "MUL")
    ]
    text = part_c.rule_table(pd.DataFrame(rows))
    assert text.count("| ADD | a | b | c |") == text.count("| MUL | a | b | c |") == 1
    assert set(rows[0]) == {column.name for column in TABLES["runtime_rules"]}
    other = part_c.rule_table(pd.DataFrame([*rows, {**rows[0], "tflm": "d"}]))
    assert "| ADD | a | b | c |" in other and "| ADD | a | b | d |" in other


def test_the_table_is_made_where_a_workload_is_a_tflite_file():
    words = "names floats strategies static calibrated learned unbounded static_detail detail"
    whole = dict.fromkeys(words.split(), True)
    assert "runtimes" in tables_of_study(**whole, hardware=True, tflite=True)["c"]
    assert "runtimes" not in tables_of_study(**whole, hardware=True)["c"]
    assert list(ROW) == [column.name for column in TABLES["runtimes"]]
