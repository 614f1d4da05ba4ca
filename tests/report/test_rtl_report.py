"""The same layers four times: totals, and accounts that are added up again."""

import pandas as pd
import pytest

from edgeint8.report.document.rtl import MACHINE, four_counts, scalesim_terms, unbalanced

CONV = dict(zip(MACHINE, (100, 7, 5, 3, 10, 2), strict=True)) | {
    "workload": "net",
    "strategy": "asym",
    "hardware": "ws_4x4_8kB_1Bpc",
    "words": 64,
    "rtl_cycles": 127,
    "machine_cycles": 127,
    "bound_cycles": 104,
    "scalesim_cycles": 230,
    "bound_ends_cycles": 2,
    "bound_dram_cycles": 2,
    "scalesim_by": "replica",
    "scalesim_off_by_one_cycles": -1,
    "scalesim_padding_cycles": 127,
}
POOL = (
    dict.fromkeys(CONV, None)
    | dict.fromkeys(MACHINE, 0)
    | {
        "workload": "net",
        "strategy": "asym",
        "hardware": "ws_4x4_8kB_1Bpc",
        "words": 16,
        "rtl_cycles": 9,
        "machine_cycles": 9,
        "tiling_cycles": 9,
        "bound_cycles": 6,
        "bound_ends_cycles": 0,
        "bound_dram_cycles": 6,
    }
)
ABSENT = dict.fromkeys(CONV) | {"workload": "net", "hardware": "os_4x4_8kB_1Bpc"}
ROWS = pd.DataFrame([CONV, POOL, ABSENT])


def test_the_section_has_totals_of_layers_on_the_array():
    text = "\n".join(four_counts({"rtl": ROWS}))
    assert "in all 2 layers they add up without remainder." in text
    assert (
        "| net | asym | ws_4x4_8kB_1Bpc | 230 | 104 | 127 | 127 | 100 | 7 | 5 | 3 | 10 | 2 |"
        in text
    )
    assert "os_4x4" not in text
    assert scalesim_terms(ROWS) == ["scalesim_off_by_one_cycles", "scalesim_padding_cycles"]


@pytest.mark.parametrize(
    "column", ["rtl_cycles", "waits_cycles", "bound_dram_cycles", "scalesim_padding_cycles"]
)
def test_a_remainder_is_told(column):
    wrong = ROWS.copy()
    wrong.loc[0, column] += 1
    assert unbalanced(ROWS.dropna(subset=["words"])) == 0
    assert "**in 1 of 2 layers they do not add up.**" in "\n".join(four_counts({"rtl": wrong}))


@pytest.mark.parametrize("tables", [{}, {"rtl": pd.DataFrame()}, {"rtl": ROWS[2:]}])
def test_nothing_ran_nothing_is_said(tables):
    assert four_counts(tables) == []
