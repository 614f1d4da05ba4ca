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


def test_what_nobody_checked_stays_none():
    said = found(TABLES)
    assert said["energy and watts"] == said["area"] == said["accumulator width"] == NONE
