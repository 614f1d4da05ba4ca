"""Witnesses: a comparison that ran is named with what it found, anything else is *none*."""

import pandas as pd
import pytest

from edgeint8.report.document.witnesses import NONE, witness_table, witnesses

GOLDEN = pd.DataFrame(
    {
        "witness": ["ort", "ort", "tflm", "litert_ref"],
        "elements": [1000, 500, 20, float("nan")],
        "mismatches": [0, 0, 3, float("nan")],
    }
)
RTL = pd.DataFrame(
    {
        "words": [64, 36, float("nan")],
        "mismatches": [0, 0, float("nan")],
        "machine_cycles": [900, 70, float("nan")],
        "rtl_cycles": [900, 71, float("nan")],
        "dram_bytes": [128, 64, float("nan")],
        "rtl_dram_bytes": [128, 64, float("nan")],
    }
)
TABLES = {"golden": GOLDEN, "rtl": RTL, "crosscheck": pd.DataFrame({"difference": [0.0, 0.0, 2.0]})}


def found(tables):
    return {row["number"]: row["witness"] for row in witnesses(tables)}


@pytest.mark.parametrize("tables", [{}, dict.fromkeys(TABLES, pd.DataFrame())])
def test_without_tables_nothing_has_a_witness(tables):
    assert set(found(tables).values()) == {NONE}
    assert "tables/" not in witness_table(tables)


def test_each_witness_says_what_it_found():
    said = found(TABLES)
    assert said["accuracy and integers"] == (
        "ONNX Runtime: equal in all 1,500; tflite-micro: differs in 3 of 20; RTL: equal in all 100"
    )
    assert said["machine cycles"] == "RTL, layers: differs in 1 of 2"
    assert said["DRAM bytes"] == "RTL, layers: equal in all 2"
    assert said["SCALE-Sim's cycles, by the replica"] == "SCALE-Sim: differs in 1 of 3"


def test_a_width_is_witnessed_by_the_input_that_reaches_it():
    rows = {"bits_exact": [20, 21, 9], "bits_vertex": [20, 20, float("nan")]}
    said = found({"bit_growth": pd.DataFrame(rows)})
    assert said["accumulator width"] == "inputs built to reach it, layers: differs in 1 of 2"


def test_chips_are_witnesses_of_energy_and_time_and_models_are_none():
    rows = [
        ("chip", "net energy", "mJ", 2.0, 0.5, "silicon", 1.0, 3.0),
        ("chip", "net energy", "mJ", 4.0, 0.5, "silicon", 1.0, 3.0),
        ("sheet", "net energy", "mJ", 2.0, 0.0, "model", 1.0, 3.0),
        ("chip", "net time", "ms", 1.0, -0.1, "silicon", None, None),
        ("chip", "net time", "ms", 1.0, 0.2, "silicon", None, None),
        ("sheet", "net time", "ms", 1.0, 0.0, "model", None, None),
    ]
    columns = ["source", "quantity", "unit", "published", "error", "kind", "ours_low", "ours_high"]
    said = found({"validation": pd.DataFrame(rows, columns=columns)})
    assert said["energy and watts"] == "other chips: 1 of 2 inside the band"
    assert said["runtime of the edge device"] == "other chips: 1 of 2 within 10 %"


def test_what_nobody_checked_stays_none():
    assert found(TABLES)["area"] == found(TABLES)["energy and watts"] == NONE
