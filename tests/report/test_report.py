"""Tables keep their columns, figures their bytes, and sentences follow the data."""

import matplotlib.pyplot as plt
import pandas as pd
import pytest
from part_b_tables import part_b

from edgeint8.report.document.report import stand_in_warning
from edgeint8.report.figures.figures import FIGURES
from edgeint8.report.figures.style import save_figure
from edgeint8.report.findings import answers
from edgeint8.report.markdown import cell, table
from edgeint8.tables.contents import FIGURE_TABLES, TABLES, TABLES_OF_PART
from edgeint8.tables.files import columns_of, concatenate, read_table, write_table


def hardware_tables(fast="ws_a", bound="compute", clock=1.0):
    """Two machines; `clock` is how much faster the slow one's clock ticks."""
    other = {"ws_a": "os_b", "os_b": "ws_a"}[fast]
    key = {"workload": "net"}
    dse = [
        key | {"hardware": fast, "bound_cycles": 100, "model_ms": 1.0},
        key | {"hardware": other, "bound_cycles": 250, "model_ms": 2.5 / clock},
    ]
    roofline = [
        key | {"hardware": fast, "bound_cycles": 100, "bound_by": bound},
        key | {"hardware": other, "bound_cycles": 250, "bound_by": "fill_drain"},
    ]
    return {
        "dse": pd.DataFrame(dse),
        "roofline": pd.DataFrame(roofline),
        "best": pd.DataFrame(),
    }


def test_the_hardware_answer_follows_the_table():
    text = answers.hardware_answer(hardware_tables(), "net")
    assert "`ws_a` is the fastest" in text and "bound by computing" in text
    assert "takes 2.50 times" in text
    text = answers.hardware_answer(hardware_tables("os_b", "dram_bandwidth"), "net")
    assert "`os_b` is the fastest" in text and "bound by DRAM bandwidth" in text
    text = answers.hardware_answer(hardware_tables(clock=5.0), "net")
    assert "`os_b` is the fastest, 250 cycles" in text


def accumulator_tables(wrap=19, clamp=15, guaranteed=23, chosen="sym"):
    """Two strategies, one of them recommended and studied."""
    row = {"workload": "net", "bits_tile": 18, "tolerance": 0.01, "overflow_images": 1000}
    row |= {"narrowest_wrap": wrap, "narrowest_saturate_final": clamp}
    rows = [
        row | {"strategy": "sym", "bits_guaranteed": guaranteed},
        row | {"strategy": "asym", "bits_guaranteed": 24, "overflow_images": None},
    ]
    recommended = {"workload": "net", "strategy": chosen, "recommended": True}
    return {
        "accumulator": pd.DataFrame(rows),
        "recommendation": pd.DataFrame([recommended]),
    }


def test_the_recommended_width_is_that_of_the_recommended_strategy():
    text = answers.accumulator_answer(accumulator_tables(), "net")
    assert "build **23 bits** for `sym`" in text
    assert "19 bits with wraparound and on 15 with one clamp" in text
    assert "**24 bits** for `asym`" in answers.accumulator_answer(
        accumulator_tables(chosen="asym"), "net"
    )
    assert "**24 bits** for `asym`" in answers.accumulator_answer(
        accumulator_tables(chosen="neither"), "net"
    )
    assert "21 bits" in answers.accumulator_answer(accumulator_tables(guaranteed=21), "net")
    assert "1,000 test images show that at most 1 percentage point of accuracy is lost" in text
    assert answers.accumulator_answer(accumulator_tables(), "other") == ""


@pytest.mark.parametrize(("mismatches", "expected"), [(0, "equals"), (3, "differs")])
def test_the_integer_answer_does_not_hide_mismatches(mismatches, expected):
    golden = pd.DataFrame([{"mismatches": mismatches, "elements": 10}])
    width = {"workload": "net", "strategy": "asym", "layer": "conv", "k": 27}
    bits = {"bits_rule": 21, "bits_exact_with_bias": 20, "bits_observed": 18}
    text = answers.integer_answer(golden, pd.DataFrame([width | bits]))
    assert expected in text and "20 bits can never overflow" in text


@pytest.mark.parametrize(
    ("differences", "expected"),
    [([0, 0], "All 2 quantities equal"), ([0, 1], "1 of 2 quantities differ"), ([], "nothing")],
)
def test_the_crosscheck_answer_counts_differences(differences, expected):
    assert expected in answers.crosscheck_answer(pd.DataFrame({"difference": differences}))


def test_a_stand_in_is_called_one():
    assert stand_in_warning([{"dataset": "cifar10", "stand_in": False}]) == ""
    assert "Stand-in data" in stand_in_warning([{"dataset": "cifar10", "stand_in": True}])


def test_an_empty_table_keeps_its_columns_and_concatenates(tmp_path):
    write_table(tmp_path / "golden.csv", [])
    assert list(read_table(tmp_path / "golden.csv").columns) == columns_of("golden")
    write_table(tmp_path / "a.csv", [{"x": 1}])
    write_table(tmp_path / "b.csv", [])
    paths = [tmp_path / "a.csv", tmp_path / "b.csv", tmp_path / "golden.csv"]
    assert concatenate(paths) == [{"x": 1}]


def test_every_figure_and_table_of_the_report_is_defined():
    assert set(FIGURES) == set(FIGURE_TABLES)
    of_parts = {table for tables in TABLES_OF_PART.values() for table in tables}
    drawn = {table for tables in FIGURE_TABLES.values() for table in tables}
    assert drawn <= of_parts == set(TABLES)


def test_figures_are_the_same_bytes_every_time(tmp_path):
    paths = []
    for k in range(2):
        figure = FIGURES["accuracy"](part_b()["quantization"])
        paths.append([tmp_path / f"{k}.svg", tmp_path / f"{k}.png"])
        save_figure(figure, *paths[-1])
    for first, second in zip(*paths, strict=True):
        assert first.read_bytes() == second.read_bytes()
    assert not plt.get_fignums()


def test_markdown_cells():
    assert [cell(value) for value in (1234567, 0.5, 3e-7, None, float("nan"), True, "a|b")] == [
        *("1,234,567", "0.50", "3.0e-07", "", "", "yes", "a\\|b"),
    ]
    assert table(pd.DataFrame({"a": [1]}), {"a": "A"}) == "| A |\n|---|\n| 1 |"
